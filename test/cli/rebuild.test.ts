import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { stringify as toYaml } from 'yaml';
import type { Rebuilt } from '../../src/cli/rebuilt-lake.ts';
import { openShipping } from '../../src/cli/shipped.ts';
import { openStores } from '../../src/cli/wire.ts';
import { Batch } from '../../src/domain/batch.ts';
import { Slots } from '../../src/domain/slots.ts';
import { findings } from '../../src/domain/tables/index.ts';
import { nodeJournalHost } from '../../src/journal/node-host.ts';
import { silentLog } from '../../src/ports/log.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { runTidemark, TemporaryFolder } from '../support/processes.ts';
import { startSystem } from '../support/system.ts';

const symbols = [{ symbol: 'BTCUSDT', market: 'spot' } as const];
const count = 'SELECT count(*), max(trade_id) FROM trades';

test('what is rebuilt equals what was committed, what was tampered with does not, and the rebuilt lake can take its place', async (t) => {
  const folder = new TemporaryFolder('cli-rebuild');
  t.after(() => folder.remove());
  const system = await startSystem(t, {
    mode: { kind: 'matching', seed: 4, symbols, speed: 1 },
    dataDir: folder.dataDir,
    config: { lake: { commitSeconds: 1 } },
  });
  await system.until('some trades', () => (system.view.ledger()[0]?.heldIds ?? 0) > 30);
  await system.stop();
  const { layout } = system;
  const { lake: settings, instruments, venue } = system.config;
  const where = { ...system.config.shipping, store: path.join(folder.path, 'store') };
  const file = folder.settings({
    dataDir: folder.dataDir,
    dataKind: 'simulated',
    instruments,
    venue,
    lake: settings,
    shipping: where,
  });
  const rebuild = async (...args: string[]) => {
    const { code, stdout, stderr } = await runTidemark(['--config', file, '--json', 'rebuild', ...args]);
    return { code, stderr, ...(JSON.parse(stdout) as { data?: Rebuilt; error?: { code: string; message: string } }) };
  };
  const rows = async () => (await runTidemark(['--config', file, 'sql', count])).stdout;
  const equal = await rebuild();
  assert.deepEqual([equal.code, equal.data?.isReplaced], [0, false], toYaml(equal));
  assert.ok(equal.data!.frames > 100 && equal.data!.days!.length > 5);
  assert.ok(equal.data!.days!.every(({ isEqual, rows }) => isEqual && rows > 0));

  // The same from where the journals are shipped, here or on a machine that has no journal.
  const shipping = (await openShipping({ ...system.config, shipping: where }, layout, createNodeWorld(), silentLog))!;
  shipping.start();
  await shipping.stop(30_000);
  const shipped = await rebuild('--shipped');
  assert.deepEqual([shipped.code, shipped.data], [0, equal.data]);

  // The recorder outlived the engine; the comparison brought the lake up to its journal.
  const before = await rows();
  assert.match(before, / 3700\d{6}\n/);

  // Reports are not derived again, so a new lake leaves them in their place.
  const reports = path.join(layout.lake, 'reports', 'daily-2026-03-18-market-r1');
  mkdirSync(reports, { recursive: true });
  writeFileSync(path.join(reports, 'report.json'), '{}');
  await tamper(layout);
  const differing = await rebuild('--replace');
  assert.equal(differing.code, 8);
  const wrong = differing.data!.days!.filter(({ isEqual }) => !isEqual);
  assert.deepEqual(
    wrong.map(({ table, symbol, rows, rowsBefore }) => [table, symbol, rowsBefore - rows]),
    [['findings', 'BTCUSDT', 1]],
  );
  const mended = await rebuild();
  assert.deepEqual([mended.code, mended.data?.days?.length], [0, equal.data!.days!.length]);
  assert.equal(readFileSync(path.join(reports, 'report.json'), 'utf8'), '{}');
  assert.equal(await rows(), before);

  // Everything derived is gone; the journals have it all.
  rmSync(layout.lake, { recursive: true });
  rmSync(layout.catalog);
  const anew = await rebuild('--replace');
  assert.deepEqual([anew.code, anew.data?.days, anew.data?.frames], [0, undefined, equal.data!.frames]);
  assert.equal(await rows(), before);

  const lock = nodeJournalHost.lock(layout.engineJournal, { writer: 'engine', version: '1' });
  const refused = await rebuild('--replace');
  lock.release();
  assert.deepEqual([refused.code, refused.error?.code], [5, 'journal-locked']);
  assert.equal(await rows(), before);
});

/** A row that no journal knows of. */
async function tamper(layout: Parameters<typeof openStores>[0]): Promise<void> {
  const { lake, close } = await openStores(layout);
  const { positions, checkpointBytes } = await lake.open();
  const slots = new Slots();
  const slot = slots.atLeast({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 2, 5);
  const batch = new Batch(findings, 1);
  const row = batch.add(slot.index);
  Object.assign(batch.columns.code, { [row]: 'made-up' });
  Object.assign(batch.columns.stream, { [row]: '' });
  Object.assign(batch.columns.detail, { [row]: '' });
  Object.assign(batch.columns.writer, { [row]: 'nobody' });
  batch.columns.sequence[row] = 1;
  batch.columns.found_at[row] = Date.UTC(2026, 0, 1) * 1000;
  await lake.commit({ slots, batches: [batch as unknown as Batch], positions, checkpoint: checkpointBytes! });
  await close();
}
