// A lake with days of made-up records, for the tests of reports: trades with the candles of them, best bids and asks, books, gaps.
import { join } from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import { Batch } from '../domain/batch.ts';
import type { Instrument } from '../domain/instrument.ts';
import { dayUs, hourUs, minuteUs, openTimeUs, secondUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import type { CandleState, GapReason, GapState } from '../domain/state.ts';
import * as tables from '../domain/tables/index.ts';
import { SeededRandom } from '../harbour/random.ts';
import { openParquetLake } from '../lake/parquet-lake.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Lake } from '../ports/lake.ts';

export const dayStartUs = Date.UTC(2026, 2, 18) * 1000;
export const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
export const eth: Instrument = { venue: 'binance', market: 'spot', symbol: 'ETHUSDT' };
/** A name that tries to be markup, SQL, a path and a formula. */
export const hostile: Instrument = { venue: 'binance', market: 'usdm', symbol: `=X'--"><SCRIPT>..&/Ü` };

export interface DayOptions {
  readonly instruments?: readonly Instrument[];
  readonly fromUs?: number;
  readonly toUs?: number;
  /** One an instrument about this often. */
  readonly tradeEveryUs?: number;
  readonly seed?: number;
  readonly gaps?: readonly GapOptions[];
  /** Candles that open in a range are in another state than `final`. */
  readonly states?: readonly { readonly fromUs: number; readonly toUs: number; readonly state: CandleState }[];
  readonly hasBooks?: boolean;
  /** Minutes without trades have candles that say so, as the engine writes them. */
  readonly hasEmptyMinutes?: boolean;
}

export interface GapOptions {
  readonly instrument?: Instrument;
  readonly stream: string;
  readonly openedAtUs: number;
  readonly closedAtUs: number;
  readonly ids?: number;
  readonly heldCount?: number;
  readonly state: GapState;
  readonly reason: GapReason;
}

/** The gaps of an ordinary bad day. */
export const usualGaps: readonly GapOptions[] = [
  {
    stream: 'trade',
    openedAtUs: dayStartUs + 895 * minuteUs,
    closedAtUs: dayStartUs + 931 * minuteUs,
    ids: 500,
    heldCount: 500,
    state: 'repaired',
    reason: 'disconnect',
  },
  {
    stream: 'depth',
    openedAtUs: dayStartUs + 895 * minuteUs,
    closedAtUs: dayStartUs + 931 * minuteUs,
    state: 'declared',
    reason: 'disconnect',
  },
  {
    stream: 'book-ticker',
    openedAtUs: dayStartUs + 895 * minuteUs,
    closedAtUs: dayStartUs + 931 * minuteUs,
    state: 'declared',
    reason: 'process-stop',
  },
];

export interface RecordedLake {
  readonly lake: Lake;
  readonly blobs: BlobStore;
  readonly folder: string;
  record(options: DayOptions): Promise<number>;
  close(): Promise<void>;
}

export async function openRecordedLake(folder: string): Promise<RecordedLake> {
  const catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'));
  const blobs = openFolderBlobs(join(folder, 'lake'));
  const lake = await openParquetLake({ catalog, blobs, scratchFolder: join(folder, 'scratch-lake') });
  await lake.open();
  return {
    lake,
    blobs,
    folder,
    record: (options) => record(lake, options),
    close: async () => {
      await lake.close();
      await catalog.close();
    },
  };
}

interface Shape {
  readonly price: number;
  readonly priceScale: number;
  readonly quantityScale: number;
  readonly base: string;
}

const shapes = new Map<string, Shape>([
  ['BTCUSDT', { price: 8_412_345, priceScale: 2, quantityScale: 5, base: 'BTC' }],
  ['ETHUSDT', { price: 412_345, priceScale: 2, quantityScale: 4, base: 'ETH' }],
]);
const otherShape: Shape = { price: 51_234, priceScale: 5, quantityScale: 1, base: 'X' };

async function record(lake: Lake, options: DayOptions): Promise<number> {
  const {
    instruments = [btc, eth, hostile],
    fromUs = dayStartUs,
    toUs = dayStartUs + dayUs,
    tradeEveryUs = 20 * secondUs,
    hasBooks = true,
  } = options;
  const slots = new Slots();
  const facts = new Batch(tables.instruments);
  const trades = new Batch(tables.trades);
  const candles = new Batch(tables.candles);
  const bookTickers = new Batch(tables.bookTickers);
  const snapshots = new Batch(tables.bookSnapshots);
  const deltas = new Batch(tables.bookDeltas);
  const gaps = new Batch(tables.gaps);
  const findings = new Batch(tables.findings);
  // What all follow, so that they correlate.
  const market = new SeededRandom(`market ${options.seed ?? 1}`);
  const drift = Array.from({ length: Math.ceil((toUs - fromUs) / minuteUs) }, () => market.fraction() - 0.5);

  for (const [which, instrument] of instruments.entries()) {
    const shape = shapes.get(instrument.symbol) ?? otherShape;
    const slot = slots.atLeast(instrument, shape.priceScale, shape.quantityScale).index;
    const random = new SeededRandom(`${instrument.symbol} ${options.seed ?? 1}`);
    const fact = facts.add(slot);
    facts.columns.valid_from[fact] = fromUs;
    facts.columns.valid_to[fact] = Number.NaN;
    facts.columns.status[fact] = 'TRADING';
    facts.columns.base_asset[fact] = shape.base;
    facts.columns.quote_asset[fact] = 'USDT';
    facts.columns.tick_size[fact] = 1;
    facts.columns.step_size[fact] = 1;

    const built = { '1m': new Map<number, Candle>(), '1h': new Map<number, Candle>(), '1d': new Map<number, Candle>() };
    let price = shape.price;
    let id = 1_000_000 * (which + 1) + 100_000_000 * (options.seed ?? 1) + Math.round((fromUs - dayStartUs) / secondUs);
    let updateId = 1;
    for (let atUs = fromUs; atUs < toUs; atUs += tradeEveryUs) {
      const pull = drift[Math.floor((atUs - fromUs) / minuteUs)] ?? 0;
      price = Math.max(10, Math.round(price * (1 + pull * 0.0008 + (random.fraction() - 0.5) * 0.0004)));
      const tradedAtUs = atUs + random.integer(Math.min(tradeEveryUs, secondUs));
      const quantity = 1 + random.integer(90_000);
      const isSell = random.chance(0.5 - pull * 0.2);
      const row = trades.add(slot);
      trades.columns.trade_id[row] = id;
      trades.columns.price[row] = price;
      trades.columns.quantity[row] = quantity;
      trades.columns.traded_at[row] = tradedAtUs;
      trades.columns.event_at[row] = tradedAtUs;
      trades.columns.received_at[row] = tradedAtUs + 1000;
      trades.columns.buyer_is_maker[row] = isSell ? 1 : 0;
      trades.columns.is_market[row] = 1;
      trades.columns.origin[row] = 'frame';
      for (const interval of ['1m', '1h', '1d'] as const) {
        addTrade(built[interval], openTimeUs(interval, tradedAtUs), { id, price, quantity, isSell });
      }
      id++;
      if (!hasBooks || isInGap(options.gaps, instrument, 'book-ticker', atUs)) continue;
      const half = 1 + random.integer(40);
      const ticker = bookTickers.add(slot);
      bookTickers.columns.update_id[ticker] = updateId;
      bookTickers.columns.bid_price[ticker] = price - half;
      bookTickers.columns.bid_quantity[ticker] = 1 + random.integer(90_000);
      bookTickers.columns.ask_price[ticker] = price + half;
      bookTickers.columns.ask_quantity[ticker] = 1 + random.integer(90_000);
      bookTickers.columns.event_at[ticker] = Number.NaN;
      bookTickers.columns.received_at[ticker] = tradedAtUs;
      const delta = deltas.add(slot);
      deltas.columns.first_update_id[delta] = updateId;
      deltas.columns.final_update_id[delta] = updateId;
      deltas.columns.previous_update_id[delta] = Number.NaN;
      deltas.columns.level[delta] = 0;
      deltas.columns.is_bid[delta] = 1;
      deltas.columns.price[delta] = price - half;
      deltas.columns.quantity[delta] = 5;
      deltas.columns.event_at[delta] = tradedAtUs;
      deltas.columns.received_at[delta] = tradedAtUs;
      updateId++;
      const isTenth = Math.floor(atUs / (10 * minuteUs)) !== Math.floor((atUs - tradeEveryUs) / (10 * minuteUs));
      if (!isTenth || isInGap(options.gaps, instrument, 'depth', atUs)) continue;
      for (let level = 0; level < 80; level++) {
        for (const isBid of [true, false]) {
          const distance = half + Math.round((level * level * price) / 1_000_000);
          const entry = snapshots.add(slot);
          snapshots.columns.update_id[entry] = updateId;
          snapshots.columns.is_bid[entry] = isBid ? 1 : 0;
          snapshots.columns.price[entry] = isBid ? price - distance - level : price + distance + level;
          snapshots.columns.quantity[entry] = 1000 + random.integer(20_000);
          snapshots.columns.is_within_horizon[entry] = 1;
          snapshots.columns.event_at[entry] = tradedAtUs;
        }
      }
    }
    if (options.hasEmptyMinutes === true) addEmptyMinutes(built['1m'], fromUs, toUs);
    for (const interval of ['1m', '1h', '1d'] as const) {
      for (const [openedAtUs, candle] of [...built[interval]].sort((a, b) => a[0] - b[0])) {
        const row = candles.add(slot);
        const columns = candles.columns;
        columns.interval[row] = interval;
        columns.opened_at[row] = openedAtUs;
        columns.open[row] = candle.open;
        columns.high[row] = candle.high;
        columns.low[row] = candle.low;
        columns.close[row] = candle.close;
        columns.volume[row] = candle.volume;
        columns.quote_volume[row] = candle.quoteVolume;
        columns.trade_count[row] = candle.count;
        columns.taker_buy_volume[row] = candle.takerBuyVolume;
        columns.taker_buy_quote_volume[row] = candle.takerBuyQuoteVolume;
        columns.first_trade_id[row] = candle.firstId;
        columns.last_trade_id[row] = candle.lastId;
        columns.state[row] =
          candle.count === 0
            ? 'no-trades'
            : (options.states?.find((range) => openedAtUs >= range.fromUs && openedAtUs < range.toUs)?.state ??
              'final');
        const isRepaired = isInGap(options.gaps, instrument, 'trade', openedAtUs);
        columns.marks[row] = isRepaired && interval === '1m' ? 'repaired' : '';
        columns.source[row] = 'trades';
      }
    }
  }
  const slotOf = (instrument: Instrument) => slots.current(instrument)!.index;
  for (const gap of options.gaps ?? []) {
    const row = gaps.add(slotOf(gap.instrument ?? (instruments.includes(btc) ? btc : instruments[0]!)));
    const columns = gaps.columns;
    columns.stream[row] = gap.stream;
    columns.from_id[row] = gap.ids === undefined ? -1 : 5_000;
    columns.to_id[row] = gap.ids === undefined ? -1 : 5_000 + gap.ids - 1;
    columns.opened_at[row] = gap.openedAtUs;
    columns.closed_at[row] = gap.closedAtUs;
    columns.state[row] = gap.state;
    columns.reason[row] = gap.reason;
    columns.held_count[row] = gap.heldCount ?? 0;
    columns.by_aggregate_count[row] = 0;
    columns.tried[row] = gap.state === 'declared' ? 'no source' : '';
    columns.decided_at[row] = Number.isNaN(gap.closedAtUs) ? gap.openedAtUs : gap.closedAtUs;
  }
  if ((options.gaps ?? []).length > 0) {
    const row = findings.add(slotOf(instruments.includes(hostile) ? hostile : instruments[0]!));
    const columns = findings.columns;
    columns.found_at[row] = fromUs + hourUs;
    columns.writer[row] = 'recorder';
    columns.sequence[row] = 77 + (options.seed ?? 1);
    columns.code[row] = 'unknown-event';
    columns.stream[row] = 'trade';
    columns.detail[row] = `the venue said <img src=x onerror=alert(1)> & "more"`;
  }
  const batches = [facts, trades, candles, bookTickers, deltas, snapshots, gaps, findings] as unknown as Batch[];
  return lake.commit({ slots, batches, positions: [], checkpoint: new Uint8Array([1]) });
}

interface Candle {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: bigint;
  quoteVolume: bigint;
  takerBuyVolume: bigint;
  takerBuyQuoteVolume: bigint;
  count: number;
  firstId: number;
  lastId: number;
}

function addTrade(
  candles: Map<number, Candle>,
  openUs: number,
  { id, price, quantity, isSell }: { id: number; price: number; quantity: number; isSell: boolean },
): void {
  const candle = candles.get(openUs) ?? {
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0n,
    quoteVolume: 0n,
    takerBuyVolume: 0n,
    takerBuyQuoteVolume: 0n,
    count: 0,
    firstId: id,
    lastId: id,
  };
  candles.set(openUs, candle);
  const product = BigInt(price) * BigInt(quantity);
  candle.high = Math.max(candle.high, price);
  candle.low = Math.min(candle.low, price);
  candle.close = price;
  candle.lastId = id;
  candle.count++;
  candle.volume += BigInt(quantity);
  candle.quoteVolume += product;
  if (isSell) return;
  candle.takerBuyVolume += BigInt(quantity);
  candle.takerBuyQuoteVolume += product;
}

function addEmptyMinutes(candles: Map<number, Candle>, fromUs: number, toUs: number): void {
  let close = 0;
  for (let openUs = fromUs; openUs < toUs; openUs += minuteUs) {
    const candle = candles.get(openUs);
    close = candle?.close ?? close;
    const none = {
      open: close,
      high: close,
      low: close,
      close,
      volume: 0n,
      quoteVolume: 0n,
      takerBuyVolume: 0n,
      takerBuyQuoteVolume: 0n,
      count: 0,
      firstId: -1,
      lastId: -1,
    };
    if (candle === undefined) candles.set(openUs, none);
  }
}

function isInGap(
  gaps: readonly GapOptions[] | undefined,
  instrument: Instrument,
  stream: string,
  atUs: number,
): boolean {
  return (gaps ?? []).some(
    (gap) =>
      gap.stream === stream &&
      (gap.instrument ?? btc) === instrument &&
      atUs >= gap.openedAtUs &&
      atUs < gap.closedAtUs,
  );
}
