import { TidemarkError } from '../domain/error.ts';
import type { JournalPosition, JournalReader, SegmentHead } from '../ports/journal.ts';
import type { JournalBytes, SegmentPiece } from '../ports/shipping.ts';
import type { World } from '../ports/world.ts';
import { openSegmentBytes } from './open-segment.ts';
import { type JournalReaderOptions, openJournalReader } from './reader.ts';
import type { SegmentBytes } from './segment-bytes.ts';
import { compressedSegmentPath, listSegments, segmentPath } from './segment-name.ts';
import { readSegmentHead, SegmentWalk, type WalkedBlock } from './segment-walk.ts';

const copiedAtOnce = 1 << 20;

/** The segments of a folder as bytes, whatever way each is kept. */
export async function openJournalBytes(
  world: World,
  options: JournalReaderOptions & { readonly writer: string },
): Promise<JournalBytes> {
  return new SegmentPieces(world, options.folder, await openJournalReader(world, options));
}

class SegmentPieces implements JournalBytes {
  readonly writer: string;
  private readonly world: World;
  private readonly folder: string;
  private readonly reader: JournalReader;
  private current: { segment: number; bytes: SegmentBytes } | undefined;
  private readonly closedBytes = new Map<number, number>();

  constructor(world: World, folder: string, reader: JournalReader) {
    this.writer = reader.writer;
    this.world = world;
    this.folder = folder;
    this.reader = reader;
  }

  segments(): number[] {
    return listSegments(this.world.files, this.folder);
  }

  segmentBytes(segment: number): number {
    const known = this.closedBytes.get(segment);
    if (known !== undefined) return known;
    const isClosed = this.segments().at(-1) !== segment;
    const size = this.beside(() => this.open(segment).size());
    if (isClosed) this.closedBytes.set(segment, size);
    return size;
  }

  sealOf(segment: number): string | undefined {
    return this.beside(() => this.headOf(segment))?.restored?.seal;
  }

  syncedEnd(): Promise<JournalPosition> {
    return this.reader.syncedEnd();
  }

  async piece(segment: number, offset: number, maxBytes: number): Promise<SegmentPiece | undefined> {
    // Asked first: once a later segment can be seen, this one is whole and synced.
    const later = this.segments().find((other) => other > segment);
    const synced = await this.reader.syncedEnd();
    const bytes = this.open(segment);
    const isClosed = later !== undefined;
    const end = isClosed ? bytes.size() : synced.segment === segment ? synced.offset : 0;
    if (end <= offset) {
      if (!isClosed) return undefined;
      const nextSequence = this.firstSequence(later) ?? synced.sequence;
      return { segment, offset: end, bytes: new Uint8Array(), nextSequence, isLast: true };
    }
    const head = offset === 0 ? this.headOf(segment) : undefined;
    const blocks = wholeBlocks(bytes, segment, head?.firstOffset ?? offset, Math.min(end, offset + maxBytes), end);
    const last = blocks.at(-1);
    let pieceEnd = last?.end ?? head?.firstOffset;
    let nextSequence = last === undefined ? head?.firstSequence : last.head.firstSequence + last.head.recordCount;
    if (pieceEnd === undefined) {
      if (!isClosed) throw this.damaged(segment, offset);
      // Copied as they are: whoever reads the copy must find the same damage at the same place.
      const next = new SegmentWalk(bytes, segment).nextBlock(offset + 1);
      pieceEnd = Math.min(next?.offset ?? end, offset + maxBytes);
      nextSequence = next?.head.firstSequence;
    }
    return {
      segment,
      offset,
      bytes: this.slice(segment, offset, pieceEnd - offset),
      nextSequence: nextSequence ?? this.firstSequence(later) ?? synced.sequence,
      isLast: isClosed && pieceEnd === end,
    };
  }

  async copyCompressed(segment: number, localPath: string): Promise<boolean> {
    const { files } = this.world;
    const path = compressedSegmentPath(this.folder, segment);
    // While the plain form is there, too, the compressed one is not finished.
    if (!files.exists(path) || files.exists(segmentPath(this.folder, segment))) return false;
    files.remove(localPath);
    const from = files.open(path, 'read');
    const to = files.open(localPath, 'create');
    try {
      const bytes = Buffer.allocUnsafe(copiedAtOnce);
      for (let at = 0, count = from.readAt(bytes, 0); count > 0; count = from.readAt(bytes, at)) {
        await to.appendLater([bytes.subarray(0, count)]);
        at += count;
      }
    } finally {
      from.close();
      to.close();
    }
    return true;
  }

  slice(segment: number, offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, this.open(segment).readAt(bytes, offset));
  }

  async close(): Promise<void> {
    this.current?.bytes.close();
    this.current = undefined;
    await this.reader.close();
  }

  private open(segment: number): SegmentBytes {
    if (this.current?.segment === segment) return this.current.bytes;
    const bytes = openSegmentBytes(this.world.files, this.folder, segment);
    if (bytes === undefined) {
      throw new TidemarkError('not-found', { doing: 'read the segment', what: segmentPath(this.folder, segment) });
    }
    this.current?.bytes.close();
    this.current = { segment, bytes };
    return bytes;
  }

  /** Undefined when it is damaged. */
  private headOf(segment: number): (SegmentHead & { readonly firstOffset: number }) | undefined {
    try {
      const { head, firstOffset } = readSegmentHead(this.open(segment), segmentPath(this.folder, segment));
      return { ...head, firstOffset };
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'journal-damaged') return undefined;
      throw error;
    }
  }

  private firstSequence(segment: number | undefined): number | undefined {
    return segment === undefined ? undefined : this.beside(() => this.headOf(segment))?.firstSequence;
  }

  /** A look at another segment while the current one stays open. */
  private beside<T>(look: () => T): T {
    const current = this.current;
    this.current = undefined;
    try {
      return look();
    } finally {
      (this.current as { bytes: SegmentBytes } | undefined)?.bytes.close();
      this.current = current;
    }
  }

  private damaged(segment: number, offset: number): TidemarkError {
    return new TidemarkError('journal-damaged', {
      doing: 'copy the journal',
      what: `${segmentPath(this.folder, segment)} at offset ${offset}`,
      why: 'no whole block stands here, though it was synced',
    });
  }
}

/** Those that end by `until`; the first one even if it ends later, by `end`. */
function wholeBlocks(bytes: SegmentBytes, segment: number, from: number, until: number, end: number): WalkedBlock[] {
  const walk = new SegmentWalk(bytes, segment);
  const blocks: WalkedBlock[] = [];
  for (let block = walk.blockAt(from); block !== undefined; block = walk.blockAt(block.end)) {
    if (block.end > end || (block.end > until && blocks.length > 0)) break;
    blocks.push(block);
  }
  return blocks;
}
