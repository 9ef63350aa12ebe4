import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import { Batch } from '../domain/batch.ts';
import type { Instrument } from '../domain/instrument.ts';
import { dayUs, minuteUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import { candles, type trades, venueCandles } from '../domain/tables/index.ts';
import { btc, emptyCommit, newLake, type Place, startUs, tradeBatch } from './parquet-lake.test-fixture.ts';
import { openParquetLake } from './parquet-lake.ts';

test('rows come back as they went in, with absent values absent', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  const version = await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [5, 3, 4])] });
  assert.equal(version, 1);
  const { batch } = await lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
  const columns = batch.columns as unknown as Batch<typeof trades.columns>['columns'];
  assert.deepEqual([...columns.trade_id.subarray(0, batch.length)], [3, 4, 5]);
  assert.equal(columns.price[0], 6_000_003 * 10 ** 6);
  assert.equal(columns.quantity[2], 6 * 10 ** 3);
  assert.ok(Number.isNaN(columns.event_at[0]));
  assert.equal(columns.event_at[1], startUs + 4500);
  assert.deepEqual([...columns.buyer_is_maker.subarray(0, 3)], [1, 0, 1]);
  assert.deepEqual(columns.origin.slice(0, 3), ['frame', 'frame', 'frame']);
  await lake.close();
});

test('every price and quantity to ±2^53, at every scale, and every bigint is exact', async () => {
  const { lake } = await newLake();
  const safe = fc.oneof(
    fc.maxSafeInteger(),
    fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 1, 0, -1, 1),
  );
  const big = fc.bigInt(-(10n ** 22n), 10n ** 22n);
  const row = fc.record({
    open: safe,
    quantities: fc.tuple(big, big),
    products: fc.tuple(big, big),
    scales: fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 })),
  });
  let day = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
      const slots = new Slots();
      const batch = new Batch(candles);
      const openedAtUs = startUs + ++day * dayUs;
      rows.forEach((values, at) => {
        const to = batch.add(slots.exactly(btc, ...values.scales).index);
        const columns = batch.columns;
        columns.interval[to] = '1m';
        columns.opened_at[to] = openedAtUs + at * 1000;
        columns.open[to] = values.open;
        columns.high[to] = -values.open;
        columns.low[to] = columns.close[to] = 0;
        [columns.volume[to], columns.taker_buy_volume[to]] = values.quantities;
        [columns.quote_volume[to], columns.taker_buy_quote_volume[to]] = values.products;
        columns.trade_count[to] = at;
        columns.first_trade_id[to] = columns.last_trade_id[to] = Number.MAX_SAFE_INTEGER - at;
        columns.state[to] = 'final';
        columns.marks[to] = '';
        columns.source[to] = 'trades';
      });
      await lake.commit({ ...emptyCommit, slots, batches: [batch as unknown as Batch] });
      const read = await lake.read({
        table: 'candles', market: 'spot', symbol: 'BTCUSDT', interval: '1m', fromUs: openedAtUs, toUs: openedAtUs + dayUs / 2,
      }); // biome-ignore format: one query
      assert.equal(read.batch.length, rows.length);
      const found = read.batch.columns as unknown as typeof batch.columns;
      rows.forEach((values, at) => {
        const slot = read.slots.get(read.batch.slot[at]!);
        const [priceScale, quantityScale] = values.scales;
        const grow = (value: bigint | number, by: number) => BigInt(value) * 10n ** BigInt(by);
        assert.ok(slot.priceScale >= priceScale);
        assert.equal(BigInt(found.open[at]!), grow(values.open, slot.priceScale - priceScale));
        assert.equal(BigInt(found.high[at]!), -grow(values.open, slot.priceScale - priceScale));
        assert.equal(found.volume[at], grow(values.quantities[0], slot.quantityScale - quantityScale));
        const more = slot.priceScale + slot.quantityScale - priceScale - quantityScale;
        assert.equal(found.quote_volume[at], grow(values.products[0], more));
        assert.equal(found.first_trade_id[at], Number.MAX_SAFE_INTEGER - at);
      });
    }),
    { numRuns: 25 },
  );
  await lake.close();
});

