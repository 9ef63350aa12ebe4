import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import type { Batch } from '../domain/batch.ts';
import type { candles, trades } from '../domain/tables/index.ts';
import { newLake } from './parquet-lake.test-fixture.ts';
import { openLakeUpkeep } from './upkeep.ts';

const writer = fileURLToPath(new URL('./parquet-lake.test-writer.ts', import.meta.url));
const kills = 10;

/** Lets a writer run until it has said `acknowledgements` commits and a moment more, then kills it. The last commit it said. */
async function runAndKill(folder: string, acknowledgements: number, momentMs: number): Promise<number> {
  const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complaint = '';
  let isDying = false;
  child.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  child.stdout.on('data', (chunk) => {
    said += chunk;
    if (isDying || said.split('\n').length <= acknowledgements) return;
    isDying = true;
    setTimeout(() => child.kill('SIGKILL'), momentMs);
  });
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  assert.equal(signal, 'SIGKILL', complaint);
  return Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
}

test('a writer killed in commits, merges, sweeps and publications loses no acknowledged row, leaves none twice, and nothing damaged', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-kill-'));
  let acknowledged = 0;
  for (let kill = 0; kill < kills; kill++) {
    const last = await runAndKill(folder, 2 + kill, (kill * 17) % 60);
    assert.ok(last > acknowledged, 'each writer goes on where the one before was');
    acknowledged = last;
    const { lake, state } = await newLake(folder, {
      isKept: kill < kills - 1,
      hasIceberg: true,
      keptVersions: 3,
    });
    const turns = Number(new TextDecoder().decode(state.checkpointBytes));
    assert.ok(turns >= acknowledged, `${turns} turns are there, ${acknowledged} were acknowledged`);
    assert.equal(state.positions[0]?.offset, turns);
    const { batch } = await lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
    const ids = (batch.columns as unknown as Batch<typeof trades.columns>['columns']).trade_id.subarray(
      0,
      batch.length,
    );
    assert.deepEqual(
      [...ids],
      Array.from({ length: turns * 10 }, (_, id) => id),
    );
    const day = await lake.read({ table: 'candles', market: 'spot', symbol: 'BTCUSDT' });
    const counts = (day.batch.columns as unknown as Batch<typeof candles.columns>['columns']).trade_count;
    assert.deepEqual([...counts.subarray(0, day.batch.length)], [turns * 10], 'one row a key, the newest');
    await lake.contentHashes(['trades', 'candles']);
    await lake.close();
    const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
    const rules = { keptVersions: 3, graceUs: 0 };
    const blobs = openFolderBlobs(join(folder, 'blobs'));
    const upkeep = openLakeUpkeep({ catalog, blobs, rules, hasIceberg: true });
    const { problems, notes } = await upkeep.verify();
    await catalog.close();
    assert.deepEqual([problems, notes.filter((note) => /Iceberg|version-hint/.test(note))], [[], []]);
  }
});
