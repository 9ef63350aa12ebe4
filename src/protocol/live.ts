import type { Interval } from '../domain/interval.ts';
import type { BookView, CandleRow, Coverage, GapRow, StatusAnswer, TradeRow } from './api.ts';

/** Path of the WebSocket API. One JSON message a frame, both ways. */
export const livePath = '/api/v1/live';

/**
 * What can be followed. The key of a channel is its text in messages:
 * `candles/<instrument>/<interval>`, `trades/<instrument>`, `book/<instrument>`, `gaps/<instrument>`, `status`.
 */
export type Channel =
  | { readonly kind: 'candles'; readonly instrument: string; readonly interval: Interval }
  | { readonly kind: 'trades'; readonly instrument: string }
  | { readonly kind: 'book'; readonly instrument: string }
  | { readonly kind: 'gaps'; readonly instrument: string }
  | { readonly kind: 'status' };

export function channelKey(channel: Channel): string {
  switch (channel.kind) {
    case 'candles':
      return `candles/${channel.instrument}/${channel.interval}`;
    case 'status':
      return 'status';
    default:
      return `${channel.kind}/${channel.instrument}`;
  }
}

export type ClientMessage =
  | {
      readonly op: 'subscribe';
      readonly id: number;
      readonly channels: readonly string[] /** Last sequence seen per channel, to resume. */;
      readonly resume?: Readonly<Record<string, number>>;
      /** The `hello` that those sequences came under; another server's never resume. */
      readonly serverEpoch?: string;
    }
  | { readonly op: 'unsubscribe'; readonly id: number; readonly channels: readonly string[] }
  | { readonly op: 'ping'; readonly id: number };

/** Payload of a data message, by channel. */
export type LivePayload =
  | { readonly kind: 'candles' /** Changed candles, ascending; whole rows. */; readonly candles: readonly CandleRow[] }
  | { readonly kind: 'trades' /** Ascending by id. */; readonly trades: readonly TradeRow[] }
  /** On a trades channel: every trade sent so far up to this id now survives a power cut. */
  | { readonly kind: 'synced'; readonly throughTradeId: number }
  | { readonly kind: 'book' /** The top of the book, whole: at most 10 a second. */; readonly book: BookView }
  | { readonly kind: 'gaps'; readonly gaps: readonly GapRow[]; readonly coverage: Coverage | null }
  | { readonly kind: 'status' /** Once a second: also the heartbeat. */; readonly status: StatusAnswer };

export type ServerMessage =
  | { readonly type: 'hello'; readonly version: string; readonly serverEpoch: string; readonly dataKind: string }
  /** Answer to subscribe: data follow with `sequence + 1`. With `resumed: false` the client fetches a fresh state over REST first. */
  | {
      readonly type: 'subscribed';
      readonly id: number;
      readonly channel: string;
      readonly sequence: number;
      readonly resumed: boolean;
    }
  | { readonly type: 'unsubscribed'; readonly id: number; readonly channel: string }
  /** `synced` false: shown before it survived a power cut. `sentAtUs` is the server's wall clock. */
  | {
      readonly type: 'data';
      readonly channel: string;
      readonly sequence: number;
      readonly synced: boolean;
      readonly sentAtUs: number;
      readonly payload: LivePayload;
    }
  /** Messages `from … to` of the channel were not sent (client too slow, or too old a resume): fetch state again. */
  | {
      readonly type: 'reset';
      readonly channel: string;
      readonly from: number;
      readonly to: number;
      readonly reason: 'slow-client' | 'too-old' | 'server-restarted';
    }
  | { readonly type: 'pong'; readonly id: number; readonly nowUs: number }
  | { readonly type: 'error'; readonly id: number | null; readonly code: string; readonly detail: string };
