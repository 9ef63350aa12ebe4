import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import type { FileSpan } from '../ports/warehouse.ts';
import { QueryScopes } from './query-scope.ts';
import { serialized } from './statement-tree.ts';

const dayUs = 86_400e6;
const firstUs = Date.UTC(2026, 0, 1) * 1000;
const dates = ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-04'];
/** Two files a market and day, its first half and its second. */
const spans: FileSpan[] = ['spot', 'usdm'].flatMap((market) =>
  dates.flatMap((date, day) =>
    [0, 1].map((half) => {
      const minTimeUs = firstUs + (day + half / 2) * dayUs;
      return { market, date, minTimeUs, maxTimeUs: minTimeUs + dayUs / 2 - 1 };
    }),
  ),
);

let connection: DuckDBConnection;
before(async () => {
  connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
});
after(() => connection?.closeSync());

async function needed(sql: string, table = 'trades', files: readonly FileSpan[] = spans): Promise<number[]> {
  const { statements } = await serialized(connection, sql);
  assert.equal(statements?.length, 1, sql);
  const scopes = await QueryScopes.of(connection, statements);
  return [...files.keys()].filter((at) => scopes.needs(table, files[at]!));
}

const all = [...spans.keys()];
const ofMarket = (market: string) => all.filter((at) => spans[at]!.market === market);
const ofDates = (...some: string[]) => all.filter((at) => some.includes(spans[at]!.date));
const [one, two, three, four] = dates as [string, string, string, string];

for (const [where, files] of [
  ["market = 'spot'", ofMarket('spot')],
  ["'usdm' = market", ofMarket('usdm')],
  ["market IN ('spot', 'coinm')", ofMarket('spot')],
  ["market = 'spot' AND market = 'usdm'", []],
  ['market = 5', all],
  ["lower(market) = 'spot'", all],
  [`date = '${two}'`, ofDates(two)],
  [`date IN ('${one}', DATE '${two}')`, ofDates(one, two)],
  [`date > '${two}' AND date < DATE '${four}'`, ofDates(two, three, four)],
  [`date BETWEEN '${two}' AND DATE '${two}' + 1`, ofDates(two, three)],
  [`'${three}' <= date`, ofDates(three, four)],
  [`date = '${two}' OR date = '${three}'`, all],
  [`NOT (date = '${two}')`, all],
  [`date <> '${two}'`, all],
  ['date = NULL', all],
  ["date >= '2026-01-02 23:00:00-05'", ofDates(two, three, four)],
  ["traded_at >= '2026-01-04 12:00'", [7, 15]],
  ["traded_at < TIMESTAMP '2026-01-01 12:00' AND market = 'spot'", [0, 1]],
  ["traded_at BETWEEN '2026-01-02 13:00' AND TIMESTAMPTZ '2026-01-02 14:00:00+00' AND market = 'spot'", [3]],
  ["traded_at >= '2026-01-03 23:00:00-03'", [6, 7, 14, 15]],
  ["traded_at >= make_timestamptz(2026, 1, 4, 12, 0, 0) - INTERVAL 1 MINUTE AND market = 'spot'", [6, 7]],
  ['traded_at >= now() - INTERVAL 1 DAY', []],
  ["traded_at >= date_trunc('day', current_timestamp) - to_days(3)", []],
  ['date >= current_date - 7', []],
  ['date >= today() - INTERVAL 7 DAY', []],
  // What a clock says is over by the time the statement runs.
  ["traded_at < TIMESTAMPTZ '1990-01-01' + (now() - now())", all],
  ['traded_at < now() - INTERVAL 20000 DAY', all],
  ["traded_at >= TIMESTAMPTZ '2090-01-01' - (now() - TIMESTAMPTZ '2026-01-01')", all],
  ["traded_at >= 'no time'", all],
  ['traded_at >= received_at', all],
  ["traded_at >= (SELECT TIMESTAMPTZ '2026-01-04')", all],
  ["received_at >= '2026-01-04'", all],
  ["date_trunc('day', traded_at) = '2026-01-04'", all],
] as const)
  test(`WHERE ${where}: ${files.length} of ${all.length} files`, async () => {
    assert.deepEqual(await needed(`SELECT count(*) FROM trades WHERE ${where}`), files);
  });

