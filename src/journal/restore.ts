import { TidemarkError } from '../domain/error.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { World } from '../ports/world.ts';
import { compressSegment } from './compressed-segment.ts';
import { writeFence } from './fence.ts';
import { checkSegment, type SegmentDamage } from './segment-check.ts';
import { listSegments } from './segment-name.ts';
import { openShippedJournal } from './shipped-journal.ts';
import type { ShippedBlobs } from './shipped-object.ts';
import { listShippedSegments, SegmentMirror } from './shipped-segments.ts';
import { openJournalWriter } from './writer.ts';

/** What a store holds of a journal. */
export interface ShippedExtent {
  /** Something is there, if only a seal. */
  readonly isKnown: boolean;
  readonly segments: number;
  /** Uncompressed. */
  readonly bytes: number;
  /** The oldest; undefined when nothing was shipped. */
  readonly firstSegment: number | undefined;
  /** Undefined when nothing was shipped. */
  readonly shippedTo: JournalPosition | undefined;
}

export interface RestoredExtent extends ShippedExtent {
  /** When the last record that came back was received, µs. */
  readonly lastReceivedAtUs: number | undefined;
  readonly damage: readonly (SegmentDamage & { readonly segment: number })[];
  /** Records between two segments that came back, and not by an earlier loss that the journal tells of. */
  readonly missing: readonly MissingRecords[];
  readonly newestFence: number;
}

export interface MissingRecords {
  /** That begins after them. */
  readonly beforeSegment: number;
  readonly fromSequence: number;
  readonly records: number;
}

/** Asks for names and ends alone. */
export async function shippedExtent(blobs: ShippedBlobs, writer: string): Promise<ShippedExtent> {
  const shipped = openShippedJournal(blobs, writer);
  const end = await shipped.end();
  const segments = await listShippedSegments(blobs, writer);
  // One that was sealed before it had any bytes does not count.
  const filled = segments.filter(
    ({ segment, offsets, isPacked }) => isPacked || offsets.length > 1 || (segment === end?.segment && end.offset > 0),
  );
  const last = filled.at(-1);
  const isKnown = end !== undefined;
  if (end === undefined || last === undefined) {
    return { isKnown, segments: 0, bytes: 0, firstSegment: undefined, shippedTo: undefined };
  }
  const lastOffset = last.segment === end.segment ? end.offset : last.offsets.at(-1)!;
  return {
    isKnown,
    segments: filled.length,
    firstSegment: filled[0]!.segment,
    bytes: filled.slice(0, -1).reduce((sum, { offsets }) => sum + offsets.at(-1)!, lastOffset),
    shippedTo: { writer, segment: last.segment, offset: lastOffset, sequence: end.sequence },
  };
}

/** Writes every shipped segment into an empty folder and checks every block. Nobody can ship more of the journal meanwhile or later. */
export async function bringBack(
  world: World,
  options: { readonly blobs: ShippedBlobs; readonly writer: string; readonly folder: string; readonly seal: string },
): Promise<RestoredExtent & { readonly sealedSegment: number }> {
  const { files } = world;
  const { blobs, writer, folder } = options;
  files.makeFolder(folder);
  const sealed = await seal(blobs, writer, options.seal);
  const damage: (SegmentDamage & { segment: number })[] = [];
  const missing: MissingRecords[] = [];
  let bytes = 0;
  let newestFence = 0;
  let shippedTo: JournalPosition | undefined;
  let lastReceivedAtUs: number | undefined;
  for (const shipped of await listShippedSegments(blobs, writer)) {
    const { segment } = shipped;
    const mirror = new SegmentMirror(blobs, files, shipped, folder);
    await mirror.take(shipped);
    if (mirror.bytes === 0) continue;
    const checked = checkSegment(files, folder, segment);
    damage.push(...checked.damage.map((one) => ({ segment, ...one })));
    if (shippedTo !== undefined) {
      const fromSequence = shippedTo.sequence;
      const records = (checked.head?.firstSequence ?? fromSequence) - fromSequence;
      const isTold = checked.head?.restored !== undefined;
      if (records > 0 && !isTold) missing.push({ beforeSegment: segment, fromSequence, records });
      await compressSegment(world, folder, shippedTo.segment);
    }
    bytes += mirror.bytes;
    newestFence = Math.max(newestFence, checked.head?.fence ?? 0);
    shippedTo = { writer, segment, ...checked.end };
    lastReceivedAtUs = checked.lastReceivedAtUs ?? lastReceivedAtUs;
  }
  const brought = listSegments(files, folder);
  const extent = { isKnown: true, segments: brought.length, bytes, firstSegment: brought[0], shippedTo };
  return { ...extent, lastReceivedAtUs, damage, missing, newestFence, sealedSegment: sealed };
}

async function seal(blobs: ShippedBlobs, writer: string, name: string): Promise<number> {
  try {
    return (await openShippedJournal(blobs, writer).seal(name)).segment;
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'blob-conflict') throw error;
    throw new TidemarkError('shipping-conflict', {
      doing: 'bring back',
      what: `the journal of the ${writer}`,
      why: 'someone ships it at this moment',
      now: 'stop the machine that still records, or leave it as it is: it has its journal',
      cause: error,
    });
  }
}

/** Begins the segment with which a journal goes on after it was brought back: behind all that was shipped or derived. */
export async function goOn(
  world: World,
  options: {
    readonly writer: string;
    readonly folder: string;
    readonly seal: string;
    readonly version: string;
    readonly restored: Pick<RestoredExtent, 'shippedTo' | 'newestFence'> & { readonly sealedSegment: number };
    readonly derivedTo: JournalPosition | undefined;
  },
): Promise<{ segment: number; sequence: number }> {
  const { writer, folder, derivedTo, restored } = options;
  const shippedTo = restored.shippedTo ?? { writer, segment: 0, offset: 0, sequence: 0 };
  const segment = Math.max(restored.sealedSegment, shippedTo.segment, derivedTo?.segment ?? 0) + 1;
  const sequence = Math.max(shippedTo.sequence, derivedTo?.sequence ?? 0);
  world.files.makeFolder(folder);
  // Each turn began a segment, so there were no more turns since than segments.
  writeFence(world.files, folder, restored.newestFence + segment - shippedTo.segment);
  const journal = await openJournalWriter(world, {
    folder,
    writer,
    version: options.version,
    restored: {
      journal: { seal: options.seal, shippedTo, ...(derivedTo === undefined ? {} : { derivedTo }) },
      segment,
      sequence,
    },
    onFailure: () => {},
  });
  await journal.close();
  return { segment, sequence };
}
