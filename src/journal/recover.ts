import { TidemarkError } from '../domain/error.ts';
import type { Files } from '../ports/world.ts';
import { openSegmentBytes } from './open-segment.ts';
import { listSegments, segmentPath } from './segment-name.ts';
import { readSegmentHead, SegmentWalk } from './segment-walk.ts';

export interface Recovered {
  readonly nextSegment: number;
  readonly nextSequence: number;
  readonly cut?: { segment: number; offset: number; bytes: number };
}

/**
 * Verifies the newest segment and cuts its torn tail: bytes after the last whole block that nobody was told are durable.
 * Bytes that a later block says were synced are damage, not a torn tail: they stay for the readers to report.
 */
export async function recoverJournal(files: Files, folder: string): Promise<Recovered> {
  for (const name of files.list(folder)) if (name.endsWith('.tmp')) files.remove(`${folder}/${name}`);
  const last = listSegments(files, folder).at(-1);
  if (last === undefined) return { nextSegment: 1, nextSequence: 0 };
  const path = segmentPath(folder, last);
  const bytes = openSegmentBytes(files, folder, last);
  if (bytes === undefined) throw new TidemarkError('journal-damaged', { doing: 'open', what: path });
  try {
    const { head, firstOffset } = readSegmentHead(bytes, path);
    const walk = new SegmentWalk(bytes, last);
    let offset = firstOffset;
    let sequence = head.firstSequence;
    for (let block = walk.blockAt(offset); block !== undefined; block = walk.blockAt(offset)) {
      offset = block.end;
      sequence = block.head.firstSequence + block.head.recordCount;
    }
    const size = bytes.size();
    let damagedUntil: { end: number; sequence: number } | undefined;
    for (let block = walk.nextBlock(offset); block !== undefined; block = walk.nextBlock(block.end)) {
      if (block.head.syncedOffset > offset) {
        damagedUntil = { end: block.end, sequence: block.head.firstSequence + block.head.recordCount };
      }
    }
    if (damagedUntil !== undefined) return { nextSegment: last + 1, nextSequence: damagedUntil.sequence };
    if (!files.exists(path)) return { nextSegment: last + 1, nextSequence: sequence };
    const file = files.open(path, 'append');
    try {
      if (size > offset) file.truncate(offset);
      // A killed process leaves unsynced bytes in the page cache: what stands now must stay.
      await file.sync();
    } finally {
      file.close();
    }
    return {
      nextSegment: last + 1,
      nextSequence: sequence,
      ...(size > offset ? { cut: { segment: last, offset, bytes: size - offset } } : {}),
    };
  } finally {
    bytes.close();
  }
}
