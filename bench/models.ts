import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Batch } from '../src/domain/batch.ts';
import type { Instrument } from '../src/domain/instrument.ts';
import { dayUs, hourUs, minuteUs } from '../src/domain/interval.ts';
import { Slots } from '../src/domain/slots.ts';
import { sqlColumns, sqlName } from '../src/domain/table-sql.ts';
import { bookTickers, tableNamed, trades } from '../src/domain/tables/index.ts';
import { localPaths } from '../src/lake/parquet-lake.test-fixture.ts';
import { readProject } from '../src/models/project.ts';
import { failureOf, type ModelsResult, runModels } from '../src/models/run.ts';
import { openDuckdbModelRunner } from '../src/warehouse/model-runner.ts';
import { createNodeWorld } from '../src/world/node/index.ts';
import { type LakeStores, openLakeIn } from '../test/support/derived-lake.ts';
import type { Bench } from './bench.ts';

const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
const startUs = Date.UTC(2026, 0, 5) * 1000;
/** The last hour comes minute by minute. */
const builtUs = 23 * hourUs;
const tradesADay = 10_000_000;
const quotesADay = 2_000_000;
const folder = resolve(import.meta.dirname, '../models');
const world = createNodeWorld();

/** Trades and best bids and asks at an even pace, the same whenever they are made. */
class Market {
  readonly slots = new Slots();
  readonly #tradesADay: number;
  readonly #quotesADay: number;
  #random = 1;
  #price = 6_000_000;

  constructor(scale: number) {
    this.#tradesADay = tradesADay * scale;
    this.#quotesADay = quotesADay * scale;
  }

  async commit({ lake }: LakeStores, fromUs: number, toUs: number): Promise<void> {
    const slot = this.slots.atLeast(btc, 2, 5).index;
    const rows = new Batch(trades, 65_536);
    for (let id = this.#at(fromUs, this.#tradesADay); id < this.#at(toUs, this.#tradesADay); id++) {
      this.#step();
      const row = rows.add(slot);
      const { columns } = rows;
      columns.trade_id[row] = id;
      columns.price[row] = this.#price;
      columns.quantity[row] = 1 + (this.#random % 100_003);
      columns.traded_at[row] = columns.event_at[row] = startUs + Math.floor((id * dayUs) / this.#tradesADay);
      columns.received_at[row] = columns.traded_at[row]! + (this.#random % 5000);
      columns.buyer_is_maker[row] = (this.#random >> 8) & 1;
      columns.is_market[row] = 1;
      columns.origin[row] = 'frame';
    }
    const quotes = new Batch(bookTickers, 65_536);
    for (let id = this.#at(fromUs, this.#quotesADay); id < this.#at(toUs, this.#quotesADay); id++) {
      this.#step();
      const row = quotes.add(slot);
      const { columns } = quotes;
      columns.update_id[row] = id;
      columns.bid_price[row] = this.#price;
      columns.ask_price[row] = this.#price + 1 + (this.#random % 3);
      columns.bid_quantity[row] = 1 + (this.#random % 9973);
      columns.ask_quantity[row] = 1 + (this.#random % 9967);
      columns.event_at[row] = Number.NaN;
      columns.received_at[row] = startUs + Math.floor((id * dayUs) / this.#quotesADay);
    }
    const batches = [rows as unknown as Batch, quotes as unknown as Batch];
    await lake.commit({ slots: this.slots, batches, positions: [], checkpoint: new Uint8Array() });
  }

  #at(us: number, aDay: number): number {
    return Math.ceil((us * aDay) / dayUs);
  }

  #step(): void {
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    this.#price += (this.#random % 11) - 5;
  }
}

/** The models' SQL, as somebody would type it into a session: each a table over the files and the tables before it. */
async function byHand(stores: LakeStores): Promise<number> {
  const { models } = readProject(world.files, folder);
  const sources = [...new Set(models.flatMap((model) => model.sources))];
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  for (const name of sources) {
    const paths = (await localPaths(stores.lake, name)).map((path) => `'${path}'`).join(', ');
    const none = sqlColumns(tableNamed(name)!).map((column) => `NULL::${column.sqlType} AS ${sqlName(column.name)}`);
    const rows = paths === '' ? `(SELECT ${none.join(', ')} WHERE false)` : `read_parquet([${paths}])`;
    await connection.run(`CREATE VIEW ${name} AS SELECT * FROM ${rows}`);
  }
  const startedAt = performance.now();
  for (const { name, sql } of models) {
    await connection.run(`CREATE TABLE ${name} AS ${sql.replaceAll(`"in_${name}".`, '')}`);
  }
  const ms = performance.now() - startedAt;
  connection.closeSync();
  instance.closeSync();
  return ms;
}

const bench: Bench = {
  name: 'models',
  question:
    'What do tested, published SQL models of a day cost beside their SQL alone, and how soon is a new minute in them?',
  data:
    `${tradesADay.toLocaleString('en')} generated trades and ${quotesADay.toLocaleString('en')} best bids and asks of one symbol ` +
    'and day. day: every model computed anew, tested, written and published, against the same SQL in one DuckDB session that has the ' +
    'files open and keeps its tables in memory. minute: one more minute is committed; what follows from it is computed, tested and ' +
    'published. `small` as an argument: a tenth of the rows.',
  async run(context) {
    const place = context.scratch();
    const stores = await openLakeIn(place);
    await stores.lake.open();
    const market = new Market(context.args.includes('small') ? 0.1 : 1);
    for (let fromUs = 0; fromUs < builtUs; fromUs += hourUs) await market.commit(stores, fromUs, fromUs + hourUs);
    context.log('lake built');
    const run = async (isFullRefresh: boolean): Promise<{ ms: number; result: ModelsResult }> => {
      const startedAt = performance.now();
      const result = await runModels({
        ...stores,
        runner: openDuckdbModelRunner({ scratchFolder: place }),
        files: world.files,
        folder,
        scratchFolder: join(place, 'scratch', 'models'),
        isFullRefresh,
      });
      const ms = performance.now() - startedAt;
      const failure = failureOf(result);
      if (failure !== undefined) throw failure;
      return { ms, result };
    };
    // In turns, so that whatever else the machine does falls on both.
    const hands: number[] = [];
    const days = await context.sample(5, async () => {
      hands.push(await byHand(stores));
      return (await run(true)).ms;
    });
    let atUs = builtUs;
    const minutes = await context.sample(9, async () => {
      await market.commit(stores, atUs, atUs + minuteUs);
      atUs += minuteUs;
      const { ms, result } = await run(false);
      const written = result.partitions.filter(({ state }) => state === 'written');
      if (written.length < 8) throw new Error(`only ${written.length} models have the new minute`);
      return ms;
    });
    await stores.close();
    const against = hands.slice(1).toSorted((a, b) => a - b)[2]!;
    return [
      context.result({ name: 'day', unit: 'ms', samples: days, against, goal: 'ratio <= 1.3' }),
      context.result({ name: 'minute', unit: 'ms', samples: minutes, goal: 'value <= 1000' }),
    ];
  },
};

export default bench;
