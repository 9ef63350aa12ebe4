import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { Batch } from '../domain/batch.ts';
import { formatScaled } from '../domain/decimal.ts';
import type { Market } from '../domain/instrument.ts';
import { dayUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import { trades } from '../domain/tables/index.ts';
import { fileOrder } from './file-order.ts';
import { emptyCommit, localPaths, newLake, startUs } from './parquet-lake.test-fixture.ts';

const instruments = [
  { market: 'spot', symbol: 'BTCUSDT' },
  { market: 'usdm', symbol: 'BTCUSDT' },
  { market: 'spot', symbol: 'a' },
  { market: 'spot', symbol: '币安USDT' },
  { market: 'spot', symbol: '𝕏USDT' },
  { market: 'spot', symbol: '\uff21USDT' },
] as const satisfies { market: Market; symbol: string }[];

const trade = fc.record({
  of: fc.nat(instruments.length - 1),
  scales: fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 })),
  price: fc.maxSafeInteger(),
  quantity: fc.maxSafeInteger(),
  day: fc.nat(1),
  origin: fc.constantFrom('frame', 'rest', "it's"),
  hasEventTime: fc.boolean(),
});

/** In the order of the list, ids rising with it. */
function batchOf(rows: readonly (typeof trade extends fc.Arbitrary<infer T> ? T : never)[], slots: Slots) {
  const batch = new Batch(trades, 4);
  rows.forEach((values, id) => {
    const row = batch.add(slots.exactly({ venue: 'binance', ...instruments[values.of]! }, ...values.scales).index);
    const columns = batch.columns;
    columns.trade_id[row] = id;
    columns.price[row] = values.price;
    columns.quantity[row] = values.quantity;
    columns.traded_at[row] = startUs + values.day * dayUs;
    columns.event_at[row] = values.hasEventTime ? startUs + id : Number.NaN;
    columns.received_at[row] = startUs + id;
    columns.buyer_is_maker[row] = id % 2;
    columns.is_market[row] = 1;
    columns.origin[row] = values.origin;
  });
  return batch as unknown as Batch;
}

const shown = `SELECT market, date::VARCHAR, symbol, trade_id::INTEGER, price::VARCHAR, quantity::VARCHAR,
  event_at IS NULL, buyer_is_maker, origin`;

test('rows that need no sort in SQL lie in their files as sorted ones do, every value as it was given', async () => {
  const { lake } = await newLake();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("SET TimeZone = 'UTC'");
  let version = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(trade, { minLength: 1, maxLength: 40 }), async (rows) => {
      const slots = new Slots();
      const batch = batchOf(rows, slots);
      assert.notEqual(fileOrder(batch, slots), undefined, 'ids rise within each symbol');
      const before = new Set(await localPaths(lake, 'trades'));
      // Receive times tell commits apart: equal files would be one.
      (batch.columns as unknown as { received_at: Float64Array }).received_at[0]! += ++version;
      await lake.commit({ ...emptyCommit, slots, batches: [batch] });
      const found: unknown[][] = [];
      for (const path of (await localPaths(lake, 'trades')).filter((file) => !before.has(file))) {
        const stored = `read_parquet('${path}', hive_partitioning = false, file_row_number = true)`;
        const inFile = (await connection.runAndReadAll(`${shown} FROM ${stored} ORDER BY file_row_number`)).getRows();
        const sorted = (await connection.runAndReadAll(`${shown} FROM ${stored} ORDER BY symbol, trade_id`)).getRows();
        // Two instruments of one symbol are of two markets, and markets have files of their own.
        assert.deepEqual(inFile, sorted);
        found.push(...inFile);
      }
      const given = rows.map((values, id) => {
        const { market, symbol } = instruments[values.of]!;
        const date = new Date((startUs + values.day * dayUs) / 1000).toISOString().slice(0, 10);
        const [price, quantity] = [values.price, values.quantity].map((value, i) =>
          formatScaled(value, values.scales[i]!, 8),
        );
        return [market, date, symbol, id, price, quantity, !values.hasEventTime, id % 2 === 1, values.origin];
      });
      const byId = (a: unknown[], b: unknown[]) => (a[3] as number) - (b[3] as number);
      assert.deepEqual(found.sort(byId), given.sort(byId));
    }),
    { numRuns: 15 },
  );
  connection.closeSync();
  await lake.close();
});

test('rows whose ids fall within a symbol are left to SQL, those of another symbol between them are not', () => {
  const slots = new Slots();
  const row = (of: number) => ({
    of, scales: [2, 2] as [number, number], price: 1, quantity: 1, day: 0, origin: 'frame' as const, hasEventTime: true,
  }); // biome-ignore format: one row
  const batch = batchOf([row(0), row(2), row(0), row(2)], slots);
  const ids = (batch.columns as unknown as { trade_id: Float64Array }).trade_id;
  ids.set([5, 1, 6, 2]);
  assert.deepEqual(fileOrder(batch, slots)?.rows, Uint32Array.of(0, 2, 1, 3));
  ids.set([6, 1, 5, 2]);
  assert.equal(fileOrder(batch, slots), undefined);
  ids.set([5, 1, Number.NaN, 2]);
  assert.equal(fileOrder(batch, slots), undefined);
});
