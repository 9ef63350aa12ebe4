import { TidemarkError } from '../domain/error.ts';
import type { SegmentHead } from '../ports/journal.ts';
import type { Files } from '../ports/world.ts';
import { blockHeadBytes, readU64, recordHeadBytes } from './format.ts';
import { openSegmentBytes } from './open-segment.ts';
import type { SegmentBytes } from './segment-bytes.ts';
import { segmentPath } from './segment-name.ts';
import { readSegmentHead, SegmentWalk, type WalkedBlock } from './segment-walk.ts';

/** Bytes of a segment that no checksum vouches for. */
export interface SegmentDamage {
  readonly offset: number;
  readonly bytes: number;
}

export interface CheckedSegment {
  /** Undefined when it is damaged. */
  readonly head: SegmentHead | undefined;
  readonly damage: readonly SegmentDamage[];
  /** After the last whole block. */
  readonly end: { readonly offset: number; readonly sequence: number };
  /** When the last record of it was received, µs. */
  readonly lastReceivedAtUs: number | undefined;
}

/** Reads every block of a segment. */
export function checkSegment(files: Files, folder: string, segment: number): CheckedSegment {
  const path = segmentPath(folder, segment);
  const bytes = openSegmentBytes(files, folder, segment);
  if (bytes === undefined) throw new TidemarkError('not-found', { doing: 'check the segment', what: path });
  try {
    const opened = headOf(bytes, path);
    const size = bytes.size();
    const walk = new SegmentWalk(bytes, segment);
    const damage: SegmentDamage[] = [];
    let last: WalkedBlock | undefined;
    let lastWithRecords: WalkedBlock | undefined;
    for (let offset = opened?.firstOffset ?? 0; offset < size; offset = last.end) {
      const block = walk.blockAt(offset) ?? walk.nextBlock(offset + 1);
      if (block?.offset !== offset) damage.push({ offset, bytes: (block?.offset ?? size) - offset });
      if (block === undefined) break;
      last = block;
      if (block.head.recordCount > 0) lastWithRecords = block;
    }
    return {
      head: opened?.head,
      damage,
      end: {
        offset: last?.end ?? opened?.firstOffset ?? 0,
        sequence:
          last === undefined ? (opened?.head.firstSequence ?? 0) : last.head.firstSequence + last.head.recordCount,
      },
      lastReceivedAtUs: lastWithRecords === undefined ? undefined : lastReceivedAtUs(bytes, lastWithRecords),
    };
  } finally {
    bytes.close();
  }
}

function headOf(bytes: SegmentBytes, path: string): { head: SegmentHead; firstOffset: number } | undefined {
  try {
    return readSegmentHead(bytes, path);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'journal-damaged') return undefined;
    throw error;
  }
}

function lastReceivedAtUs(segment: SegmentBytes, block: WalkedBlock): number {
  const bytes = Buffer.alloc(block.end - block.offset);
  segment.readAt(bytes, block.offset);
  let receivedAtUs = 0;
  for (let at = blockHeadBytes; at < bytes.length; at += recordHeadBytes + bytes.readUInt32LE(at)) {
    receivedAtUs = readU64(bytes, at + 12);
  }
  return receivedAtUs;
}
