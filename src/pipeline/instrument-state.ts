import { OrderBook } from '../book/order-book.ts';
import { CandleBuilder } from '../candles/candle-builder.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Gap } from '../ledger/gap.ts';
import type { Interval } from '../domain/interval.ts';
import { DepthLedger } from '../ledger/depth-ledger.ts';
import { IdLedger } from '../ledger/id-ledger.ts';
import { KlineLedger } from '../ledger/kline-ledger.ts';
import { WatchLedger } from '../ledger/watch.ts';
import type { InstrumentFact } from '../domain/decoded.ts';

/** Everything the engine knows of one instrument. Ledgers of streams that are not planned stay empty. */
export class InstrumentState {
  readonly id: string;
  readonly instrument: Instrument;
  readonly trades = new IdLedger('trade');
  readonly aggTrades = new IdLedger('agg-trade');
  readonly depth: DepthLedger;
  readonly klines = new Map<Interval, KlineLedger>();
  readonly bookTicker = new WatchLedger('book-ticker');
  readonly ticker = new WatchLedger('ticker');
  readonly book: OrderBook;
  readonly candles = new CandleBuilder();
  /** Streams that the plan in force subscribes, as the design's words. */
  planned = new Set<string>();
  fact: InstrumentFact | undefined;
  factValidFromUs = 0;
  /** Newest trade as shown: scaled price and the slot it is in. */
  lastPrice = Number.NaN;
  lastPriceSlot = -1;
  /** Next event time at which the book goes into `book_snapshots`; NaN before the first event. */
  nextSnapshotAtUs = Number.NaN;

  lastBookTickerId = -1;
  lastTickerAtUs = 0;
  /** Candles whose row in the lake is older than their state here, or not final yet: `interval/openedAtUs`. */
  readonly unsettled = new Map<Interval, Set<number>>();

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

  noteUnsettled(candle: { interval: Interval; openedAtUs: number }): void {
    let opens = this.unsettled.get(candle.interval);
    if (opens === undefined) {
      opens = new Set();
      this.unsettled.set(candle.interval, opens);
    }
    opens.add(candle.openedAtUs);
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

  toJSON(): unknown {
    return {
      instrument: this.instrument,
      trades: this.trades.toJSON(),
      aggTrades: this.aggTrades.toJSON(),
      depth: this.depth.toJSON(),
      klines: [...this.klines].map(([interval, ledger]) => [interval, ledger.toJSON()]),
      bookTicker: this.bookTicker.toJSON(),
      ticker: this.ticker.toJSON(),
      book: this.book.toJSON(),
      planned: [...this.planned],
      fact: this.fact,
      factValidFromUs: this.factValidFromUs,
      lastPrice: Number.isNaN(this.lastPrice) ? null : this.lastPrice,
      lastPriceSlot: this.lastPriceSlot,
      nextSnapshotAtUs: Number.isNaN(this.nextSnapshotAtUs) ? null : this.nextSnapshotAtUs,
      lastBookTickerId: this.lastBookTickerId,
      lastTickerAtUs: this.lastTickerAtUs,
      unsettled: [...this.unsettled].map(([interval, opens]) => [interval, [...opens]]),
    };
  }
}
