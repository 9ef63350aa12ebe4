import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { TidemarkError } from '../domain/error.ts';
import { bringBack, goOn, type RestoredExtent, shippedExtent } from '../journal/restore.ts';
import type { SegmentDamage } from '../journal/segment-check.ts';
import { listSegments } from '../journal/segment-name.ts';
import type { CatalogState } from '../ports/catalog.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import { lockJournals } from './journal-locks.ts';
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
  readonly damage: readonly (SegmentDamage & { readonly segment: number })[];
  /** Where the journal goes on; null in a dry run. */
  readonly next: { readonly segment: number; readonly sequence: number } | null;
}

export interface RestoredReport {
  readonly isDryRun: boolean;
  readonly store: string | null;
  readonly catalog: { readonly version: number; readonly recordedAtUs: number } | null;
  readonly journals: readonly RestoredJournalReport[];
}

/** Brings the journals of a lost data folder back from where they were shipped. */
export async function restoreFolder(
  config: Config,
  layout: Layout,
  world: World,
  options: { readonly isDryRun: boolean },
): Promise<RestoredReport> {
  refuseJournals(layout, world);
  const blobs = await openShippingStore(config, layout);
  try {
    const derived = await derivedState(config, layout);
    const derivedTo = (writer: string) => derived?.positions.find((position) => position.writer === writer);
    const extents =
      blobs === undefined
        ? []
        : await Promise.all(journalsOf(layout).map(({ writer }) => shippedExtent(blobs, writer)));
    if (!extents.some(({ shippedTo }) => shippedTo !== undefined) && (derived?.positions ?? []).length === 0) {
      throw nothingThere(blobs);
    }
    const report = (journals: readonly RestoredJournalReport[]): RestoredReport => ({
      isDryRun: options.isDryRun,
      store: blobs?.location('journal') ?? null,
      catalog: derived === undefined ? null : { version: derived.version, recordedAtUs: derived.recordedAtUs },
      journals,
    });
    if (options.isDryRun) {
      return report(
        journalsOf(layout).map(({ writer }, at) =>
          reportOf(writer, { ...nothingShipped, ...extents[at] }, derivedTo(writer)),
        ),
      );
    }
    const work = layoutOf(path.join(layout.dataDir, 'restoring'), layout.dataDir);
    mkdirSync(layout.dataDir, { recursive: true });
    const locks = lockJournals(layout, 'restore');
    try {
      rmSync(work.dataDir, { recursive: true, force: true });
      const journals: RestoredJournalReport[] = [];
      for (const { writer, folder } of journalsOf(work)) {
        const seal = world.random.hex(16);
        const restored = blobs === undefined ? nothingShipped : await bringBack(world, { blobs, writer, folder, seal });
        const begin = { writer, folder, seal, version, restored, derivedTo: derivedTo(writer) };
        const next = await goOn(world, begin);
        journals.push({ ...reportOf(writer, restored, derivedTo(writer)), next });
      }
      refuseJournals(layout, world);
      rmSync(journalFolder(layout), { recursive: true, force: true });
      renameSync(journalFolder(work), journalFolder(layout));
      world.files.syncFolder(layout.dataDir);
      if (config.lake.store === 's3' && derived === undefined) await adoptBucket(layout, config.lake);
      return report(journals);
    } finally {
      locks.release();
      rmSync(work.dataDir, { recursive: true, force: true });
    }
  } finally {
    await blobs?.close();
  }
}

const nothingShipped = {
  segments: 0,
  bytes: 0,
  shippedTo: undefined,
  lastReceivedAtUs: undefined,
  damage: [],
  newestFence: 0,
  sealedSegment: 0,
} as const satisfies RestoredExtent & { sealedSegment: number };

function reportOf(
  writer: string,
  { segments, bytes, shippedTo, lastReceivedAtUs, damage }: RestoredExtent,
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
    next: null,
  };
}

function placeOf(position: JournalPosition | undefined): Place | null {
  if (position === undefined) return null;
  const { segment, offset, sequence } = position;
  return { segment, offset, sequence };
}

function journalFolder(layout: Layout): string {
  return path.dirname(layout.recorderJournal);
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

function refuseJournals(layout: Layout, world: World): void {
  for (const { folder } of journalsOf(layout)) {
    if (listSegments(world.files, folder).length === 0) continue;
    throw new TidemarkError('data-folder-used', {
      doing: 'restore into',
      what: layout.dataDir,
      why: `${folder} holds a journal already`,
      now: 'name an empty folder with --data-dir; if that journal was begun after the loss, move it away first: its frames are asked for again over REST',
    });
  }
}

function nothingThere(blobs: ShippingStore | undefined): TidemarkError {
  return new TidemarkError('not-found', {
    doing: 'restore',
    ...(blobs === undefined ? {} : { what: blobs.location('journal') }),
    why: blobs === undefined ? 'the settings name no store, and there is no catalog' : 'nothing was shipped there',
    now: 'use the settings of the machine that is gone: shipping, lake and catalog',
  });
}
