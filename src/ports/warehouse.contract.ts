import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Batch } from '../domain/batch.ts';
import { TidemarkError } from '../domain/error.ts';
import { Slots } from '../domain/slots.ts';
import { tables, trades } from '../domain/tables/index.ts';
import { gapOf } from './gap-batch.contract.ts';
import type { Lake } from './lake.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';
import type { LakeFile, QueryTables, Warehouse } from './warehouse.ts';

/** What a promise is shown on: a warehouse over a new lake. */
export interface WarehouseUnderTest {
  readonly warehouse: Warehouse;
  readonly lake: Lake;
  /** A local path for a file of that name. */
  path(name: string): string;
}

const startUs = Date.UTC(2026, 0, 2, 23, 59, 59) * 1000;
const limits = { maxRows: 1000, timeoutMs: 20_000, memoryMb: 256 };
const _names = tables.map(({ name }) => name);
const most = Number.MAX_SAFE_INTEGER;

/** Trades with these ids, prices and quantities as integers at the scales given. */
function tradesOf(slots: Slots, rows: readonly [number, number, number][], scales: [number, number] = [2, 5]): Batch {
  const batch = new Batch(trades, 4);
  const { index } = slots.exactly({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, ...scales);
  for (const [id, price, quantity] of rows) {
    const row = batch.add(index);
    const columns = batch.columns;
    columns.trade_id[row] = id;
    columns.price[row] = price;
    columns.quantity[row] = quantity;
    columns.traded_at[row] = columns.received_at[row] = startUs + id;
    columns.event_at[row] = Number.NaN;
    columns.is_market[row] = 1;
    columns.origin[row] = 'frame';
  }
  return batch as unknown as Batch;
}

async function commit(lake: Lake, slots: Slots, ...batches: Batch[]): Promise<number> {
  return lake.commit({ slots, batches, positions: [], checkpoint: new Uint8Array() });
}

async function tablesOf(lake: Lake, replacing: Record<string, string> = {}): Promise<QueryTables> {
  return { ...(await lake.files()), replacing };
}

async function rowsOf({ warehouse, lake }: WarehouseUnderTest, sql: string, of?: QueryTables) {
  return (await warehouse.query(sql, of ?? (await tablesOf(lake)), limits)).rows;
}

const promises: Promises<WarehouseUnderTest> = {
  'a declared table is there with its columns and types, also without any file': async (under) => {
    for (const { name, columns } of tables.filter(({ name }) => ['trades', 'candles', 'gaps'].includes(name))) {
      const { columns: found, rows } = await under.warehouse.query(
        `SELECT * FROM ${name}`,
        await tablesOf(under.lake),
        limits,
      );
      const known = new Map(found.map((column) => [column.name, column.type]));
      for (const column of ['market', 'date', 'symbol', ...Object.keys(columns)]) assert.ok(known.has(column), column);
      assert.equal(rows.length, 0);
      for (const [column, { type }] of Object.entries(columns)) {
        if (type === 'price' || type === 'sum') assert.equal(known.get(column), 'DECIMAL(38,8)');
        if (type === 'product') assert.equal(known.get(column), 'DECIMAL(38,16)');
        if (type === 'time') assert.equal(known.get(column), 'TIMESTAMP WITH TIME ZONE');
      }
    }
  },
  'numbers are exact to the last digit, written at any scale, also summed and multiplied': async (under) => {
    const slots = new Slots();
    const wide = tradesOf(slots, [[1, most, most], [2, most - 1, 1]], [8, 8]); // biome-ignore format: rows
    await commit(under.lake, slots, wide);
    await commit(under.lake, slots, tradesOf(slots, [[3, most, most]], [0, 0]));
    // A product beyond what its type holds is absent and spoils no other row.
    assert.deepEqual(
      await rowsOf(under, 'SELECT trade_id, price, quantity, quote_quantity FROM trades ORDER BY trade_id'),
      [
        ['1', '90071992.54740991', '90071992.54740991', '8112963841460666.3681390495662081'],
        ['2', '90071992.54740990', '0.00000001', '0.9007199254740990'],
        ['3', '9007199254740991.00000000', '9007199254740991.00000000', null],
      ],
    );
    assert.deepEqual(await rowsOf(under, 'SELECT sum(price) FROM trades WHERE trade_id < 3'), [['180143985.09481981']]);
  },
  'times are UTC to the microsecond, days too, and absent values are null': async (under) => {
    const slots = new Slots();
    await commit(under.lake, slots, tradesOf(slots, [[999_999, 1, 1], [1_000_001, 1, 1]])); // biome-ignore format: rows
    assert.deepEqual(await rowsOf(under, 'SELECT traded_at, date, event_at FROM trades ORDER BY trade_id'), [
      ['2026-01-02T23:59:59.999999Z', '2026-01-02', null],
      ['2026-01-03T00:00:00.000001Z', '2026-01-03', null],
    ]);
  },
  'a query sees the version that it was given, whatever is committed and merged meanwhile': async (under) => {
    const slots = new Slots();
    await commit(under.lake, slots, tradesOf(slots, [[1, 1, 1]]), gapOf(slots, startUs, 9, 'open', `it's "tried"`));
    const then = await tablesOf(under.lake);
    await commit(under.lake, slots, tradesOf(slots, [[2, 1, 1]]), gapOf(slots, startUs, 9, 'repaired', `it's "tried"`));
    while (await under.lake.compact());
    const sql = "SELECT count(*) || ' ' || (SELECT state FROM gaps) FROM trades";
    const answer = await under.warehouse.query(sql, then, limits);
    assert.deepEqual([answer.rows, answer.catalogVersion], [[['1 open']], then.catalogVersion]);
    assert.deepEqual(await rowsOf(under, sql), [['2 repaired']]);
  },
  'of the lake only those files are opened whose rows can be in the answer': async (under) => {
    const slots = new Slots();
    await commit(under.lake, slots, tradesOf(slots, [[1, 1, 1], [2, 1, 1]])); // biome-ignore format: rows
    await commit(under.lake, slots, tradesOf(slots, [[1_000_001, 1, 1]]));
    await commit(under.lake, slots, gapOf(slots, startUs, 9, 'open'));
    const of = await under.lake.files();
    let opened: string[] = [];
    const watched = (file: LakeFile): LakeFile => ({
      ...file,
      localPath: () => {
        opened.push(file.date);
        return file.localPath();
      },
    });
    const files = Object.fromEntries(Object.entries(of.files).map(([table, some]) => [table, some.map(watched)]));
    const bytes = of.files['trades']!.map((file) => file.bytes);
    for (const [sql, rows, dates] of [
      ['SELECT count(*) FROM trades', '3', ['2026-01-02', '2026-01-03']],
      ["SELECT count(*) FROM trades WHERE date = '2026-01-03'", '1', ['2026-01-03']],
      ["SELECT count(*) FROM trades WHERE traded_at < '2026-01-03'", '2', ['2026-01-02']],
      ["SELECT count(*) FROM trades WHERE market = 'usdm'", '0', []],
      ["SELECT 'trades, gaps'", 'trades, gaps', []],
    ] as const) {
      opened = [];
      const answer = await under.warehouse.query(sql, { ...of, files, replacing: {} }, limits);
      assert.deepEqual([answer.rows, opened.sort(), answer.lakeFiles], [[[rows]], dates, dates.length], sql);
      if (dates.length === 2) assert.equal(answer.lakeBytes, bytes[0]! + bytes[1]!);
    }
  },
  'a file that cannot be fetched is why the query fails': async (under) => {
    const slots = new Slots();
    await commit(under.lake, slots, tradesOf(slots, [[1, 1, 1]]));
    const of = await under.lake.files();
    const localPath = () => Promise.reject(new TidemarkError('blob-missing', { doing: 'read the blob' }));
    const files = { ...of.files, trades: of.files['trades']!.map((file) => ({ ...file, localPath })) };
    const tables = { ...of, files, replacing: {} };
    await assert.rejects(under.warehouse.query('FROM trades', tables, limits), { code: 'blob-missing' });
    assert.deepEqual(await rowsOf(under, 'SELECT 42', tables), [['42']]);
  },
  'lake and tail are one table: events are added, a state row of the tail replaces the one of its key': async (
    under,
  ) => {
    const { lake, path } = under;
    const slots = new Slots();
    await commit(lake, slots, tradesOf(slots, [[1, 1, 1]]), gapOf(slots, startUs, 8, 'open', `it's "tried"`));
    await commit(lake, slots, gapOf(slots, startUs, 9, 'open', `it's "tried"`));
    await lake.writeTail(tradesOf(slots, [[2, 1, 1]]), slots, path('trades.parquet'));
    await lake.writeTail(gapOf(slots, startUs, 9, 'repaired', `it's "tried"`), slots, path('gaps.parquet'));
    const committed = await tablesOf(lake, { gaps: path('gaps.parquet') });
    const files = { ...committed.files, trades: [...committed.files['trades']!, path('trades.parquet')] };
    const both = { ...committed, files };
    assert.deepEqual(await rowsOf(under, 'SELECT trade_id FROM trades ORDER BY 1', both), [['1'], ['2']]);
    const rows = await rowsOf(under, 'SELECT from_id, state, tried FROM gaps ORDER BY 1', both);
    assert.deepEqual(rows.at(-1), ['9', 'repaired', `it's "tried"`]);
    assert.equal(rows.filter(([id]) => id === '9').length, 1);
  },
  'rows beyond the limit are cut and said to be; at the limit nothing is said': async ({ warehouse, lake }) => {
    const ask = async (maxRows: number) => {
      const answer = await warehouse.query('SELECT * FROM range(5)', await tablesOf(lake), { ...limits, maxRows });
      return [answer.rows.length, answer.truncated];
    };
    assert.deepEqual(await ask(4), [4, true]);
    assert.deepEqual(await ask(5), [5, false]);
    assert.deepEqual(await ask(6), [5, false]);
  },
  'what would change anything, or is more than one question, is refused before it runs': async (under) => {
    const slots = new Slots();
    await commit(under.lake, slots, tradesOf(slots, [[1, 1, 1]]));
    const [file] = (await tablesOf(under.lake)).files['trades']!;
    for (const sql of [
      '',
      'SELECT 1; SELECT 2',
      'INSERT INTO trades SELECT * FROM trades',
      `COPY (SELECT 1) TO '${file}' (FORMAT parquet)`,
    ]) {
      await assert.rejects(rowsOf(under, sql), { code: 'sql-refused' }, sql);
    }
    assert.deepEqual(await rowsOf(under, 'SELECT count(*) FROM trades'), [['1']]);
  },
  'a question that fails, or asks for too long, says so by name and spoils no other': async (under) => {
    const endless = 'SELECT count(*) FROM range(1000000000000) WHERE hash(range) = 1';
    const of = await tablesOf(under.lake);
    const outcomes = await Promise.allSettled([
      under.warehouse.query(endless, of, { ...limits, timeoutMs: 500 }),
      under.warehouse.query("SELECT 'x'::BIGINT", of, limits),
      under.warehouse.query('SELECT 42', of, limits),
    ]);
    const codes = outcomes.map((one) =>
      one.status === 'rejected' ? (one.reason as { code: string }).code : 'answered',
    );
    assert.deepEqual(codes, ['sql-timeout', 'sql-failed', 'answered']);
  },
  'a question that is cancelled ends at once, running or waiting, and its place is the next one’s': async (under) => {
    const endless = 'SELECT count(*) FROM range(1000000000000) WHERE hash(range) = 1';
    const of = await tablesOf(under.lake);
    const nobody = new AbortController();
    const asked = Array.from({ length: 6 }, () =>
      under.warehouse.query(endless, of, { ...limits, timeoutMs: 100_000 }, nobody.signal),
    );
    nobody.abort();
    for (const one of asked) await assert.rejects(one, { code: 'sql-cancelled' });
    await assert.rejects(under.warehouse.query('SELECT 1', of, limits, nobody.signal), { code: 'sql-cancelled' });
    assert.deepEqual(await rowsOf(under, 'SELECT 42'), [['42']]);
  }, // biome-ignore format: as above
};

/** Runs every promise over a new lake. */
export function warehouseContract(
  name: string,
  open: (t: TestContext) => Promise<WarehouseUnderTest>,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
