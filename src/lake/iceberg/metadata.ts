import { damaged } from './avro-file.ts';
import type { IcebergSchema, PartitionField, SortOrder, TableShape } from './schema.ts';
import { nameMapping, unsorted } from './schema.ts';

export interface Snapshot {
  readonly 'snapshot-id': number;
  readonly 'parent-snapshot-id'?: number;
  readonly 'sequence-number': number;
  readonly 'timestamp-ms': number;
  readonly 'manifest-list': string;
  readonly summary: Readonly<Record<string, string>>;
  readonly 'schema-id': number;
}

export interface PartitionSpec {
  readonly 'spec-id': number;
  readonly fields: readonly PartitionField[];
}

/** The contents of a `v<N>.metadata.json`, format version 2. */
export interface TableMetadata {
  readonly 'format-version': 2;
  readonly 'table-uuid': string;
  readonly location: string;
  readonly 'last-sequence-number': number;
  readonly 'last-updated-ms': number;
  readonly 'last-column-id': number;
  readonly 'current-schema-id': number;
  readonly schemas: readonly IcebergSchema[];
  readonly 'default-spec-id': number;
  readonly 'partition-specs': readonly PartitionSpec[];
  readonly 'last-partition-id': number;
  readonly 'default-sort-order-id': number;
  readonly 'sort-orders': readonly SortOrder[];
  readonly properties: Readonly<Record<string, string>>;
  readonly 'current-snapshot-id': number;
  readonly refs: { readonly main: { readonly 'snapshot-id': number; readonly type: 'branch' } };
  readonly snapshots: readonly Snapshot[];
  readonly 'snapshot-log': readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': number }[];
  readonly 'metadata-log': readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[];
}

/** Keys in the summary of a snapshot. */
export const catalogVersionKey = 'tidemark.catalog-version';
export const fenceKey = 'tidemark.fence';

/** Earlier metadata files that a newer one still names. */
const metadataLogLength = 8;

export function catalogVersionOf(snapshot: Pick<Snapshot, 'summary'>): number {
  return Number(snapshot.summary[catalogVersionKey]);
}

export function currentSnapshot(metadata: TableMetadata): Snapshot {
  return metadata.snapshots.find((one) => one['snapshot-id'] === metadata['current-snapshot-id'])!;
}

export interface NextMetadata {
  readonly shape: TableShape;
  readonly location: string;
  /** Used when there is no metadata before. */
  readonly uuid: string;
  readonly snapshot: Omit<Snapshot, 'schema-id'>;
  /** Where the metadata before lies, for the log. */
  readonly previousLocation: string | undefined;
  /** Snapshots that only versions before this one had are dropped. */
  readonly oldestVersion: number;
}

/** Ids of schema and partition spec for files of this shape, known ones where they are the same. */
export function layoutFor(
  before: TableMetadata | undefined,
  shape: TableShape,
): { readonly schema: IcebergSchema; readonly spec: PartitionSpec } {
  const schemas = before?.schemas ?? [];
  const specs = before?.['partition-specs'] ?? [];
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const freeId = (ids: readonly number[]) => ids.reduce((next, id) => Math.max(next, id + 1), 0);
  return {
    schema: schemas.find(({ fields }) => same(fields, shape.fields)) ?? {
      type: 'struct',
      'schema-id': freeId(schemas.map((one) => one['schema-id'])),
      fields: shape.fields,
    },
    spec: specs.find(({ fields }) => same(fields, shape.partition)) ?? {
      'spec-id': freeId(specs.map((one) => one['spec-id'])),
      fields: shape.partition,
    },
  };
}

export function nextMetadata(before: TableMetadata | undefined, next: NextMetadata): TableMetadata {
  const { shape, snapshot } = next;
  const { schema, spec } = layoutFor(before, shape);
  const version = catalogVersionOf(snapshot);
  // Of a catalog that was set back, later versions never were.
  const earlier = (before?.snapshots ?? []).filter((one) => catalogVersionOf(one) <= version);
  const snapshots = [...earlier, { ...snapshot, 'schema-id': schema['schema-id'] }];
  // A snapshot is what readers saw until the next one: that one's version decides.
  const kept = snapshots.filter(
    (_, at) => at === snapshots.length - 1 || catalogVersionOf(snapshots[at + 1]!) > next.oldestVersion,
  );
  const with_ = <T>(list: readonly T[], one: T) => (list.includes(one) ? list : [...list, one]);
  const schemas = with_(before?.schemas ?? [], schema).filter(
    (one) => one === schema || kept.some((snapshot) => snapshot['schema-id'] === one['schema-id']),
  );
  const log = before?.['metadata-log'] ?? [];
  const orders = shape.order === unsorted ? [unsorted] : [unsorted, shape.order];
  return {
    'format-version': 2,
    'table-uuid': before?.['table-uuid'] ?? next.uuid,
    location: next.location,
    'last-sequence-number': snapshot['sequence-number'],
    'last-updated-ms': snapshot['timestamp-ms'],
    'last-column-id': schemas.flatMap(({ fields }) => fields).reduce((most, { id }) => Math.max(most, id), 0),
    'current-schema-id': schema['schema-id'],
    schemas,
    'default-spec-id': spec['spec-id'],
    'partition-specs': with_(before?.['partition-specs'] ?? [], spec),
    'last-partition-id': 1001,
    'default-sort-order-id': shape.order['order-id'],
    'sort-orders': orders,
    properties: {
      'schema.name-mapping.default': nameMapping(shape.fields),
      'write.format.default': 'parquet',
      ...(shape.doc === undefined ? {} : { comment: shape.doc }),
    },
    'current-snapshot-id': snapshot['snapshot-id'],
    refs: { main: { 'snapshot-id': snapshot['snapshot-id'], type: 'branch' } },
    snapshots: kept,
    'snapshot-log': kept.map((one) => ({ 'timestamp-ms': one['timestamp-ms'], 'snapshot-id': one['snapshot-id'] })),
    'metadata-log':
      before === undefined || next.previousLocation === undefined
        ? []
        : [...log, { 'timestamp-ms': before['last-updated-ms'], 'metadata-file': next.previousLocation }].slice(
            -metadataLogLength,
          ),
  };
}

export function parseMetadata(name: string, bytes: Uint8Array): TableMetadata {
  let metadata: TableMetadata;
  try {
    metadata = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as TableMetadata;
  } catch (cause) {
    throw damaged(name, cause);
  }
  if (
    metadata?.['format-version'] !== 2 ||
    !Array.isArray(metadata.snapshots) ||
    currentSnapshot(metadata) === undefined
  ) {
    throw damaged(name, new Error('it is not the metadata of a table'));
  }
  return metadata;
}
