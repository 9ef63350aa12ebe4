import { promisify } from 'node:util';
import { constants, crc32, zstdCompress, zstdDecompressSync } from 'node:zlib';
import { TidemarkError } from '../domain/error.ts';
import type { Files, OpenFile, World } from '../ports/world.ts';
import type { SegmentBytes } from './segment-bytes.ts';
import { compressedSegmentPath, listSegments, segmentPath } from './segment-name.ts';

// Independent zstd frames of 1 MiB each, then the seek table of the "zstd seekable format": a skippable frame, so that
// `zstd -d` reads the file as it is, and offsets remain those of the uncompressed bytes.
const frameBytes = 1 << 20;
const skippableMagic = 0x184d2a5e;
const seekableMagic = 0x8f92eab1;
const footerBytes = 9;
const compress = promisify(zstdCompress);

/** Replaces a closed segment by its compressed form. Does nothing when that was done before. Bytes before and after. */
export async function compressSegment(
  world: World,
  folder: string,
  segment: number,
): Promise<{ plainBytes: number; compressedBytes: number }> {
  const { files } = world;
  const plainPath = segmentPath(folder, segment);
  const path = compressedSegmentPath(folder, segment);
  if (!files.exists(plainPath)) {
    const done = openCompressed(files, path);
    const plainBytes = done.size();
    done.close();
    return { plainBytes, compressedBytes: files.size(path) };
  }
  if (segment >= (listSegments(files, folder).at(-1) ?? 0)) {
    throw new TidemarkError('segment-open', {
      doing: 'compress segment',
      what: plainPath,
      why: 'it is the newest one and may still be written to',
    });
  }
  const temporary = `${path}.tmp`;
  files.remove(temporary);
  const plain = files.open(plainPath, 'read');
  const out = files.open(temporary, 'create');
  try {
    const plainBytes = plain.size();
    const entries: { compressed: number; plain: number }[] = [];
    let checksum = 0;
    for (let at = 0; at < plainBytes; at += frameBytes) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(frameBytes, plainBytes - at));
      readFully(plain, chunk, at);
      checksum = crc32(chunk, checksum);
      const packed = await compress(chunk, {
        params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
      });
      await out.appendLater([packed]);
      entries.push({ compressed: packed.length, plain: chunk.length });
    }
    await out.appendLater([encodeSeekTable(entries)]);
    await out.sync();
    if (checksumOf(openCompressed(files, temporary)) !== checksum) {
      throw new TidemarkError('segment-compression', {
        doing: 'compress segment',
        what: plainPath,
        why: 'what was read back is not what was written',
      });
    }
    files.rename(temporary, path);
    files.syncFolder(folder);
    files.remove(plainPath);
    return { plainBytes, compressedBytes: files.size(path) };
  } finally {
    plain.close();
    out.close();
    files.remove(temporary);
  }
}

function checksumOf(bytes: SegmentBytes): number {
  let checksum = 0;
  const chunk = Buffer.allocUnsafeSlow(frameBytes);
  for (let at = 0; ; ) {
    const count = bytes.readAt(chunk, at);
    if (count === 0) break;
    checksum = crc32(chunk.subarray(0, count), checksum);
    at += count;
  }
  bytes.close();
  return checksum;
}

function encodeSeekTable(entries: readonly { compressed: number; plain: number }[]): Buffer {
  const table = Buffer.alloc(8 + entries.length * 8 + footerBytes);
  table.writeUInt32LE(skippableMagic, 0);
  table.writeUInt32LE(table.length - 8, 4);
  let at = 8;
  for (const entry of entries) {
    table.writeUInt32LE(entry.compressed, at);
    table.writeUInt32LE(entry.plain, at + 4);
    at += 8;
  }
  table.writeUInt32LE(entries.length, at);
  table.writeUInt8(0, at + 4);
  table.writeUInt32LE(seekableMagic, at + 5);
  return table;
}

export function openCompressed(files: Files, path: string): SegmentBytes {
  const file = files.open(path, 'read');
  const fileBytes = file.size();
  const footer = Buffer.alloc(footerBytes);
  const hasFooter = fileBytes >= footerBytes && readFully(file, footer, fileBytes - footerBytes);
  const count = footer.readUInt32LE(0);
  const tableAt = fileBytes - footerBytes - count * 8 - 8;
  if (!hasFooter || footer.readUInt32LE(5) !== seekableMagic || tableAt < 0) {
    file.close();
    throw new TidemarkError('journal-damaged', {
      doing: 'read compressed segment',
      what: path,
      why: 'it has no seek table',
    });
  }
  const table = Buffer.alloc(count * 8);
  readFully(file, table, tableAt + 8);
  const frames: { at: number; bytes: number; plainAt: number; plainBytes: number }[] = [];
  let at = 0;
  let plainAt = 0;
  for (let index = 0; index < count; index += 1) {
    const bytes = table.readUInt32LE(index * 8);
    const plainBytes = table.readUInt32LE(index * 8 + 4);
    frames.push({ at, bytes, plainAt, plainBytes });
    at += bytes;
    plainAt += plainBytes;
  }
  let cached = -1;
  let cachedBytes: Buffer = Buffer.alloc(0);

  const frame = (index: number): Buffer => {
    if (cached === index) return cachedBytes;
    const { at, bytes, plainBytes } = frames[index]!;
    const packed = Buffer.allocUnsafe(bytes);
    readFully(file, packed, at);
    cachedBytes = decompressed(packed, plainBytes) ?? Buffer.alloc(plainBytes);
    cached = index;
    return cachedBytes;
  };

  return {
    size: () => plainAt,
    readAt(into, offset) {
      let filled = 0;
      while (filled < into.length && offset + filled < plainAt) {
        // Every frame but the last has the same length.
        const index = Math.floor((offset + filled) / frameBytes);
        const bytes = frame(index);
        const from = offset + filled - frames[index]!.plainAt;
        const copied = bytes.copy(into, filled, from);
        filled += copied;
      }
      return filled;
    },
    sync: async () => {},
    close: () => file.close(),
  };
}

/** Undefined when it is damaged: then no block in it has its checksum, and those around it can be read. */
function decompressed(packed: Buffer, plainBytes: number): Buffer | undefined {
  try {
    const plain = zstdDecompressSync(packed, { maxOutputLength: plainBytes });
    return plain.length === plainBytes ? plain : undefined;
  } catch {
    return undefined;
  }
}

function readFully(file: OpenFile, into: Buffer, offset: number): boolean {
  let filled = 0;
  while (filled < into.length) {
    const count = file.readAt(into.subarray(filled), offset + filled);
    if (count === 0) return false;
    filled += count;
  }
  return true;
}
