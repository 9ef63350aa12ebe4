import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTidemark, TemporaryFolder } from '../support/processes.ts';
import { startSystem } from '../support/system.ts';

const symbols = [{ symbol: 'BTCUSDT', market: 'spot' } as const];

test('the models of what was recorded are computed, tested, listed, documented and read with SQL', async (t) => {
  const folder = new TemporaryFolder('cli-models');
  t.after(() => folder.remove());
  const system = await startSystem(t, {
    mode: { kind: 'matching', seed: 4, symbols, speed: 1 },
    dataDir: folder.dataDir,
    config: { lake: { commitSeconds: 1 } },
  });
  await system.until('some trades', () => (system.view.ledger()[0]?.heldIds ?? 0) > 30);
  const { lake: settings, instruments, venue } = system.config;
  const file = folder.settings({ dataDir: folder.dataDir, dataKind: 'simulated', instruments, venue, lake: settings });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await runTidemark(['--config', file, '--json', ...args], { cwd: folder.path });
    const envelope = JSON.parse(stdout) as { data: never; error?: { code: string }; warnings: string[] };
    return { code, stderr, ...envelope } as { code: number; stderr: string; data: never; error?: { code: string } };
  };
  const data = async <T>(...args: string[]): Promise<T> => {
    const { code, stderr, data } = await run(...args);
    assert.equal(code, 0, stderr);
    return data;
  };
  interface Ran {
    readonly partitions: readonly { readonly model: string; readonly state: string }[];
    readonly catalogVersion?: number;
  }
  // The engine alone changes its lake.
  assert.equal((await run('models', 'run')).error?.code, 'lake-locked');
  await system.stop();

  const due = await data<Ran>('models', 'run', '--dry-run');
  assert.ok(due.partitions.length >= 9 && due.partitions.every(({ state }) => state === 'due'));
  const ran = await data<Ran>('models', 'run');
  assert.deepEqual(
    ran.partitions.map(({ model }) => model),
    due.partitions.map(({ model }) => model),
  );
  assert.ok(ran.catalogVersion !== undefined);
  assert.deepEqual((await data<Ran>('models', 'run')).partitions, []);
  const { rows } = await data<{ rows: string[][] }>(
    'sql',
    `SELECT (SELECT sum(trade_count) FROM candles_1m) = (SELECT count(*) FROM trades WHERE is_market), count(*) FROM daily_report`,
  );
  assert.equal(rows[0]![0], 'true');
  const tested = await data<{ tests: number; failed: unknown[] }>(
    'models',
    'test',
    '--select',
    'candles_1m',
    'daily_report',
  );
  assert.ok(tested.tests > 20 && tested.failed.length === 0);
  const { models } = await data<{ models: { model: string; rows: number }[] }>('models', 'list');
  assert.ok(models.find(({ model }) => model === 'daily_report')!.rows > 0);

  await data('models', 'docs', 'page.html');
  assert.match(readFileSync(join(folder.path, 'page.html'), 'utf8'), /<section id="candles_1m">[\s\S]* rows, /);
  const { command } = await data<{ command: string }>('models', 'dbt-sources', 'gold');
  assert.match(command, /^dbt build --project-dir \S+models --profiles-dir \S+gold /);
  assert.ok(readdirSync(join(folder.path, 'gold', 'tables', 'trades')).length > 0);
  assert.deepEqual(readdirSync(join(folder.path, 'gold', 'tables', 'agg_trades')), ['empty.parquet']);
  assert.equal((await run('models', 'dbt-sources', '.')).error?.code, 'data-folder-used');
  assert.equal((await run('models', 'run', '--select', 'candles_2m')).code, 4);
  assert.ok(!existsSync(join(folder.dataDir, 'scratch', 'models', 'candles_1m-0.parquet')));
});
