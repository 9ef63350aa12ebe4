import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { openFolderBlobs } from '../src/blobs/folder.ts';
import { openSqliteCatalog } from '../src/catalog/sqlite.ts';
import { Batch } from '../src/domain/batch.ts';
import type { Instrument } from '../src/domain/instrument.ts';
import { dayUs } from '../src/domain/interval.ts';
import { Slots } from '../src/domain/slots.ts';
import { trades } from '../src/domain/tables/index.ts';
import { localPaths } from '../src/lake/parquet-lake.test-fixture.ts';
import { openParquetLake } from '../src/lake/parquet-lake.ts';
import type { Bench } from './bench.ts';
import { measureApi } from './candles/api.ts';

const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
const tradeCount = 10_000_000;
const commitRows = 1_000_000;
const startUs = Date.UTC(2026, 0, 5) * 1000;

/** One generated day, committed in parts and merged into day files; what the quote volume of all of it must be. */
async function buildDay(folder: string): Promise<{ paths: readonly string[]; quoteVolume: bigint }> {
  const lake = await openParquetLake({
    catalog: await openSqliteCatalog(join(folder, 'catalog.db')),
    blobs: openFolderBlobs(join(folder, 'blobs')),
    scratchFolder: join(folder, 'scratch'),
    memoryMb: 2048,
  });
  await lake.open();
  const slots = new Slots();
  const slot = slots.atLeast(btc, 2, 5).index;
  const batch = new Batch(trades, commitRows);
  const columns = batch.columns;
  const commit = () =>
    lake.commit({ slots, batches: [batch as unknown as Batch], positions: [], checkpoint: new Uint8Array() });
  let random = 1;
  let price = 6_000_000;
  let quoteVolume = 0n;
  const add = (id: number, atUs: number) => {
    random = (random * 48271) % 2147483647;
    price += (random % 11) - 5;
    const quantity = 1 + (random % 100_003);
    const row = batch.add(slot);
    columns.trade_id[row] = id;
    columns.price[row] = price;
    columns.quantity[row] = quantity;
    columns.traded_at[row] = atUs;
    columns.event_at[row] = atUs;
    columns.received_at[row] = atUs + (random % 5000);
    columns.buyer_is_maker[row] = (random >> 8) & 1;
    columns.is_market[row] = 1;
    columns.origin[row] = 'frame';
    return price * quantity;
  };
  for (let from = 0; from < tradeCount; from += commitRows) {
    batch.clear();
    // Products stay below 2^53 in groups of 1000: 6.1e6 × 1e5 × 1e3.
    let group = 0;
    for (let at = 0; at < commitRows; at++) {
      const id = from + at;
      group += add(id, startUs + Math.floor((id * dayUs) / tradeCount));
      if (at % 1000 === 999) {
        quoteVolume += BigInt(group);
        group = 0;
      }
    }
    await commit();
  }
  batch.clear();
  // A trade of a later day ends this one, so that it is merged.
  add(tradeCount, startUs + 2 * dayUs);
  await commit();
  while (await lake.compact());
  const paths = (await localPaths(lake, 'trades')).filter((path) => path.includes('/2026-01-05/day/'));
  await lake.close();
  return { paths, quoteVolume };
}

/** 1-minute candles in all their values. The same text for decimals and for doubles. */
function candleQuery(paths: readonly string[]): string {
  return `SELECT time_bucket(INTERVAL '1 minute', traded_at) AS opened_at,
      arg_min(price, trade_id) AS open, max(price) AS high, min(price) AS low, arg_max(price, trade_id) AS close,
      sum(quantity) AS volume, sum(price * quantity) AS quote_volume, count(*) AS trade_count,
      sum(quantity) FILTER (NOT buyer_is_maker) AS taker_buy_volume,
      sum(price * quantity) FILTER (NOT buyer_is_maker) AS taker_buy_quote_volume,
      min(trade_id) AS first_trade_id, max(trade_id) AS last_trade_id
    FROM read_parquet([${paths.map((path) => `'${path}'`).join(', ')}]) WHERE is_market GROUP BY 1 ORDER BY 1`;
}

async function timed(connection: DuckDBConnection, sql: string): Promise<number> {
  const startedAt = performance.now();
  const reader = await connection.runAndReadAll(sql);
  const ms = performance.now() - startedAt;
  if (reader.currentRowCount !== 1440) throw new Error(`${reader.currentRowCount} candles instead of 1440`);
  return ms;
}

const bench: Bench = {
  name: 'candles',
  question:
    'What do exact 1-minute candles from ten million trades cost beside inexact ones, and a day of them over the API?',
  data:
    `rollup: ${tradeCount.toLocaleString('en')} generated trades of one symbol and day, in day files, against the same query over ` +
    'doubles. API: a day of 500,000 trades committed every 20 s, as it is and after compaction, 300 requests a sample over one ' +
    'connection; a day 40 days back, read from files by the first request after a start. `api` as an argument: that part alone.',
  async run(context) {
    if (context.args.includes('api')) return measureApi(context);
    const folder = context.scratch();
    const { paths, quoteVolume } = await buildDay(folder);
    context.log(`lake built: ${paths.length} day files`);
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const doubles = join(folder, 'doubles.parquet');
    await connection.run(
      `COPY (SELECT trade_id, price::DOUBLE AS price, quantity::DOUBLE AS quantity, traded_at, buyer_is_maker, is_market
         FROM read_parquet([${paths.map((path) => `'${path}'`).join(', ')}])) TO '${doubles}' (FORMAT parquet, COMPRESSION zstd)`,
    );
    const sum = await connection.runAndReadAll(`SELECT sum(quote_volume)::VARCHAR FROM (${candleQuery(paths)})`);
    const [whole, fraction] = String(sum.getRows()[0]![0]).split('.');
    if (BigInt(whole! + fraction!) !== quoteVolume * 10n ** 9n) throw new Error('the candles are not exact');
    // In turns, so that whatever else the machine does falls on both.
    const ofDoubles: number[] = [];
    const samples = await context.sample(7, async () => {
      ofDoubles.push(await timed(connection, candleQuery([doubles])));
      return timed(connection, candleQuery(paths));
    });
    const against = ofDoubles.slice(1).toSorted((a, b) => a - b)[3]!;
    connection.closeSync();
    instance.closeSync();
    return [
      context.result({ name: 'rollup', unit: 'ms', samples, against, goal: 'ratio <= 2.5' }),
      context.result({
        name: 'exact trades a second',
        unit: '1/s',
        samples: samples.map((ms) => (tradeCount / ms) * 1000),
      }),
      ...(await measureApi(context)),
    ];
  },
};

export default bench;
