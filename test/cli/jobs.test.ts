import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ExportManifest } from '../../src/jobs/work/export-table.ts';
import type { RunAnswer, RunRow, RunsAnswer } from '../../src/protocol/jobs.ts';
import { getJson, runTidemark, until } from '../support/processes.ts';
import { RecordedMarket } from '../support/recorded-market.ts';
import { onSmallDisk } from '../support/small-disk.ts';

const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
let market: RecordedMarket;

before(async () => {
  const config = { jobs: { export: { tables: ['trades', 'candles'], format: 'csv' } } };
  market = await RecordedMarket.start('cli-jobs', { seed: 9, config });
  await until(async () => (await market.status()).lake.catalogVersion > 2, 'commits');
});

after(() => market?.stop());

const run = (...args: string[]) => market.run(...args);

async function dataOf<T>(...args: string[]): Promise<{ code: number | null; data: T; warnings: readonly string[] }> {
  const { code, stdout } = await run('--json', ...args);
  return { code, ...(JSON.parse(stdout) as { data: T; warnings: readonly string[] }) };
}

test('a run that is asked for over the engine is followed to its end, and its log is read afterwards', async () => {
  const { code, stdout, stderr } = await run('jobs', 'run', 'lake-verify', '--wait');
  assert.deepEqual([code, stdout.includes('done')], [0, true], stderr);
  assert.match(stderr, /info {2}catalog version \d+: \d+ files/);
  const { data } = await dataOf<RunsAnswer>('jobs', 'runs', '--job', 'lake-verify', '--state', 'done');
  const [last] = data.runs;
  assert.match(last!.effect!, /files as they were written/);
  const log = await run('jobs', 'logs', String(last!.id));
  assert.deepEqual([log.code, stderr.includes(log.stdout.trim().split('\n')[0]!)], [0, true]);
  const { run: row, command } = await getJson<RunAnswer>(`${market.url}/api/v1/runs/${last!.id}`);
  assert.deepEqual([row.state, command], ['done', 'tidemark jobs run lake-verify']);
});

test('what is wrong with a wish is an exit code and a sentence', async () => {
  const cases: [string[], number, RegExp][] = [
    [['jobs', 'run', 'lake-verfy'], 4, /did you mean lake-verify\? .*\[unknown-job\]|did you mean lake-verify\?/],
    [['jobs', 'run', 'models-day'], 2, /no day is named/],
    [['jobs', 'run', 'backfill', '--day', yesterday], 5, /archive is not read yet/],
    [['jobs', 'logs', '999999'], 4, /unknown-run/],
    [['jobs', 'cancel', '999999'], 4, /unknown-run/],
    [['jobs', 'catch-up', 'compact', '--from', yesterday, '--to', yesterday], 2, /no run a day/],
    [['export', 'trades', 'binance:spot:ETHUSDT', '--out', 'out'], 4, /no committed rows/],
    [['export', 'tradse', '--out', 'out'], 4, /did you mean trades\?/],
    [['export', 'trades', '--from', 'now', '--to', 'now-1h', '--out', 'out'], 2, /the range is empty/],
  ];
  for (const [args, code, message] of cases) {
    const ended = await run(...args);
    assert.deepEqual([ended.code, ended.stdout], [code, ''], ended.stderr);
    assert.match(ended.stderr, message);
  }
  const out = join(market.folder.path, 'out');
  assert.ok(!existsSync(out) || readdirSync(out).length === 0, 'nothing was made');
});

test('a pause outlives the engine, and an engine with a schedule that cannot be is refused as a setting', async () => {
  assert.equal((await run('jobs', 'pause', 'models')).code, 0);
  await market.engine.kill('SIGTERM');
  const wrong = market.folder.settings(
    { venue: market.harbour.hosts, server: { port: 0 }, jobs: { schedules: { models: '0 0 30 2 *' } } },
    'wrong.yaml',
  );
  const refused = await runTidemark(['--config', wrong, 'serve'], { cwd: market.folder.path });
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /setting jobs\.schedules.*it would never run/);
  await market.startEngine();
  const { stdout } = await run('jobs', 'show', 'models');
  assert.match(stdout, /every 5 min \(paused\)/);
  assert.equal((await run('jobs', 'resume', 'models')).code, 0);
});

