import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { demoSymbols } from '../../src/harbour/index.ts';
import type { RunRow } from '../../src/protocol/jobs.ts';
import type { ReportRow, ReportsAnswer } from '../../src/protocol/reports.ts';
import { runTidemark, TemporaryFolder } from '../support/processes.ts';
import { startSystem } from '../support/system.ts';

interface Made {
  readonly data: { readonly report: ReportRow; readonly isNew: boolean };
  readonly warnings: readonly string[];
}

test('a report is asked of the running engine and of the command line, listed, shown and copied', {
  timeout: 150_000,
}, async (t) => {
  const folder = new TemporaryFolder('cli-report');
  t.after(() => folder.remove());
  const system = await startSystem(t, {
    mode: { kind: 'matching', seed: 8, symbols: demoSymbols.slice(0, 2), speed: 1 },
    dataDir: folder.dataDir,
    config: { lake: { commitSeconds: 1 } },
  });
  const { url } = system.running.server;
  const get = async <T>(path: string): Promise<T> => (await (await fetch(`${url}/api/v1/${path}`)).json()) as T;
  await system.until(
    'trades are committed',
    async () => Number((await system.sql('SELECT count(*) FROM candles WHERE trade_count > 0'))[0]![0]) > 4,
  );
  await system.until(
    'a version',
    async () => (await get<{ lake: { catalogVersion: number } }>('status')).lake.catalogVersion > 2,
  );

  const now = Date.now();
  const at = (ms: number) => new Date(Math.floor(ms / 60_000) * 60_000).toISOString();
  const asked = await fetch(`${url}/api/v1/reports`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subject: 'market', from: at(now - 3_600_000), to: at(now + 120_000) }),
  });
  assert.equal(asked.status, 202);
  const { id } = (await asked.json()) as RunRow;
  await system.until('the report is made', async () =>
    ['done', 'failed'].includes((await get<{ run: RunRow }>(`runs/${id}`)).run.state),
  );
  const { run } = await get<{ run: RunRow }>(`runs/${id}`);
  assert.equal(run.state, 'done', JSON.stringify(run.error));
  const [row] = (await get<ReportsAnswer>('reports')).reports;
  assert.deepEqual([row?.subject, row?.dataKind, row?.state], ['market', 'simulated', 'provisional']);
  const page = await fetch(`${url}/api/v1/reports/${row!.id}/report.html`);
  assert.match(await page.text(), /<title>SIMULATED · /);
  await system.stop();

  const run2 = (...args: string[]) =>
    runTidemark(
      ['--config', folder.settings({ dataKind: 'simulated', dataDir: folder.dataDir }), '--json', 'report', ...args],
      { cwd: folder.path, isChild: false },
    );
  const instrument = 'binance:spot:BTCUSDT';
  const range = ['--subject', instrument, '--from', at(now - 3_600_000), '--to', at(now + 120_000)];
  const out = join(folder.path, 'copied');
  const first = await run2('make', ...range, '--out', out);
  assert.equal(first.code, 0, first.stderr);
  const made = JSON.parse(first.stdout) as Made;
  assert.ok(made.data.isNew);
  assert.deepEqual(readdirSync(out).sort(), made.data.report.files.map(({ name }) => name).sort());
  assert.match(readFileSync(join(out, 'candles.csv'), 'utf8'), /^opened_at,.*,data_kind\r\n.*,simulated\r\n/);
  const again = JSON.parse((await run2('make', ...range)).stdout) as Made;
  assert.deepEqual([again.data.isNew, again.data.report.id], [false, made.data.report.id]);

  const listed = JSON.parse((await run2('list')).stdout) as { data: ReportsAnswer };
  assert.deepEqual(new Set(listed.data.reports.map((report) => report.id)), new Set([row!.id, made.data.report.id]));
  const shown = await run2('show', made.data.report.id, '--out', join(folder.path, 'again'));
  assert.equal(shown.code, 0);
  assert.ok(existsSync(join(folder.path, 'again', 'report.html')));
  assert.equal((await run2('show', 'daily-nowhere')).code, 4);
  assert.equal((await run2('make', '--day', '2020-01-01')).code, 4, 'nothing of it is held');
  assert.equal((await run2('make', '--day', '2020-02-31')).code, 2);
  assert.equal((await run2('make')).code, 2);
  assert.equal((await run2('make', '--from', 'now-1h', '--to', 'now')).code, 2);
});
