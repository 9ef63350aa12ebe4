import { readFile } from 'node:fs/promises';
import { TidemarkError } from '../domain/error.ts';
import type { BlobEntry } from '../ports/blob-store.ts';
import type { Download, RemoteBlobs } from './cached.ts';

/** A store far away, in memory, that counts what is fetched and can fail on the way. */
export class FarBlobs implements RemoteBlobs {
  readonly blobs = new Map<string, Uint8Array>();
  downloads = 0;
  failAfterBytes: number | undefined;

  async put(name: string, bytes: Uint8Array): Promise<void> {
    this.blobs.set(name, bytes);
  }

  async putFile(name: string, localPath: string): Promise<void> {
    this.blobs.set(name, await readFile(localPath));
  }

  replace(name: string, bytes: Uint8Array): Promise<void> {
    return this.put(name, bytes);
  }

  async get(name: string): Promise<Uint8Array> {
    const found = this.blobs.get(name);
    if (found === undefined) throw new TidemarkError('blob-missing', { doing: 'read the blob', what: name });
    return found;
  }

  async *stream(name: string): AsyncIterable<Uint8Array> {
    yield await this.get(name);
  }

  async download(name: string, into: Download): Promise<void> {
    this.downloads++;
    const bytes = await this.get(name);
    await into.begin();
    if (this.failAfterBytes !== undefined) {
      await into.write(bytes.subarray(0, this.failAfterBytes));
      throw new Error('the line broke');
    }
    for (let at = 0; at < bytes.byteLength; at += 65_536) await into.write(bytes.subarray(at, at + 65_536));
  }

  async *list(): AsyncIterable<BlobEntry> {
    for (const [name, { byteLength: bytes }] of this.blobs) yield { name, bytes, storedAtUs: 0 };
  }

  async remove(name: string): Promise<void> {
    this.blobs.delete(name);
  }

  location(name: string): string {
    return `s3://far/${name}`;
  }

  async close(): Promise<void> {}
}
