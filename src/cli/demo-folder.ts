import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../domain/error.ts';
import type { JournalLock } from '../journal/host.ts';
import { nodeJournalHost } from '../journal/node-host.ts';
import type { Layout } from './layout.ts';
import { version } from './version.ts';

const lookAgainMs = 100;

/**
 * Removes what an earlier demo left and makes the folder anew. Another demo that is ending gets `patienceMs` for it; one that
 * goes on is `journal-locked`.
 */
export async function startFolderAnew(layout: Layout, patienceMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += lookAgainMs) {
    const locks: JournalLock[] = [];
    try {
      for (const folder of [layout.recorderJournal, layout.engineJournal]) {
        if (existsSync(folder)) locks.push(nodeJournalHost.lock(folder, { writer: 'demo', version }));
      }
      // Removed while the locks are held: whoever still wrote here would mix two markets.
      rmSync(layout.dataDir, { recursive: true, force: true });
      mkdirSync(layout.dataDir, { recursive: true });
      return;
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'journal-locked' || waitedMs >= patienceMs) throw error;
    } finally {
      for (const lock of locks) lock.release();
    }
    await sleep(lookAgainMs);
  }
}
