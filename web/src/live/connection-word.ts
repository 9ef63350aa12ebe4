import type { DataKind, StatusAnswer } from '../../../src/protocol/api.ts';

export type ConnectionWord =
  | 'CONNECTING'
  | 'LIVE'
  | 'QUIET'
  | 'LAGGING'
  | 'STALE'
  | 'RECONNECTING'
  | 'OFFLINE'
  | 'VENUE DOWN'
  | 'HISTORICAL';

export interface ConnectionFacts {
  readonly socket: 'connecting' | 'open' | 'waiting';
  /** Failed attempts since the last open socket. */
  readonly attempt: number;
  readonly everOpen: boolean;
  /** The browser itself says that it has no network. */
  readonly online: boolean;
  readonly status: Pick<StatusAnswer, 'upstream' | 'lagMs' | 'lastPulseAtUs' | 'nowUs'> | undefined;
  /** Age of the newest status message, ms, by the browser's own monotonic clock. */
  readonly statusAgeMs: number | undefined;
  /** How long the 95th percentile has been over the limit, ms. */
  readonly laggingForMs: number;
  readonly lastTradeAgeMs: number | undefined;
  readonly dataKind: DataKind | undefined;
}

export const laggingLimitMs = 1_000;
export const laggingAfterMs = 5_000;
export const staleAfterMs = 10_000;
export const quietAfterMs = 15_000;

/** One word for the state of the feed. The order is that of what hides what: no server hides the venue, no venue hides lag. */
export function connectionWord(facts: ConnectionFacts): ConnectionWord {
  if (facts.socket !== 'open') {
    if (!facts.everOpen && facts.attempt === 0) return 'CONNECTING';
    return facts.online ? 'RECONNECTING' : 'OFFLINE';
  }
  const { status } = facts;
  if (status === undefined) return 'CONNECTING';
  if (facts.statusAgeMs !== undefined && facts.statusAgeMs > staleAfterMs) return 'STALE';
  if (status.upstream === 'venue-down') return 'VENUE DOWN';
  if (status.upstream === 'stale') return 'STALE';
  if (facts.dataKind === 'historical') return 'HISTORICAL';
  if (status.upstream === 'connecting') return 'CONNECTING';
  if (facts.laggingForMs >= laggingAfterMs) return 'LAGGING';
  if (status.upstream === 'quiet') return 'QUIET';
  if (facts.lastTradeAgeMs !== undefined && facts.lastTradeAgeMs > quietAfterMs) return 'QUIET';
  return 'LIVE';
}

/** Whether numbers on the screen may no longer be true: they lose their colour. */
export function isCold(word: ConnectionWord): boolean {
  return word === 'STALE' || word === 'RECONNECTING' || word === 'OFFLINE' || word === 'VENUE DOWN';
}
