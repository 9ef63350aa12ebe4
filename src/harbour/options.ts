import type { MatchedSymbolOptions } from './markets.ts';
import type { ReplayFeed } from './replay-feed.ts';

export interface MatchingMode {
  readonly kind: 'matching';
  readonly seed: string | number;
  readonly symbols: readonly MatchedSymbolOptions[];
  /** Venue seconds per real second; Infinity: as fast as it computes and the sockets take it. */
  readonly speed: number;
  /** Venue time at the start; now when left out. */
  readonly startAtUs?: number;
  /** Infinite speed only: venue time at which it ends. */
  readonly endAtUs?: number;
}

export interface ReplayMode {
  readonly kind: 'replay';
  readonly feed: ReplayFeed;
  /** Recorded seconds per real second; `original` is 1, `full` as fast as the sockets take it. */
  readonly speed: number | 'original' | 'full';
  /** Begins when these streams are subscribed: `all` that the feed has, `any`, or names as the venue has them. */
  readonly waitForStreams?: 'all' | 'any' | readonly string[];
  /**
   * Disconnects at chosen frames: after `afterFrames` all connections are reset, the next `lostFrames` reach nobody, and
   * the replay goes on when every stream that was subscribed is subscribed again.
   */
  readonly cuts?: readonly { readonly afterFrames: number; readonly lostFrames: number }[];
}

/** Rules that tests shorten. What is left out is the venue's own. */
export interface HarbourFaults {
  readonly pingPeriodMs?: number;
  readonly pongDeadlineMs?: number;
  readonly lifetimeMs?: number;
  readonly messagesPerSecond?: number;
  readonly streamsPerConnection?: number;
  readonly attemptsPerFiveMinutes?: number;
  readonly weightPerMinute?: number;
}

export interface HarbourOptions {
  readonly host?: string;
  /** 0: any free port. */
  readonly port?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly mode: MatchingMode | ReplayMode;
  readonly faults?: HarbourFaults;
  /** How much of the record of truth stays in memory; the oldest falls off. */
  readonly keep?: { readonly trades?: number; readonly bookUpdates?: number; readonly sentPerConnection?: number };
  /** Record of truth as a file, one JSON object a line. */
  readonly truthFile?: string;
}
