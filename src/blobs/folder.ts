import { createReadStream } from 'node:fs';
import { copyFile, link, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TidemarkError } from '../domain/error.ts';
import type { BlobEntry, BlobStore } from '../ports/blob-store.ts';
import { checkBlobName, incomingFolder } from './blob-name.ts';
import { Incoming } from './incoming.ts';
import { sha256, sha256OfFile } from './sha256.ts';

/** Blobs as files below `folder`. A blob is written under another name, synced, renamed, and its folder synced. */
export function openFolderBlobs(folder: string): BlobStore {
  return new FolderBlobs(resolve(folder));
}

class FolderBlobs implements BlobStore {
  readonly #root: string;
  /** Folders known to exist with their entry in the parent synced. */
  readonly #synced = new Set<string>();
  readonly #incoming: Incoming;

  constructor(root: string) {
    this.#root = root;
    this.#incoming = new Incoming(root);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const target = this.#path(name);
    if (await this.#holdsSame(target, name, () => Promise.resolve(sha256(bytes)), bytes.byteLength)) return;
    const incoming = await this.#incomingPath(name);
    try {
      await writeSynced(incoming, bytes);
      await this.#publishOnce(incoming, target, name);
    } catch (error) {
      await rm(incoming, { force: true }).catch(() => undefined);
      throw writeError(name, error);
    }
  }

  async putFile(name: string, localPath: string): Promise<void> {
    const target = this.#path(name);
    const { size } = await stat(localPath);
    if (await this.#holdsSame(target, name, () => sha256OfFile(localPath), size)) {
      await rm(localPath, { force: true });
      return;
    }
    const incoming = await this.#incomingPath(name);
    try {
      // A rename does not cross file systems; then the bytes are copied before they are synced.
      await rename(localPath, incoming).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EXDEV') throw error;
        await copyFile(localPath, incoming);
        await rm(localPath, { force: true });
      });
      await syncPath(incoming);
      await this.#publishOnce(incoming, target, name);
    } catch (error) {
      await rm(incoming, { force: true }).catch(() => undefined);
      throw writeError(name, error);
    }
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const target = this.#path(name);
    const incoming = await this.#incomingPath(name);
    try {
      await writeSynced(incoming, bytes);
      await this.#publish(incoming, target);
    } catch (error) {
      await rm(incoming, { force: true }).catch(() => undefined);
      throw writeError(name, error);
    }
  }

  async *stream(name: string): AsyncIterable<Uint8Array> {
    const file = createReadStream(this.#path(name), { highWaterMark: 1 << 20 });
    try {
      for await (const chunk of file) yield chunk as Buffer;
    } catch (error) {
      throw missingError(name, error);
    }
  }

  location(name: string): string {
    return pathToFileURL(this.#path(name)).href;
  }

  async close(): Promise<void> {}

  async get(name: string): Promise<Uint8Array> {
    try {
      return await readFile(this.#path(name));
    } catch (error) {
      throw missingError(name, error);
    }
  }

  async localPath(name: string): Promise<string> {
    const path = this.#path(name);
    await stat(path).catch((error) => {
      throw missingError(name, error);
    });
    return path;
  }

  async *list(prefix: string): AsyncIterable<BlobEntry> {
    // Walk from the deepest folder that the prefix names in full.
    const base = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    if (base !== '') this.#path(base);
    for await (const blob of this.#walk(base)) if (blob.name.startsWith(prefix)) yield blob;
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  async *#walk(relative: string): AsyncIterable<BlobEntry> {
    const folder = relative === '' ? this.#root : join(this.#root, ...relative.split('/'));
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
      throw error;
    });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.name === incomingFolder && relative === '') continue;
      if (entry.isDirectory()) yield* this.#walk(name);
      else if (entry.isFile()) {
        const found = await lstat(join(folder, entry.name)).catch(() => undefined);
        if (found !== undefined) yield { name, bytes: found.size, storedAtUs: Math.round(found.mtimeMs * 1000) };
      }
    }
  }

  /** The path of a name; names can not leave the folder. */
  #path(name: string): string {
    checkBlobName(name);
    return join(this.#root, ...name.split('/'));
  }

  async #incomingPath(name: string): Promise<string> {
    return await this.#incoming.path().catch((error) => {
      throw writeError(name, error);
    });
  }

  async #holdsSame(target: string, name: string, hash: () => Promise<string>, bytes: number): Promise<boolean> {
    const existing = await stat(target).catch(() => undefined);
    if (existing === undefined) return false;
    if (existing.size === bytes && (await sha256OfFile(target)) === (await hash())) return true;
    throw new TidemarkError('blob-conflict', {
      doing: 'write the blob',
      what: name,
      why: 'it exists with other bytes',
    });
  }

  async #publish(incoming: string, target: string): Promise<void> {
    const folder = dirname(target);
    await this.#makeFolder(folder);
    await rename(incoming, target);
    await syncPath(folder);
  }

  /** Of two that write the same name at once, one is first and stays. */
  async #publishOnce(incoming: string, target: string, name: string): Promise<void> {
    await this.#makeFolder(dirname(target));
    try {
      await link(incoming, target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A file system without links has no way to refuse the second one.
      if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') return this.#publish(incoming, target);
      if (code !== 'EEXIST') throw error;
      const { size } = await stat(incoming);
      await this.#holdsSame(target, name, () => sha256OfFile(incoming), size);
    }
    await rm(incoming);
    await syncPath(dirname(target));
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#synced.has(folder)) {
      // Somebody may have tidied empty folders away since.
      if ((await stat(folder).catch(() => undefined)) !== undefined) return;
    }
    await mkdir(folder, { recursive: true });
    for (let at = folder; at.startsWith(this.#root + sep); at = dirname(at)) await syncPath(dirname(at));
    this.#synced.add(folder);
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function missingError(name: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  return new TidemarkError(isMissing ? 'blob-missing' : 'blob-unreadable', {
    doing: 'read the blob',
    what: name,
    why: isMissing ? 'there is none' : String((cause as NodeJS.ErrnoException).code ?? cause),
    cause,
  });
}

function writeError(name: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new TidemarkError(isFull ? 'disk-full' : 'blob-unwritable', {
    doing: 'write the blob',
    what: name,
    why: isFull ? 'the disk is full' : String(code ?? cause),
    ...(isFull ? { now: 'free space on it; nothing was made visible', retry: 'later' as const } : {}),
    cause,
  });
}
