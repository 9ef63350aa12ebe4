import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { TidemarkError } from '../domain/error.ts';
import { bringBack, goOn, type RestoredExtent, type ShippedExtent, shippedExtent } from '../journal/restore.ts';
import { listSegments } from '../journal/segment-name.ts';
import { openJournalBytes } from '../journal/segment-pieces.ts';
import type { CatalogState } from '../ports/catalog.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import { lockJournal } from './journal-locks.ts';
import { adoptBucket } from './lake-blobs.ts';
import { type Layout, layoutOf } from './layout.ts';
import { journalsOf, openShippingStore, type ShippingStore } from './shipped.ts';
import { version } from './version.ts';
import { openStores } from './wire.ts';

type Place = Pick<JournalPosition, 'segment' | 'offset' | 'sequence'>;

/** What came back of one journal, and what did not. */
export interface RestoredJournalReport {
  readonly writer: string;
  readonly segments: number;
  /** Uncompressed. */
  readonly bytes: number;
  /** The record that would have come next; null when nothing was shipped. */
  readonly shippedTo: Place | null;
  /** When the last record that came back was received; null in a dry run, which reads no records. */
  readonly lastReceivedAtUs: number | null;
  /** The same for what the lake holds; null when no catalog survived. */
  readonly derivedTo: Place | null;
  /** Records whose rows the lake has and whose bytes were not shipped. */
  readonly lost: { readonly fromSequence: number; readonly toSequence: number; readonly records: number } | null;
  /** Records that came back and whose rows the lake does not have yet. */
  readonly toDerive: number;
  readonly damage: RestoredExtent['damage'];
  readonly missing: RestoredExtent['missing'];
  /** Where the journal goes on; null in a dry run. */
  readonly next: { readonly segment: number; readonly sequence: number } | null;
}

export interface RestoredReport {
  readonly isDryRun: boolean;
  readonly store: string | null;
  readonly catalog: { readonly version: number; readonly recordedAtUs: number } | null;
  readonly journals: readonly RestoredJournalReport[];
}

/** Brings the journals that a data folder lost back from where they were shipped. */
export async function restoreFolder(
  config: Config,
  layout: Layout,
  world: World,
  options: { readonly isDryRun: boolean },
): Promise<RestoredReport> {
  const blobs = await openShippingStore(config, layout);
  try {
    const derived = await derivedState(config, layout);
    const lost: LostJournal[] = [];
    for (const journal of journalsOf(layout)) {
      const { writer } = journal;
      const derivedTo = derived?.positions.find((position) => position.writer === writer);
      const extent = blobs === undefined ? nothingShipped : await shippedExtent(blobs, writer);
      if (await isHere(world, journal, [derivedTo, extent.shippedTo])) continue;
      lost.push({ writer, derivedTo, extent });
    }
    if (lost.length === 0)
      throw folderUsed(layout.dataDir, 'its journals are here, with all that was shipped or derived');
    if (lost.every(({ derivedTo, extent }) => derivedTo === undefined && !extent.isKnown)) throw nothingThere(blobs);
    const takesBucket = config.lake.store === 's3' && derived === undefined;
    if (takesBucket) refuseOlderLake(lost.map(({ extent }) => extent));
    const journals = options.isDryRun
      ? lost.map(({ writer, extent, derivedTo }) => reportOf(writer, { ...nothingShipped, ...extent }, derivedTo))
      : await bringAllBack(layout, world, blobs, lost);
    if (!options.isDryRun && takesBucket) await adoptBucket(layout, config.lake);
    return {
      isDryRun: options.isDryRun,
      store: blobs?.location('journal') ?? null,
      catalog: derived === undefined ? null : { version: derived.version, recordedAtUs: derived.recordedAtUs },
      journals,
    };
  } finally {
    await blobs?.close();
  }
}

/**
 * Whoever takes over a bucket without its catalog derives the lake anew, and what the lake held from before the oldest shipped
 * segment would go as leftovers.
 */
export function refuseOlderLake(extents: readonly Pick<ShippedExtent, 'firstSegment'>[]): void {
  const oldest = Math.max(1, ...extents.map(({ firstSegment }) => firstSegment ?? 1));
  if (oldest === 1) return;
  throw new TidemarkError('lake-older', {
    doing: 'take over the bucket of the lake',
    why: `the journals there begin with segment ${oldest}, and the lake may hold rows from before that no journal has any more`,
    now: 'name another lake.s3.prefix for the lake that is derived anew, with shipping.store as it was, or bring the catalog back',
  });
}

interface LostJournal {
  readonly writer: string;
  readonly derivedTo: JournalPosition | undefined;
  readonly extent: ShippedExtent;
}

