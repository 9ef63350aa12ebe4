import { TidemarkError } from '../domain/error.ts';
import type { Files, OpenFile } from '../ports/world.ts';
import { openCompressed } from './compressed-segment.ts';
import { compressedSegmentPath, segmentPath } from './segment-name.ts';
import {
  decodeShipped,
  packedName,
  parseShippedName,
  type ShippedBlobs,
  segmentPrefix,
  shippedName,
  shippedPrefix,
} from './shipped-object.ts';

/** What a store holds of one segment. */
export interface ShippedSegment {
  readonly writer: string;
  readonly segment: number;
  /** Where its objects begin, rising; of a packed one perhaps only where it ends. */
  readonly offsets: readonly number[];
  readonly isPacked: boolean;
}

/** What a store holds of a journal, by segment, rising; of one segment alone where that is asked. */
export async function listShippedSegments(
  blobs: ShippedBlobs,
  writer: string,
  only?: number,
): Promise<readonly ShippedSegment[]> {
  const found = new Map<number, { offsets: number[]; isPacked: boolean }>();
  for await (const { name } of blobs.list(only === undefined ? shippedPrefix(writer) : segmentPrefix(writer, only))) {
    const at = parseShippedName(name);
    if (at === undefined || (only !== undefined && at.segment !== only)) continue;
    const segment = found.get(at.segment) ?? { offsets: [], isPacked: false };
    found.set(at.segment, segment);
    if (at.offset === undefined) segment.isPacked = true;
    else segment.offsets.push(at.offset);
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([segment, { offsets, isPacked }]) => ({
      writer,
      segment,
      offsets: offsets.sort((a, b) => a - b),
      isPacked,
    }));
}

const zeros = Buffer.alloc(1 << 20);

/**
 * A local file that holds the bytes of a shipped segment, as far as they were shipped. What is missing or damaged in the
 * store is zeros in it, so that every other byte stands at its offset and whoever reads the file finds the damage there.
 */
export class SegmentMirror {
  readonly segment: number;
  /** Uncompressed, so far. */
  bytes = 0;
  /** Sequence of the record after these bytes, as far as the objects say it. */
  nextSequence = 0;
  /** Nothing more belongs to it. */
  isClosed = false;
  private readonly writer: string;
  private readonly blobs: ShippedBlobs;
  private readonly files: Files;
  private readonly path: string;
  private readonly packedPath: string;
  private taken: readonly number[] = [];

  constructor(blobs: ShippedBlobs, files: Files, of: { writer: string; segment: number }, folder: string) {
    this.writer = of.writer;
    this.segment = of.segment;
    this.blobs = blobs;
    this.files = files;
    this.path = segmentPath(folder, of.segment);
    this.packedPath = compressedSegmentPath(folder, of.segment);
  }

  /** Brings what was shipped since. False when the file is another one than before. */
  async take(shipped: ShippedSegment): Promise<boolean> {
    if (this.isClosed) return true;
    const hadBytes = this.bytes > 0;
    try {
      return (await this.takeAll(shipped)) || !hadBytes;
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'blob-missing') throw error;
      const [now] = await listShippedSegments(this.blobs, this.writer, this.segment);
      // Packed since it was listed?
      if (now?.isPacked !== true) throw error;
      await this.takeAll(now);
      return !hadBytes;
    }
  }

  remove(): void {
    this.files.remove(this.path);
    this.files.remove(this.packedPath);
    this.bytes = 0;
    this.taken = [];
  }

  /** Whether the file is the one from before, with more in it. */
  private async takeAll({ offsets, isPacked }: ShippedSegment): Promise<boolean> {
    if (isPacked) {
      this.remove();
      await this.takePacked(offsets.at(-1));
      return false;
    }
    const isSame = this.taken.every((offset, at) => offsets[at] === offset);
    if (!isSame) this.remove();
    for (let at = this.taken.length; at < offsets.length && !this.isClosed; at++) {
      await this.takeObject(offsets[at]!, offsets[at + 1]);
      this.taken = offsets.slice(0, at + 1);
    }
    return isSame;
  }

  private async takePacked(end: number | undefined): Promise<void> {
    await withFile(this.files, this.packedPath, async (file) => {
      for await (const bytes of this.blobs.stream(packedName(this.writer, this.segment)))
        await file.appendLater([bytes]);
      await file.sync();
    });
    const packed = openCompressed(this.files, this.packedPath);
    this.bytes = packed.size();
    packed.close();
    if (end !== undefined) await this.plainAt(end);
    this.isClosed = true;
  }

  private async takeObject(offset: number, next: number | undefined): Promise<void> {
    const plain = await this.plainAt(offset);
    const isEnd = plain?.length === 0;
    if (!isEnd || offset > this.bytes) {
      await withFile(this.files, this.path, async (file) => {
        if (offset > this.bytes) await this.addZeros(file, offset);
        // How long a damaged one was is not known; at least one byte.
        if (plain === undefined) await this.addZeros(file, Math.max(next ?? offset + 1, this.bytes));
        else await this.addBytes(file, offset, plain);
      });
    }
    this.isClosed = isEnd;
  }

  private async addBytes(file: OpenFile, offset: number, plain: Buffer): Promise<void> {
    const overlap = Math.min(this.bytes - offset, plain.length);
    if (overlap > 0) await this.compare(file, offset, plain.subarray(0, overlap));
    const rest = plain.subarray(overlap);
    if (rest.length === 0) return;
    await file.appendLater([rest]);
    this.bytes += rest.length;
  }

  /** Where two objects tell the same bytes differently, nothing says which is right. */
  private async compare(file: OpenFile, offset: number, bytes: Buffer): Promise<void> {
    const known = Buffer.alloc(this.bytes - offset);
    file.readAt(known, offset);
    if (known.subarray(0, bytes.length).equals(bytes)) return;
    const end = this.bytes;
    file.truncate(offset);
    this.bytes = offset;
    await this.addZeros(file, offset + bytes.length);
    await file.appendLater([known.subarray(bytes.length)]);
    this.bytes = end;
  }

  private async addZeros(file: OpenFile, until: number): Promise<void> {
    for (let left = until - this.bytes; left > 0; left -= zeros.length) {
      await file.appendLater([zeros.subarray(0, Math.min(left, zeros.length))]);
    }
    this.bytes = until;
  }

  /** Undefined when it is damaged. */
  private async plainAt(offset: number): Promise<Buffer | undefined> {
    const name = shippedName(this.writer, this.segment, offset);
    const bytes = await this.blobs.get(name);
    try {
      const { head, plain } = decodeShipped(name, bytes);
      this.nextSequence = head.nextSequence;
      return plain;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'journal-damaged') return undefined;
      throw error;
    }
  }
}

async function withFile(files: Files, path: string, use: (file: OpenFile) => Promise<void>): Promise<void> {
  const file = files.open(path, 'append');
  try {
    await use(file);
  } finally {
    file.close();
  }
}
