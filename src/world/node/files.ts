import fs from 'node:fs';
import { dirname } from 'node:path';
import type { Files, OpenFile } from '../../ports/world.ts';

export function createNodeFiles(): Files {
  return {
    makeFolder: (path) => void fs.mkdirSync(path, { recursive: true }),
    list: (folder) => fs.readdirSync(folder).sort(),
    exists: (path) => fs.existsSync(path),
    size: (path) => fs.statSync(path).size,
    read: (path) => fs.readFileSync(path),
    writeAtomic,
    open: (path, mode) => openFile(path, mode),
    remove: (path) => fs.rmSync(path, { force: true, recursive: true }),
    rename: (from, to) => fs.renameSync(from, to),
    syncFolder,
    freeBytes: (path) => {
      const { bavail, bsize } = fs.statfsSync(path);
      return bavail * bsize;
    },
  };
}

/** The name alone may survive a power cut without its folder being synced, the content without the file; so both are. */
function writeAtomic(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = fs.openSync(temporary, 'w');
  try {
    writeAll(file, bytes);
    fs.fsyncSync(file);
  } catch (cause) {
    fs.closeSync(file);
    fs.rmSync(temporary, { force: true });
    throw cause;
  }
  fs.closeSync(file);
  fs.renameSync(temporary, path);
  syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const folder = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

const openFlags = {
  read: fs.constants.O_RDONLY,
  append: fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_CREAT,
  create: fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_CREAT | fs.constants.O_EXCL,
} as const;

function openFile(path: string, mode: keyof typeof openFlags): OpenFile {
  const file = fs.openSync(path, openFlags[mode], 0o644);
  return {
    append(parts) {
      for (const part of parts) writeAll(file, part);
    },
    appendLater: (parts) => writeAllLater(file, parts),
    readAt: (into, offset) => fs.readSync(file, into, 0, into.length, offset),
    truncate: (length) => fs.ftruncateSync(file, length),
    size: () => fs.fstatSync(file).size,
    sync: () =>
      new Promise((resolve, reject) => fs.fdatasync(file, (error) => (error === null ? resolve() : reject(error)))),
    syncNow: () => fs.fdatasyncSync(file),
    close: () => fs.closeSync(file),
  };
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(file, bytes, at, bytes.length - at);
}

function writeAllLater(file: number, parts: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const writeFrom = (rest: readonly Uint8Array[]): void => {
      fs.writev(file, rest, (error, written) => {
        const left = error === null ? without(rest, written) : [];
        if (error !== null) reject(error);
        else if (left.length > 0) writeFrom(left);
        else resolve();
      });
    };
    writeFrom(parts);
  });
}

/** What is left of `parts` after its first `count` bytes; a write may be short. */
function without(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [index, part] of parts.entries()) {
    if (left < part.length) return [part.subarray(left), ...parts.slice(index + 1)];
    left -= part.length;
  }
  return [];
}