test('a state row replaces the committed row of its key, whatever file holds it', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  const batchOf = (rows: readonly [interval: string, minute: number, close: number][]) => {
    const batch = new Batch(candles);
    for (const [interval, minute, close] of rows) {
      const row = batch.add(slots.atLeast(btc, 2, 5).index);
      const columns = batch.columns;
      columns.interval[row] = interval;
      columns.opened_at[row] = startUs + minute * minuteUs;
      columns.open[row] = columns.high[row] = columns.low[row] = 1;
      columns.close[row] = close;
      columns.volume[row] = columns.quote_volume[row] = 0n;
      columns.taker_buy_volume[row] = columns.taker_buy_quote_volume[row] = 0n;
      columns.trade_count[row] = 0;
      columns.first_trade_id[row] = columns.last_trade_id[row] = -1;
      columns.state[row] = 'provisional';
      columns.marks[row] = '';
      columns.source[row] = 'trades';
    }
    return batch as unknown as Batch;
  };
  const closes = async () => {
    const { batch } = await lake.read({ table: 'candles', market: 'spot', symbol: 'BTCUSDT' });
    const columns = batch.columns as unknown as Batch<typeof candles.columns>['columns'];
    return Array.from({ length: batch.length }, (_, at) => `${columns.interval[at]} ${columns.close[at]! / 1e6}`);
  };
  await lake.commit({ ...emptyCommit, slots, batches: [batchOf([['1m', 0, 10], ['1h', 0, 10]])] }); // biome-ignore format: rows
  await lake.commit({ ...emptyCommit, slots, batches: [batchOf([['1m', 1, 11], ['1h', 0, 11]])] }); // biome-ignore format: rows
  assert.deepEqual(await closes(), ['1h 11', '1m 10', '1m 11']);
  // The later of two rows of one key inside a batch holds.
  await lake.commit({ ...emptyCommit, slots, batches: [batchOf([['1m', 0, 12], ['1m', 0, 13]])] }); // biome-ignore format: rows
  assert.deepEqual(await closes(), ['1h 11', '1m 13', '1m 11']);
  // The very same rows again: nothing is doubled or lost.
  await lake.commit({ ...emptyCommit, slots, batches: [batchOf([['1m', 0, 13]])] });
  assert.deepEqual(await closes(), ['1h 11', '1m 13', '1m 11']);
  const hashes = await lake.contentHashes(['candles']);
  assert.deepEqual(
    hashes.map(({ table, rows }) => `${table} ${rows}`),
    ['candles 3'],
  );
  await lake.close();
});

test('a row committed twice makes the content hash fail by name', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1, 2])] });
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [2, 3])] });
  await assert.rejects(lake.contentHashes(['trades']), { code: 'duplicate-rows' });
  await lake.close();
});

test('the same files cannot be committed a second time', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1, 2])] });
  await assert.rejects(lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1, 2])] }), {
    code: 'catalog-conflict',
  });
  assert.equal((await lake.state()).version, 1);
  await lake.close();
});

test('content hashes do not depend on commits, files or receive times, but on every venue value', async () => {
  const one = await newLake();
  const two = await newLake();
  const ids = Array.from({ length: 40 }, (_, at) => at + 1);
  const slots = new Slots();
  await one.lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, ids)] });
  for (let at = 0; at < ids.length; at += 7) {
    const batch = tradeBatch(slots, ids.slice(at, at + 7));
    (batch.columns as unknown as Batch<typeof trades.columns>['columns']).received_at.fill(
      startUs + 77,
      0,
      batch.length,
    );
    await two.lake.commit({ ...emptyCommit, slots, batches: [batch] });
  }
  const hash = async ({ lake }: Place) => await lake.contentHashes(['trades']);
  assert.deepEqual(await hash(one), await hash(two));
  assert.equal((await hash(one))[0]!.rows, 40);
  const other = await newLake();
  const changed = tradeBatch(slots, ids);
  (changed.columns as unknown as Batch<typeof trades.columns>['columns']).quantity[39]! += 1;
  await other.lake.commit({ ...emptyCommit, slots, batches: [changed] });
  assert.notDeepEqual(await hash(one), await hash(other));
  for (const { lake } of [one, two, other]) await lake.close();
});