test('an engine whose record of jobs cannot be read puts it aside and goes on', async () => {
  await market.engine.kill('SIGTERM');
  const record = join(market.folder.dataDir, 'jobs.sqlite');
  for (const suffix of ['-wal', '-shm']) rmSync(`${record}${suffix}`, { force: true });
  writeFileSync(record, 'no database at all '.repeat(1000));
  await market.startEngine();
  assert.match(readFileSync(`${record}.unreadable`, 'utf8'), /^no database at all/);
  const { code, stderr } = await run('jobs', 'run', 'sweep', '--wait');
  assert.equal(code, 0, stderr);
});

test('an exported file has the rows of the table, and its manifest says what they are', async () => {
  const out = join(market.folder.path, 'exports-by-hand');
  const { code, data } = await dataOf<ExportManifest>('export', 'trades', 'binance:spot:BTCUSDT', '--out', out);
  assert.equal(code, 0);
  const bytes = readFileSync(join(out, data.file.name));
  assert.equal(createHash('sha256').update(bytes).digest('hex'), data.file.sha256);
  assert.deepEqual([data.dataKind, data.instrument, data.isWhole], ['simulated', 'binance:spot:BTCUSDT', true]);
  assert.deepEqual(JSON.parse(readFileSync(join(out, `${data.file.name}.manifest.json`), 'utf8')), data);
  const to = '2026-01-01';
  const none = await run('export', 'trades', '--to', to, '--out', out);
  assert.equal(none.code, 4, none.stderr);
  const range = ['--from', 'now-1d', '--format', 'csv', '--out', out];
  const csv = (await dataOf<ExportManifest>('export', 'trades', ...range)).data;
  const lines = readFileSync(join(out, csv.file.name), 'utf8').trim().split('\n');
  assert.equal(lines.length, csv.file.rows + 1);
  assert.match(lines[1]!, /^spot,\d{4}-\d\d-\d\d,BTCUSDT,\d+,\d+\.\d{8},\d+\.\d{8},\d{4}-\d\d-\d\dT[\d:.]+Z,/);
  const prices = lines.slice(1).map((line) => line.split(',')[3]);
  assert.deepEqual(
    prices,
    prices.toSorted((a, b) => Number(a) - Number(b)),
    'in the order of the table',
  );
  assert.ok(
    readdirSync(out).every((name) => !name.startsWith('.')),
    'nothing half made is left',
  );
});

test('without an engine the work is done here, under its locks', async () => {
  await market.engine.kill('SIGTERM');
  const listed = await dataOf<{ jobs: { name: string }[] }>('jobs');
  assert.deepEqual([listed.code, listed.warnings.length], [0, 1]);
  assert.ok(listed.data.jobs.some(({ name }) => name === 'lake-verify'));
  const { code, data } = await dataOf<RunRow>('jobs', 'run', 'export', '--day', yesterday);
  assert.deepEqual([code, data.state, data.partition, data.cause], [0, 'done', yesterday, 'asked for']);
  const again = await dataOf<RunRow>('jobs', 'run', 'export', '--day', yesterday);
  assert.deepEqual([again.code, again.data.state, again.data.effect], [0, 'skipped', 'inputs unchanged']);
  const held = await run('jobs', 'run', 'export', '--day', yesterday, '--when-settled');
  assert.deepEqual([held.code, /no engine runs/.test(held.stderr)], [5, true], held.stderr);
  await market.startEngine();
  const runs = await getJson<RunsAnswer>(`${market.url}/api/v1/runs?job=export`);
  assert.deepEqual(
    runs.runs.map(({ state }) => state),
    ['skipped', 'done'],
    'the engine knows what was done without it',
  );
});

test('an export to a full disk is refused by name and leaves nothing', async (t) => {
  const small = join(market.folder.path, 'small');
  mkdirSync(small);
  if (onSmallDisk(small, ['true']).status !== 0) {
    t.skip('this system lets us mount no small file system');
    return;
  }
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const command = [
    process.execPath,
    main,
    '--config',
    market.settings,
    'export',
    'book_deltas',
    '--format',
    'csv',
    '--out',
    small,
  ];
  const script = `dd if=/dev/zero of=${small}/filler bs=1k count=4080 2>/dev/null; "$@"; code=$?; ls -A ${small}; exit $code`;
  const ended = onSmallDisk(small, ['sh', '-c', script, 'sh', ...command]);
  assert.equal(ended.status, 1, ended.stderr);
  assert.match(ended.stderr, /the disk is full — free space on it and ask again; nothing was published \[disk-full\]/);
  assert.equal(ended.stdout.trim(), 'filler');
});
