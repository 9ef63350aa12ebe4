import { TidemarkError } from '../domain/error.ts';
import type { SegmentPiece, ShippedEnd, ShippedJournal } from '../ports/shipping.ts';
import {
  decodeShipped,
  encodeShipped,
  packedName,
  parseShippedName,
  type ShippedBlobs,
  shippedName,
  shippedPrefix,
} from './shipped-object.ts';
import { listShippedSegments } from './shipped-segments.ts';

/** The copy of a journal as objects of a store. */
export function openShippedJournal(blobs: ShippedBlobs, writer: string): ShippedJournal {
  return new ShippedObjects(blobs, writer);
}

class ShippedObjects implements ShippedJournal {
  readonly writer: string;
  private readonly blobs: ShippedBlobs;

  constructor(blobs: ShippedBlobs, writer: string) {
    this.blobs = blobs;
    this.writer = writer;
  }

  async end(): Promise<ShippedEnd | undefined> {
    let last: { segment: number; offset: number } | undefined;
    for await (const { name } of this.blobs.list(shippedPrefix(this.writer))) {
      const at = parseShippedName(name);
      if (at?.offset === undefined) continue;
      const { segment, offset } = at;
      if (last === undefined || segment > last.segment || (segment === last.segment && offset > last.offset)) {
        last = { segment, offset };
      }
    }
    if (last === undefined) return undefined;
    const name = shippedName(this.writer, last.segment, last.offset);
    const { head } = decodeShipped(name, await this.blobs.get(name));
    return {
      writer: this.writer,
      segment: last.segment,
      offset: last.offset + head.bytes,
      sequence: head.nextSequence,
      isClosed: head.bytes === 0,
      ...(head.seal === undefined ? {} : { seal: head.seal }),
      lastOffset: last.offset,
    };
  }

  async append(piece: SegmentPiece): Promise<void> {
    const { segment, offset, bytes, nextSequence } = piece;
    if (bytes.length > 0) await this.put(segment, offset, nextSequence, bytes);
    if (piece.isLast) await this.put(segment, offset + bytes.length, nextSequence, new Uint8Array());
  }

  async seal(seal: string): Promise<ShippedEnd> {
    const end = await this.end();
    const segment = end === undefined ? 1 : end.isClosed ? end.segment + 1 : end.segment;
    const offset = end === undefined || end.isClosed ? 0 : end.offset;
    const sequence = end?.sequence ?? 0;
    await this.put(segment, offset, sequence, new Uint8Array(), seal);
    return { writer: this.writer, segment, offset, sequence, isClosed: true, lastOffset: offset, seal };
  }

  async inPieces(): Promise<readonly number[]> {
    const segments = await listShippedSegments(this.blobs, this.writer);
    // Of the last one it is not known whether it is closed.
    return segments.slice(0, -1).flatMap(({ segment, offsets }) => (offsets.length > 1 ? [segment] : []));
  }

  async pack(segment: number, localPath: string): Promise<void> {
    try {
      await this.blobs.putFile(packedName(this.writer, segment), localPath);
    } catch (error) {
      // Compressed by another version, as after a restore: the same segment all the same, and its pieces may stay.
      if (error instanceof TidemarkError && error.code === 'blob-conflict') return;
      throw error;
    }
    const [shipped] = await listShippedSegments(this.blobs, this.writer, segment);
    for (const offset of shipped?.offsets.slice(0, -1) ?? []) {
      await this.blobs.remove(shippedName(this.writer, segment, offset));
    }
  }

  async shippedAt(segment: number, offset: number): Promise<Uint8Array | undefined> {
    const name = shippedName(this.writer, segment, offset);
    try {
      const { plain } = decodeShipped(name, await this.blobs.get(name));
      return plain.length === 0 ? undefined : plain;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'blob-missing') return undefined;
      throw error;
    }
  }

  private async put(
    segment: number,
    offset: number,
    nextSequence: number,
    bytes: Uint8Array,
    seal?: string,
  ): Promise<void> {
    const head = {
      writer: this.writer,
      segment,
      offset,
      bytes: bytes.length,
      nextSequence,
      ...(seal === undefined ? {} : { seal }),
    };
    await this.blobs.put(shippedName(this.writer, segment, offset), await encodeShipped(head, bytes));
  }
}
