import { mkdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked, lockJournals } from './journal-locks.ts';
import type { Layout } from './layout.ts';

const lookAgainMs = 100;

/**
 * Removes what an earlier demo left and makes the folder anew. Another demo that is ending gets `patienceMs` for it; one that
 * goes on is `journal-locked`.
 */
export async function startFolderAnew(layout: Layout, patienceMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += lookAgainMs) {
    let locks: { release(): void } | undefined;
    try {
      locks = lockJournals(layout, 'demo');
      // Removed while the locks are held: whoever still wrote here would mix two markets.
      rmSync(layout.dataDir, { recursive: true, force: true });
      mkdirSync(layout.dataDir, { recursive: true });
      return;
    } catch (error) {
      if (!isLocked(error) || waitedMs >= patienceMs) throw error;
    } finally {
      locks?.release();
    }
    await sleep(lookAgainMs);
  }
}