/** Each into a folder beside, which takes its place when it is whole. Cut off, it goes on with those that are not here yet. */
async function bringAllBack(
  layout: Layout,
  world: World,
  blobs: ShippingStore | undefined,
  lost: readonly LostJournal[],
): Promise<RestoredJournalReport[]> {
  const work = layoutOf(path.join(layout.dataDir, 'restoring'), layout.dataDir);
  const folders = new Map(journalsOf(layout).map(({ writer, folder }) => [writer, folder]));
  mkdirSync(path.dirname(layout.recorderJournal), { recursive: true });
  const locks = lost.map(({ writer }) => lockJournal(folders.get(writer)!, 'restore'));
  try {
    rmSync(work.dataDir, { recursive: true, force: true });
    const reports: RestoredJournalReport[] = [];
    for (const { writer, folder } of journalsOf(work)) {
      const journal = lost.find((one) => one.writer === writer);
      if (journal === undefined) continue;
      const { derivedTo } = journal;
      const seal = world.random.hex(16);
      const restored = blobs === undefined ? nothingShipped : await bringBack(world, { blobs, writer, folder, seal });
      const next = await goOn(world, { writer, folder, seal, version, restored, derivedTo });
      const target = folders.get(writer)!;
      if (listSegments(world.files, target).length > 0) throw folderUsed(target, 'a journal was begun there meanwhile');
      rmSync(target, { recursive: true, force: true });
      renameSync(folder, target);
      world.files.syncFolder(path.dirname(target));
      reports.push({ ...reportOf(writer, restored, derivedTo), next });
    }
    return reports;
  } finally {
    for (const lock of locks) lock?.release();
    rmSync(work.dataDir, { recursive: true, force: true });
  }
}

/** A journal that has less than was shipped or derived was begun after the loss: its numbers are used already. */
async function isHere(
  world: World,
  { writer, folder }: { readonly writer: string; readonly folder: string },
  known: readonly (JournalPosition | undefined)[],
): Promise<boolean> {
  if (listSegments(world.files, folder).length === 0) return false;
  const bytes = await openJournalBytes(world, { folder, writer });
  const end = await bytes.syncedEnd();
  await bytes.close();
  for (const position of known) {
    if (position === undefined || end.segment > position.segment) continue;
    if (end.segment === position.segment && end.offset >= position.offset) continue;
    throw folderUsed(folder, 'a journal was begun there after the loss');
  }
  return true;
}

const nothingShipped = {
  isKnown: false,
  segments: 0,
  bytes: 0,
  firstSegment: undefined,
  shippedTo: undefined,
  lastReceivedAtUs: undefined,
  damage: [],
  missing: [],
  newestFence: 0,
  sealedSegment: 0,
} as const satisfies RestoredExtent & { sealedSegment: number };

function reportOf(
  writer: string,
  { segments, bytes, shippedTo, lastReceivedAtUs, damage, missing }: RestoredExtent,
  derivedTo: JournalPosition | undefined,
): RestoredJournalReport {
  const shipped = shippedTo?.sequence ?? 0;
  const derived = derivedTo?.sequence ?? 0;
  return {
    writer,
    segments,
    bytes,
    shippedTo: placeOf(shippedTo),
    lastReceivedAtUs: lastReceivedAtUs ?? null,
    derivedTo: placeOf(derivedTo),
    lost: derived <= shipped ? null : { fromSequence: shipped, toSequence: derived - 1, records: derived - shipped },
    toDerive: Math.max(0, shipped - derived),
    damage,
    missing,
    next: null,
  };
}

function placeOf(position: JournalPosition | undefined): Place | null {
  if (position === undefined) return null;
  const { segment, offset, sequence } = position;
  return { segment, offset, sequence };
}

/** What the catalog says, where there is one that survived. */
async function derivedState(
  config: Config,
  layout: Layout,
): Promise<(CatalogState & { readonly recordedAtUs: number }) | undefined> {
  if (config.catalog.kind === 'sqlite' && !existsSync(layout.catalog)) return undefined;
  const { parseCheckpoint } = await import('../pipeline/committer.ts');
  try {
    const stores = await openStores(layout, { isReadOnly: true, settings: config });
    try {
      const state = await stores.lake.open();
      if (state.checkpointBytes === undefined) return undefined;
      const { recordedAtUs } = parseCheckpoint(state.checkpointBytes) as { recordedAtUs: number };
      return { ...state, recordedAtUs };
    } finally {
      await stores.close();
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    if (error.code === 'not-found') return undefined;
    if (error.code !== 'blob-missing') throw error;
    throw new TidemarkError('lake-lost', {
      doing: 'restore',
      what: layout.dataDir,
      why: `the catalog is there, and files that it names are gone (${error.what})`,
      now: 'name another catalog.schema, or remove catalog.sqlite: then every table is derived anew from the journals',
      cause: error,
    });
  }
}

function folderUsed(what: string, why: string): TidemarkError {
  return new TidemarkError('data-folder-used', {
    doing: 'restore into',
    what,
    why,
    now: 'name an empty folder with --data-dir, or move that journal away: what it has is asked for again over REST',
  });
}

function nothingThere(blobs: ShippingStore | undefined): TidemarkError {
  return new TidemarkError('not-found', {
    doing: 'restore',
    ...(blobs === undefined ? {} : { what: blobs.location('journal') }),
    why: blobs === undefined ? 'the settings name no store, and there is no catalog' : 'nothing was shipped there',
    now: 'use the settings of the machine that is gone: shipping, lake and catalog',
  });
}
