import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { RestoredReport } from '../../src/cli/restored-folder.ts';
import { runTidemark } from '../support/processes.ts';
import { compareHealed } from './kill-and-compare.ts';
import type { Storm } from './storm.ts';

export async function restore(storm: Storm, ...args: string[]) {
  const { code, stdout, stderr } = await runTidemark(['--config', storm.file, '--json', 'restore', ...args]);
  const answer = JSON.parse(stdout) as { data?: RestoredReport; error?: { code: string; message: string } };
  return { code, stderr, ...answer };
}

/** After it was brought back: all is as the market made it, and what was lost is known to be. */
export async function compareRestored(t: TestContext, storm: Storm, healMs = 60_000): Promise<void> {
  const lake = await compareHealed(t, storm, healMs, ({ trades, repairedTrades, gaps }) =>
    assert.ok(trades > 50 && repairedTrades > 0 && gaps > 0, 'what was lost was repaired'),
  );
  // Nothing passes for damage, no reason is unknown.
  const journal = await lake.sql(`SELECT writer, code FROM findings WHERE code LIKE 'journal-%' ORDER BY 1`);
  assert.deepEqual(journal, [
    ['engine', 'journal-restored'],
    ['recorder', 'journal-restored'],
  ]);
  assert.deepEqual(await lake.sql(`SELECT * FROM gaps WHERE reason NOT IN ('disconnect', 'process-stop')`), []);
}
