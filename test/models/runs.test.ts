import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { dayUs, hourUs, minuteUs, secondUs } from '../../src/domain/interval.ts';
import { failureOf, rangeText } from '../../src/models/run.ts';
import { testModels } from '../../src/models/test-models.ts';
import { openDuckdbModelRunner } from '../../src/warehouse/model-runner.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { btc, commit, eth, quotesIn, slots, startUs, tradesIn } from './made-rows.ts';
import { modelLake, ownModels, refuseFailure } from './model-lake.ts';

const tables = [
  'candles_1m', 'candles_5m', 'candles_15m', 'candles_1h', 'candles_1d', 'volumes', 'volatility', 'correlations',
  'spread_liquidity', 'daily_report',
]; // biome-ignore format: a list

/** Models of the project with files of one's own beside them. */
function ownFolder(t: TestContext, folder: string, files: Readonly<Record<string, string>> = {}): string {
  const place = join(folder, 'models');
  cpSync(ownModels, place, { recursive: true });
  t.after(() => rmSync(place, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) write(place, name, text);
  return place;
}

function write(place: string, name: string, text: string): void {
  mkdirSync(join(place, name, '..'), { recursive: true });
  writeFileSync(join(place, name), text);
}

test('a run after nothing changed publishes nothing, and one after a commit only what that touches', async (t) => {
  const models = await modelLake(t);
  await commit(models, tradesIn(slots, btc, startUs, startUs + 2 * dayUs));
  await commit(models, tradesIn(slots, eth, startUs, startUs + 2 * dayUs));
  await commit(models, quotesIn(slots, btc, startUs, startUs + hourUs));
  const first = refuseFailure(await models.run());
  assert.ok(first.rows > 2 * 1440 && first.catalogVersion !== undefined);
  const { version } = await models.lake.state();
  const again = await models.run();
  assert.deepEqual([again.partitions, again.catalogVersion], [[], undefined]);
  assert.equal((await models.lake.state()).version, version);

  // A gap of the first day is repaired: four seconds of one symbol, long after.
  const repairedUs = startUs + 3 * hourUs + 2 * minuteUs;
  await commit(models, tradesIn(slots, eth, repairedUs + 3 * secondUs, repairedUs + 7 * secondUs, secondUs));
  const repaired = refuseFailure(await models.run());
  assert.deepEqual(
    repaired.partitions.map((one) => [one.date, one.model, one.symbols.join(' '), rangeText(one), one.state]).sort(),
    [
      ['2026-01-05', 'candles_1m', 'ETHUSDT', '03:02–03:03', 'written'],
      ['2026-01-05', 'candles_5m', 'ETHUSDT', '03:00–03:05', 'written'],
      ['2026-01-05', 'candles_15m', 'ETHUSDT', '03:00–03:15', 'written'],
      ['2026-01-05', 'candles_1h', 'ETHUSDT', '03:00–04:00', 'written'],
      ['2026-01-05', 'candles_1d', 'ETHUSDT', '00:00–24:00', 'written'],
      ['2026-01-05', 'correlations', 'BTCUSDT ETHUSDT', '00:00–24:00', 'same'],
      ['2026-01-05', 'daily_report', 'ETHUSDT', '00:00–24:00', 'written'],
      ['2026-01-05', 'volatility', 'ETHUSDT', '00:00–24:00', 'same'],
      ['2026-01-05', 'volumes', 'ETHUSDT', '00:00–24:00', 'written'],
      // Trailing windows of the day after look back on it.
      ['2026-01-06', 'correlations', 'BTCUSDT ETHUSDT', '00:00–24:00', 'same'],
      ['2026-01-06', 'daily_report', 'ETHUSDT', '00:00–24:00', 'same'],
      ['2026-01-06', 'volatility', 'ETHUSDT', '00:00–24:00', 'same'],
    ].sort(),
  );
  assert.ok(models.log.some((line) => line.includes('candles_1m spot 2026-01-05 03:02–03:03 ETHUSDT: written')));
  const [[count]] = (await models.query(
    `SELECT trade_count FROM candles_1m WHERE symbol = 'ETHUSDT' AND opened_at = TIMESTAMPTZ '2026-01-05 03:02:00+00'`,
  )) as [[string]];
  assert.equal(count, '10');
});

test('rows that came in any order and in many runs give what one run of them all gives', async (t) => {
  const many = await modelLake(t);
  const one = await modelLake(t);
  let random = 42;
  const next = (below: number) => {
    random = (random * 48_271) % 2_147_483_647;
    return random % below;
  };
  const pieces = Array.from({ length: 24 }, (_, at) => startUs + at * 3 * hourUs);
  for (let at = pieces.length - 1; at > 0; at--) {
    const other = next(at + 1);
    [pieces[at], pieces[other]] = [pieces[other]!, pieces[at]!];
  }
  for (const [at, fromUs] of pieces.entries()) {
    const offsetUs = next(5000) * secondUs;
    const batches = [
      tradesIn(slots, btc, fromUs, fromUs + hourUs + offsetUs),
      tradesIn(slots, eth, fromUs + offsetUs, fromUs + 2 * hourUs),
      quotesIn(slots, btc, fromUs, fromUs + offsetUs),
    ];
    for (const lake of [many, one]) {
      await commit(lake, batches[0]!, batches[2]!);
      await commit(lake, batches[1]!);
    }
    if (at % 6 === 5) refuseFailure(await many.run());
  }
  refuseFailure(await one.run());
  assert.equal(await many.rows(tables), await one.rows(tables));
  const full = refuseFailure(await many.run({ isFullRefresh: true }));
  assert.ok(full.partitions.every(({ state, rows }) => state === (rows > 0 ? 'written' : 'same')));
  assert.equal(await many.rows(tables), await one.rows(tables));
});

test('a failing test blocks its model and all that refer to it, says which rows, and others go on', async (t) => {
  const models = await modelLake(t);
  const folder = ownFolder(t, models.folder, {
    'tests/no_small_hour.sql': `select market, date, symbol, opened_at, trade_count from {{ ref('candles_1h') }} where trade_count < 300`,
  });
  await commit(
    models,
    tradesIn(slots, btc, startUs, startUs + 3 * hourUs),
    quotesIn(slots, btc, startUs, startUs + hourUs),
  );
  refuseFailure(await models.run({ folder }));
  await commit(models, tradesIn(slots, btc, startUs + 3 * hourUs, startUs + 3 * hourUs + 5 * minuteUs));
  const before = await models.query('SELECT count(*), sum(trade_count) FROM candles_1d');
  const result = await models.run({ folder });
  const state = Object.fromEntries(result.partitions.map((one) => [one.model, one.state]));
  assert.deepEqual(state, {
    candles_1m: 'written', candles_5m: 'written', candles_15m: 'written', candles_1h: 'failed', candles_1d: 'blocked',
    correlations: 'blocked', volatility: 'blocked', daily_report: 'blocked', volumes: 'blocked',
  }); // biome-ignore format: a map
  const [failed] = result.failedTests;
  assert.deepEqual([failed?.model, failed?.test, failed?.count], ['candles_1h', 'no_small_hour', 1]);
  assert.match(failed!.rows[0]!, /symbol=BTCUSDT, opened_at=2026-01-05T03:00:00.000Z, trade_count=30$/);
  assert.equal(failureOf(result)?.code, 'model-test-failed');
  assert.deepEqual(await models.query('SELECT count(*), sum(trade_count) FROM candles_1d'), before);
  assert.deepEqual(await models.query('SELECT count(*) FROM candles_1h'), [['3']]);
  assert.deepEqual(await models.query('SELECT count(*) FROM candles_1m'), [['185']]);

  // The rest of the hour makes it right, and what was held back follows.
  await commit(models, tradesIn(slots, btc, startUs + 3 * hourUs + 5 * minuteUs, startUs + 4 * hourUs));
  refuseFailure(await models.run({ folder }));
  assert.deepEqual(await models.query('SELECT sum(trade_count) FROM candles_1d'), [[String(4 * 360)]]);
});

test('a warning is told and blocks nothing, and published rows can be tested without a run', async (t) => {
  const models = await modelLake(t);
  const folder = ownFolder(t, models.folder, {
    'tests/never_right.sql': `{{ config(severity='warn') }} select symbol from {{ ref('candles_1d') }}`,
  });
  await commit(models, tradesIn(slots, btc, startUs, startUs + hourUs));
  const result = refuseFailure(await models.run({ folder }));
  assert.deepEqual(
    result.failedTests.map(({ test, severity }) => [test, severity]),
    [['never_right', 'warn']],
  );
  const asked = {
    ...models,
    runner: openDuckdbModelRunner(),
    files: createNodeWorld().files,
    folder,
    scratchFolder: join(models.folder, 'scratch', 'tests'),
  };
  const tested = await testModels(asked);
  assert.deepEqual([tested.failed.length, tested.errors], [1, []]);
  assert.ok(tested.tests > 60, String(tested.tests));
  const { version } = await models.lake.state();
  write(folder, 'tests/never_right.sql', `select symbol from {{ ref('candles_1d') }} where trade_count < 0`);
  assert.deepEqual((await testModels({ ...asked, day: '2026-01-05' })).failed, []);
  assert.equal((await models.lake.state()).version, version);
});

test('a model is added by adding a file, and other columns need a full refresh', async (t) => {
  const models = await modelLake(t);
  const folder = ownFolder(t, models.folder);
  await commit(models, tradesIn(slots, btc, startUs, startUs + 2 * dayUs, minuteUs));
  refuseFailure(await models.run({ folder }));
  const sql = (columns: string) => `select market, date, symbol, ${columns} from {{ ref('candles_1h') }} group by all`;
  write(folder, 'gold/busiest_hour.sql', sql('max(trade_count) as trade_count'));
  const added = refuseFailure(await models.run({ folder }));
  assert.deepEqual([...new Set(added.partitions.map(({ model }) => model))], ['busiest_hour']);
  assert.deepEqual(await models.query('SELECT date, trade_count FROM busiest_hour ORDER BY date'), [
    ['2026-01-05', '60'],
    ['2026-01-06', '60'],
  ]);

  write(folder, 'gold/busiest_hour.sql', sql('max(trade_count)::varchar as trade_count, min(low) as low'));
  const changed = await models.run({ folder });
  assert.equal(failureOf(changed)?.code, 'model-schema-changed');
  assert.match(failureOf(changed)!.message, /low is new, trade_count was BIGINT and is VARCHAR.*--full-refresh/);
  assert.deepEqual(await models.query('SELECT typeof(trade_count) FROM busiest_hour LIMIT 1'), [['BIGINT']]);
  const partly = await models.run({ folder, isFullRefresh: true, select: ['busiest_hour'], day: '2026-01-05' });
  assert.deepEqual(await models.query('SELECT DISTINCT typeof(trade_count) FROM busiest_hour'), [['BIGINT']]);
  assert.ok(
    models.log.some((line) => line.includes('busiest_hour stays as it was: spot 2026-01-06')),
    String(partly),
  );
  refuseFailure(await models.run({ folder, isFullRefresh: true, select: ['busiest_hour'] }));
  assert.deepEqual(
    await models.query('SELECT typeof(trade_count), count(*), min(low) > 0 FROM busiest_hour GROUP BY 1'),
    [['VARCHAR', '2', 'true']],
  );

  // The same columns computed otherwise are no change of columns.
  write(folder, 'gold/busiest_hour.sql', sql('min(trade_count)::varchar as trade_count, max(low) as low'));
  const recomputed = refuseFailure(await models.run({ folder }));
  assert.deepEqual(
    recomputed.partitions.map(({ model, why }) => [model, why]),
    [
      ['busiest_hour', 'its code changed'],
      ['busiest_hour', 'its code changed'],
    ],
  );
  assert.equal((await models.run({ folder })).partitions.length, 0);
});

test('hostile and broken SQL is refused, touches nothing, and the models beside it are published', async (t) => {
  const models = await modelLake(t);
  await commit(models, tradesIn(slots, btc, startUs, startUs + hourUs, minuteUs));
  const folder = ownFolder(t, models.folder);
  const secret = join(models.folder, 'secret.txt');
  const written = join(models.folder, 'written.csv');
  writeFileSync(secret, 'secret');
  const rows = `select market, date, symbol, 1 as x from {{ ref('candles_1d') }}`;
  const cases: Readonly<Record<string, readonly [string, RegExp]>> = {
    copy: [`copy (select 1) to '${written}'`, /sql-refused.*not a SELECT|sql-refused/],
    attach: [`attach '${written}' as other`, /sql-refused/],
    install: ['install httpfs', /sql-refused/],
    two: [`${rows}; drop table fresh.two`, /sql-refused.*2 statements/],
    closes: [`select 1) as rows_of_model; copy (select 1) to '${written}'; select (1`, /sql-refused/],
    file: [`select 'spot' as market, date '2026-01-05' as date, content as symbol from read_text('${secret}')`, /read_text is not allowed/],
    quoted: [`select * from '${secret}'`, /does not refer to/],
    other: ['select * from days.candles_1d', /does not refer to/],
    plain: ['select * from trades', /does not refer to.*source/],
    system: ['select * from duckdb_settings()', /not allowed/],
    environment: [`${rows.replace('1 as x', "getenv('HOME') as x")}`, /getenv is not allowed/],
    clock: [`${rows.replace('1 as x', 'now() as x')}`, /another answer each time/],
    dice: [`${rows.replace('1 as x', 'random() as x')}`, /another answer each time/],
    today: [`${rows.replace('1 as x', 'current_date as x')}`, /another answer each time/],
    sample: [`${rows} using sample 1`, /another answer each time/],
    sets: ['set threads = 8', /sql-refused/],
    unknown: [`select market, date, symbol, volum from {{ ref('candles_1d') }}`, /model-failed.*"volum" not found.*volume/],
    typeless: [`select market, date, symbol, low + 'x' as x from {{ ref('candles_1d') }}`, /model-failed/],
    keyless: [`select market, symbol from {{ ref('candles_1d') }}`, /model-columns.*no column date/],
  }; // biome-ignore format: a table
  for (const [name, [sql]] of Object.entries(cases)) {
    write(folder, `gold/bad_${name}.sql`, `{% set input = ref('candles_1d') %}${sql}`);
  }
  const result = await models.run({ folder });
  for (const [name, [, wanted]] of Object.entries(cases)) {
    const one = result.partitions.find(({ model }) => model === `bad_${name}`);
    assert.equal(one?.state, 'failed', name);
    assert.match(`${one!.error!.code} ${one!.error!.why} ${one!.error!.now ?? ''}`, wanted, name);
    assert.ok(!one!.error!.why.includes(models.folder), one!.error!.why);
  }
  const good = result.partitions.filter(({ model }) => !model.startsWith('bad_'));
  assert.ok(good.length >= 8 && good.every(({ state }) => state === 'written' || state === 'same'));
  assert.throws(() => readFileSync(written));
  assert.deepEqual(await models.query('SELECT trade_count FROM candles_1d'), [['60']]);
});

test('a run that is cancelled or dies publishes whole versions or none, and the next goes on there', async (t) => {
  const models = await modelLake(t);
  await commit(models, tradesIn(slots, btc, startUs, startUs + 2 * dayUs));
  const { version } = await models.lake.state();
  const stop = new AbortController();
  const stopped = models.run({
    signal: stop.signal,
    log: (_, text) => {
      if (text.startsWith('candles_15m')) stop.abort();
    },
  });
  await assert.rejects(
    stopped,
    (error: Error & { code?: string }) => error.code === 'models-ended' || error.name === 'AbortError',
  );
  assert.equal((await models.lake.state()).version, version);
  const result = refuseFailure(await models.run());
  assert.ok(result.partitions.every(({ why }) => why === 'never computed'));
  assert.deepEqual(await models.query('SELECT count(*) FROM candles_1d'), [['2']]);
});

test('a selected model runs with what it refers to, and one day with what it looks back on', async (t) => {
  const models = await modelLake(t);
  await commit(models, tradesIn(slots, btc, startUs, startUs + 4 * dayUs, minuteUs));
  const dry = await models.run({ select: ['candles_5m'], day: '2026-01-06', isDryRun: true });
  assert.deepEqual(
    dry.partitions.map(({ model, date, state }) => [model, date, state]),
    [
      ['candles_1m', '2026-01-06', 'due'],
      ['candles_5m', '2026-01-06', 'due'],
    ],
  );
  refuseFailure(await models.run({ select: ['volatility'], day: '2026-01-07' }));
  const days = async (table: string) => (await models.query(`SELECT DISTINCT date FROM ${table} ORDER BY date`)).flat();
  assert.deepEqual(await days('volatility'), ['2026-01-07']);
  assert.deepEqual(await days('candles_1d'), ['2026-01-05', '2026-01-06', '2026-01-07']);
  const [[dayCount]] = (await models.query('SELECT day_count FROM volatility')) as [[string]];
  assert.equal(dayCount, '2');
  await assert.rejects(models.run({ select: ['candles_1minute'] }), { code: 'no-such-model' });
  await assert.rejects(models.run({ day: '2026-02-30' }), { code: 'bad-time' });
  const followed = await models.run({ select: ['candles_1h+'], isDryRun: true });
  assert.ok(followed.partitions.some(({ model }) => model === 'daily_report'));
});
