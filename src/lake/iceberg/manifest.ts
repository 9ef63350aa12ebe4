import { readAvro, writeAvro } from './avro-file.ts';
import { type Bound, daysOf, valueBytes } from './bounds.ts';
import type { IcebergSchema, PartitionField } from './schema.ts';

/** A data file of a table as Iceberg knows it. */
export interface FileEntry {
  /** Name of the blob. */
  readonly name: string;
  readonly market: string;
  readonly date: string;
  readonly rows: number;
  readonly bytes: number;
  readonly bounds: readonly Bound[];
  /** 0: in no declared order. */
  readonly sortOrder: number;
  /** Snapshot and sequence number that added it. */
  readonly snapshotId: number;
  readonly sequenceNumber: number;
}

/** A manifest in the newest snapshot, with the files that it holds. */
export interface Manifest {
  readonly name: string;
  readonly bytes: number;
  readonly specId: number;
  readonly sequenceNumber: number;
  readonly minSequenceNumber: number;
  readonly addedSnapshotId: number;
  readonly added: Count;
  readonly existing: Count;
  readonly deleted: Count;
  readonly summaries: readonly FieldSummary[];
  /** Files that are not deleted. */
  readonly live: readonly FileEntry[];
}

export interface Count {
  readonly files: number;
  readonly rows: number;
}

export interface FieldSummary {
  readonly contains_null: boolean;
  readonly lower_bound: Uint8Array | null;
  readonly upper_bound: Uint8Array | null;
}

const status = { existing: 0, added: 1, deleted: 2 } as const;

function optional(name: string, id: number, type: unknown) {
  return { name, type: ['null', type], default: null, 'field-id': id };
}

function required(name: string, id: number, type: unknown) {
  return { name, type, 'field-id': id };
}

