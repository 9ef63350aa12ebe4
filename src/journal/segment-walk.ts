import { TidemarkError } from '../domain/error.ts';
import type { SegmentHead } from '../ports/journal.ts';
import {
  type BlockHead,
  blockHeadBytes,
  decodeHead,
  findBlockMagic,
  formatVersion,
  headBytes,
  headPrefixBytes,
  headVersion,
  isBlockWhole,
  readBlockHead,
} from './format.ts';
import type { SegmentBytes } from './segment-bytes.ts';

export interface OpenedHead {
  readonly head: SegmentHead;
  /** Where the first block stands. */
  readonly firstOffset: number;
}

/** Heads are made visible whole (written apart, then renamed), so a bad one is damage. */
export function readSegmentHead(bytes: SegmentBytes, path: string): OpenedHead {
  const damaged = (why: string): TidemarkError =>
    new TidemarkError('journal-damaged', { doing: 'read the head of', what: path, why });
  const prefix = Buffer.alloc(headPrefixBytes);
  if (bytes.readAt(prefix, 0) < headPrefixBytes) throw damaged('the file is too short');
  const length = headBytes(prefix);
  if (length === undefined) throw damaged('this is not a journal segment');
  if (headVersion(prefix) !== formatVersion) {
    throw new TidemarkError('journal-version', {
      doing: 'read',
      what: path,
      why: `it has journal format ${headVersion(prefix)}, this program knows ${formatVersion}`,
      now: 'use the version of Tidemark that wrote it, or a newer one',
    });
  }
  if (length > bytes.size()) throw damaged('the file is too short');
  const whole = Buffer.alloc(length);
  bytes.readAt(whole, 0);
  const head = decodeHead(whole);
  if (head === undefined) throw damaged('the checksum of the head is wrong');
  return { head, firstOffset: length };
}

export interface WalkedBlock {
  readonly head: BlockHead;
  readonly offset: number;
  readonly end: number;
}

/** Reads blocks of one segment in order, in big pieces. */
export class SegmentWalk {
  private readonly bytes: SegmentBytes;
  private readonly segment: number;
  private window: Buffer;
  private windowAt: number;

  /** `window` is what was read already, from offset `windowAt` on. */
  constructor(bytes: SegmentBytes, segment: number, window: Buffer = Buffer.alloc(0), windowAt = 0) {
    this.bytes = bytes;
    this.segment = segment;
    this.window = window;
    this.windowAt = windowAt;
  }

  /** The whole block at `offset`; undefined when none stands there (yet, or because of damage). */
  blockAt(offset: number): WalkedBlock | undefined {
    const head = this.headAt(offset);
    if (head === undefined || head.segment !== this.segment) return undefined;
    const end = offset + blockHeadBytes + head.payloadBytes;
    if (!this.fill(offset, end - offset)) return undefined;
    if (!isBlockWhole(this.window, offset - this.windowAt, head)) return undefined;
    return { head, offset, end };
  }

  /** The first whole block that begins at `from` or later. */
  nextBlock(from: number): WalkedBlock | undefined {
    const size = this.bytes.size();
    for (let at = from; at + blockHeadBytes <= size; ) {
      if (!this.fill(at, Math.min(1 << 20, size - at))) return undefined;
      const found = findBlockMagic(this.window, at - this.windowAt);
      if (found < 0) {
        // The magic may lie across the end of the window.
        at = Math.max(at + 1, this.windowAt + this.window.length - 3);
        continue;
      }
      at = this.windowAt + found;
      const block = this.blockAt(at);
      if (block !== undefined) return block;
      at += 1;
    }
    return undefined;
  }

  private headAt(offset: number): BlockHead | undefined {
    if (!this.fill(offset, blockHeadBytes)) return undefined;
    return readBlockHead(this.window, offset - this.windowAt);
  }

  /** Makes `[offset, offset + length)` part of the window; false when the segment is shorter. */
  private fill(offset: number, length: number): boolean {
    if (offset >= this.windowAt && offset + length <= this.windowAt + this.window.length) return true;
    if (offset + length > this.bytes.size()) return false;
    const next = Buffer.allocUnsafeSlow(Math.max(length, 1 << 20));
    const count = this.bytes.readAt(next, offset);
    this.window = next.subarray(0, count);
    this.windowAt = offset;
    return count >= length;
  }
}
