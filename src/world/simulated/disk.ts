import type { Files, OpenFile } from '../../ports/world.ts';

interface Inode {
  /** What the page cache holds. */
  bytes: Buffer;
  /** What the platter holds. */
  durable: Buffer;
}

/** Where the next operation of a kind goes wrong. */
export interface DiskFaults {
  /** Called before each write; throw to fail it after `written` of its bytes. */
  onWrite?: (path: string, bytes: number) => { written: number; error: Error } | undefined;
  onSync?: (path: string) => Error | undefined;
}

/**
 * A disk that forgets: bytes count only once their file was synced, names only once their folder was. `crash` goes back to
 * that, keeping any part of what was not synced, as a real disk may.
 */
export class SimulatedDisk implements Files {
  faults: DiskFaults = {};
  private names = new Map<string, Inode>();
  private durableNames = new Map<string, Inode>();
  private readonly folders = new Set<string>(['/']);
  private readonly keeps: (count: number) => number;
  private readonly later: (callback: () => void) => void;
  private turn = 0;

  /** `keeps` says how many of so many unsynced bytes survive a crash; `later` runs what takes time. */
  constructor(keeps: (count: number) => number, later: (callback: () => void) => void) {
    this.keeps = keeps;
    this.later = later;
  }

  /** Power is cut. Open files are dead from now on. */
  crash(): void {
    this.turn += 1;
    this.names = new Map(this.durableNames);
    for (const inode of new Set(this.names.values())) {
      const { bytes, durable } = inode;
      const kept = bytes.length > durable.length ? this.keeps(bytes.length - durable.length) : 0;
      inode.bytes = kept > 0 ? Buffer.from(bytes.subarray(0, durable.length + kept)) : Buffer.from(durable);
      inode.durable = inode.bytes;
    }
  }

  /** The process dies, the machine lives: the page cache stays. Open files are dead from now on. */
  kill(): void {
    this.turn += 1;
  }

  makeFolder(path: string): void {
    for (let at = path; at !== '' && at !== '/'; at = at.slice(0, at.lastIndexOf('/'))) this.folders.add(at);
  }

  list(folder: string): string[] {
    if (!this.folders.has(folder)) throw missing(folder);
    return [...this.names.keys(), ...this.folders]
      .filter((path) => path !== folder && parentOf(path) === folder)
      .map((path) => path.slice(folder.length + 1))
      .sort();
  }

  exists(path: string): boolean {
    return this.names.has(path) || this.folders.has(path);
  }

  size(path: string): number {
    return this.inode(path).bytes.length;
  }

  read(path: string): Uint8Array {
    return Buffer.from(this.inode(path).bytes);
  }

  writeAtomic(path: string, bytes: Uint8Array): void {
    this.needFolder(path);
    this.failIf(this.faults.onWrite?.(path, bytes.length)?.error);
    const copy = Buffer.from(bytes);
    this.names.set(path, { bytes: copy, durable: copy });
    this.syncFolder(parentOf(path));
  }

  open(path: string, mode: 'read' | 'append' | 'create'): OpenFile {
    let inode = this.names.get(path);
    if (mode === 'create' && inode !== undefined) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
    if (inode === undefined) {
      if (mode === 'read') throw missing(path);
      this.needFolder(path);
      inode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) };
      this.names.set(path, inode);
    }
    return this.openInode(path, inode);
  }

  remove(path: string): void {
    this.names.delete(path);
  }

  rename(from: string, to: string): void {
    this.names.set(to, this.inode(from));
    this.names.delete(from);
  }

  syncFolder(folder: string): void {
    const isInside = (path: string): boolean => parentOf(path) === folder;
    for (const path of this.durableNames.keys()) if (isInside(path)) this.durableNames.delete(path);
    for (const [path, inode] of this.names) if (isInside(path)) this.durableNames.set(path, inode);
  }

  freeBytes(): number {
    return 2 ** 40;
  }

  private openInode(path: string, inode: Inode): OpenFile {
    const { turn } = this;
    const append = (parts: readonly Uint8Array[]): void => {
      // A dead process writes nothing more.
      if (turn !== this.turn) return;
      const bytes = Buffer.concat(parts);
      const fault = this.faults.onWrite?.(path, bytes.length);
      const written = fault === undefined ? bytes : bytes.subarray(0, fault.written);
      inode.bytes = Buffer.concat([inode.bytes, written]);
      this.failIf(fault?.error);
    };
    const syncTo = (bytes: Buffer): void => {
      if (turn !== this.turn) return;
      this.failIf(this.faults.onSync?.(path));
      inode.durable = bytes;
    };
    const inTime = (action: () => void): Promise<void> =>
      new Promise((resolve, reject) => {
        this.later(() => {
          // Nobody is left to hear of it.
          if (turn !== this.turn) return;
          try {
            action();
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      });
    return {
      append,
      appendLater: (parts) => {
        const copy = parts.map((part) => Buffer.from(part));
        return inTime(() => append(copy));
      },
      readAt: (into, offset) => {
        const piece = inode.bytes.subarray(offset, offset + into.length);
        into.set(piece);
        return piece.length;
      },
      truncate: (length) => {
        inode.bytes = Buffer.from(inode.bytes.subarray(0, length));
        if (inode.durable.length > length) inode.durable = inode.bytes;
      },
      size: () => inode.bytes.length,
      // Only what had been written when it was asked for is promised.
      sync: () => {
        const { bytes } = inode;
        return inTime(() => syncTo(bytes));
      },
      syncNow: () => syncTo(inode.bytes),
      close: () => {},
    };
  }

  private needFolder(path: string): void {
    if (!this.folders.has(parentOf(path))) throw missing(path);
  }

  private inode(path: string): Inode {
    const inode = this.names.get(path);
    if (inode === undefined) throw missing(path);
    return inode;
  }

  private failIf(error: Error | undefined): void {
    if (error !== undefined) throw error;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
}
