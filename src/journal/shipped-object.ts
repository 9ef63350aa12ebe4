import { promisify } from 'node:util';
import { constants, crc32, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { TidemarkError } from '../domain/error.ts';
import type { BlobStore } from '../ports/blob-store.ts';

// An object is a skippable zstd frame with JSON and its CRC-32, then the plain bytes as one zstd frame: `zstd -d` of the objects of a
// segment, one after the other, is the segment. An object without bytes closes its segment.
const skippableMagic = 0x184d2a50;
/** Magic, length of what follows in the frame, CRC-32 of the JSON. */
const prefixBytes = 12;
const formatVersion = 1;
const compress = promisify(zstdCompress);

/** What the copy of a journal needs of a store. */
export type ShippedBlobs = Pick<BlobStore, 'put' | 'putFile' | 'get' | 'stream' | 'list' | 'remove'>;

export interface ShippedHead {
  readonly writer: string;
  readonly segment: number;
  /** Of the plain bytes in the segment. */
  readonly offset: number;
  readonly bytes: number;
  /** Sequence of the record that comes after these bytes. */
  readonly nextSequence: number;
  /** The journal was brought back from here and goes on in a later segment, so nobody else can go on in this one. */
  readonly seal?: string;
}

const folder = 'journal';

export function shippedPrefix(writer: string): string {
  return `${folder}/${writer}/`;
}

/** Named by where it begins alone, so that only one object can follow another. */
export function shippedName(writer: string, segment: number, offset: number): string {
  return `${segmentPrefix(writer, segment)}/${String(offset).padStart(12, '0')}.zst`;
}

/** All of a closed segment, as it is kept compressed in a folder; the object that closes it stays beside. */
export function packedName(writer: string, segment: number): string {
  return `${segmentPrefix(writer, segment)}.journal.zst`;
}

/** Of all names of a segment. */
export function segmentPrefix(writer: string, segment: number): string {
  return `${shippedPrefix(writer)}${String(segment).padStart(8, '0')}`;
}

const namePattern = /^journal\/[^/]+\/(\d{8,})(?:\/(\d{12,})\.zst|\.journal\.zst)$/;

/** Undefined for a name that is not ours; a packed segment has no offset. */
export function parseShippedName(name: string): { segment: number; offset: number | undefined } | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  return { segment: Number(match[1]), offset: match[2] === undefined ? undefined : Number(match[2]) };
}

export async function encodeShipped(head: ShippedHead, plain: Uint8Array): Promise<Uint8Array> {
  const json = Buffer.from(JSON.stringify({ formatVersion, ...head }));
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32LE(skippableMagic, 0);
  prefix.writeUInt32LE(json.length + 4, 4);
  prefix.writeUInt32LE(crc32(json), 8);
  if (plain.length === 0) return Buffer.concat([prefix, json]);
  const packed = await compress(plain, {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  return Buffer.concat([prefix, json, packed]);
}

/** Fails with `journal-damaged` when the bytes are not what was shipped under this name. */
export function decodeShipped(name: string, bytes: Uint8Array): { head: ShippedHead; plain: Buffer } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = (why: string, cause?: unknown) =>
    new TidemarkError('journal-damaged', { doing: 'read the shipped object', what: name, why, cause });
  if (whole.length < prefixBytes || whole.readUInt32LE(0) !== skippableMagic) throw damaged('it has no head');
  const dataAt = 8 + whole.readUInt32LE(4);
  const json = whole.subarray(prefixBytes, dataAt);
  if (crc32(json) !== whole.readUInt32LE(8)) throw damaged('its head is damaged');
  const head = JSON.parse(json.toString()) as ShippedHead & { formatVersion: number };
  if (head.formatVersion !== formatVersion) {
    throw new TidemarkError('journal-version', {
      doing: 'read the shipped object',
      what: name,
      why: `it has format ${head.formatVersion}, this program knows ${formatVersion}`,
      now: 'use the version of Tidemark that wrote it, or a newer one',
    });
  }
  if (shippedName(head.writer, head.segment, head.offset) !== name) throw damaged('its head names another place');
  let plain = Buffer.alloc(0);
  if (head.bytes > 0) {
    try {
      plain = zstdDecompressSync(whole.subarray(dataAt), { maxOutputLength: head.bytes });
    } catch (cause) {
      throw damaged('its bytes are damaged', cause);
    }
  }
  if (plain.length !== head.bytes) throw damaged(`it has ${plain.length} bytes, not ${head.bytes}`);
  return { head, plain };
}
