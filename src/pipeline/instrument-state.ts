import type { OrderBookJson } from '../book/order-book.ts';
import { OrderBook } from '../book/order-book.ts';
import { CandleBuilder } from '../candles/candle-builder.ts';
import type { CandleContext, CandleSeriesJson } from '../candles/series.ts';
import { CandleSeries } from '../candles/series.ts';
import type { InstrumentFact } from '../domain/decoded.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Interval } from '../domain/interval.ts';
import type { DepthLedgerJson } from '../ledger/depth-ledger.ts';
import { DepthLedger } from '../ledger/depth-ledger.ts';
import type { Gap } from '../ledger/gap.ts';
import type { IdLedgerJson } from '../ledger/id-ledger.ts';
import { IdLedger } from '../ledger/id-ledger.ts';
import type { KlineLedgerJson } from '../ledger/kline-ledger.ts';
import { KlineLedger } from '../ledger/kline-ledger.ts';
import type { WatchLedgerJson } from '../ledger/watch.ts';
import { WatchLedger } from '../ledger/watch.ts';
import type { VenueCandle } from './venue-candle.ts';

/** Everything the engine knows of one instrument. Ledgers of streams that are not planned stay empty. */
export class InstrumentState {
  readonly id: string;
  readonly instrument: Instrument;
  trades = new IdLedger('trade');
  aggTrades = new IdLedger('agg-trade');
  depth: DepthLedger;
  readonly klines = new Map<Interval, KlineLedger>();
  bookTicker = new WatchLedger('book-ticker');
  ticker = new WatchLedger('ticker');
  book: OrderBook;
  series = new CandleSeries(new CandleBuilder());
  /** Streams that the plan in force subscribes, as the design's words. */
  planned = new Set<string>();
  fact: InstrumentFact | undefined;
  factValidFromUs = 0;
  /** Newest trade as shown: scaled price and the slot it is in. */
  lastPrice = Number.NaN;
  lastPriceSlot = -1;
  /** Event time from which the book is due in `book_snapshots`. */
  nextSnapshotAtUs = Number.NEGATIVE_INFINITY;

  lastBookTickerId = -1;
  lastTickerAtUs = 0;
  /** Candles of the venue that wait until ours are proven, and how many were equal so far. */
  unchecked: VenueCandle[] = [];
  equalCandles = 0;
  /** Oldest trade time since followers were last told; Infinity when nothing changed. */
  changedFromUs = Number.POSITIVE_INFINITY;

  constructor(instrument: Instrument, id: string) {
    this.instrument = instrument;
    this.id = id;
    this.depth = new DepthLedger(instrument.market);
    this.book = new OrderBook(instrument.market);
  }

  /** Candles come from trades where they are recorded, else from aggregates, never from both. */
  get candleSource(): 'trades' | 'agg-trades' {
    return this.planned.has('trade') || this.trades.heldIds > 0 ? 'trades' : 'agg-trades';
  }

  /** The ledger that proves candles complete. */
  get candleLedger(): IdLedger {
    return this.candleSource === 'trades' ? this.trades : this.aggTrades;
  }

  klineLedger(interval: Interval): KlineLedger {
    let ledger = this.klines.get(interval);
    if (ledger === undefined) {
      ledger = new KlineLedger(interval);
      this.klines.set(interval, ledger);
    }
    return ledger;
  }

  /** What says the state of this instrument's candles. */
  candleContext(venueNowUs: number): CandleContext {
    const ledger = this.candleLedger;
    return { venueNowUs, tidemarkUs: ledger.tidemarkUs, heldFromUs: ledger.heldFromUs, gaps: ledger.gaps() };
  }

  /** Gaps of all streams that changed since the last call. */
  takeChangedGaps(): Gap[] {
    const gaps = [
      ...this.trades.takeChanged(),
      ...this.aggTrades.takeChanged(),
      ...this.depth.takeChanged(),
      ...this.bookTicker.takeChanged(),
      ...this.ticker.takeChanged(),
    ];
    for (const ledger of this.klines.values()) gaps.push(...ledger.takeChanged());
    return gaps;
  }

  gaps(): Gap[] {
    const gaps = [
      ...this.trades.gaps(),
      ...this.aggTrades.gaps(),
      ...this.depth.gaps(),
      ...this.bookTicker.gaps(),
      ...this.ticker.gaps(),
    ];
    for (const ledger of this.klines.values()) gaps.push(...ledger.gaps());
    return gaps;
  }

  /** Candles that can still change by time alone are in it; older ones are rows of the lake. */
  toJSON(venueNowUs: number): InstrumentJson {
    return {
      instrument: this.instrument,
      trades: this.trades.toJSON(),
      aggTrades: this.aggTrades.toJSON(),
      depth: this.depth.toJSON(),
      klines: [...this.klines.values()].map((ledger) => ledger.toJSON()),
      bookTicker: this.bookTicker.toJSON(),
      ticker: this.ticker.toJSON(),
      book: this.book.toJSON(),
      series: this.series.toJSON(venueNowUs),
      planned: [...this.planned],
      fact: this.fact ?? null,
      factValidFromUs: this.factValidFromUs,
      lastPrice: orNull(this.lastPrice),
      lastPriceSlot: this.lastPriceSlot,
      nextSnapshotAtUs: orNull(this.nextSnapshotAtUs),
      lastBookTickerId: this.lastBookTickerId,
      lastTickerAtUs: this.lastTickerAtUs,
      unchecked: this.unchecked,
      equalCandles: this.equalCandles,
    };
  }

  load(json: InstrumentJson): void {
    this.trades = IdLedger.fromJSON(json.trades);
    this.aggTrades = IdLedger.fromJSON(json.aggTrades);
    this.depth = DepthLedger.fromJSON(json.depth);
    for (const kline of json.klines) this.klines.set(kline.interval, KlineLedger.fromJSON(kline));
    this.bookTicker = WatchLedger.fromJSON(json.bookTicker);
    this.ticker = WatchLedger.fromJSON(json.ticker);
    this.book = OrderBook.fromJSON(json.book);
    this.series = CandleSeries.fromJSON(json.series);
    this.planned = new Set(json.planned);
    this.fact = json.fact ?? undefined;
    this.factValidFromUs = json.factValidFromUs;
    this.lastPrice = json.lastPrice ?? Number.NaN;
    this.lastPriceSlot = json.lastPriceSlot;
    this.nextSnapshotAtUs = json.nextSnapshotAtUs ?? Number.NEGATIVE_INFINITY;
    this.lastBookTickerId = json.lastBookTickerId;
    this.lastTickerAtUs = json.lastTickerAtUs;
    this.unchecked = [...json.unchecked];
    this.equalCandles = json.equalCandles;
  }
}

export interface InstrumentJson {
  readonly instrument: Instrument;
  readonly trades: IdLedgerJson;
  readonly aggTrades: IdLedgerJson;
  readonly depth: DepthLedgerJson;
  readonly klines: readonly KlineLedgerJson[];
  readonly bookTicker: WatchLedgerJson;
  readonly ticker: WatchLedgerJson;
  readonly book: OrderBookJson;
  readonly series: CandleSeriesJson;
  readonly planned: readonly string[];
  readonly fact: InstrumentFact | null;
  readonly factValidFromUs: number;
  readonly lastPrice: number | null;
  readonly lastPriceSlot: number;
  readonly nextSnapshotAtUs: number | null;
  readonly lastBookTickerId: number;
  readonly lastTickerAtUs: number;
  readonly unchecked: readonly VenueCandle[];
  readonly equalCandles: number;
}

/** JSON has no NaN and no infinity. */
function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
