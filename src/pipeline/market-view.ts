import type { Instrument } from '../domain/instrument.ts';
import type { Interval } from '../domain/interval.ts';
import type { AsOf } from '../ports/lake.ts';
import type {
  BookView,
  CandlesAnswer,
  GapRow,
  InstrumentRow,
  LedgerRow,
  SqlAnswer,
  StatusAnswer,
  TablesAnswer,
  TradesAnswer,
} from '../protocol/api.ts';
import type { Channel, LivePayload } from '../protocol/live.ts';

/** A change on a channel. `synced` false: derived from records that a power cut could still take. */
export interface LiveUpdate {
  readonly channel: string;
  readonly synced: boolean;
  readonly payload: LivePayload;
}

export interface SqlQuestion {
  readonly maxRows: number;
  readonly timeoutMs: number;
  readonly asOf?: AsOf | undefined;
}

/**
 * What the engine shows to whoever serves it: the past (lake and tail as one) and the live changes. Methods reject with
 * TidemarkError: `unknown-instrument`, `bad-query`, `query-limit`.
 */
export interface MarketView {
  instruments(): readonly InstrumentRow[];
  /** The newest `limit` candles of [fromUs, toUs), ascending, with missing and empty ones filled in. */
  candles(
    instrument: Instrument,
    interval: Interval,
    fromUs: number,
    toUs: number,
    limit: number,
  ): Promise<CandlesAnswer>;
  /** Newest first, ids below `beforeId` (default: newest). */
  trades(instrument: Instrument, beforeId: number | undefined, limit: number): Promise<TradesAnswer>;
  book(instrument: Instrument, levels: number): BookView;
  ledger(): readonly LedgerRow[];
  gaps(filter: { instrument?: Instrument; state?: string }): readonly GapRow[];
  status(): StatusAnswer;
  /** Over lake and tail, or `asOf` an earlier version over what was committed then. */
  sql(sql: string, question: SqlQuestion, cancelled?: AbortSignal): Promise<SqlAnswer>;
  /** Tables that SQL may ask about, as of the newest catalog version. */
  tables(): Promise<TablesAnswer>;
  /**
   * Calls back synchronously with each change of the channel from now on; the result ends it. Updates of candles and book
   * come at most about 10 a second and channel, trades as they are derived.
   */
  follow(channel: Channel, listener: (update: LiveUpdate) => void): () => void;
}
