import { TidemarkError } from '../../domain/error.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { DataFile } from '../../ports/catalog.ts';
import { damaged } from './avro-file.ts';
import { type Addresses, type Manifest, readManifest, readManifestList } from './manifest.ts';
import { catalogVersionOf, currentSnapshot, parseMetadata, type TableMetadata } from './metadata.ts';
import { icebergPrefix, metadataName, metadataNumber } from './names.ts';
import type { Published, TableChange } from './table-history.ts';

/** The newest `v<N>` of each table. */
export async function newestNumbers(blobs: BlobStore): Promise<Map<string, number>> {
  const newest = new Map<string, number>();
  for await (const { name } of blobs.list(icebergPrefix)) {
    const found = metadataNumber(name);
    if (found !== undefined) newest.set(found.table, Math.max(found.n, newest.get(found.table) ?? 0));
  }
  return newest;
}

/** The state that `v<n>` describes, with all its manifests. Fails with `iceberg-damaged` when anything of it is not whole. */
export async function readPublished(
  blobs: BlobStore,
  table: string,
  n: number,
  addresses: Addresses,
): Promise<Published & { readonly metadata: TableMetadata }> {
  const name = metadataName(table, n);
  const metadata = parseMetadata(name, await blobs.get(name));
  const list = addresses.nameOf(currentSnapshot(metadata)['manifest-list']);
  if (list === undefined) throw damaged(name, new Error('it is of a lake that lay in another place'));
  const manifests: Manifest[] = [];
  try {
    for (const record of readManifestList(list, await blobs.get(list))) {
      const manifestBlob = addresses.nameOf(record.manifest_path);
      const bytes = manifestBlob === undefined ? undefined : await blobs.get(manifestBlob);
      const manifest = bytes === undefined ? undefined : readManifest(record, bytes, addresses);
      if (manifest === undefined) throw damaged(name, new Error('it names files of another place'));
      manifests.push(manifest);
    }
  } catch (cause) {
    // Metadata that names what is not there is as good as none.
    if (cause instanceof TidemarkError && cause.code === 'blob-missing') throw damaged(name, cause);
    throw cause;
  }
  return { n, metadata, manifests };
}

/**
 * What to go on from. Metadata that cannot be used (damaged, or of a lake that was moved) is not gone on from: only its
 * number, identity and sequence are, so that the next publication is a whole one.
 */
export async function loadPublished(
  blobs: BlobStore,
  table: string,
  n: number,
  addresses: Addresses,
  onUnusable: (error: TidemarkError) => void,
): Promise<Published> {
  if (n === 0) return { n, metadata: undefined, manifests: [] };
  try {
    const published = await readPublished(blobs, table, n, addresses);
    if (published.metadata.location === addresses.location(icebergPrefix + table)) return published;
    throw damaged(metadataName(table, n), new Error('it is of a lake that lay in another place'));
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'iceberg-damaged') throw error;
    onUnusable(error);
  }
  try {
    const metadata = parseMetadata(metadataName(table, n), await blobs.get(metadataName(table, n)));
    return { n, metadata: { ...metadata, snapshots: [], 'metadata-log': [] }, manifests: [] };
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'iceberg-damaged') throw error;
    return { n, metadata: undefined, manifests: [] };
  }
}

/** What brings the published state to these files. */
export function difference(published: Published, files: readonly DataFile[], version: number): TableChange {
  const known = new Set(published.manifests.flatMap(({ live }) => live.map(({ name }) => name)));
  const now = new Set(files.map(({ name }) => name));
  return {
    version,
    added: files.filter(({ name }) => !known.has(name)),
    removed: [...known].filter((name) => !now.has(name)),
    isMerge: false,
  };
}

/** Catalog version that the newest snapshot shows; 0 before the first. */
export function publishedVersion({ metadata }: Published): number {
  return metadata === undefined || metadata.snapshots.length === 0 ? 0 : catalogVersionOf(currentSnapshot(metadata));
}

/** Several changes as one. A file that came and went in between never was. */
export function merged(changes: readonly TableChange[]): TableChange {
  const added = new Map<string, DataFile>();
  const removed = new Set<string>();
  let version = 0;
  for (const change of changes) {
    for (const name of change.removed) if (!added.delete(name)) removed.add(name);
    for (const file of change.added) if (!removed.delete(file.name)) added.set(file.name, file);
    version = Math.max(version, change.version);
  }
  const isMerge = changes.length > 0 && changes.every((change) => change.isMerge);
  return { version, added: [...added.values()], removed: [...removed], isMerge };
}