test('symbols that look like SQL are data', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  const symbols = [`'; DROP TABLE slots; --`, 'A"B', "O'Brien", '../../etc', '币安人生USDT', '%_\\'];
  for (const symbol of symbols) {
    const instrument: Instrument = { ...btc, symbol };
    await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1, 2], instrument)] });
  }
  for (const symbol of symbols) {
    assert.equal((await lake.read({ table: 'trades', market: 'spot', symbol })).batch.length, 2, symbol);
  }
  await lake.close();
});

test('positions and checkpoint come back with the rows of their commit', async () => {
  const place = await newLake();
  const slots = new Slots();
  const position = { writer: 'recorder', segment: 3, offset: 123, sequence: 45 };
  const checkpoint = new TextEncoder().encode('where we are');
  await place.lake.commit({ slots, batches: [tradeBatch(slots, [1])], positions: [position], checkpoint });
  await place.lake.commit({ slots, batches: [], positions: [{ ...position, writer: 'engine' }], checkpoint });
  await place.lake.close();
  const again = await openParquetLake({
    catalog: await openSqliteCatalog(join(place.folder, 'catalog.db')),
    blobs: openFolderBlobs(join(place.folder, 'blobs')),
    scratchFolder: join(place.folder, 'scratch'),
  });
  const state = await again.open();
  assert.equal(state.version, 2);
  assert.deepEqual(state.positions, [{ ...position, writer: 'engine' }, position]);
  assert.deepEqual(state.checkpointBytes && new Uint8Array(state.checkpointBytes), checkpoint);
  assert.equal(state.files.length, 1);
  await again.close();
});

test('an older writer cannot commit any more and changes nothing', async () => {
  const first = await newLake();
  const second = await newLake(first.folder);
  const slots = new Slots();
  await assert.rejects(first.lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1])] }), {
    code: 'fence-lost',
  });
  await second.lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [2])] });
  const { batch } = await second.lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
  assert.equal(batch.length, 1);
  await first.lake.close();
  await second.lake.close();
});

test('candles of the venue keep wide values and absent ids', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  const batch = new Batch(venueCandles);
  const row = batch.add(slots.atLeast(btc, 2, 5).index);
  const columns = batch.columns;
  columns.interval[row] = '1m';
  columns.opened_at[row] = startUs;
  columns.closed_at[row] = startUs + minuteUs - 1;
  columns.open[row] = columns.high[row] = columns.low[row] = columns.close[row] = 1;
  columns.volume[row] = 123_456_789_012_345_678_901_234n;
  columns.quote_volume[row] = columns.taker_buy_volume[row] = columns.taker_buy_quote_volume[row] = 1n;
  columns.trade_count[row] = 1;
  columns.first_trade_id[row] = columns.last_trade_id[row] = columns.event_at[row] = Number.NaN;
  columns.received_at[row] = startUs;
  columns.origin[row] = 'rest';
  await lake.commit({ ...emptyCommit, slots, batches: [batch as unknown as Batch] });
  const read = await lake.read({ table: 'venue_candles', market: 'spot', symbol: 'BTCUSDT' });
  const found = read.batch.columns as unknown as typeof columns;
  assert.equal(found.volume[0], 123_456_789_012_345_678_901_234n);
  assert.ok(Number.isNaN(found.first_trade_id[0]));
  await lake.close();
});

test('the newest rows are found through any number of days, before any id', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  for (let day = 0; day < 6; day++) {
    const ids = Array.from({ length: 4 }, (_, at) => day * 4 + at);
    await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, ids, btc, startUs + day * dayUs)] });
  }
  const newest = async (limit: number, beforeId?: number) => {
    const before = beforeId === undefined ? {} : { beforeId, idColumn: 'trade_id' };
    const query = { table: 'trades', market: 'spot', symbol: 'BTCUSDT', limit, newestFirst: true, ...before };
    const { batch } = await lake.read(query);
    return [
      ...(batch.columns as unknown as Batch<typeof trades.columns>['columns']).trade_id.subarray(0, batch.length),
    ];
  };
  assert.deepEqual(await newest(2), [23, 22]);
  assert.deepEqual(await newest(6), [23, 22, 21, 20, 19, 18]);
  assert.deepEqual(await newest(3, 5), [4, 3, 2]);
  assert.equal((await newest(1000)).length, 24);
  assert.deepEqual(await newest(0), []);
  await lake.close();
});
