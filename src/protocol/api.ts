import type { GapReason, GapState } from '../domain/state.ts';

export type { Interval } from '../domain/interval.ts';
export { intervals } from '../domain/interval.ts';
export type { CandleMark, CandleState, DataKind, GapReason, GapState } from '../domain/state.ts';
export { candleMarks, candleStates, dataKinds, gapReasons, gapStates } from '../domain/state.ts';

import type { Interval } from '../domain/interval.ts';
import type { DataKind } from '../domain/state.ts';

// Conventions: prices, quantities and sums are decimal text; instants are integer µs since 1970 UTC (`…AtUs`) below 2^53;
// ranges are half-open [fromUs, toUs).

/** What an answer says of itself. `held` of `expected` ids exist here; null where the range has no ids to count. */
export interface Coverage {
  readonly instrument: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly heldIds: number | null;
  readonly expectedIds: number | null;
  /** Instant up to which every id is held or declared missing; null before the first evidence. */
  readonly tidemarkUs: number | null;
  readonly gaps: readonly GapRow[];
  readonly dataKind: DataKind;
  /** Version of the catalog that the committed part came from; the rest is the engine's tail. */
  readonly catalogVersion: number;
}

export interface GapRow {
  readonly instrument: string;
  readonly stream: string;
  readonly fromId: number | null;
  readonly toId: number | null;
  readonly openedAtUs: number;
  readonly closedAtUs: number | null;
  readonly state: GapState;
  readonly reason: GapReason;
  readonly heldCount: number;
  readonly byAggregateCount: number;
  readonly tried: string;
}

export interface InstrumentRow {
  readonly instrument: string;
  readonly market: string;
  readonly symbol: string;
  readonly status: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  /** Decimal text; what screens format prices and quantities by. */
  readonly tickSize: string;
  readonly stepSize: string;
  readonly streams: readonly string[];
  readonly lastPrice: string | null;
  readonly dataKind: DataKind;
  /** First instant with a candle here. */
  readonly firstCandleUs: number | null;
}

/** A candle as the API and the live channel give it. */
export interface CandleRow {
  readonly openedAtUs: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly quoteVolume: string;
  readonly tradeCount: number;
  readonly takerBuyVolume: string;
  readonly takerBuyQuoteVolume: string;
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  /** `forming provisional final partial no-trades missing`; of a missing one all values are "0" and mean nothing. */
  readonly state: import('../domain/state.ts').CandleState;
  readonly marks: readonly import('../domain/state.ts').CandleMark[];
  readonly source: 'trades' | 'agg-trades' | 'venue' | 'none';
}

/** GET /api/v1/candles?instrument&interval&from&to&limit (from/to in µs or ISO; newest `limit` ≤ 5000 of the range, ascending). */
export interface CandlesAnswer {
  readonly interval: Interval;
  readonly candles: readonly CandleRow[];
  /** Open time of the newest candle before the first one here, to page back; null when there is none. */
  readonly previousUs: number | null;
  readonly coverage: Coverage;
}

export interface TradeRow {
  readonly tradeId: number;
  readonly price: string;
  readonly quantity: string;
  readonly tradedAtUs: number;
  readonly receivedAtUs: number;
  readonly buyerIsMaker: boolean;
  /** Which stream: a trade, or an aggregate where only those are recorded. */
  readonly kind: 'trade' | 'agg-trade';
}

/** GET /api/v1/trades?instrument&beforeId&limit: newest first. */
export interface TradesAnswer {
  readonly trades: readonly TradeRow[];
  readonly nextBeforeId: number | null;
  readonly coverage: Coverage;
}

export type BookState = 'synced' | 'syncing' | 'gap' | 'none';

export interface BookLevelRow {
  readonly price: string;
  readonly quantity: string;
}

/** GET /api/v1/book?instrument&levels; also the payload of the live book channel. Best first. */
export interface BookView {
  readonly instrument: string;
  readonly state: BookState;
  readonly updateId: number | null;
  readonly eventAtUs: number | null;
  readonly bids: readonly BookLevelRow[];
  readonly asks: readonly BookLevelRow[];
  /** Prices between which the book vouches for every level; null: unknown. */
  readonly knownFrom: string | null;
  readonly knownTo: string | null;
  readonly resyncs: number;
  readonly snapshotAtUs: number | null;
}

export interface SessionStatus {
  readonly session: string;
  readonly market: string;
  readonly state: 'connecting' | 'open' | 'closed';
  readonly sinceUs: number;
  readonly streams: number;
  readonly frames: number;
  readonly reconnects: number;
  readonly lastFrameAtUs: number | null;
}

