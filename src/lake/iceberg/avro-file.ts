import { randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import avro from 'avsc';
import { TidemarkError } from '../../domain/error.ts';

/**
 * Avro object container files. The container is written here, not by avsc: avsc parses the schema and writes it back without
 * the field ids that Iceberg's readers need.
 */

const magic = Buffer.from('Obj\x01', 'latin1');
const headerType = avro.Type.forSchema({ type: 'map', values: 'bytes' });
const longType = avro.Type.forSchema('long');
const syncBytes = 16;

const recordTypes = new Map<string, avro.Type>();

function recordType(schemaText: string): avro.Type {
  let type = recordTypes.get(schemaText);
  if (type === undefined) {
    type = avro.Type.forSchema(JSON.parse(schemaText) as avro.Schema);
    recordTypes.set(schemaText, type);
  }
  return type;
}

export function writeAvro(
  schemaText: string,
  records: readonly unknown[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const type = recordType(schemaText);
  const header = Object.fromEntries(
    Object.entries({ 'avro.schema': schemaText, 'avro.codec': 'deflate', ...metadata }).map(([key, value]) => [
      key,
      Buffer.from(value, 'utf8'),
    ]),
  );
  const sync = randomBytes(syncBytes);
  const parts = [magic, headerType.toBuffer(header), sync];
  if (records.length > 0) {
    const block = deflateRawSync(Buffer.concat(records.map((record) => type.toBuffer(record))));
    parts.push(longType.toBuffer(records.length), longType.toBuffer(block.byteLength), block, sync);
  }
  return Buffer.concat(parts);
}

export interface AvroFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly records: readonly unknown[];
}

/** Reads what `writeAvro` wrote. Fails with `iceberg-damaged` on anything else. */
export function readAvro(name: string, given: Uint8Array): AvroFile {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  try {
    if (!bytes.subarray(0, magic.length).equals(magic)) throw new Error('it does not begin as an Avro file');
    let at = magic.length;
    const next = (type: avro.Type): unknown => {
      const { value, offset } = type.decode(bytes, at);
      if (offset < 0) throw new Error('it ends too early');
      at = offset;
      return value;
    };
    const header = next(headerType) as Record<string, Buffer>;
    const metadata = Object.fromEntries(Object.entries(header).map(([key, value]) => [key, value.toString('utf8')]));
    const type = recordType(metadata['avro.schema']!);
    const sync = bytes.subarray(at, at + syncBytes);
    at += syncBytes;
    const records: unknown[] = [];
    while (at < bytes.byteLength) {
      const count = next(longType) as number;
      const length = next(longType) as number;
      const block = inflateRawSync(bytes.subarray(at, at + length));
      at += length;
      if (!bytes.subarray(at, at + syncBytes).equals(sync)) throw new Error('a block is not where it should be');
      at += syncBytes;
      let offset = 0;
      for (let row = 0; row < count; row++) {
        const record = type.decode(block, offset) as { value: unknown; offset: number };
        if (record.offset < 0) throw new Error('a block ends too early');
        records.push(record.value);
        offset = record.offset;
      }
    }
    return { metadata, records };
  } catch (cause) {
    throw damaged(name, cause);
  }
}

export function damaged(name: string, cause: unknown): TidemarkError {
  return new TidemarkError('iceberg-damaged', {
    doing: 'read the Iceberg metadata',
    what: name,
    why: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}
