import type { BlobStore } from '../../ports/blob-store.ts';
import type { Addresses } from './manifest.ts';

export const icebergPrefix = 'iceberg/';

export const tableFolder = (table: string) => `${icebergPrefix}${table}`;
export const metadataName = (table: string, n: number) => `${tableFolder(table)}/metadata/v${n}.metadata.json`;
export const hintName = (table: string) => `${tableFolder(table)}/metadata/version-hint.text`;
export const manifestName = (table: string, snapshotId: number, part: number) =>
  `${tableFolder(table)}/metadata/${snapshotId}-m${part}.avro`;
export const manifestListName = (table: string, snapshotId: number) =>
  `${tableFolder(table)}/metadata/snap-${snapshotId}.avro`;

/** Table and number of a `v<N>.metadata.json`. */
export function metadataNumber(name: string): { readonly table: string; readonly n: number } | undefined {
  const match = /^iceberg\/([^/]+)\/metadata\/v(\d+)\.metadata\.json$/.exec(name);
  return match === null ? undefined : { table: match[1]!, n: Number(match[2]) };
}

export function addressesOf(blobs: BlobStore): Addresses {
  const any = 'lake';
  // Readers take a `file:` address as a path: what a URL would escape stands there as it is.
  const addressOf = (name: string) => {
    const location = blobs.location(name);
    return location.startsWith('file:') ? decodeURIComponent(location) : location;
  };
  const base = addressOf(any).slice(0, -any.length);
  return {
    location: addressOf,
    nameOf: (location) => (location.startsWith(base) ? location.slice(base.length) : undefined),
  };
}
