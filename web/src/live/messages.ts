import type { BookView, CandleRow, Coverage, GapRow, StatusAnswer, TradeRow } from '../../../src/protocol/api.ts';

/** Page → worker. */
export type ToWorker =
  | { readonly op: 'open'; readonly url: string }
  | { readonly op: 'subscribe'; readonly channel: string }
  | { readonly op: 'unsubscribe'; readonly channel: string }
  | { readonly op: 'retry' }
  /** The last batch is on the screen: the next may come. Until then the worker gathers. */
  | { readonly op: 'painted' };

/** What happened to one channel since the last batch, already merged. */
export interface ChannelDelta {
  readonly channel: string;
  readonly candles?: readonly CandleRow[];
  readonly trades?: readonly TradeRow[];
  /** Trades that were left out because the page could not take so many at once. */
  readonly skippedTrades?: number;
  readonly book?: BookView;
  readonly gaps?: readonly GapRow[];
  readonly coverage?: Coverage;
  readonly status?: StatusAnswer;
  readonly synced?: boolean;
  /** Trades up to this id survive a power cut. */
  readonly syncedThroughId?: number;
}

export interface SocketState {
  readonly socket: 'connecting' | 'open' | 'waiting';
  readonly attempt: number;
  readonly everOpen: boolean;
  /** When the socket was lost: time origin plus monotonic ms, so that page and worker mean the same. */
  readonly lostAtMs: number | null;
  readonly nextAttemptAtMs: number | null;
}

/** Worker → page. */
export type FromWorker =
  | { readonly kind: 'socket'; readonly state: SocketState }
  | { readonly kind: 'hello'; readonly version: string; readonly dataKind: string }
  | { readonly kind: 'round-trip'; readonly halfMs: number }
  /** Something was not sent or the follow-up began anew: fetch the state of this channel. */
  | { readonly kind: 'refetch'; readonly channel: string; readonly reason: string }
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }
  | { readonly kind: 'batch'; readonly deltas: readonly ChannelDelta[] };
