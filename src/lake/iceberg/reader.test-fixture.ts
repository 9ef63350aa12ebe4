// Reads Iceberg metadata as a stranger would: pointer, JSON, and Avro through avsc's own container decoder.
import assert from 'node:assert/strict';
import avro from 'avsc';
import type { BlobStore } from '../../ports/blob-store.ts';

export interface ReadFile {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface ReadTable {
  readonly metadata: Record<string, unknown>;
  readonly catalogVersion: number;
  readonly operation: string;
  readonly manifests: readonly string[];
  readonly files: readonly ReadFile[];
}

export async function readContainer(
  bytes: Uint8Array,
): Promise<{ records: unknown[]; header: Record<string, Buffer> }> {
  const decoder = new avro.streams.BlockDecoder();
  const records: unknown[] = [];
  let header: Record<string, Buffer> = {};
  decoder.on('metadata', (_type: unknown, _codec: unknown, read: { meta: Record<string, Buffer> }) => {
    header = read.meta;
  });
  const ended = new Promise<void>((resolve, reject) => {
    decoder.on('error', reject);
    decoder.on('data', (record: unknown) => records.push(record));
    decoder.on('end', resolve);
  });
  decoder.end(Buffer.from(bytes));
  await ended;
  return { records, header };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export async function readTable(blobs: BlobStore, table: string): Promise<ReadTable> {
  const folder = `iceberg/${table}/metadata`;
  const n = text(await blobs.get(`${folder}/version-hint.text`));
  return readVersion(blobs, table, Number(n));
}

export async function readVersion(blobs: BlobStore, table: string, n: number): Promise<ReadTable> {
  const folder = `iceberg/${table}/metadata`;
  const metadata = JSON.parse(text(await blobs.get(`${folder}/v${n}.metadata.json`))) as Record<string, unknown>;
  const snapshots = metadata['snapshots'] as { [key: string]: unknown; summary: Record<string, string> }[];
  const current = snapshots.find((one) => one['snapshot-id'] === metadata['current-snapshot-id']);
  assert.ok(current !== undefined, 'the current snapshot is listed');
  const read = await readSnapshot(blobs, current['manifest-list'] as string);
  const total = (of: 'rows' | 'bytes') => read.files.reduce((sum, file) => sum + file[of], 0);
  assert.equal(current.summary['total-data-files'], String(read.files.length));
  assert.equal(current.summary['total-records'], String(total('rows')));
  assert.equal(current.summary['total-files-size'], String(total('bytes')));
  return {
    metadata,
    catalogVersion: Number(current.summary['tidemark.catalog-version']),
    operation: current.summary['operation']!,
    ...read,
  };
}

interface Entry {
  readonly status: number;
  readonly snapshot_id: number;
  readonly sequence_number: number;
  readonly data_file: { file_path: string; record_count: number; file_size_in_bytes: number; content: number };
}

interface Listed {
  readonly manifest_path: string;
  readonly manifest_length: number;
  readonly min_sequence_number: number;
  readonly sequence_number: number;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: number;
  readonly existing_rows_count: number;
}

/** Every count in a manifest list is held to what the manifest has. */
export async function readSnapshot(
  blobs: BlobStore,
  manifestList: string,
): Promise<{ manifests: string[]; files: ReadFile[] }> {
  const root = decodeURIComponent(blobs.location('x')).slice(0, -1);
  const nameOf = (location: string) => {
    assert.ok(location.startsWith(root), location);
    return location.slice(root.length);
  };
  const manifests: string[] = [];
  const files: ReadFile[] = [];
  const list = await readContainer(await blobs.get(nameOf(manifestList)));
  assert.equal(String(list.header['format-version']), '2');
  for (const listed of list.records as Listed[]) {
    const name = nameOf(listed.manifest_path);
    manifests.push(name);
    const bytes = await blobs.get(name);
    assert.equal(bytes.byteLength, listed.manifest_length);
    const { records, header } = await readContainer(bytes);
    assert.equal(String(header['content']), 'data');
    const schema = JSON.parse(String(header['avro.schema'])) as { fields: { 'field-id'?: number }[] };
    assert.ok(
      schema.fields.every((field) => field['field-id'] !== undefined),
      'ids are in the header',
    );
    const entries = records as Entry[];
    const of = (status: number) => entries.filter((entry) => entry.status === status);
    const rows = (some: Entry[]) => some.reduce((sum, entry) => sum + entry.data_file.record_count, 0);
    assert.deepEqual(
      [listed.existing_files_count, listed.added_files_count, listed.deleted_files_count],
      [of(0).length, of(1).length, of(2).length],
    );
    assert.deepEqual([listed.existing_rows_count, listed.added_rows_count], [rows(of(0)), rows(of(1))]);
    const live = entries.filter((entry) => entry.status !== 2);
    const least = live.reduce((min, entry) => Math.min(min, entry.sequence_number), listed.sequence_number);
    assert.equal(listed.min_sequence_number, least);
    for (const { data_file: file } of live) {
      assert.equal(file.content, 0);
      files.push({ name: nameOf(file.file_path), rows: file.record_count, bytes: file.file_size_in_bytes });
    }
  }
  return { manifests, files };
}
