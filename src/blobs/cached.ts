import { copyFile, type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TidemarkError } from '../domain/error.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import { checkBlobName, incomingFolder } from './blob-name.ts';
import { Incoming } from './incoming.ts';

/** A store somewhere else: its blobs have no local path of their own. */
export interface RemoteBlobs extends Omit<BlobStore, 'localPath'> {
  /** As the port says; the local file stays where it is. */
  putFile(name: string, localPath: string): Promise<void>;
  /** The whole blob, checked against what was written. */
  download(name: string, into: Download): Promise<void>;
}

export interface Download {
  /** Before the first byte; again when what came was damaged on its way. */
  begin(): Promise<void>;
  write(chunk: Uint8Array): Promise<void>;
}

export interface CacheOptions {
  readonly folder: string;
  /** Of all copies together. What is in use stays even beyond it. */
  readonly maxBytes: number;
  /** A copy is in use for so long after its path was given out: at least as long as the longest query takes. */
  readonly inUseMs?: number;
  /** Copies are deleted down to this share of `maxBytes`. */
  readonly keptShare?: number;
}

const downloadsAtOnce = 8;

/**
 * A store whose blobs are copied to a local folder when their path is asked for. A copy is a file of the blob's name; its
 * time of change says when its path was last given out, so that several processes can share a folder and a restart knows.
 * Whoever deletes copies costs a download, nothing else.
 */
export function openCachedBlobs(remote: RemoteBlobs, options: CacheOptions): BlobStore {
  return new CachedBlobs(remote, options);
}

class CachedBlobs implements BlobStore {
  readonly #remote: RemoteBlobs;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #inUseMs: number;
  readonly #keptShare: number;
  readonly #arriving = new Map<string, Promise<string>>();
  #downloads = 0;
  readonly #waiting: (() => void)[] = [];
  /** Bytes of all copies, as far as known: counted at the first look, then added up. */
  #bytes: number | undefined;
  #eviction: Promise<void> | undefined;
  readonly #incoming: Incoming;

  constructor(remote: RemoteBlobs, { folder, maxBytes, inUseMs = 900_000, keptShare = 0.9 }: CacheOptions) {
    this.#remote = remote;
    this.#folder = resolve(folder);
    this.#incoming = new Incoming(this.#folder);
    this.#maxBytes = maxBytes;
    this.#inUseMs = inUseMs;
    this.#keptShare = keptShare;
  }

  put(name: string, bytes: Uint8Array): Promise<void> {
    return this.#remote.put(name, bytes);
  }

