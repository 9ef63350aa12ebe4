import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { GapRow } from '../../src/protocol/api.ts';
import { type Ended, getJson, runTidemark, until } from '../support/processes.ts';
import { RecordedMarket } from '../support/recorded-market.ts';

/** `--json`: what stdout holds, and nothing beside it. */
interface Envelope<T = unknown> {
  readonly schemaVersion: number;
  readonly command: string;
  readonly ok: boolean;
  readonly data?: T;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  readonly warnings: readonly string[];
  readonly meta: { readonly version: string };
}

let market: RecordedMarket;

before(async () => {
  market = await RecordedMarket.start('cli-commands', { seed: 5, symbols: 2 });
  const { dataDir } = market.folder;
  assert.equal(readEnvelope<{ url: string }>(await market.engine.firstLine(), 'serve').data!.url, market.url);
  assert.deepEqual(readEnvelope(await market.recorder.firstLine(), 'record').data, { dataDir });
  await until(async () => (await heldTrades()) > 20, 'trades');
});

after(() => market?.stop());

/** Below the folder of the market, with the settings that are named, or with none. */
function run(...args: string[]): Promise<Ended> {
  return runTidemark(args, { cwd: market.folder.path, isChild: false });
}

function readEnvelope<T>(stdout: string, command: string): Envelope<T> {
  const envelope = JSON.parse(stdout) as Envelope<T>;
  assert.deepEqual([envelope.schemaVersion, envelope.command], [1, command]);
  assert.match(envelope.meta.version, /^\d+\.\d+\.\d+$/);
  assert.ok(Array.isArray(envelope.warnings));
  assert.equal(envelope.ok, envelope.error === undefined);
  assert.equal(envelope.ok, envelope.data !== undefined);
  return envelope;
}

async function heldTrades(): Promise<number> {
  const { ledger } = await market.status();
  return ledger.filter(({ stream }) => stream === 'trade').reduce((sum, { heldIds }) => sum + heldIds, 0);
}

async function inPairs<T>(cases: readonly T[], one: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...cases];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await one(item);
  };
  await Promise.all([lane(), lane()]);
}

/** What must not run, and a word of the reason. */
const hostile: readonly (readonly [sql: string, why: RegExp])[] = [
  ['DROP TABLE trades', /not a SELECT/],
  ["COPY trades TO 'stolen.csv'", /not a SELECT/],
  ['SELECT 1; SELECT 2', /it has 2 statements/],
  ["ATTACH 'stolen.db'", /not a SELECT/],
  ["SELECT * FROM read_text('tidemark.yaml')", /read_text is not allowed/],
  ["SELECT * FROM 'tidemark.yaml'", /there is no table/],
  ["SELECT getenv('HOME')", /getenv is not allowed/],
  ['', /none was given/],
];

async function refuses(statements: typeof hostile): Promise<void> {
  await inPairs(statements, async ([sql, why]) => {
    const { code, stdout, stderr } = await market.run('sql', sql);
    assert.deepEqual([code, stdout], [2, ''], sql);
    assert.match(stderr, why);
    assert.equal(stderr.match(/cannot run the query/g)?.length, 1, stderr);
  });
  assert.ok(!existsSync(join(market.folder.path, 'stolen.csv')) && !existsSync(join(market.folder.path, 'stolen.db')));
}

async function gapsNow(): Promise<Envelope<{ gaps: readonly GapRow[] }>> {
  const { code, stdout, stderr } = await market.run('--json', 'gaps');
  assert.deepEqual([code, stderr], [0, '']);
  return readEnvelope(stdout, 'gaps');
}

