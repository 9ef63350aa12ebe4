import type { DataFile } from '../../ports/catalog.ts';
import type { Bound } from './bounds.ts';
import { type Addresses, type FileEntry, type Manifest, writeManifest, writeManifestList } from './manifest.ts';
import { catalogVersionKey, fenceKey, layoutFor, nextMetadata, type Snapshot, type TableMetadata } from './metadata.ts';
import { manifestListName, manifestName, metadataName, tableFolder } from './names.ts';
import type { TableShape } from './schema.ts';

/** The newest published state of one table. */
export interface Published {
  /** Of `v<N>.metadata.json`; 0: there is none. */
  readonly n: number;
  readonly metadata: TableMetadata | undefined;
  readonly manifests: readonly Manifest[];
}

/** What a table has now that it did not have when it was published last. */
export interface TableChange {
  readonly added: readonly DataFile[];
  readonly removed: readonly string[];
  /** A merge of files: the rows are the same. */
  readonly isMerge: boolean;
  /** The newest catalog version whose change is in here. */
  readonly version: number;
}

export interface Publication {
  /** Put first, in any order. */
  readonly blobs: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Put last, where nothing is yet: this is what publishes. */
  readonly metadata: { readonly name: string; readonly bytes: Uint8Array };
  readonly next: Published & { readonly metadata: TableMetadata };
}

export interface PublishContext {
  readonly table: string;
  readonly shape: TableShape;
  readonly fence: number;
  readonly nowMs: number;
  readonly snapshotId: number;
  readonly uuid: string;
  readonly keptVersions: number;
  readonly addresses: Addresses;
  readonly boundsOf: (file: DataFile) => readonly Bound[];
}

/** Young manifests, whose files are soon merged and gone, at which they become one. */
const youngMax = 16;
/** Settled manifests of about one size at which they become one, so that each file's entry is written a few times only. */
const tierMax = 16;
/** A manifest of so many files is merged no further. */
const manifestFilesMax = 10_000;

/** Writes what the change makes of the table. Manifests that hold none of the removed files stay as they are. */
export function publication(before: Published, change: TableChange, context: PublishContext): Publication {
  const { table, shape, addresses, snapshotId } = context;
  const previous = before.metadata;
  const sequenceNumber = (previous?.['last-sequence-number'] ?? 0) + 1;
  const { schema, spec } = layoutFor(previous, shape);
  const removed = new Set(change.removed);
  const added = change.added.map(
    (file): FileEntry => ({
      name: file.name,
      market: file.market,
      date: file.date,
      rows: file.rows,
      bytes: file.bytes,
      bounds: context.boundsOf(file),
      sortOrder: shape.order['order-id'],
      snapshotId,
      sequenceNumber,
    }),
  );
  const blobs: { name: string; bytes: Uint8Array }[] = [];
  const manifests: Manifest[] = [];
  const goes: FileEntry[] = [];
  const write = (fresh: readonly FileEntry[], from: readonly Manifest[]) => {
    const all = from.flatMap(({ live }) => live);
    const deleted = all.filter(({ name }) => removed.has(name));
    const existing = all.filter(({ name }) => !removed.has(name));
    if (fresh.length + deleted.length + existing.length === 0) return;
    goes.push(...deleted);
    const name = manifestName(table, snapshotId, blobs.length);
    const content = { schema, partition: spec.fields, specId: spec['spec-id'], snapshotId, sequenceNumber };
    const { bytes, manifest } = writeManifest(name, { ...content, added: fresh, existing, deleted }, addresses);
    blobs.push({ name, bytes });
    manifests.push(manifest);
  };

  // Those with deleted files alone have told it, once.
  const current = before.manifests.filter(({ live }) => live.length > 0);
  const isTouched = ({ live }: Manifest) => live.some(({ name }) => removed.has(name));
  const young = current.filter((manifest) => !isSettled(manifest));
  const settled = current.filter(isSettled);
  const youngTouched = young.filter(isTouched);
  const joinsYoung = young.length - youngTouched.length >= youngMax ? young : youngTouched;
  const settledTouched = settled.filter(isTouched);
  const untouched = settled.filter((manifest) => !isTouched(manifest));
  const full = fullTier(untouched);
  write(
    added.filter((entry) => !isDay(entry)),
    joinsYoung,
  );
  // Large ones are rewritten by themselves: joined with others, each late row would write them again.
  for (const manifest of settledTouched) if (isLarge(manifest)) write([], [manifest]);
  write(added.filter(isDay), [...settledTouched.filter((one) => !isLarge(one)), ...full]);
  const kept = current.filter(
    (manifest) => !joinsYoung.includes(manifest) && !settledTouched.includes(manifest) && !full.includes(manifest),
  );
  manifests.unshift(...kept);

  const listName = manifestListName(table, snapshotId);
  const parentId = previous?.['current-snapshot-id'];
  blobs.push({
    name: listName,
    bytes: writeManifestList(manifests, { id: snapshotId, parentId, sequenceNumber }, addresses),
  });
  const n = before.n + 1;
  const snapshot: Omit<Snapshot, 'schema-id'> = {
    'snapshot-id': snapshotId,
    ...(parentId === undefined ? {} : { 'parent-snapshot-id': parentId }),
    'sequence-number': sequenceNumber,
    // Readers refuse a log that goes back in time.
    'timestamp-ms': Math.max(context.nowMs, previous?.['last-updated-ms'] ?? 0),
    'manifest-list': addresses.location(listName),
    summary: summaryOf(change, added, goes, manifests, context.fence),
  };
  const metadata = nextMetadata(previous, {
    shape,
    location: addresses.location(tableFolder(table)),
    uuid: context.uuid,
    snapshot,
    previousLocation: before.n === 0 ? undefined : addresses.location(metadataName(table, before.n)),
    oldestVersion: change.version - context.keptVersions,
  });
  return {
    blobs,
    metadata: { name: metadataName(table, n), bytes: Buffer.from(JSON.stringify(metadata)) },
    next: { n, metadata, manifests },
  };
}

