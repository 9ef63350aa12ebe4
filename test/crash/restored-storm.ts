import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { RestoredReport } from '../../src/cli/restored-folder.ts';
import { runTidemark } from '../support/processes.ts';
import { compareWithTruth } from './against-truth.ts';
import { readLake } from './lake-reader.ts';
import { type Storm, stormSymbols } from './storm.ts';

export async function restore(storm: Storm, ...args: string[]) {
  const { code, stdout, stderr } = await runTidemark(['--config', storm.file, '--json', 'restore', ...args]);
  const answer = JSON.parse(stdout) as { data?: RestoredReport; error?: { code: string; message: string } };
  return { code, stderr, ...answer };
}

/** After it was brought back: everything that the market made is held once, or lies in a declared gap. */
export async function healAndCompare(t: TestContext, storm: Storm, healMs = 60_000): Promise<void> {
  await storm.heal(healMs);
  await storm.stop();
  const lake = await readLake(storm.config);
  t.after(() => lake.close());
  await lake.contentHashes();
  for (const { symbol } of stormSymbols) {
    const compared = await compareWithTruth(lake, storm.harbour.truth, symbol);
    t.diagnostic(`${symbol}: ${JSON.stringify(compared)}`);
    assert.ok(compared.trades > 50 && compared.repairedTrades > 0 && compared.gaps > 0, 'what was lost was repaired');
  }
  // What was lost is known to be lost: nothing passes for damage, no reason is unknown.
  const journal = await lake.sql(`SELECT writer, code FROM findings WHERE code LIKE 'journal-%' ORDER BY 1`);
  assert.deepEqual(journal, [
    ['engine', 'journal-restored'],
    ['recorder', 'journal-restored'],
  ]);
  assert.deepEqual(await lake.sql(`SELECT * FROM gaps WHERE reason NOT IN ('disconnect', 'process-stop')`), []);
}
