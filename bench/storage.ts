import { statSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { openFolderBlobs } from '../src/blobs/folder.ts';
import { openSqliteCatalog } from '../src/catalog/sqlite.ts';
import { Batch } from '../src/domain/batch.ts';
import { formatScaled } from '../src/domain/decimal.ts';
import type { Instrument } from '../src/domain/instrument.ts';
import { dayUs } from '../src/domain/interval.ts';
import { Slots } from '../src/domain/slots.ts';
import { bookDeltas, trades } from '../src/domain/tables/index.ts';
import { localPaths } from '../src/lake/parquet-lake.test-fixture.ts';
import { openParquetLake } from '../src/lake/parquet-lake.ts';
import { recordedMessages, scaled } from '../test/support/recorded-frames.ts';
import type { Bench, BenchContext } from './bench.ts';

const files = [
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz',
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz',
];
const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
/** What the archive's own trade file tells too, and our receive and event times beside it. */
const measuredColumns = ['trade_id', 'price', 'quantity', 'event_at', 'received_at', 'buyer_is_maker'];

interface Recorded {
  readonly slots: Slots;
  readonly trades: Batch;
  readonly levels: Batch;
  /** The same trades as the archive's spot file has them. */
  readonly csv: string;
  readonly depthFrames: string;
}

function readRecordings(): Recorded {
  const slots = new Slots();
  const slot = slots.atLeast(btc, 2, 8);
  const tradeRows = new Batch(trades);
  const levelRows = new Batch(bookDeltas);
  const csv: string[] = [];
  const frames: string[] = [];
  for (const file of files) {
    for (const { data, stream, receivedAtUs } of recordedMessages(file)) {
      if (data.e === 'trade') {
        const row = tradeRows.add(slot.index);
        const columns = tradeRows.columns;
        columns.trade_id[row] = data.t;
        columns.price[row] = scaled(data.p, 2);
        columns.quantity[row] = scaled(data.q, 8);
        columns.traded_at[row] = data.T * 1000;
        columns.event_at[row] = data.E * 1000;
        columns.received_at[row] = receivedAtUs;
        columns.buyer_is_maker[row] = data.m ? 1 : 0;
        columns.is_market[row] = 1;
        columns.origin[row] = 'frame';
        const quote = formatScaled(BigInt(columns.price[row]!) * BigInt(columns.quantity[row]!), 10, 8);
        csv.push(`${data.t},${data.p},${data.q},${quote},${data.T},${data.m ? 'True' : 'False'},True\n`);
      } else if (data.e === 'depthUpdate') {
        frames.push(`${JSON.stringify({ stream, data })}\n`);
        let level = 0;
        for (const [isBid, levels] of [
          [1, data.b],
          [0, data.a],
        ] as const) {
          // biome-ignore format: a pair
          for (const [price, quantity] of levels) {
            const row = levelRows.add(slot.index);
            const columns = levelRows.columns;
            columns.first_update_id[row] = data.U;
            columns.final_update_id[row] = data.u;
            columns.previous_update_id[row] = Number.NaN;
            columns.level[row] = level++;
            columns.is_bid[row] = isBid;
            columns.price[row] = scaled(price, 2);
            columns.quantity[row] = scaled(quantity, 8);
            columns.event_at[row] = data.E * 1000;
            columns.received_at[row] = receivedAtUs;
          }
        }
      }
    }
  }
  return {
    slots,
    trades: tradeRows as unknown as Batch,
    levels: levelRows as unknown as Batch,
    csv: csv.join(''),
    depthFrames: frames.join(''),
  };
}

/** A later trade of another symbol: it ends the recorded days, so that they are compacted. */
function laterTrade(slots: Slots, recorded: Batch): Batch {
  const batch = new Batch(trades);
  const row = batch.copyRow(recorded as unknown as Batch<typeof trades.columns>, 0);
  batch.slot[row] = slots.atLeast({ ...btc, symbol: 'LATER' }, 2, 8).index;
  batch.columns.traded_at[row]! += 2 * dayUs;
  return batch as unknown as Batch;
}

interface Sizes {
  readonly measuredBytes: number;
  readonly tradeBytes: number;
  readonly levelBytes: number;
  readonly minuteTradeBytes: number;
  readonly minuteLevelBytes: number;
}

async function build(context: BenchContext, recorded: Recorded): Promise<Sizes> {
  const folder = context.scratch();
  const lake = await openParquetLake({
    catalog: await openSqliteCatalog(join(folder, 'catalog.db')),
    blobs: openFolderBlobs(join(folder, 'blobs')),
    scratchFolder: join(folder, 'scratch'),
  });
  await lake.open();
  const commit = (batches: Batch[]) =>
    lake.commit({ slots: recorded.slots, batches, positions: [], checkpoint: new Uint8Array() });
  await commit([recorded.trades, recorded.levels]);
  const bytesOf = (paths: readonly string[]) => paths.reduce((sum, path) => sum + statSync(path).size, 0);
  const tableNames = ['trades', 'book_deltas'] as const;
  const [minuteTrades, minuteLevels] = await Promise.all(tableNames.map((name) => localPaths(lake, name)));
  await commit([laterTrade(recorded.slots, recorded.trades)]);
  while (await lake.compact());
  const [trades, levels] = await Promise.all(tableNames.map((name) => localPaths(lake, name)));
  const dayTrades = trades!.filter((path) => path.includes('/day/'));
  const measured = await bytesOfColumns(dayTrades);
  await lake.close();
  return {
    measuredBytes: measured,
    tradeBytes: bytesOf(dayTrades),
    levelBytes: bytesOf(levels!),
    minuteTradeBytes: bytesOf(minuteTrades!),
    minuteLevelBytes: bytesOf(minuteLevels!),
  };
}

/** Compressed bytes of the measured columns, and all of what is no column (footer, indexes, magic). */
async function bytesOfColumns(paths: readonly string[]): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const rows = await connection.runAndReadAll(
    `SELECT path_in_schema, sum(total_compressed_size)::DOUBLE FROM parquet_metadata([${paths.map((path) => `'${path}'`).join(', ')}])
     GROUP BY 1`,
  );
  let others = 0;
  for (const [name, bytes] of rows.getRows() as [string, number][])
    if (!measuredColumns.includes(name)) others += bytes;
  connection.closeSync();
  instance.closeSync();
  return paths.reduce((sum, path) => sum + statSync(path).size, 0) - others;
}

