import { crc32 } from 'node:zlib';
import type { SegmentHead } from '../ports/journal.ts';

// The layout of a segment's bytes; docs/journal-format.md says it in prose. All numbers are little-endian.

export const formatVersion = 1;
const headMagic = Buffer.from('TIDEMARK', 'latin1');
const blockMagic = 0x4b4c4254; // "TBLK"
/** Magic, format version, length and CRC-32 of the JSON that follows. */
export const headPrefixBytes = 20;
export const blockHeadBytes = 40;
/** Length, kind, reserved, session, receivedAtUs, monotonicUs. */
export const recordHeadBytes = 28;
/** No block is longer; a length field that says more is damage. */
export const longestBlockBytes = 2 ** 30;

const high = 2 ** 32;

export function encodeHead(head: SegmentHead): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const bytes = Buffer.alloc(headPrefixBytes + json.length);
  headMagic.copy(bytes, 0);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(json.length, 12);
  bytes.writeUInt32LE(crc32(json), 16);
  json.copy(bytes, headPrefixBytes);
  return bytes;
}

/** Bytes of the whole head, from its prefix; undefined when this is not one. */
export function headBytes(prefix: Buffer): number | undefined {
  if (prefix.length < headPrefixBytes || prefix.compare(headMagic, 0, 8, 0, 8) !== 0) return undefined;
  return headPrefixBytes + prefix.readUInt32LE(12);
}

export function headVersion(prefix: Buffer): number {
  return prefix.readUInt32LE(8);
}

export function decodeHead(bytes: Buffer): SegmentHead | undefined {
  const json = bytes.subarray(headPrefixBytes, headBytes(bytes));
  if (crc32(json) !== bytes.readUInt32LE(16)) return undefined;
  return JSON.parse(json.toString()) as SegmentHead;
}

export interface BlockHead {
  readonly payloadBytes: number;
  /** 0 marks a clean end. */
  readonly recordCount: number;
  readonly segment: number;
  readonly fence: number;
  readonly firstSequence: number;
  /** All bytes of the segment before this offset were synced when the block was written. */
  readonly syncedOffset: number;
}

/** Writes the head in front of the payload that already stands behind it; the CRC covers both. */
export function sealBlock(block: Buffer, head: BlockHead): void {
  block.writeUInt32LE(blockMagic, 0);
  block.writeUInt32LE(head.payloadBytes, 8);
  block.writeUInt32LE(head.recordCount, 12);
  block.writeUInt32LE(head.segment, 16);
  block.writeUInt32LE(head.fence, 20);
  writeU64(block, head.firstSequence, 24);
  writeU64(block, head.syncedOffset, 32);
  block.writeUInt32LE(crc32(block.subarray(8, blockHeadBytes + head.payloadBytes)), 4);
}

/** Undefined when no block head stands here. */
export function readBlockHead(bytes: Buffer, at: number): BlockHead | undefined {
  if (at + blockHeadBytes > bytes.length || bytes.readUInt32LE(at) !== blockMagic) return undefined;
  const payloadBytes = bytes.readUInt32LE(at + 8);
  if (payloadBytes > longestBlockBytes) return undefined;
  return {
    payloadBytes,
    recordCount: bytes.readUInt32LE(at + 12),
    segment: bytes.readUInt32LE(at + 16),
    fence: bytes.readUInt32LE(at + 20),
    firstSequence: readU64(bytes, at + 24),
    syncedOffset: readU64(bytes, at + 32),
  };
}

/** The block of this head stands whole in `bytes` and is what was written. */
export function isBlockWhole(bytes: Buffer, at: number, head: BlockHead): boolean {
  const end = at + blockHeadBytes + head.payloadBytes;
  return end <= bytes.length && crc32(bytes.subarray(at + 8, end)) === bytes.readUInt32LE(at + 4);
}

/** First place from `at` on where a block head may stand. */
export function findBlockMagic(bytes: Buffer, at: number): number {
  return bytes.indexOf('TBLK', at, 'latin1');
}

export function writeU64(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % high, at);
  bytes.writeUInt32LE(Math.floor(value / high), at + 4);
}

export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * high;
}
