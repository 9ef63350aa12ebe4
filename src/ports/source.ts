import type { Decoded } from '../domain/decoded.ts';
import type { Instrument, Market, StreamKind, Venue } from '../domain/instrument.ts';
import type { Interval } from '../domain/interval.ts';
import type { DataKind } from '../domain/state.ts';

/** One subscription: `name` is the venue's own stream name. */
export interface StreamPlan {
  readonly instrument: Instrument;
  readonly kind: StreamKind;
  readonly name: string;
  readonly interval?: Interval;
}

/** A stream that is wanted: as the venue names it for us, or under a `name` given, as a recording has it. */
export interface StreamWish {
  readonly instrument: Instrument;
  readonly kind: StreamKind;
  readonly interval?: Interval;
  readonly name?: string;
}

/** What a session may do, by the venue's rules. */
export interface SessionLimits {
  readonly lifetimeMs: number;
  /** No ping and no frame for so long: the connection is dead. */
  readonly silenceMs: number;
  readonly messagesPerSecond: number;
  readonly namesPerMessage: number;
  readonly maxFrameBytes: number;
}

/** One connection to hold open for ever. `urls` are tried in turn. */
export interface SessionPlan {
  readonly id: string;
  readonly market: Market;
  readonly urls: readonly string[];
  readonly streams: readonly StreamPlan[];
  readonly limits: SessionLimits;
}

/** What the recorder follows; written by the engine, replaced atomically, journalled on every change. */
export interface Plan {
  readonly formatVersion: 1;
  readonly dataKind: DataKind;
  readonly venueTime: { readonly mode: 'wall'; readonly offsetUs: number } | { readonly mode: 'frames' };
  readonly sessions: readonly SessionPlan[];
}

/** Where a venue is reached: the real hosts, or a harbour's. */
export interface VenueHosts {
  /** Base of stream URLs in order of preference: `wss://stream.binance.com:9443`. */
  readonly streams: Readonly<Partial<Record<Market, readonly string[]>>>;
  /** Base of REST URLs in order of preference: `https://api.binance.com`. */
  readonly rest: Readonly<Partial<Record<Market, readonly string[]>>>;
}

export type RestPurpose =
  | 'time'
  | 'exchange-info'
  | 'book-snapshot'
  | 'trades-by-id'
  | 'agg-trades-by-id'
  | 'latest-trade'
  | 'klines';

/** A REST question, complete enough to decode its answer from the journal alone. Weight as the venue counts it. */
export interface RestRequest {
  readonly purpose: RestPurpose;
  readonly market: Market;
  readonly symbol?: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Sent with the question; the answer's time unit can depend on them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly weight: number;
  /** Only these are taken from an answer that holds more. */
  readonly symbols?: readonly string[];
  /** Ids asked for, where the question is about ids. */
  readonly fromId?: number;
  readonly limit?: number;
  /** Candles asked for: open times from … to, both inclusive. */
  readonly interval?: Interval;
  readonly fromUs?: number;
  readonly toUs?: number;
}

export interface RestRequests {
  time(market: Market): RestRequest;
  exchangeInfo(market: Market, symbols: readonly string[]): RestRequest;
  bookSnapshot(instrument: Instrument): RestRequest;
  /** Trades with ids from `fromId` on. Undefined where the venue offers none without an account. */
  tradesById(instrument: Instrument, fromId: number, limit: number): RestRequest | undefined;
  aggTradesById(instrument: Instrument, fromId: number, limit: number): RestRequest;
  /** The newest trades: names the last id there is. */
  latestTrade(instrument: Instrument): RestRequest;
  /**
   * Candles that open in `fromUs … toUs`, both included. Whoever asks knows that all of them are closed, as by a later one
   * that is: the answer does not say it.
   */
  klines(instrument: Instrument, interval: Interval, fromUs: number, toUs: number, limit: number): RestRequest;
}

export interface RestLimits {
  /** Markets of the same pool spend from one budget and are banned together. */
  readonly pool: string;
  readonly weightPerMinute: number;
  /** Response header (lower case) with the weight used in the running minute. */
  readonly usedWeightHeader: string;
}

/**
 * A venue's rules: what to dial and say, and what the answers mean. Pure: same input, same output. Whether a `bookSequence`
 * chains by `U == previous u + 1` or by `pu` is the market's, see `book`.
 */
export interface Source {
  readonly venue: Venue;
  /** Sessions for these subscriptions, within the venue's limits. */
  plan(options: {
    streams: readonly StreamWish[];
    hosts: VenueHosts;
    dataKind: DataKind;
    venueTime: Plan['venueTime'];
  }): Plan;
  /** Text of the message that subscribes to these stream names. */
  subscribeMessage(names: readonly string[], requestId: number): string;
  readonly requests: RestRequests;
  restLimits(market: Market): RestLimits;
  /**
   * Adds the rows of one frame (`bytes[start … end − 1]`) to `out`, whose `record` names market, receive time and
   * sequence. Never throws: what it cannot read becomes a finding.
   */
  decodeFrame(bytes: Uint8Array, start: number, end: number, out: Decoded): void;
  /** The same for a REST answer. Error answers become findings. */
  decodeResponse(request: RestRequest, status: number, body: Uint8Array, out: Decoded): void;
}
