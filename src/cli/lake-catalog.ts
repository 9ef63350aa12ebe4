import { openSqliteCatalog } from '../catalog/sqlite.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { JobStore } from '../ports/job-store.ts';
import type { Logger } from '../ports/log.ts';
import type { Config } from './config.ts';
import type { Layout } from './layout.ts';

/** Settings that say where lake and catalog are. */
export type StoreSettings = Pick<Config, 'catalog' | 'lake'>;

export interface StoreOptions {
  readonly isReadOnly?: boolean;
  /** Without them all is in the data folder. */
  readonly settings?: StoreSettings;
  readonly log?: Logger;
}

export async function openCatalog(layout: Layout, options: StoreOptions): Promise<Catalog> {
  if (options.settings?.catalog.kind !== 'postgres') return openSqliteCatalog(layout.catalog);
  const { openPostgresCatalog } = await import('../catalog/postgres.ts');
  return openPostgresCatalog(postgresOptions(options.settings.catalog, options));
}

/** The record of jobs, beside the catalog. */
export async function openJobStore(layout: Layout, options: StoreOptions): Promise<JobStore> {
  if (options.settings?.catalog.kind === 'postgres') {
    const { openPostgresJobs } = await import('../catalog/postgres-jobs.ts');
    return openPostgresJobs(postgresOptions(options.settings.catalog, options));
  }
  const { openSqliteJobs } = await import('../catalog/sqlite-jobs.ts');
  return openSqliteJobs(layout.jobs, options);
}

/** Whoever only asks wants to hear soon that nobody answers; a writer waits an outage out. */
const readerPatienceSeconds = 15;

function postgresOptions({ url, schema, retrySeconds }: Config['catalog'], { isReadOnly, log }: StoreOptions) {
  return {
    schema,
    retryForMs: Math.min(retrySeconds, isReadOnly ? readerPatienceSeconds : retrySeconds) * 1000,
    ...(url === undefined ? {} : { url }),
    ...(isReadOnly === undefined ? {} : { isReadOnly }),
    ...(log === undefined ? {} : { log }),
  };
}
