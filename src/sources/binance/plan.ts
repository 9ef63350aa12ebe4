import { TidemarkError } from '../../domain/error.ts';
import type { Instrument, Market, StreamKind } from '../../domain/instrument.ts';
import { instrumentId } from '../../domain/instrument.ts';
import type { Interval } from '../../domain/interval.ts';
import { isInterval } from '../../domain/interval.ts';
import type { Plan, SessionLimits, SessionPlan, StreamPlan, StreamWish, VenueHosts } from '../../ports/source.ts';
import { connectionRules } from './limits.ts';

/** The exchange itself. */
export const liveHosts: VenueHosts = {
  streams: {
    spot: ['wss://stream.binance.com:9443', 'wss://stream.binance.com:443'],
    usdm: ['wss://fstream.binance.com'],
  },
  rest: {
    spot: [
      'https://api.binance.com',
      'https://api-gcp.binance.com',
      'https://api1.binance.com',
      'https://api2.binance.com',
    ],
    usdm: ['https://fapi.binance.com'],
  },
};

/** Public data only, without location checks: where to go when `liveHosts` answers 451. Spot only. */
export const publicDataHosts: VenueHosts = {
  streams: { spot: ['wss://data-stream.binance.vision:443', 'wss://data-stream.binance.vision:9443'] },
  rest: { spot: ['https://data-api.binance.vision'] },
};

/** Streams on one connection; the venue allows 1024, fewer keep one loss small. */
export const defaultStreamsPerSession = 200;

/**
 * USD-M serves each stream under one path only and stays silent on the others (binance.md, 6.1). Spot has no such split.
 */
type Category = 'all' | 'public' | 'market';

function categoryOf(market: Market, kind: StreamKind): Category {
  if (market === 'spot') return 'all';
  return kind === 'trade' || kind === 'depth' || kind === 'book-ticker' ? 'public' : 'market';
}

/** Intervals that the venue publishes candles for; 5s and 15s are ours alone, 1s is spot only. */
export function hasVenueInterval(market: Market, interval: Interval): boolean {
  if (interval === '5s' || interval === '15s') return false;
  return interval !== '1s' || market === 'spot';
}

/** The venue's name of a stream: `btcusdt@depth@100ms`. */
export function streamName(instrument: Instrument, kind: StreamKind, interval?: Interval): string {
  const symbol = instrument.symbol.toLowerCase();
  switch (kind) {
    case 'trade':
      return `${symbol}@trade`;
    case 'agg-trade':
      return `${symbol}@aggTrade`;
    case 'depth':
      return `${symbol}@depth@100ms`;
    case 'book-ticker':
      return `${symbol}@bookTicker`;
    case 'ticker':
      return `${symbol}@ticker`;
    case 'mark-price':
      if (instrument.market === 'spot') throw cannotPlan(instrument, kind, 'spot has no mark price');
      return `${symbol}@markPrice@1s`;
    case 'kline': {
      const name = interval ?? '1m';
      if (!hasVenueInterval(instrument.market, name)) {
        throw cannotPlan(instrument, kind, `the venue publishes no ${name} candles there`);
      }
      return `${symbol}@kline_${name}`;
    }
  }
}

const kindsByName: readonly (readonly [RegExp, StreamKind])[] = [
  [/^trade$/, 'trade'],
  [/^aggTrade$/, 'agg-trade'],
  [/^depth(@\d+ms)?$/, 'depth'],
  [/^bookTicker$/, 'book-ticker'],
  [/^ticker$/, 'ticker'],
  [/^markPrice(@1s)?$/, 'mark-price'],
];

/** What a name of the venue's means, `btcusdt@depth@0ms`; undefined for streams that Tidemark does not record. */
export function streamNamed(market: Market, name: string): Omit<StreamPlan, 'name'> | undefined {
  const at = name.indexOf('@');
  if (at <= 0) return undefined;
  const instrument: Instrument = { venue: 'binance', market, symbol: name.slice(0, at).toUpperCase() };
  const rest = name.slice(at + 1);
  const interval = /^kline_(.+)$/.exec(rest)?.[1];
  if (interval !== undefined) return isInterval(interval) ? { instrument, kind: 'kline', interval } : undefined;
  const kind = kindsByName.find(([pattern]) => pattern.test(rest))?.[1];
  return kind === undefined || (kind === 'mark-price' && market === 'spot') ? undefined : { instrument, kind };
}

function cannotPlan(instrument: Instrument, kind: StreamKind, why: string): TidemarkError {
  return new TidemarkError('bad-stream', {
    doing: `plan the ${kind} stream of`,
    what: instrumentId(instrument),
    why,
    now: 'take it out of the configuration',
  });
}

function sessionLimits(market: Market): SessionLimits {
  const rules = connectionRules[market];
  return {
    lifetimeMs: rules.lifetimeMs,
    // Three spot pings missed; one futures ping missed, as those come every three minutes.
    silenceMs: market === 'spot' ? 60_000 : 200_000,
    // Below the venue's own limit: on spot pongs count as messages too.
    messagesPerSecond: market === 'spot' ? 4 : 8,
    namesPerMessage: 100,
    maxFrameBytes: 8 * 1024 * 1024,
  };
}

function sessionUrls(market: Market, category: Category, bases: readonly string[]): string[] {
  return bases.map((base) =>
    market === 'spot' ? `${base}/stream?timeUnit=MICROSECOND` : `${base}/${category}/stream`,
  );
}

/** Sessions for these subscriptions. Ids stay the same as long as nothing before a stream is taken away: `spot-0`, `usdm-public-0`. */
export function planSessions(
  streams: readonly StreamWish[],
  hosts: VenueHosts,
  streamsPerSession: number = defaultStreamsPerSession,
): SessionPlan[] {
  const groups = new Map<string, { market: Market; category: Category; streams: Map<string, StreamPlan> }>();
  for (const { instrument, kind, interval, name: givenName } of streams) {
    const { market } = instrument;
    const name = givenName ?? streamName(instrument, kind, interval);
    const category = categoryOf(market, kind);
    const key = market === 'spot' ? market : `${market}-${category}`;
    let group = groups.get(key);
    if (group === undefined) {
      group = { market, category, streams: new Map() };
      groups.set(key, group);
    }
    const plan: StreamPlan = { instrument, kind, name };
    group.streams.set(name, kind === 'kline' ? { ...plan, interval: interval ?? '1m' } : plan);
  }
  const sessions: SessionPlan[] = [];
  for (const [key, group] of groups) {
    const bases = hosts.streams[group.market];
    if (bases === undefined || bases.length === 0) {
      throw new TidemarkError('no-host', {
        doing: 'plan connections to',
        what: `binance ${group.market}`,
        why: 'no stream host is known for this market',
        now: 'take its instruments out, or name its hosts in the configuration',
      });
    }
    const all = [...group.streams.values()];
    const size = Math.min(streamsPerSession, connectionRules[group.market].streamsPerConnection);
    for (let first = 0; first < all.length; first += size) {
      sessions.push({
        id: `${key}-${first / size}`,
        market: group.market,
        urls: sessionUrls(group.market, group.category, bases),
        streams: all.slice(first, first + size),
        limits: sessionLimits(group.market),
      });
    }
  }
  return sessions;
}

export function makePlan(options: {
  streams: readonly StreamWish[];
  hosts: VenueHosts;
  dataKind: Plan['dataKind'];
  venueTime: Plan['venueTime'];
}): Plan {
  return {
    formatVersion: 1,
    dataKind: options.dataKind,
    venueTime: options.venueTime,
    sessions: planSessions(options.streams, options.hosts),
  };
}
