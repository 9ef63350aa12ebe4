import { openSqliteCatalog } from '../catalog/sqlite.ts';
import type { Catalog } from '../ports/catalog.ts';
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

export async function openCatalog(layout: Layout, { settings, isReadOnly, log }: StoreOptions): Promise<Catalog> {
  if (settings?.catalog.kind !== 'postgres') return openSqliteCatalog(layout.catalog);
  const { openPostgresCatalog } = await import('../catalog/postgres.ts');
  const { url, schema, retrySeconds } = settings.catalog;
  return openPostgresCatalog({
    schema,
    retryForMs: retrySeconds * 1000,
    ...(url === undefined ? {} : { url }),
    ...(isReadOnly === undefined ? {} : { isReadOnly }),
    ...(log === undefined ? {} : { log }),
  });
}
