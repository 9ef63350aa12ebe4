import { existsSync } from 'node:fs';
import { TidemarkError } from '../domain/error.ts';
import { listSegments } from '../journal/segment-name.ts';
import { shippedPrefix } from '../journal/shipped-object.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import { openCatalog } from './lake-catalog.ts';
import type { Layout } from './layout.ts';
import { journalsOf, openShippingStore } from './shipped.ts';

/** A start must not wait longer for a store or catalog that does not answer. */
const patienceSeconds = 5;

/**
 * Refuses to begin a journal anew that was shipped from here, or that the catalog has positions of: its numbers would be
 * used twice. Looks no further where the folder holds a journal; who does not answer is not waited for.
 */
export async function refuseLostJournals(
  config: Config,
  layout: Layout,
  world: World,
  log: Logger,
  writers: readonly string[] = ['recorder', 'engine'],
): Promise<void> {
  const isNew = journalsOf(layout)
    .filter(({ writer, folder }) => writers.includes(writer) && listSegments(world.files, folder).length === 0)
    .map(({ writer }) => writer);
  if (isNew.length === 0) return;
  for (const [where, find] of [
    ['the store', shippedWriters],
    ['the catalog', derivedWriters],
  ] as const) {
    let known: readonly string[] = [];
    try {
      known = await find(config, layout, isNew);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code === 'config-invalid') throw error;
      log.warn({ error: error.message }, `${where} does not say whether it knows an older journal; a new one is begun`);
    }
    const lost = isNew.find((writer) => known.includes(writer));
    if (lost !== undefined) throw journalLost(lost, layout, where);
  }
}

export function journalLost(writer: string, layout: Layout, where: string): TidemarkError {
  return new TidemarkError('journal-lost', {
    doing: 'begin a journal in',
    what: layout.dataDir,
    why: `${where} knows the journal of the ${writer}, and this folder does not have it`,
    now: 'bring it back with tidemark restore; for a new beginning name another store and another catalog',
  });
}

async function shippedWriters(config: Config, layout: Layout, writers: readonly string[]): Promise<string[]> {
  const blobs = await openShippingStore(config, layout);
  if (blobs === undefined) return [];
  try {
    const found: string[] = [];
    for (const writer of writers) {
      for await (const _ of blobs.list(shippedPrefix(writer))) {
        found.push(writer);
        break;
      }
    }
    return found;
  } finally {
    await blobs.close();
  }
}

async function derivedWriters(config: Config, layout: Layout): Promise<string[]> {
  if (config.catalog.kind === 'sqlite' && !existsSync(layout.catalog)) return [];
  const settings = { ...config, catalog: { ...config.catalog, retrySeconds: patienceSeconds } };
  try {
    const catalog = await openCatalog(layout, { isReadOnly: true, settings });
    try {
      return (await catalog.state()).positions.map(({ writer }) => writer);
    } finally {
      await catalog.close();
    }
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'not-found') return [];
    throw error;
  }
}