  async putFile(name: string, localPath: string): Promise<void> {
    await this.#remote.putFile(name, localPath);
    try {
      await this.#takeIn(name, localPath);
    } catch {
      // It is stored; without room for a copy it is fetched when somebody asks.
    }
    await rm(localPath, { force: true });
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    await this.#remote.replace(name, bytes);
    await rm(this.#path(name), { force: true });
  }

  get(name: string): Promise<Uint8Array> {
    return this.#remote.get(name);
  }

  stream(name: string): AsyncIterable<Uint8Array> {
    return this.#remote.stream(name);
  }

  async localPath(name: string): Promise<string> {
    const path = this.#path(name);
    for (;;) {
      const arriving = this.#arriving.get(name);
      if (arriving !== undefined) return arriving;
      if (await this.#isHere(path)) return path;
      // Somebody else may have begun meanwhile.
      if (this.#arriving.has(name)) continue;
      const fetched = this.#fetch(name, path).finally(() => this.#arriving.delete(name));
      this.#arriving.set(name, fetched);
      return fetched;
    }
  }

  list(prefix: string) {
    return this.#remote.list(prefix);
  }

  async remove(name: string): Promise<void> {
    await this.#remote.remove(name);
    await rm(this.#path(name), { force: true });
  }

  location(name: string): string {
    return this.#remote.location(name);
  }

  async close(): Promise<void> {
    await this.#eviction;
    await this.#remote.close();
  }

  /** Whether there is a copy; it is in use from now on. */
  async #isHere(path: string): Promise<boolean> {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || !found.isFile()) return false;
    if (Date.now() - found.mtimeMs < this.#inUseMs / 10) return true;
    const now = new Date();
    return utimes(path, now, now).then(
      () => true,
      // Deleted between the two looks.
      () => false,
    );
  }

  async #fetch(name: string, path: string): Promise<string> {
    if (this.#downloads >= downloadsAtOnce) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#downloads++;
    const incoming = await this.#incoming.path();
    let file: FileHandle | undefined;
    let bytes = 0;
    try {
      await this.#remote.download(name, {
        begin: async () => {
          await file?.close();
          file = await open(incoming, 'w');
          bytes = 0;
        },
        write: async (chunk) => {
          await this.#withRoom(async () => {
            for (let at = 0; at < chunk.byteLength; ) {
              at += (await file!.write(chunk, at, chunk.byteLength - at, bytes + at)).bytesWritten;
            }
          });
          bytes += chunk.byteLength;
        },
      });
      await this.#withRoom(() => file!.sync());
      await file!.close();
      file = undefined;
      await mkdir(dirname(path), { recursive: true });
      await rename(incoming, path);
    } catch (error) {
      await file?.close().catch(() => undefined);
      await rm(incoming, { force: true }).catch(() => undefined);
      throw cacheError(name, this.#folder, error);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#downloads--;
      else next();
    }
    await this.#grew(bytes);
    return path;
  }

  /** The local file becomes the copy. A power cut must not leave an empty file under a good name, so it is synced first. */
  async #takeIn(name: string, localPath: string): Promise<void> {
    const incoming = await this.#incoming.path();
    try {
      await rename(localPath, incoming).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EXDEV') throw error;
        await copyFile(localPath, incoming);
      });
      const file = await open(incoming, 'r');
      const { size } = await file.stat();
      await file.sync().finally(() => file.close());
      const now = new Date();
      await utimes(incoming, now, now);
      await mkdir(dirname(this.#path(name)), { recursive: true });
      await rename(incoming, this.#path(name));
      await this.#grew(size);
    } catch (error) {
      await rm(incoming, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  /** A full disk is tried once more without every copy that nobody uses. */
  async #withRoom(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isFull(error)) throw error;
      await this.#evict(0, 0);
      await write();
    }
  }

  async #grew(bytes: number): Promise<void> {
    if (this.#bytes !== undefined) this.#bytes += bytes;
    if (this.#bytes === undefined || this.#bytes > this.#maxBytes) {
      await this.#evict(this.#maxBytes, this.#maxBytes * this.#keptShare);
    }
  }

  /** One at a time. */
  async #evict(aboveBytes: number, downToBytes: number): Promise<void> {
    while (this.#eviction !== undefined) await this.#eviction;
    this.#eviction = this.#evictNow(aboveBytes, downToBytes);
    await this.#eviction.finally(() => {
      this.#eviction = undefined;
    });
  }

  /** Deletes the copies that were asked for longest ago, none of them in use. */
  async #evictNow(aboveBytes: number, downToBytes: number): Promise<void> {
    const copies: { path: string; bytes: number; usedAtMs: number }[] = [];
    for await (const path of filesBelow(this.#folder)) {
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined) copies.push({ path, bytes: found.size, usedAtMs: found.mtimeMs });
    }
    let bytes = copies.reduce((sum, copy) => sum + copy.bytes, 0);
    if (bytes > aboveBytes) {
      const nowMs = Date.now();
      // A time ahead of ours is from before the clock was set back.
      const unused = copies.filter(({ usedAtMs }) => Math.abs(nowMs - usedAtMs) > this.#inUseMs);
      for (const copy of unused.sort((a, b) => a.usedAtMs - b.usedAtMs)) {
        if (bytes <= downToBytes) break;
        // Another process may have given it out since.
        const found = await stat(copy.path).catch(() => undefined);
        if (found !== undefined && found.mtimeMs !== copy.usedAtMs) continue;
        await rm(copy.path, { force: true });
        bytes -= copy.bytes;
      }
    }
    this.#bytes = bytes;
  }

  #path(name: string): string {
    checkBlobName(name);
    return join(this.#folder, ...name.split('/'));
  }
}

async function* filesBelow(folder: string): AsyncIterable<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.name === incomingFolder) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function cacheError(name: string, folder: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  return new TidemarkError(isFull(cause) ? 'disk-full' : 'blob-unreadable', {
    doing: 'keep a copy of the blob',
    what: name,
    why: isFull(cause) ? `the disk of ${folder} is full` : String((cause as NodeJS.ErrnoException).code ?? cause),
    ...(isFull(cause) ? { now: 'free space on it, or set lake.cacheMaxBytes lower', retry: 'later' as const } : {}),
    cause,
  });
}
