import { existsSync } from 'node:fs';
import { TidemarkError } from '../domain/error.ts';
import type { JournalLock } from '../journal/host.ts';
import { nodeJournalHost } from '../journal/node-host.ts';
import type { Layout } from './layout.ts';
import { version } from './version.ts';

/** Until it is released nobody writes this journal; `who` is told to whoever tries. Undefined where there is none. */
export function lockJournal(folder: string, who: string): JournalLock | undefined {
  return existsSync(folder) ? nodeJournalHost.lock(folder, { writer: who, version }) : undefined;
}

/** The same for both journals of a data folder. */
export function lockJournals(layout: Layout, who: string): { release(): void } {
  const locks: (JournalLock | undefined)[] = [];
  const release = () => {
    for (const lock of locks) lock?.release();
  };
  try {
    for (const folder of [layout.recorderJournal, layout.engineJournal]) locks.push(lockJournal(folder, who));
    return { release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Someone else holds the lock. */
export function isLocked(error: unknown): boolean {
  return error instanceof TidemarkError && error.code === 'journal-locked';
}