function boundsMap(name: string, id: number, keyId: number, valueId: number) {
  return optional(name, id, {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${keyId}_v${valueId}`,
      fields: [required('key', keyId, 'int'), required('value', valueId, 'bytes')],
    },
  });
}

const partitionTypes: Readonly<Record<string, unknown>> = {
  market: 'string',
  date: { type: 'int', logicalType: 'date' },
};

function manifestSchema(partition: readonly PartitionField[]): string {
  return JSON.stringify({
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 0, 'int'),
      optional('snapshot_id', 1, 'long'),
      optional('sequence_number', 3, 'long'),
      optional('file_sequence_number', 4, 'long'),
      required('data_file', 2, {
        type: 'record',
        name: 'r2',
        fields: [
          required('content', 134, 'int'),
          required('file_path', 100, 'string'),
          required('file_format', 101, 'string'),
          required('partition', 102, {
            type: 'record',
            name: 'r102',
            fields: partition.map((field) => optional(field.name, field['field-id'], partitionTypes[field.name])),
          }),
          required('record_count', 103, 'long'),
          required('file_size_in_bytes', 104, 'long'),
          boundsMap('lower_bounds', 125, 126, 127),
          boundsMap('upper_bounds', 128, 129, 130),
          optional('sort_order_id', 140, 'int'),
        ],
      }),
    ],
  });
}

const listSchema = JSON.stringify({
  type: 'record',
  name: 'manifest_file',
  fields: [
    required('manifest_path', 500, 'string'),
    required('manifest_length', 501, 'long'),
    required('partition_spec_id', 502, 'int'),
    required('content', 517, 'int'),
    required('sequence_number', 515, 'long'),
    required('min_sequence_number', 516, 'long'),
    required('added_snapshot_id', 503, 'long'),
    required('added_files_count', 504, 'int'),
    required('existing_files_count', 505, 'int'),
    required('deleted_files_count', 506, 'int'),
    required('added_rows_count', 512, 'long'),
    required('existing_rows_count', 513, 'long'),
    required('deleted_rows_count', 514, 'long'),
    optional('partitions', 507, {
      type: 'array',
      'element-id': 508,
      items: {
        type: 'record',
        name: 'r508',
        fields: [
          required('contains_null', 509, 'boolean'),
          optional('contains_nan', 518, 'boolean'),
          optional('lower_bound', 510, 'bytes'),
          optional('upper_bound', 511, 'bytes'),
        ],
      },
    }),
  ],
});

interface BoundRecord {
  readonly key: number;
  readonly value: Buffer;
}

interface EntryRecord {
  readonly status: number;
  readonly snapshot_id: number;
  readonly sequence_number: number;
  readonly data_file: {
    readonly file_path: string;
    readonly partition: { readonly market?: string | null; readonly date?: number | null };
    readonly record_count: number;
    readonly file_size_in_bytes: number;
    readonly lower_bounds: readonly BoundRecord[] | null;
    readonly upper_bounds: readonly BoundRecord[] | null;
    readonly sort_order_id: number | null;
  };
}

/** Where blobs are for other engines, and back. */
export interface Addresses {
  location(name: string): string;
  /** Undefined for an address of another place. */
  nameOf(location: string): string | undefined;
}

export interface ManifestContent {
  readonly schema: IcebergSchema;
  readonly partition: readonly PartitionField[];
  readonly specId: number;
  readonly snapshotId: number;
  readonly sequenceNumber: number;
  readonly added: readonly FileEntry[];
  readonly existing: readonly FileEntry[];
  /** Files that this snapshot no longer has. */
  readonly deleted: readonly FileEntry[];
}

/** The bytes of a manifest, and what its list says of it. */
export function writeManifest(
  name: string,
  content: ManifestContent,
  addresses: Addresses,
): { readonly bytes: Buffer; readonly manifest: Manifest } {
  const { schema, partition, specId, snapshotId, sequenceNumber, added, existing, deleted } = content;
  const hasColumn = (column: string) => partition.some((field) => field.name === column);
  const record = (entry: FileEntry, as: keyof typeof status) => ({
    status: status[as],
    snapshot_id: as === 'existing' ? entry.snapshotId : snapshotId,
    sequence_number: entry.sequenceNumber,
    file_sequence_number: entry.sequenceNumber,
    data_file: {
      content: 0,
      file_path: addresses.location(entry.name),
      file_format: 'PARQUET',
      partition: {
        ...(hasColumn('market') ? { market: entry.market } : {}),
        ...(hasColumn('date') ? { date: daysOf(entry.date) } : {}),
      },
      record_count: entry.rows,
      file_size_in_bytes: entry.bytes,
      lower_bounds: entry.bounds.map((bound) => ({ key: bound.fieldId, value: Buffer.from(bound.lower) })),
      upper_bounds: entry.bounds.map((bound) => ({ key: bound.fieldId, value: Buffer.from(bound.upper) })),
      sort_order_id: entry.sortOrder,
    },
  });
  const bytes = writeAvro(
    manifestSchema(partition),
    [
      ...added.map((entry) => record(entry, 'added')),
      ...existing.map((entry) => record(entry, 'existing')),
      ...deleted.map((entry) => record(entry, 'deleted')),
    ],
    {
      schema: JSON.stringify({ ...schema, fields: schema.fields.map(({ doc: _, ...field }) => field) }),
      'schema-id': String(schema['schema-id']),
      'partition-spec': JSON.stringify(partition),
      'partition-spec-id': String(specId),
      'format-version': '2',
      content: 'data',
    },
  );
  const live = [...added, ...existing];
  const manifest: Manifest = {
    name,
    bytes: bytes.byteLength,
    specId,
    sequenceNumber,
    minSequenceNumber: live.reduce((least, entry) => Math.min(least, entry.sequenceNumber), sequenceNumber),
    addedSnapshotId: snapshotId,
    added: countOf(added),
    existing: countOf(existing),
    deleted: countOf(deleted),
    summaries: partition.map((field) => summary(field, [...live, ...deleted])),
    live,
  };
  return { bytes, manifest };
}

function countOf(entries: readonly FileEntry[]): Count {
  return { files: entries.length, rows: entries.reduce((sum, entry) => sum + entry.rows, 0) };
}

function summary({ name }: PartitionField, entries: readonly FileEntry[]): FieldSummary {
  const values = entries.map((entry) => (name === 'date' ? entry.date : entry.market)).sort();
  const bytes = (value: string) =>
    name === 'date' ? valueBytes('date', BigInt(daysOf(value))) : valueBytes('string', value);
  return { contains_null: false, lower_bound: bytes(values[0]!), upper_bound: bytes(values.at(-1)!) };
}

export function readManifest(record: ManifestRecord, bytes: Uint8Array, addresses: Addresses): Manifest | undefined {
  const name = addresses.nameOf(record.manifest_path);
  if (name === undefined) return undefined;
  const { records } = readAvro(name, bytes);
  const live: FileEntry[] = [];
  for (const entry of records as EntryRecord[]) {
    if (entry.status === status.deleted) continue;
    const file = entry.data_file;
    const blob = addresses.nameOf(file.file_path);
    if (blob === undefined) return undefined;
    // Unpartitioned tables say it in the name alone: lake/<table>/<market>/<date>/…
    const [, , market, date] = blob.split('/');
    const uppers = new Map(file.upper_bounds?.map(({ key, value }) => [key, value]));
    live.push({
      name: blob,
      market: market!,
      date: date!,
      rows: file.record_count,
      bytes: file.file_size_in_bytes,
      bounds: (file.lower_bounds ?? []).map(({ key, value }) => ({
        fieldId: key,
        lower: value,
        upper: uppers.get(key)!,
      })),
      sortOrder: file.sort_order_id ?? 0,
      snapshotId: entry.snapshot_id,
      sequenceNumber: entry.sequence_number,
    });
  }
  return {
    name,
    bytes: record.manifest_length,
    specId: record.partition_spec_id,
    sequenceNumber: record.sequence_number,
    minSequenceNumber: record.min_sequence_number,
    addedSnapshotId: record.added_snapshot_id,
    added: { files: record.added_files_count, rows: record.added_rows_count },
    existing: { files: record.existing_files_count, rows: record.existing_rows_count },
    deleted: { files: record.deleted_files_count, rows: record.deleted_rows_count },
    summaries: record.partitions ?? [],
    live,
  };
}

export interface ManifestRecord {
  readonly manifest_path: string;
  readonly manifest_length: number;
  readonly partition_spec_id: number;
  readonly sequence_number: number;
  readonly min_sequence_number: number;
  readonly added_snapshot_id: number;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: number;
  readonly existing_rows_count: number;
  readonly deleted_rows_count: number;
  readonly partitions: readonly FieldSummary[] | null;
}

export function writeManifestList(
  manifests: readonly Manifest[],
  snapshot: { readonly id: number; readonly parentId: number | undefined; readonly sequenceNumber: number },
  addresses: Addresses,
): Buffer {
  const records = manifests.map((one) => ({
    manifest_path: addresses.location(one.name),
    manifest_length: one.bytes,
    partition_spec_id: one.specId,
    content: 0,
    sequence_number: one.sequenceNumber,
    min_sequence_number: one.minSequenceNumber,
    added_snapshot_id: one.addedSnapshotId,
    added_files_count: one.added.files,
    existing_files_count: one.existing.files,
    deleted_files_count: one.deleted.files,
    added_rows_count: one.added.rows,
    existing_rows_count: one.existing.rows,
    deleted_rows_count: one.deleted.rows,
    partitions: one.summaries.map((field) => ({
      contains_null: field.contains_null,
      contains_nan: null,
      lower_bound: field.lower_bound === null ? null : Buffer.from(field.lower_bound),
      upper_bound: field.upper_bound === null ? null : Buffer.from(field.upper_bound),
    })),
  }));
  return writeAvro(listSchema, records, {
    'snapshot-id': String(snapshot.id),
    'parent-snapshot-id': snapshot.parentId === undefined ? 'null' : String(snapshot.parentId),
    'sequence-number': String(snapshot.sequenceNumber),
    'format-version': '2',
  });
}

export function readManifestList(name: string, bytes: Uint8Array): readonly ManifestRecord[] {
  return readAvro(name, bytes).records as readonly ManifestRecord[];
}
