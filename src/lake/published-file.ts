import type { BlobStore } from '../ports/blob-store.ts';
import type { DataFile } from '../ports/catalog.ts';
import type { LakeFile } from '../ports/warehouse.ts';

/** A file that a version of the catalog names, fetched when somebody asks where it lies. */
export class PublishedFile implements LakeFile {
  readonly name: string;
  readonly market: string;
  readonly date: string;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  readonly bytes: number;
  readonly #blobs: BlobStore;

  constructor({ name, market, date, minTimeUs, maxTimeUs, bytes }: DataFile, blobs: BlobStore) {
    this.name = name;
    this.market = market;
    this.date = date;
    this.minTimeUs = minTimeUs;
    this.maxTimeUs = maxTimeUs;
    this.bytes = bytes;
    this.#blobs = blobs;
  }

  localPath(): Promise<string> {
    return this.#blobs.localPath(this.name);
  }
}
