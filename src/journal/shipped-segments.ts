import { TidemarkError } from '../domain/error.ts';
import type { Files, OpenFile } from '../ports/world.ts';
import { decodeShipped, parseShippedName, type ShippedBlobs, shippedName, shippedPrefix } from './shipped-object.ts';

/** What a store holds of one segment. */
export interface ShippedSegment {
  readonly writer: string;
  readonly segment: number;
  /** Where its objects begin, rising. */
  readonly offsets: readonly number[];
}

/** What a store holds of a journal, by segment, rising. */
export async function listShippedSegments(blobs: ShippedBlobs, writer: string): Promise<readonly ShippedSegment[]> {
  const offsets = new Map<number, number[]>();
  for await (const { name } of blobs.list(shippedPrefix(writer))) {
    const at = parseShippedName(name);
    if (at === undefined) continue;
    const known = offsets.get(at.segment);
    if (known === undefined) offsets.set(at.segment, [at.offset]);
    else known.push(at.offset);
  }
  return [...offsets]
    .sort(([a], [b]) => a - b)
    .map(([segment, all]) => ({ writer, segment, offsets: all.sort((a, b) => a - b) }));
}

/** Bytes that the store does not give, or that two objects tell differently. Zeros stand in their place. */
export interface ShippedDamage {
  readonly offset: number;
  readonly bytes: number;
  readonly why: string;
}

/** Above any hole that a segment can have. */
const zeros = Buffer.alloc(1 << 20);

/**
 * A local file that holds the plain bytes of a shipped segment, as far as they were shipped. What is missing or damaged in
 * the store is zeros in it, so that every other byte stands at its offset and whoever reads the file finds the damage there.
 */
export class SegmentMirror {
  readonly segment: number;
  /** Nothing more belongs to this segment. */
  isClosed = false;
  /** Sequence of the record after these bytes, as far as the objects say it. */
  nextSequence = 0;
  damage: ShippedDamage[] = [];
  private readonly writer: string;
  private readonly blobs: ShippedBlobs;
  private readonly files: Files;
  private readonly path: string;
  private taken: readonly number[] = [];
  private end = 0;

  constructor(blobs: ShippedBlobs, files: Files, of: { writer: string; segment: number }, path: string) {
    this.writer = of.writer;
    this.segment = of.segment;
    this.blobs = blobs;
    this.files = files;
    this.path = path;
  }

  get bytes(): number {
    return this.end;
  }

  /** False when the file was begun anew, for the objects are not those from before and more. */
  async take({ offsets }: ShippedSegment): Promise<boolean> {
    const isMore = this.taken.every((offset, at) => offsets[at] === offset);
    if (!isMore) {
      this.files.remove(this.path);
      this.taken = [];
      this.damage = [];
      this.end = 0;
      this.isClosed = false;
    }
    for (let at = this.taken.length; at < offsets.length && !this.isClosed; at++) {
      await this.takeObject(offsets[at]!, offsets[at + 1]);
      this.taken = offsets.slice(0, at + 1);
    }
    return isMore;
  }

  private async takeObject(offset: number, next: number | undefined): Promise<void> {
    const plain = await this.plainAt(offset);
    if (plain?.length === 0) {
      this.isClosed = true;
      if (offset > this.end) this.withFile((file) => this.hole(file, offset, 'an object is missing before the end'));
      return;
    }
    this.withFile((file) => {
      if (offset > this.end) this.hole(file, offset, 'an object is missing');
      if (plain === undefined) {
        // How long it was is not known; at least one byte.
        this.hole(file, Math.max(next ?? offset + 1, this.end), `the object of offset ${offset} is damaged`);
        return;
      }
      const overlap = Math.min(this.end - offset, plain.length);
      if (overlap > 0 && !this.isSame(file, offset, plain.subarray(0, overlap))) {
        this.blank(file, offset, overlap);
      }
      const rest = plain.subarray(overlap);
      if (rest.length === 0) return;
      file.append([rest]);
      this.end += rest.length;
    });
  }

  /** Undefined when it is damaged. */
  private async plainAt(offset: number): Promise<Buffer | undefined> {
    const name = shippedName(this.writer, this.segment, offset);
    try {
      const { head, plain } = decodeShipped(name, await this.blobs.get(name));
      this.nextSequence = head.nextSequence;
      return plain;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'journal-damaged') return undefined;
      throw error;
    }
  }

  private isSame(file: OpenFile, offset: number, bytes: Buffer): boolean {
    const known = Buffer.alloc(bytes.length);
    file.readAt(known, offset);
    return known.equals(bytes);
  }

  private hole(file: OpenFile, until: number, why: string): void {
    this.damage.push({ offset: this.end, bytes: until - this.end, why });
    for (let left = until - this.end; left > 0; left -= zeros.length) {
      file.append([zeros.subarray(0, Math.min(left, zeros.length))]);
    }
    this.end = until;
  }

  /** Two objects tell these bytes differently, and nothing says which is right. */
  private blank(file: OpenFile, offset: number, length: number): void {
    const after = Buffer.alloc(this.end - offset - length);
    file.readAt(after, offset + length);
    file.truncate(offset);
    const end = this.end;
    this.end = offset;
    this.hole(file, offset + length, 'two objects tell it differently');
    file.append([after]);
    this.end = end;
  }

  private withFile(use: (file: OpenFile) => void): void {
    const file = this.files.open(this.path, 'append');
    try {
      use(file);
    } finally {
      file.close();
    }
  }
}