for (const [sql, files] of [
  [`FROM trades t WHERE t.date = '${one}'`, ofDates(one)],
  [`FROM trades t WHERE trades.date = '${one}'`, all],
  [`FROM trades t JOIN candles c USING (symbol) WHERE t.date = '${one}'`, ofDates(one)],
  [`FROM trades t LEFT JOIN candles c USING (symbol) WHERE c.date = '${one}' AND t.date = '${two}'`, ofDates(two)],
  [`FROM trades t FULL JOIN candles c USING (symbol) WHERE t.date = '${one}'`, ofDates(one)],
  [`FROM trades, candles WHERE date = '${one}'`, all],
  [`FROM candles c ASOF JOIN trades t ON c.opened_at >= t.traded_at WHERE t.date = '${one}'`, all],
  [`FROM candles c POSITIONAL JOIN trades t WHERE t.date = '${one}'`, all],
  [`FROM candles c ANTI JOIN trades t USING (symbol) WHERE c.date = '${one}'`, all],
  [`FROM trades TABLESAMPLE 10% WHERE date = '${one}'`, all],
  [`FROM trades AS t(date, market) WHERE date = '${one}'`, all],
  [`FROM (SELECT * FROM trades) WHERE date = '${one}'`, all],
  [`FROM (SELECT * FROM trades WHERE date = '${one}') WHERE market = 'spot'`, ofDates(one)],
  [
    `WITH trades AS (SELECT * FROM main.trades WHERE market = 'spot') FROM trades WHERE date = '${one}'`,
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  ],
  [`FROM trades WHERE date = '${one}' UNION ALL FROM trades WHERE date = '${four}'`, ofDates(one, four)],
  [`FROM candles WHERE date = '${one}' AND EXISTS (FROM trades WHERE market = 'usdm')`, ofMarket('usdm')],
  [`FROM trades, (SELECT DATE '${one}' AS current_date) WHERE trades.date >= current_date`, all],
  [`FROM trades a, trades b WHERE a.date = '${one}' AND b.date = '${two}'`, ofDates(one, two)],
  ['FROM candles', []],
  ["SELECT 'trades'", []],
] as const)
  test(`${sql}: ${files.length} of ${all.length} files`, async () => {
    assert.deepEqual(await needed(sql), files);
  });

