import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { TidemarkError } from '../domain/error.ts';
import { secondUs } from '../domain/interval.ts';
import { tables } from '../domain/tables/index.ts';
import type { JournalLock } from '../journal/host.ts';
import { openJournalReader } from '../journal/reader.ts';
import { openShippedReader } from '../journal/shipped-reader.ts';
import { rebuild } from '../pipeline/rebuild.ts';
import type { JournalReader } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import { isLocked, lockJournal } from './journal-locks.ts';
import type { Layout } from './layout.ts';
import { layoutOf } from './layout.ts';
import { journalsOf, openShippingStore } from './shipped.ts';
import { openSource, openStores } from './wire.ts';

/** What one table holds of one instrument's day, before and after. */
export interface RebuiltDay {
  readonly table: string;
  readonly symbol: string;
  readonly date: string;
  readonly rowsBefore: number;
  readonly rows: number;
  readonly isEqual: boolean;
}

export interface Rebuilt {
  /** Undefined when there was no lake, or when it could not be compared because the recorder goes on. */
  readonly days: readonly RebuiltDay[] | undefined;
  readonly frames: number;
  readonly isReplaced: boolean;
}

const tableNames = tables.map((table) => table.name);

/**
 * Derives everything from the journals once more, into a lake beside the committed one, and compares the two by content.
 * With `replaces` the new one takes the old one's place. Nothing derived is used, so what an older program or a damaged disk
 * did to it is gone.
 */
export async function rebuildLake(
  config: Config,
  layout: Layout,
  world: World,
  options: { readonly replaces: boolean; readonly isFromShipped: boolean },
): Promise<Rebuilt> {
  const isShared = config.catalog.kind !== 'sqlite';
  if (isShared && options.replaces) {
    throw new TidemarkError('shared-lake', {
      doing: 'replace',
      what: 'the lake',
      why: 'other machines read its catalog',
      now: 'rebuild without --replace compares; to begin anew name another catalog.schema, and the engine derives all into it',
    });
  }
  if (config.lake.store !== 'folder' && options.replaces) {
    throw new TidemarkError('shared-lake', {
      doing: 'replace',
      what: 'the lake',
      why: 'its files lie in a bucket',
      now: 'rebuild without --replace compares; to begin anew remove catalog.sqlite, and the engine derives all into the bucket',
    });
  }
  if (!options.isFromShipped && !existsSync(layout.recorderJournal)) {
    throw new TidemarkError('not-found', {
      doing: 'rebuild from',
      what: layout.recorderJournal,
      why: 'nothing was recorded there',
      now: 'name the folder with --data-dir',
    });
  }
  const engineLock = lockJournal(layout.engineJournal, 'rebuild');
  const recorderLock = lockUnlessHeld(layout.recorderJournal);
  const beside = layoutOf(path.join(layout.dataDir, 'rebuilt'), layout.dataDir);
  try {
    rmSync(beside.dataDir, { recursive: true, force: true });
    const stores = await openStores(beside);
    let frames: number;
    let days: RebuiltDay[] | undefined;
    const { isFromShipped } = options;
    try {
      const journals = isFromShipped ? openShippedJournals(config, layout, world) : openJournals(layout, world);
      frames = await derive(config, await journals, world, stores.lake);
      if ((recorderLock !== undefined || isFromShipped) && (isShared || existsSync(layout.catalog))) {
        days = await compare(config, layout, world, stores.lake, isFromShipped);
      }
    } finally {
      await stores.close();
    }
    if (options.replaces) {
      // Without a catalog an engine derives everything anew, so that a crash in between costs time and no row.
      for (const end of ['', '-wal', '-shm']) rmSync(`${layout.catalog}${end}`, { force: true });
      replaceLake(layout.lake, beside.lake);
      for (const end of ['-wal', '-shm', '']) {
        if (existsSync(`${beside.catalog}${end}`)) renameSync(`${beside.catalog}${end}`, `${layout.catalog}${end}`);
      }
    }
    return { days, frames, isReplaced: options.replaces };
  } finally {
    rmSync(beside.dataDir, { recursive: true, force: true });
    recorderLock?.release();
    engineLock?.release();
  }
}

/** Reports stay where they are: they are not derived again. */
function replaceLake(lake: string, rebuilt: string): void {
  mkdirSync(lake, { recursive: true });
  for (const name of readdirSync(lake)) {
    if (name !== 'reports') rmSync(path.join(lake, name), { recursive: true, force: true });
  }
  for (const name of readdirSync(rebuilt)) renameSync(path.join(rebuilt, name), path.join(lake, name));
}

interface Journals {
  readonly readers: readonly JournalReader[];
  close(): Promise<void>;
}

async function openJournals(layout: Layout, world: World): Promise<Journals> {
  const kept = journalsOf(layout).filter(({ folder }) => existsSync(folder));
  const readers = await Promise.all(kept.map((journal) => openJournalReader(world, journal)));
  return { readers, close: () => closeAll(readers) };
}

async function openShippedJournals(config: Config, layout: Layout, world: World): Promise<Journals> {
  const blobs = await openShippingStore(config, layout);
  if (blobs === undefined) {
    throw new TidemarkError('config-invalid', {
      doing: 'rebuild from shipped journals',
      why: 'the settings name no store',
      now: 'set shipping.store, or rebuild from the folder',
    });
  }
  const opening = journalsOf(layout).map(({ writer }) => {
    const scratchFolder = path.join(layout.scratch, 'shipped', writer);
    return openShippedReader(world, { blobs, writer, scratchFolder });
  });
  const readers = await Promise.all(opening);
  return { readers, close: () => closeAll([...readers, blobs]) };
}

async function closeAll(all: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const one of all) await one.close();
}

/** To the journals' synced end; the frames that the lake then comes from. */
async function derive(config: Config, { readers, close }: Journals, world: World, lake: Lake): Promise<number> {
  try {
    const commit = { periodUs: config.lake.commitSeconds * secondUs, maxRows: config.lake.maxPendingRows };
    const derivation = await rebuild({ source: openSource(), lake, readers, commit, timers: world.timers });
    return derivation.frameCount;
  } finally {
    await close();
  }
}

/** What is committed is looked at as it is where `isReadOnly`. */
async function compare(
  config: Config,
  layout: Layout,
  world: World,
  rebuilt: Lake,
  isReadOnly: boolean,
): Promise<RebuiltDay[]> {
  const stores = await openStores(layout, { settings: config, isReadOnly });
  try {
    // An engine that was killed left the lake behind its journals: what it would do first is done first.
    if (!isReadOnly) await derive(config, await openJournals(layout, world), world, stores.lake);
    const key = (one: { table: string; symbol: string; date: string }) => `${one.table} ${one.symbol} ${one.date}`;
    const before = new Map((await stores.lake.contentHashes(tableNames)).map((one) => [key(one), one]));
    const after = new Map((await rebuilt.contentHashes(tableNames)).map((one) => [key(one), one]));
    return [...new Set([...before.keys(), ...after.keys()])].map((name) => {
      const { table, symbol, date } = (before.get(name) ?? after.get(name))!;
      const [old, now] = [before.get(name), after.get(name)];
      const isEqual = old !== undefined && now !== undefined && old.sha256 === now.sha256;
      return { table, symbol, date, rowsBefore: old?.rows ?? 0, rows: now?.rows ?? 0, isEqual };
    });
  } finally {
    await stores.close();
  }
}

function lockUnlessHeld(folder: string): JournalLock | undefined {
  try {
    return lockJournal(folder, 'rebuild');
  } catch (error) {
    if (isLocked(error)) return undefined;
    throw error;
  }
}