export interface LedgerRow {
  readonly instrument: string;
  readonly stream: string;
  readonly firstId: number | null;
  readonly lastId: number | null;
  readonly heldIds: number;
  readonly missingIds: number;
  readonly byAggregateIds: number;
  readonly openGaps: number;
  readonly declaredGaps: number;
  readonly tidemarkUs: number | null;
  readonly watchedUntilUs: number | null;
}

export interface StatusAnswer {
  readonly version: string;
  readonly dataKind: DataKind;
  /** Seed of the simulated market, where there is one. */
  readonly seed: number | null;
  readonly startedAtUs: number;
  readonly nowUs: number;
  readonly upstream: 'live' | 'quiet' | 'stale' | 'venue-down' | 'connecting';
  /** Newest pulse of a recorder, wall µs. */
  readonly lastPulseAtUs: number | null;
  /** Event time to receive time over the last minute, ms, with the plan's clock offset taken out; null when not known. */
  readonly lagMs: { readonly p50: number; readonly p95: number } | null;
  readonly sessions: readonly SessionStatus[];
  readonly ledger: readonly LedgerRow[];
  readonly journals: readonly { writer: string; segment: number; offset: number; behindBytes: number }[];
  readonly lake: {
    readonly catalogVersion: number;
    readonly committedAtUs: number | null;
    readonly files: number;
    readonly bytes: number;
    /** Metadata for other engines; null where none is published. */
    readonly iceberg: IcebergLakeStatus | null;
  };
  readonly rest: {
    readonly usedWeight: number;
    readonly weightPerMinute: number;
    readonly blockedUntilUs: number | null;
  };
  /** The journals' copy elsewhere; null where none is kept. */
  readonly shipping: ShippingStatus | null;
  readonly findings: number;
}

export interface IcebergLakeStatus {
  /** Every table is published as of this catalog version, or later. */
  readonly publishedVersion: number;
  /** Why the last attempt failed, by table. It is tried again. */
  readonly failures: Readonly<Record<string, string>>;
}

export interface ShippingStatus {
  /** Address of the store. */
  readonly store: string;
  readonly journals: readonly ShippedJournalStatus[];
}

export interface ShippedJournalStatus {
  readonly writer: string;
  /** `conflict`: the store holds another journal under this name; nothing is shipped until someone decides. */
  readonly state: 'starting' | 'shipping' | 'retrying' | 'conflict';
  /** Where the copy ends; null while the store has not said it. */
  readonly shippedTo: { readonly segment: number; readonly offset: number; readonly sequence: number } | null;
  /** Durable here and lost with this machine's disk. */
  readonly behindBytes: number;
  readonly behindRecords: number;
  readonly shippedAtUs: number | null;
  readonly error: string | null;
}

/** GET /api/v1/health: 200 when `ok` or `degraded`, 503 when `failing`. */
export interface HealthAnswer {
  readonly status: 'ok' | 'degraded' | 'failing';
  readonly reasons: readonly { readonly code: string; readonly detail: string }[];
  readonly dataKind: DataKind;
  readonly nowUs: number;
}

/** Errors are problem details (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

export interface TableColumnRow {
  readonly name: string;
  /** SQL type. */
  readonly type: string;
  readonly meaning: string;
  readonly isKey: boolean;
}

/** A table as SQL sees it; rows and times are those committed, without the newest that queries also see. */
export interface TableRow {
  readonly name: string;
  /** `model`: computed from others by SQL. */
  readonly layer: 'silver' | 'gold' | 'model';
  readonly meaning: string;
  /** Null of a model: its own SQL says them. */
  readonly columns: readonly TableColumnRow[] | null;
  readonly rows: number;
  readonly bytes: number;
  readonly files: number;
  readonly fromUs: number | null;
  readonly toUs: number | null;
}

/** GET /api/v1/tables */
export interface TablesAnswer {
  readonly catalogVersion: number;
  readonly tables: readonly TableRow[];
}

/** POST /api/v1/sql {sql, maxRows?, timeoutMs?, asOf?}. */
export interface SqlAnswer {
  readonly columns: readonly { name: string; type: string }[];
  readonly rows: readonly (string | null)[][];
  readonly truncated: boolean;
  readonly catalogVersion: number;
  /** Whether rows that are in no commit yet were looked at as well. */
  readonly hasTail: boolean;
  /** Files of the lake that could hold what was asked for, and their bytes: no other one was opened. */
  readonly lakeFiles: number;
  readonly lakeBytes: number;
  readonly dataKind: DataKind;
  readonly elapsedMs: number;
}