test('whatever a statement asks, its answer is the same without the files that it is said not to need', async () => {
  const whole = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const part = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  for (const database of [whole, part]) {
    await database.run("SET GLOBAL TimeZone = 'UTC'");
    // A row at both ends of each file, and some between.
    const rows = spans.flatMap(({ market, date, minTimeUs, maxTimeUs }, file) =>
      [minTimeUs, minTimeUs + dayUs / 5, maxTimeUs].map(
        (atUs, at) => `('${market}', DATE '${date}', make_timestamptz(${atUs}), ${file * 10 + at}, ${file})`,
      ),
    );
    await database.run(
      `CREATE TABLE stored AS SELECT * FROM (VALUES ${rows.join(', ')}) AS t(market, date, traded_at, trade_id, file)`,
    );
    await database.run('CREATE TABLE trades AS SELECT * EXCLUDE (file) FROM stored');
    await database.run(
      `CREATE TABLE candles AS SELECT market, date, traded_at AS opened_at, trade_id % 7 AS trade_id FROM stored WHERE file % 3 = 0`,
    );
  }
  const instant = fc
    .integer({ min: -1, max: 9 })
    .chain((half) =>
      fc.constantFrom(
        ...[0, -1, 1, dayUs / 5].map((byUs) => new Date((firstUs + half * (dayUs / 2) + byUs) / 1000).toISOString()),
      ),
    );
  const constant = fc.oneof(
    fc.constantFrom(...dates).map((date) => `'${date}'`),
    fc.constantFrom(...dates).map((date) => `DATE '${date}'`),
    fc.constantFrom(...dates).map((date) => `(DATE '${date}' - INTERVAL 1 DAY)`),
    instant.map((text) => `'${text}'`),
    instant.map((text) => `TIMESTAMPTZ '${text}'`),
    instant.map((text) => `date_trunc('day', TIMESTAMP '${text.slice(0, -1)}')`),
    fc.constantFrom('now()', 'NULL', 'now() - INTERVAL 30 YEAR'),
  );
  const conditionOn = (columns: readonly string[]) => {
    const column = fc.constantFrom(...columns.filter((name) => !name.includes('market')));
    const compared = fc.oneof(
      fc
        .tuple(column, fc.constantFrom('=', '<', '<=', '>', '>=', '<>', 'IS NOT DISTINCT FROM'), constant, fc.boolean())
        .map(([left, sign, right, isTurned]) => (isTurned ? `${right} ${sign} ${left}` : `${left} ${sign} ${right}`)),
      fc.tuple(column, constant, constant).map(([of, from, to]) => `${of} BETWEEN ${from} AND ${to}`),
      fc.tuple(column, constant, constant).map(([of, from, to]) => `${of} NOT IN (${from}, ${to})`),
      fc.tuple(column, constant, constant).map(([of, from, to]) => `${of} IN (${from}, ${to})`),
      fc
        .tuple(
          fc.constantFrom(...columns.filter((name) => name.includes('market'))),
          fc.constantFrom("= 'spot'", "IN ('usdm', 'x')", "> 'spot'"),
        )
        .map((parts) => parts.join(' ')),
      fc.constantFrom('t.trade_id % 2 = 0', 'coalesce(t.date, NULL) IS NULL'),
    );
    const condition = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        compared,
        fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(${a} AND ${b})`),
        fc.tuple(tie('any'), tie('any')).map(([a, b]) => `(${a} OR ${b})`),
        tie('any').map((a) => `NOT (${a})`),
      ),
    })).any;
    return fc.array(condition, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(' AND '));
  };
  const alone = ['t.date', 't.traded_at', 't.market', 'date', 'traded_at', 'market'];
  const beside = ['t.date', 't.traded_at', 't.market', 'u.date', 'u.market'];
  const statement = fc
    .constantFrom(
      ['trades t', alone] as const,
      ['trades t', alone] as const,
      ['trades t', alone] as const,
      ['(SELECT * FROM trades ORDER BY trade_id LIMIT 9) t', alone] as const,
      ['trades t SEMI JOIN candles u USING (date)', alone] as const,
      ['trades t, (SELECT 1 AS one)', alone] as const,
      ...[
        'trades t JOIN candles u ON t.trade_id % 7 = u.trade_id',
        'trades t LEFT JOIN candles u ON t.trade_id % 7 = u.trade_id AND t.date = u.date',
        'candles u LEFT JOIN trades t ON t.date = u.date AND t.market = u.market',
        'candles u FULL JOIN trades t USING (trade_id)',
        'trades t RIGHT JOIN trades u USING (trade_id)',
        'trades t NATURAL JOIN candles u',
        'candles u ASOF JOIN trades t ON t.traded_at <= u.opened_at',
      ].map((from) => [from, beside] as const),
    )
    .chain(([from, columns]) =>
      conditionOn(columns).map((where) => `SELECT t.* FROM ${from} WHERE ${where} ORDER BY ALL`),
    );
  let narrowed = 0;
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(statement, async (sql) => {
      const answer = async (database: DuckDBConnection) =>
        JSON.stringify((await database.runAndReadAll(sql)).getRowsJson());
      const expected = await answer(whole).catch(() => undefined);
      // A statement that fails on all rows may fail on none: that is no answer to compare.
      if (expected === undefined) return;
      const files = await needed(sql);
      if (files.length < all.length) narrowed++;
      if (expected !== '[]') answered++;
      await part.run(
        `CREATE OR REPLACE TABLE trades AS SELECT * EXCLUDE (file) FROM stored WHERE file IN (${[-1, ...files].join(', ')})`,
      );
      assert.equal(await answer(part), expected, sql);
    }),
    { numRuns: 600 },
  );
  assert.ok(narrowed > 100 && answered > 50, `${narrowed} were narrowed, ${answered} had an answer`);
});