const bench: Bench = {
  name: 'storage',
  question: 'How many bytes does a trade, and a level of the book, take in the lake?',
  data: 'BTCUSDT spot of 2024-08-08 and 09, day files',
  async run(context) {
    context.recordings();
    const recorded = readRecordings();
    const tradeCount = recorded.trades.length;
    const levelCount = recorded.levels.length;
    if (tradeCount !== 19_904 || levelCount === 0)
      throw new Error(`${tradeCount} trades and ${levelCount} levels were read`);
    const zipBytes = deflateRawSync(recorded.csv, { level: 6 }).byteLength;
    const gzipBytes = gzipSync(recorded.depthFrames, { level: 6 }).byteLength;
    const sizes: Sizes[] = [];
    await context.sample(5, async () => {
      sizes.push(await build(context, recorded));
      return 0;
    });
    const each = (pick: (size: Sizes) => number, count: number) => sizes.slice(1).map((size) => pick(size) / count);
    return [
      context.result({
        name: 'trade',
        unit: 'bytes a trade: id, price, quantity, event and receive time, maker; against a zip of the archive layout',
        samples: each((size) => size.measuredBytes, tradeCount),
        against: zipBytes / tradeCount,
        goal: 'ratio <= 0.5',
      }),
      context.result({
        name: 'depth',
        unit: 'bytes a level, all columns; against gzip -6 of the frames',
        samples: each((size) => size.levelBytes, levelCount),
        against: gzipBytes / levelCount,
        goal: 'ratio <= 1.0',
      }),
      context.result({
        name: 'all columns, day file',
        unit: 'bytes a row',
        samples: each((size) => size.tradeBytes, tradeCount),
        against: zipBytes / tradeCount,
      }),
      context.result({
        name: 'all columns, minute file',
        unit: 'bytes a row',
        samples: each((size) => size.minuteTradeBytes, tradeCount),
        against: zipBytes / tradeCount,
      }),
      context.result({
        name: 'levels, minute file',
        unit: 'bytes a level',
        samples: each((size) => size.minuteLevelBytes, levelCount),
        against: gzipBytes / levelCount,
      }),
    ];
  },
};

export default bench;
