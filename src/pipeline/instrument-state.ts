import { OrderBook } from '../book/order-book.ts';
import { CandleBuilder } from '../candles/candle-builder.ts';
import type { Instrument } from '../domain/instrument.ts';
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
}