function isDay({ name }: FileEntry): boolean {
  return name.includes('/day/');
}

/** Of finished days alone: files that stay. */
function isSettled({ live }: Manifest): boolean {
  return live.every(isDay);
}

function isLarge({ live }: Manifest): boolean {
  return live.length > manifestFilesMax / tierMax;
}

/** Settled manifests of about the same number of files, when there are enough of them to become one. */
function fullTier(manifests: readonly Manifest[]): readonly Manifest[] {
  const tiers = Map.groupBy(
    manifests.filter(({ live }) => live.length < manifestFilesMax),
    ({ live }) => Math.floor(Math.log(live.length) / Math.log(tierMax)),
  );
  return [...tiers.values()].find((tier) => tier.length >= tierMax) ?? [];
}

function summaryOf(
  change: TableChange,
  added: readonly FileEntry[],
  deleted: readonly FileEntry[],
  manifests: readonly Manifest[],
  fence: number,
): Record<string, string> {
  const live = manifests.flatMap((manifest) => manifest.live);
  const sum = (entries: readonly FileEntry[], of: 'rows' | 'bytes') =>
    String(entries.reduce((total, entry) => total + entry[of], 0));
  const onlyAdds = deleted.length === 0;
  return {
    operation: change.isMerge ? 'replace' : onlyAdds ? 'append' : added.length === 0 ? 'delete' : 'overwrite',
    'added-data-files': String(added.length),
    'added-records': sum(added, 'rows'),
    'added-files-size': sum(added, 'bytes'),
    ...(onlyAdds
      ? {}
      : {
          'deleted-data-files': String(deleted.length),
          'deleted-records': sum(deleted, 'rows'),
          'removed-files-size': sum(deleted, 'bytes'),
        }),
    'total-data-files': String(live.length),
    'total-records': sum(live, 'rows'),
    'total-files-size': sum(live, 'bytes'),
    'total-delete-files': '0',
    [catalogVersionKey]: String(change.version),
    [fenceKey]: String(fence),
  };
}
