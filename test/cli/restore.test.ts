import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { runTidemark, TemporaryFolder } from '../support/processes.ts';
import { startSystem } from '../support/system.ts';

const symbols = [{ symbol: 'BTCUSDT', market: 'spot' } as const];

test('what cannot be brought back is said, with what to do instead, and nothing is touched', async (t) => {
  const folder = new TemporaryFolder('cli-restore');
  t.after(() => folder.remove());
  const system = await startSystem(t, {
    mode: { kind: 'matching', seed: 5, symbols, speed: 1 },
    dataDir: folder.dataDir,
    config: { lake: { commitSeconds: 1 } },
  });
  await system.until('some trades', () => (system.view.ledger()[0]?.heldIds ?? 0) > 10);
  await system.stop();
  const { layout } = system;
  const { instruments, venue } = system.config;
  const settings = { dataKind: 'simulated', instruments, venue };
  const shipped = folder.settings({ ...settings, shipping: { store: path.join(folder.path, 'store') } });
  const restore = async (file: string, ...args: string[]) => {
    const { code, stdout } = await runTidemark(['--config', file, '--json', 'restore', ...args]);
    const { error, data } = JSON.parse(stdout) as { error?: { code: string; hint: string }; data?: object };
    return { code, error: error?.code, hint: error?.hint ?? '', data };
  };

  const whole = await restore(shipped);
  assert.deepEqual([whole.code, whole.error], [5, 'data-folder-used']);

  // Never shipped: rows are in the lake, and the journals only go on behind them.
  rmSync(path.dirname(layout.recorderJournal), { recursive: true });
  const dry = await restore(shipped, '--dry-run');
  assert.equal(dry.code, 0);
  const { journals } = dry.data as { journals: { shippedTo: null; lost: { fromSequence: number } }[] };
  assert.deepEqual(
    journals.map(({ shippedTo, lost }) => [shippedTo, lost.fromSequence]),
    [
      [null, 0],
      [null, 0],
    ],
  );

  rmSync(layout.lake, { recursive: true });
  const lost = await restore(shipped);
  assert.deepEqual([lost.code, lost.error], [5, 'lake-lost']);
  assert.match(lost.hint, /catalog/);
  rmSync(layout.catalog);
  const nothing = await restore(shipped);
  assert.deepEqual([nothing.code, nothing.error], [4, 'not-found']);
  const within = folder.settings(
    { ...settings, shipping: { store: path.join(layout.dataDir, 'copy') } },
    'within.yaml',
  );
  const inside = await restore(within);
  assert.deepEqual([inside.code, inside.error], [3, 'config-invalid']);
  assert.ok(!existsSync(layout.recorderJournal));
});
