import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import { Batch } from '../domain/batch.ts';
import { Slots } from '../domain/slots.ts';
import { gaps, trades } from '../domain/tables/index.ts';
import { openParquetLake } from '../lake/parquet-lake.ts';
import type { LakeFile, QueryTables } from '../ports/warehouse.ts';
import { openDuckdbWarehouse } from './duckdb.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-warehouse-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const limits = { maxRows: 1000, timeoutMs: 10_000, memoryMb: 256 };
const startUs = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;
const warehouse = openDuckdbWarehouse();

async function lakeTables(): Promise<QueryTables> {
  const lake = await openParquetLake({
    catalog: await openSqliteCatalog(join(folder, 'catalog.db')),
    blobs: openFolderBlobs(join(folder, 'blobs')),
    scratchFolder: join(folder, 'scratch'),
  });
  await lake.open();
  const slots = new Slots();
  const slot = slots.atLeast({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 2, 5).index;
  const batch = new Batch(trades);
  for (let id = 1; id <= 3; id++) {
    const row = batch.add(slot);
    const columns = batch.columns;
    columns.trade_id[row] = id;
    columns.price[row] = 6_000_012 + id;
    columns.quantity[row] = id;
    columns.traded_at[row] = columns.event_at[row] = columns.received_at[row] = startUs + id;
    columns.is_market[row] = 1;
    columns.origin[row] = 'frame';
  }
  const gap = (state: string) => {
    const rows = new Batch(gaps);
    const row = rows.add(slot);
    const columns = rows.columns;
    columns.stream[row] = 'trade';
    columns.from_id[row] = columns.to_id[row] = 4;
    columns.opened_at[row] = columns.closed_at[row] = columns.decided_at[row] = startUs;
    columns.state[row] = state;
    columns.reason[row] = 'unknown';
    columns.held_count[row] = columns.by_aggregate_count[row] = 0;
    columns.tried[row] = '';
    return rows as unknown as Batch;
  };
  await lake.commit({
    slots,
    batches: [batch as unknown as Batch, gap('open')],
    positions: [],
    checkpoint: new Uint8Array(),
  });
  const tail = join(folder, 'tail-gaps.parquet');
  await lake.writeTail(gap('repaired'), slots, tail);
  const files = await lake.files();
  await lake.close();
  return { ...files, replacing: { gaps: tail } };
}
const tablesReady = lakeTables();

async function ask(sql: string, changed: Partial<typeof limits> = {}) {
  return warehouse.query(sql, await tablesReady, { ...limits, ...changed });
}

test('cells are exact text, in the types that the tables promise', async () => {
  const answer = await ask(
    'SELECT trade_id, price, quantity, quote_quantity, traded_at, is_market, event_at IS NULL, date FROM trades ORDER BY trade_id LIMIT 1',
  );
  assert.deepEqual(answer.rows, [
    [
      '1',
      '60000.13000000',
      '0.00001000',
      '0.6000013000000000',
      '2026-01-02T03:04:05.000001Z',
      'true',
      'false',
      '2026-01-02',
    ],
  ]);
  assert.deepEqual(answer.columns.map((column) => column.type).slice(0, 5), [
    'BIGINT',
    'DECIMAL(38,8)',
    'DECIMAL(38,8)',
    'DECIMAL(38,16)',
    'TIMESTAMP WITH TIME ZONE',
  ]);
  assert.equal(answer.catalogVersion, 1);
  assert.equal(answer.truncated, false);
});

test('a table without files is there, typed and empty', async () => {
  assert.deepEqual((await ask('SELECT count(*), count(volume) FROM candles')).rows, [['0', '0']]);
  assert.ok(
    (await ask('DESCRIBE candles')).rows.some((row) => row[0] === 'quote_volume' && row[1] === 'DECIMAL(38,16)'),
  );
});

test('a row of the tail replaces the committed row of its key', async () => {
  assert.deepEqual((await ask('SELECT state FROM gaps')).rows, [['repaired']]);
});

test('more rows than asked for are cut and said to be', async () => {
  const answer = await ask('SELECT range FROM range(100000)', { maxRows: 7 });
  assert.equal(answer.rows.length, 7);
  assert.equal(answer.truncated, true);
});

test('ordinary SQL over the tables is let through', async () => {
  for (const sql of [
    'WITH t AS (SELECT * FROM trades) SELECT count(*) FROM t JOIN trades USING (trade_id)',
    'FROM trades SELECT sum(quantity)',
    'SHOW TABLES',
    'SUMMARIZE trades',
    'EXPLAIN SELECT * FROM trades',
    '-- why\nEXPLAIN /* so */ ANALYZE SELECT count(*) FROM trades;',
    'SELECT [x * 2 FOR x IN range(3)], {a: 1}, regexp_matches(origin, $$f.*$$) FROM trades',
    'SELECT * FROM trades a, LATERAL (SELECT a.trade_id + 1 AS next) ORDER BY ALL',
    'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n',
    "SELECT time_bucket(INTERVAL '1 minute', traded_at) AS minute, arg_min(price, trade_id) FROM trades GROUP BY 1",
    'SELECT trade_id, lag(price) OVER (ORDER BY trade_id) FROM main.trades QUALIFY row_number() OVER () < 9',
    'VALUES (1), (2)',
  ]) {
    assert.ok((await ask(sql)).rows.length > 0, sql);
  }
});

test('what is not one SELECT over the tables is refused before it runs', async () => {
  const target = join(folder, 'written.txt');
  const [inLake] = (await tablesReady).files['trades'] as LakeFile[];
  const file = await inLake!.localPath();
  const before = readFileSync(file);
  for (const sql of [
    '',
    'SELECT 1; SELECT 2',
    `COPY (SELECT 1) TO '${target}'`,
    `COPY (SELECT 1) TO '${file}' (FORMAT parquet)`,
    `EXPLAIN ANALYZE COPY (SELECT 1) TO '${file}' (FORMAT parquet)`,
    `/* /* */ */ EXPLAIN (ANALYZE) COPY (SELECT 1) TO '${target}'`,
    'EXPLAIN PRAGMA database_list',
    'PRAGMA database_list',
    'PRAGMA enable_profiling',
    'CALL enable_logging()',
    'CHECKPOINT',
    'BEGIN',
    'SET threads = 8',
    'RESET threads',
    'CREATE TABLE x AS SELECT 1',
    'CREATE TEMP MACRO m() AS 1',
    'PREPARE p AS SELECT 1',
    'INSTALL httpfs',
    'LOAD json',
    `ATTACH '${target}' AS x`,
    `EXPORT DATABASE '${target}'`,
    'DROP VIEW trades',
    `SELECT * FROM read_parquet('${file}')`,
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM '/etc/hostname'",
    `SELECT * FROM "${file}"`,
    "SELECT * FROM glob('/*')",
    "SELECT * FROM sniff_csv('/etc/hostname')",
    `SELECT * FROM parquet_metadata('${file}')`,
    'SELECT * FROM duckdb_views()',
    'SELECT * FROM duckdb_databases()',
    'SELECT * FROM sqlite_master',
    'SELECT * FROM information_schema.views',
    'SELECT * FROM pg_catalog.pg_views',
    'SELECT * FROM pragma_database_list()',
    "SELECT current_setting('allowed_paths')",
    "SELECT getenv('HOME')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table(['duckdb_views'])",
    'SELECT (SELECT count(*) FROM duckdb_settings())',
    "WITH x AS (SELECT * FROM read_csv('/etc/hostname')) SELECT * FROM x",
    'SHOW DATABASES',
    'SELECT * FROM trades WHERE',
  ]) {
    await assert.rejects(ask(sql), { code: 'sql-refused' }, sql);
  }
  assert.equal(existsSync(target), false);
  assert.deepEqual(readFileSync(file), before);
});

test('a failing query says why without a path of this machine', async () => {
  const broken = { ...(await tablesReady), replacing: {} };
  const gone = { ...broken, files: { trades: [join(folder, 'gone.parquet')] } };
  for (const [sql, tables] of [
    ['SELECT no_such_column FROM trades', broken],
    ["SELECT 'x'::BIGINT", broken],
    ['SELECT * FROM trades', gone],
  ] as const) {
    const error = await warehouse.query(sql, tables, limits).then(
      () => assert.fail(sql),
      (failure) => failure as Error & { code: string },
    );
    assert.equal(error.code, 'sql-failed', sql);
    assert.ok(!error.message.includes(folder), error.message);
  }
});

test('a refused or failing query says what was meant and where', async () => {
  for (const [sql, said] of [
    ['SELECT\n  pricee FROM trades', /column "pricee" not found.*did you mean "price"\? \(line 2, column 3\)/],
    ['SELECT * FROM tradez', /no table "tradez"; did you mean "trades"\? \(line 1, column 15\)/],
    ['SELECT * FRM trades', /syntax error at or near "trades" \(line 1, column 14\)/],
    ['/* é */ EXPLAIN ANALYZE  SELECT summ(price) FROM trades', /did you mean "sum"\? \(line 1, column 33\)/],
  ] as const)
    await assert.rejects(ask(sql), said, sql);
});

test('a query past its time is ended', async () => {
  const endless = 'SELECT count(*) FROM range(1000000000000) WHERE hash(range) = 1';
  await assert.rejects(ask(endless, { timeoutMs: 300 }), { code: 'sql-timeout' });
  assert.deepEqual((await ask('SELECT 1')).rows, [['1']]);
});

test('a query that does not listen to the interrupt is killed', async () => {
  const deaf = "SELECT length(repeat('x', 2000000000))";
  await assert.rejects(ask(deaf, { timeoutMs: 100, memoryMb: 3000 }), { code: 'sql-timeout' });
});

test('a query that needs more memory than it may have fails alone', async () => {
  const greedy = 'SELECT len(list(i)) FROM range(200000000) r(i)';
  await assert.rejects(ask(greedy, { memoryMb: 64, timeoutMs: 60_000 }), { code: 'sql-failed' });
  assert.deepEqual((await ask('SELECT 1')).rows, [['1']]);
});

test('too many waiting queries are told to come later', async () => {
  const narrow = openDuckdbWarehouse({ concurrency: 1, waiting: 1 });
  const tables = await tablesReady;
  const outcomes = await Promise.allSettled([1, 2, 3].map((n) => narrow.query(`SELECT ${n}`, tables, limits)));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  assert.equal(((outcomes[2] as PromiseRejectedResult).reason as { code: string }).code, 'query-limit');
});

test('while one query waits for its files, others have its place, and it is done before those that wait', async () => {
  const narrow = openDuckdbWarehouse({ concurrency: 1, waiting: 2 });
  const tables = await tablesReady;
  let fetched: () => void = () => {};
  const afar = new Promise<void>((resolve) => {
    fetched = resolve;
  });
  const [inLake] = tables.files['trades'] as LakeFile[];
  const far: LakeFile = { ...inLake!, localPath: () => afar.then(() => inLake!.localPath()) };
  const order: string[] = [];
  const ask = (name: string, sql: string, of: QueryTables, cancelled?: AbortSignal) =>
    narrow.query(sql, of, limits, cancelled).then(
      ({ rows }) => order.push(`${name} ${rows[0]![0]}`),
      (error: { code: string }) => order.push(`${name} ${error.code}`),
    );
  const ofFar = { ...tables, files: { trades: [far] }, replacing: {} };
  const first = ask('far', 'SELECT count(*) FROM trades', ofFar);
  const gone = new AbortController();
  const left = ask('left', 'SELECT count(*) FROM trades', ofFar, gone.signal);
  await ask('near', 'SELECT 1', tables);
  gone.abort();
  await left;
  const others = [ask('next', 'SELECT 2', tables), ask('last', 'SELECT 3', tables)];
  fetched();
  await Promise.all([first, ...others]);
  assert.deepEqual(order, ['near 1', 'left sql-cancelled', 'far 3', 'next 2', 'last 3']);
  // Nobody kept a place.
  await ask('free', 'SELECT 4', tables);
  assert.equal(order.at(-1), 'free 4');
});

test('no query process outlives its query', async () => {
  await ask('SELECT 1');
  const children = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  assert.ok(!children.includes('query-process'), children);
});
