import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { TidemarkError } from '../domain/error.ts';
import type { JournalLock } from './host.ts';

// The kernel drops a POSIX lock when *any* descriptor of the file is closed by the process, or when the handle is
// garbage-collected: so nothing else ever opens this file, and the handles live here until they are given back.
const held = new Map<string, DatabaseSync>();

export const lockFileName = 'writer.lock';

export function takeWriterLock(folder: string, describeOwner: () => string): JournalLock {
  const path = `${folder}/${lockFileName}`;
  const locked = (cause?: unknown): TidemarkError =>
    new TidemarkError('journal-locked', {
      doing: 'write the journal',
      what: folder,
      why: `another process writes it (${describeOwner()})`,
      now: 'stop that process, or use another data folder',
      cause,
    });
  if (held.has(path)) throw locked();
  const database = new DatabaseSync(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if ((cause as { errcode?: number }).errcode === 5) throw locked(cause);
    throw new TidemarkError('journal-lock-failed', { doing: 'lock the journal', what: folder, cause });
  }
  held.set(path, database);
  const inode = statSync(path).ino;
  return {
    isHeld: () => statSync(path, { throwIfNoEntry: false })?.ino === inode && held.get(path) === database,
    release() {
      if (held.get(path) !== database) return;
      held.delete(path);
      database.close();
    },
  };
}
