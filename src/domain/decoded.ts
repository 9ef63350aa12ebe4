import { Batch } from './batch.ts';
import { DepthBatch } from './depth-batch.ts';
import type { Market } from './instrument.ts';
import { Slots } from './slots.ts';
import type { Origin } from './state.ts';
import { aggTrades, bookTickers, findings, tickers, trades, venueCandles } from './tables/index.ts';

/** A whole book as REST gave it; levels best first. */
export interface SnapshotEvent {
  readonly slot: number;
  readonly lastUpdateId: number;
  readonly bidPrices: Float64Array;
  readonly bidQuantities: Float64Array;
  readonly askPrices: Float64Array;
  readonly askQuantities: Float64Array;
  /** Levels per side asked for: a side with fewer is known to its end, one with as many only to its last level. */
  readonly limit: number;
  readonly receivedAtUs: number;
}

/** What exchange information says of one instrument now. */
export interface InstrumentFact {
  readonly slot: number;
  readonly status: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  /** Decimal text as sent. */
  readonly tickSize: string;
  readonly stepSize: string;
  readonly atUs: number;
}

/** Evidence from REST that the newest id of a stream was (at least) this. */
export interface LatestIdFact {
  readonly slot: number;
  readonly stream: 'trade' | 'agg-trade';
  readonly id: number;
  readonly atUs: number;
}

/** Something about the connection itself. */
export type ControlEvent =
  | { readonly kind: 'acknowledged'; readonly requestId: number; readonly error?: string }
  | { readonly kind: 'shutdown-announced' };

/** The record being decoded; set by the caller before each decode call. */
export interface RecordContext {
  market: Market;
  receivedAtUs: number;
  writer: string;
  sequence: number;
  origin: Origin;
}

/**
 * Rows decoded from some records, one batch a table, in the order of the records. Decoders only add; whoever consumed the
 * rows clears. Venue candles hold closed ones only; frames of a still open candle update `newestEventAtUs` alone.
 */
export class Decoded {
  readonly slots: Slots;
  readonly record: RecordContext = { market: 'spot', receivedAtUs: 0, writer: '', sequence: 0, origin: 'frame' };
  readonly trades = new Batch(trades, 4096);
  readonly aggTrades = new Batch(aggTrades, 4096);
  readonly depth = new DepthBatch();
  readonly bookTickers = new Batch(bookTickers, 4096);
  readonly tickers = new Batch(tickers, 64);
  readonly venueCandles = new Batch(venueCandles, 64);
  readonly findings = new Batch(findings, 16);
  readonly snapshots: SnapshotEvent[] = [];
  readonly instruments: InstrumentFact[] = [];
  readonly latestIds: LatestIdFact[] = [];
  readonly controls: ControlEvent[] = [];
  /** Newest venue event time, µs; 0 when there was none. */
  newestEventAtUs = 0;
  /** Venue time of the last `time` answer, µs; 0 when there was none. */
  serverTimeUs = 0;

  constructor(slots = new Slots()) {
    this.slots = slots;
  }

  /** A finding about the current record. `slot` may be −1 when the instrument is unknown. */
  addFinding(code: string, stream: string, detail: string, slot = -1): void {
    // One a record and code, also of a list in which good and bad take turns: the raw record tells the rest.
    const known = this.findings.columns;
    for (let at = this.findings.length - 1; at >= 0 && known.sequence[at] === this.record.sequence; at--) {
      if (known.code[at] === code) return;
    }
    const row = this.findings.add(slot < 0 ? this.slots.atLeast(noInstrument(this.record.market), 0, 0).index : slot);
    const columns = this.findings.columns;
    columns.found_at[row] = this.record.receivedAtUs;
    columns.writer[row] = this.record.writer;
    columns.sequence[row] = this.record.sequence;
    columns.code[row] = code;
    columns.stream[row] = stream;
    columns.detail[row] = detail.length > 500 ? `${detail.slice(0, 500)}…` : detail;
  }

  get isEmpty(): boolean {
    return (
      this.trades.length + this.aggTrades.length + this.depth.length + this.bookTickers.length + this.tickers.length ===
        0 &&
      this.venueCandles.length + this.findings.length + this.snapshots.length + this.instruments.length === 0 &&
      this.latestIds.length + this.controls.length === 0
    );
  }

  clear(): void {
    this.trades.clear();
    this.aggTrades.clear();
    this.depth.clear();
    this.bookTickers.clear();
    this.tickers.clear();
    this.venueCandles.clear();
    this.findings.clear();
    this.snapshots.length = 0;
    this.instruments.length = 0;
    this.latestIds.length = 0;
    this.controls.length = 0;
    this.newestEventAtUs = 0;
    this.serverTimeUs = 0;
  }
}

/** Stands for "no instrument known" in findings: a dash can be no venue's symbol. */
function noInstrument(market: Market) {
  return { venue: 'binance', market, symbol: '-' } as const;
}
