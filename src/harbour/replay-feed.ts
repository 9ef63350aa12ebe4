import type { Market } from '../domain/instrument.ts';

/** One recorded thing, in the order in which it was received. */
export type ReplayEntry =
  | {
      readonly kind: 'frame';
      readonly atUs: number;
      readonly market: Market;
      readonly stream: string;
      /** The data object, and the whole combined envelope where it was recorded: both exactly as received. */
      readonly data: string;
      readonly envelope?: string;
      /** Known to REST, but never sent: as if the venue had lost it. */
      readonly isSilent?: boolean;
      /** The reverse: sent, but not what happened. */
      readonly isForged?: boolean;
    }
  | {
      /** A depth snapshot that the recorder fetched, whole body. */
      readonly kind: 'snapshot';
      readonly atUs: number;
      readonly market: Market;
      readonly symbol: string;
      readonly body: string;
    };

export type ReplayFrame = Extract<ReplayEntry, { kind: 'frame' }>;

/** Recorded market data to be played again. `entries` can be gone through any number of times. */
export interface ReplayFeed {
  readonly name: string;
  entries(): Iterable<ReplayEntry>;
}

/** One feed after the other, as one. */
export function joinFeeds(...feeds: readonly ReplayFeed[]): ReplayFeed {
  return {
    name: feeds.map((feed) => feed.name).join(' + '),
    *entries() {
      for (const feed of feeds) yield* feed.entries();
    },
  };
}

/** Several recordings as one, by receive time; each keeps its own order, and of equal times the first feed is first. */
export function interleaveFeeds(...feeds: readonly ReplayFeed[]): ReplayFeed {
  return {
    name: feeds.map((feed) => feed.name).join(' + '),
    *entries() {
      const open = feeds.map((feed) => {
        const rest = feed.entries()[Symbol.iterator]();
        return { rest, next: rest.next() };
      });
      for (;;) {
        let oldest: (typeof open)[number] | undefined;
        for (const one of open) {
          if (one.next.done) continue;
          if (oldest === undefined || one.next.value.atUs < oldest.next.value.atUs) oldest = one;
        }
        if (oldest === undefined) return;
        yield oldest.next.value;
        oldest.next = oldest.rest.next();
      }
    },
  };
}

/** Streams that the feed sends, by first appearance, as `market/stream`. */
export function streamsOf(feed: ReplayFeed): string[] {
  const streams = new Set<string>();
  for (const entry of feed.entries()) {
    if (entry.kind === 'frame' && !entry.isSilent) streams.add(`${entry.market}/${entry.stream}`);
  }
  return [...streams];
}

export interface Mutation {
  /** Trade ids that are never sent; REST still has them. */
  readonly dropTrades?: Iterable<number>;
  readonly dropAggTrades?: Iterable<number>;
  /** `u` of depth events that are never sent. */
  readonly dropDepth?: Iterable<number>;
  readonly dropBookTickers?: Iterable<number>;
  /** Sends only these aggregates of all; REST has the rest. */
  readonly sendOnlyAggTrades?: Iterable<number>;
  /** Any other frame: true drops it. */
  readonly dropFrames?: (frame: ReplayFrame, index: number) => boolean;
  /** Frames changed on their way: what comes back is sent instead; the truth keeps the recorded one. */
  readonly alter?: (text: string, frame: ReplayFrame, index: number) => string;
}

const idPatterns = {
  trade: /"t":\s?(\d+)/,
  aggTrade: /"a":\s?(\d+)/,
  depth: /"u":\s?(\d+)/,
  bookTicker: /"u":\s?(\d+)/,
} as const;

export type RecordedKind = keyof typeof idPatterns | 'other';

/** What a stream name holds, as far as a replay needs to know. */
export function recordedKind(stream: string): RecordedKind {
  const rest = stream.slice(stream.indexOf('@') + 1);
  if (rest === 'trade' || rest === 'aggTrade' || rest === 'bookTicker') return rest;
  return /^depth(@\d+ms)?$/.test(rest) ? 'depth' : 'other';
}

/** Trade id, aggregate id or final update id of a frame; undefined where the kind has none. */
export function recordedId(frame: ReplayFrame): number | undefined {
  const kind = recordedKind(frame.stream);
  if (kind === 'other') return undefined;
  const match = idPatterns[kind].exec(frame.data);
  return match === null ? undefined : Number(match[1]);
}

/** The same feed with frames lost or changed on the way to the client. */
export function mutate(feed: ReplayFeed, mutation: Mutation): ReplayFeed {
  const dropped = {
    trade: new Set(mutation.dropTrades),
    aggTrade: new Set(mutation.dropAggTrades),
    depth: new Set(mutation.dropDepth),
    bookTicker: new Set(mutation.dropBookTickers),
  };
  const onlyAggregates = mutation.sendOnlyAggTrades === undefined ? undefined : new Set(mutation.sendOnlyAggTrades);
  const isLost = (frame: ReplayFrame, index: number): boolean => {
    if (mutation.dropFrames?.(frame, index)) return true;
    const kind = recordedKind(frame.stream);
    if (kind === 'other' || (dropped[kind].size === 0 && (kind !== 'aggTrade' || !onlyAggregates))) return false;
    const id = recordedId(frame);
    if (id === undefined) return false;
    return dropped[kind].has(id) || (kind === 'aggTrade' && onlyAggregates !== undefined && !onlyAggregates.has(id));
  };
  return {
    name: `${feed.name} (mutated)`,
    *entries() {
      let index = 0;
      for (const entry of feed.entries()) {
        if (entry.kind === 'snapshot') {
          yield entry;
          continue;
        }
        const at = index++;
        if (isLost(entry, at)) yield { ...entry, isSilent: true };
        else if (mutation.alter === undefined) yield entry;
        else {
          const whole = entry.envelope ?? `{"stream":"${entry.stream}","data":${entry.data}}`;
          const altered = mutation.alter(whole, entry, at);
          if (altered === whole) yield entry;
          else {
            yield { ...entry, isSilent: true };
            yield { ...entry, data: altered, envelope: altered, isForged: true };
          }
        }
      }
    },
  };
}