test('a port that is taken and a data folder that is in use are conflicts that say who has them', async () => {
  const other = { server: { port: Number(new URL(market.url).port) } };
  const elsewhere = market.folder.settings(
    { ...other, dataDir: join(market.folder.path, 'other'), venue: market.harbour.hosts },
    'other.yaml',
  );
  const port = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${other.server.port}: .*\\[port-in-use\\]`);
  const cases: [args: string[], message: RegExp][] = [
    [['--config', elsewhere, '--data-dir', 'third', 'serve'], port],
    [['--config', elsewhere, 'up'], port],
    [
      ['--config', market.settings, 'serve'],
      new RegExp(`journal/engine: another process writes it \\(engine, process ${market.engine.pid}`),
    ],
    [
      ['--config', market.settings, 'record'],
      new RegExp(`journal/recorder: .*\\(recorder, process ${market.recorder.pid}.*journal-locked`),
    ],
    [['harbour', '--port', String(market.harbour.port)], /cannot open the harbour on 127\.0\.0\.1:\d+: .*EADDRINUSE/],
  ];
  await inPairs(cases, async ([args, message]) => {
    const { code, stdout, stderr } = await run(...args);
    assert.match(stderr, message);
    assert.deepEqual([code, stdout], [5, ''], args.join(' '));
  });
  assert.ok(!market.engine.hasEnded && !market.recorder.hasEnded, 'who was there first goes on');
});

test('statements that are no single SELECT over the tables are refused by the running engine', () => refuses(hostile));

const rowsOf = ({ stdout }: Ended) => readEnvelope<{ rows: string[][]; source: string }>(stdout, 'sql').data!;

test('gaps and rows are the same, whether the engine runs or has stopped', async () => {
  const whole = await market.run('gaps', '--fail-on-gap');
  assert.equal(whole.code, 0, whole.stdout);
  await market.recorder.kill('SIGKILL');
  market.startRecorder();
  const isSettled = ({ state, closedAtUs }: GapRow) =>
    (state === 'repaired' || state === 'declared') && closedAtUs !== null;
  await until(async () => {
    const gaps = await getJson<readonly GapRow[]>(`${market.url}/api/v1/gaps`);
    const streams = new Set(gaps.map(({ instrument, stream }) => `${instrument} ${stream}`));
    return gaps.every(isSettled) && streams.size >= 6;
  }, 'gaps after the kill, all settled');
  const failing = await market.run('gaps', '--fail-on-gap', '--state', 'declared');
  assert.equal(failing.code, 8);
  assert.match(failing.stdout, /binance:spot:BTCUSDT +depth +\d+ +\d+ .* declared +process-stop/);

  const running = await gapsNow();
  const newest = 'SELECT min(newest) FROM (SELECT max(trade_id) AS newest FROM trades GROUP BY symbol)';
  const bound = Number(rowsOf(await market.run('--json', 'sql', newest)).rows[0]![0]);
  const count = ['--json', 'sql', `SELECT count(*) FROM trades WHERE trade_id <= ${bound}`];
  const before = await market.run(...count);
  // The recorder goes on, so that no stream ends.
  assert.equal((await market.engine.kill('SIGTERM')).code, 143);
  const stopped = await gapsNow();
  const after = await market.run(...count);

  assert.deepEqual(running.warnings, []);
  assert.deepEqual(stopped.warnings, ['no engine runs on this data folder: committed gaps only']);
  assert.ok(running.data!.gaps.length >= 6);
  assert.deepEqual(stopped.data!.gaps, running.data!.gaps);
  assert.deepEqual([rowsOf(before).source, rowsOf(after).source], ['engine', 'committed']);
  assert.ok(Number(rowsOf(before).rows[0]![0]) > 0);
  assert.deepEqual(rowsOf(after).rows, rowsOf(before).rows);
});

test('they are refused as well when no engine runs', () => refuses(hostile.slice(0, 3)));

test('with --json every command says how it went in one envelope, and the exit code says it too', async () => {
  mkdirSync(join(market.folder.path, 'empty'), { recursive: true });
  const ours = ['--config', market.settings];
  const cases: [args: string[], command: string, code: number, error?: string][] = [
    [[...ours, 'gaps', 'binance:spot:ETHUSDT', '--state', 'open'], 'gaps', 0],
    [[...ours, 'sql', '--max-rows', '1', 'SELECT * FROM trades'], 'sql', 0],
    [[...ours, 'doctor', '--offline'], 'doctor', 0],
    [[...ours, 'config'], 'config show', 0],
    [[...ours, 'sql', 'SELECT * FROM nowhere'], 'sql', 2, 'sql-refused'],
    [[...ours, 'sql', '--as-of', 'now', 'SELECT * FROM trades'], 'sql', 0],
    [[...ours, 'sql', '--as-of', '999999', 'SELECT 1'], 'sql', 4, 'no-such-version'],
    [[...ours, 'sql', '--as-of', 'yesterday', 'SELECT 1'], 'sql', 2, 'bad-query'],
    [[...ours, 'sql', '-f', 'absent.sql'], 'sql', 4, 'not-found'],
    [[...ours, 'gaps', 'BTCUSDT'], 'gaps', 2, 'bad-instrument'],
    [['--data-dir', 'empty', 'gaps'], 'gaps', 4, 'not-found'],
    [['--data-dir', 'empty', 'sql', 'SELECT 1'], 'sql', 4, 'not-found'],
    [['--config', 'absent.yaml', 'up'], 'up', 3, 'config-invalid'],
    [['--config', 'absent.yaml', 'demo'], 'demo', 3, 'config-invalid'],
    [['--config', 'absent.yaml', 'serve', '--port', '70000'], 'serve', 2, 'usage'],
    [['harbour', '--speed', 'fast'], 'harbour', 2, 'usage'],
    [['replay', 'absent.gz'], 'replay', 4, 'not-found'],
    [['gap'], 'gap', 2, 'usage'],
  ];
  await inPairs(cases, async ([args, command, code, error]) => {
    const ended = await run('--json', ...args);
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
    const envelope = readEnvelope(ended.stdout, command);
    assert.equal(envelope.error?.code, error);
    if (error !== undefined) assert.ok(envelope.error!.message.length > 10);
  });
  assert.ok(!existsSync(join(market.folder.path, 'empty', 'catalog.sqlite')), 'reading creates nothing');
});

test('wrong settings stop each process before it does anything, with the setting that was meant', async () => {
  const wrong = market.folder.settings({ servers: { port: 1 } }, 'wrong.yaml');
  const cases: [args: string[], env: Record<string, string>, code: number, message: RegExp][] = [
    [['--config', wrong, 'up'], {}, 3, /setting servers in .*wrong\.yaml: .*did you mean server\?/],
    [['--config', wrong, 'record'], {}, 3, /did you mean server\?/],
    [['config', 'validate'], { TIDEMARK_DATADIR: 'x' }, 3, /did you mean TIDEMARK_DATA_DIR\?/],
    [['config', 'validate'], { TIDEMARK_RECORDINGS: '/anywhere' }, 0, /^$/],
    [['config', 'validate'], { TIDEMARK_INSTRUMENTS: 'binance:coinm:BTCUSD_PERP' }, 3, /no stream host is known/],
    [['serve', '--port', '0'], { TIDEMARK_STREAMS: 'mark-price' }, 3, /spot has no mark price/],
  ];
  await inPairs(cases, async ([args, env, code, message]) => {
    const ended = await runTidemark(['--data-dir', 'unused', ...args], {
      cwd: market.folder.path,
      isChild: false,
      env,
    });
    assert.match(ended.stderr, message);
    assert.equal(ended.code, code, args.join(' '));
  });
});
