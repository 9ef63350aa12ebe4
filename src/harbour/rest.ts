import type { Market } from '../domain/instrument.ts';
import {
  encodeDepthSnapshot,
  encodeError,
  encodeExchangeInfo,
  encodeRestAggTrades,
  encodeRestKlines,
  encodeRestTrades,
  encodeServerTime,
  type TimeUnit,
} from '../sources/binance/encode.ts';
import {
  defaultLimit,
  futuresDepthLimits,
  largestLimit,
  type RestEndpoint,
  restEndpoints,
  restWeight,
  weightPerMinute,
} from '../sources/binance/limits.ts';
import { isVenueInterval } from './klines.ts';
import type { Listing } from './listing.ts';

export interface RestAnswer {
  readonly status: number;
  readonly body: string;
}

/** What REST needs to know of the venue. */
export interface VenueState {
  nowUs(): number;
  listing(market: Market, symbol: string): Listing | undefined;
  listings(market: Market): readonly Listing[];
}

const roots: readonly (readonly [string, Market])[] = [
  ['/api/v3/', 'spot'],
  ['/fapi/v1/', 'usdm'],
  ['/dapi/v1/', 'coinm'],
];

export interface RestQuestion {
  readonly market: Market;
  readonly endpoint: RestEndpoint;
  readonly query: URLSearchParams;
  readonly unit: TimeUnit;
}

/** What a path asks for; undefined when the venue has no such path. */
export function readQuestion(path: string, query: URLSearchParams, unit: TimeUnit): RestQuestion | undefined {
  for (const [root, market] of roots) {
    if (!path.startsWith(root)) continue;
    const endpoint = path.slice(root.length) as RestEndpoint;
    if (restEndpoints.includes(endpoint)) return { market, endpoint, query, unit };
  }
  return undefined;
}

/** Weight of a question, before it is answered: bad questions cost as well. */
export function weightOf({ market, endpoint, query }: RestQuestion): number {
  const limit = query.get('limit');
  if (limit === null || !/^\d{1,9}$/.test(limit)) return restWeight(market, endpoint);
  return restWeight(market, endpoint, Math.min(Number(limit), largestLimit(market, endpoint)));
}

class BadQuestion extends Error {
  readonly answer: RestAnswer;
  constructor(code: number, message: string) {
    super(message);
    this.answer = { status: 400, body: encodeError(code, message) };
  }
}

export function answer(question: RestQuestion, venue: VenueState): RestAnswer {
  try {
    return { status: 200, body: bodyOf(question, venue) };
  } catch (error) {
    if (error instanceof BadQuestion) return error.answer;
    throw error;
  }
}

function bodyOf(question: RestQuestion, venue: VenueState): string {
  const { market, endpoint, query, unit } = question;
  switch (endpoint) {
    case 'ping':
      return '{}';
    case 'time':
      return encodeServerTime(venue.nowUs(), unit);
    case 'exchangeInfo':
      return encodeExchangeInfo(
        market,
        {
          serverTimeUs: venue.nowUs(),
          weightPerMinute: weightPerMinute[market],
          symbols: askedListings(question, venue).map((listing) => listing.info),
        },
        unit,
      );
    case 'depth': {
      const listing = askedListing(question, venue);
      const limit = askedLimit(question);
      if (market !== 'spot' && !futuresDepthLimits.includes(limit)) {
        throw new BadQuestion(-4021, `${limit} is not valid depth limit (use 5, 10, 20, 50, 100, 500, 1000).`);
      }
      const book = listing.book(limit);
      if (book === undefined) throw new BadQuestion(-1112, 'No orders on book for symbol.');
      const atUs = venue.nowUs();
      return encodeDepthSnapshot(market, { ...book, eventAtUs: atUs, transactedAtUs: atUs }, unit);
    }
    case 'trades':
      return encodeRestTrades(market, askedListing(question, venue).restTrades(undefined, askedLimit(question)), unit);
    case 'historicalTrades':
      return encodeRestTrades(
        market,
        askedListing(question, venue).restTrades(askedInteger(query, 'fromId'), askedLimit(question)),
        unit,
      );
    case 'aggTrades': {
      const listing = askedListing(question, venue);
      const fromId = askedInteger(query, 'fromId');
      const fromUs = askedTimeUs(query, 'startTime');
      const toUs = askedTimeUs(query, 'endTime', true);
      return encodeRestAggTrades(
        market,
        listing.restAggregates({
          limit: askedLimit(question),
          ...(fromId === undefined ? {} : { fromId }),
          ...(fromUs === undefined ? {} : { fromUs }),
          ...(toUs === undefined ? {} : { toUs }),
        }),
        unit,
      );
    }
    case 'klines': {
      const listing = askedListing(question, venue);
      const interval = query.get('interval');
      if (interval === null || interval === '') throw missing('interval');
      if (!isVenueInterval(interval) || (market !== 'spot' && interval === '1s')) {
        throw new BadQuestion(-1120, 'Invalid interval.');
      }
      const klines = listing.klines.range(
        interval,
        askedLimit(question),
        askedTimeUs(query, 'startTime'),
        askedTimeUs(query, 'endTime', true),
      );
      return encodeRestKlines(
        klines.map((kline) => listing.klineValues(interval, kline)),
        unit,
      );
    }
  }
}

function missing(name: string): BadQuestion {
  return new BadQuestion(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);
}

function askedListing({ market, query }: RestQuestion, venue: VenueState): Listing {
  const symbol = query.get('symbol');
  if (symbol === null || symbol === '') throw missing('symbol');
  return knownListing(market, symbol, venue);
}

function knownListing(market: Market, symbol: string, venue: VenueState): Listing {
  if (market === 'spot' && !/^[\p{L}\p{N}\-_.]{1,50}$/u.test(symbol)) {
    throw new BadQuestion(
      -1100,
      "Illegal characters found in parameter 'symbol'; legal range is '^[\\w\\-._&&[^a-z]]{1,50}$'.",
    );
  }
  const listing = venue.listing(market, symbol);
  if (listing === undefined) throw new BadQuestion(-1121, 'Invalid symbol.');
  return listing;
}

function askedListings({ market, query }: RestQuestion, venue: VenueState): readonly Listing[] {
  if (market !== 'spot') return venue.listings(market);
  const symbol = query.get('symbol');
  const symbols = query.get('symbols');
  if (symbol !== null && symbols !== null) {
    throw new BadQuestion(-1128, 'Combination of optional parameters invalid.');
  }
  if (symbol !== null) return [knownListing(market, symbol, venue)];
  if (symbols === null) return venue.listings(market);
  let list: unknown;
  try {
    list = JSON.parse(symbols);
  } catch {
    list = undefined;
  }
  if (!Array.isArray(list) || list.some((name) => typeof name !== 'string')) {
    throw new BadQuestion(
      -1100,
      "Illegal characters found in parameter 'symbols'; legal range is JSON array of symbols.",
    );
  }
  if (new Set(list).size !== list.length) throw new BadQuestion(-1151, 'Symbol is present multiple times in the list.');
  return list.map((name: string) => knownListing(market, name, venue));
}

function askedInteger(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (text === '') throw new BadQuestion(-1105, `Parameter '${name}' was empty.`);
  if (!/^\d{1,16}$/.test(text)) {
    throw new BadQuestion(-1100, `Illegal characters found in parameter '${name}'; legal range is '^[0-9]{1,20}$'.`);
  }
  return Number(text);
}

/** Milliseconds or microseconds, told apart by size. An end in ms means all of that millisecond. */
function askedTimeUs(query: URLSearchParams, name: string, isEnd = false): number | undefined {
  const value = askedInteger(query, name);
  if (value === undefined) return undefined;
  return value >= 1e15 ? value : value * 1000 + (isEnd ? 999 : 0);
}

function askedLimit({ market, endpoint, query }: RestQuestion): number {
  const limit = askedInteger(query, 'limit') ?? defaultLimit(market, endpoint);
  if (limit < 1) throw new BadQuestion(-1130, "Data sent for parameter 'limit' is not valid.");
  const largest = largestLimit(market, endpoint);
  if (limit > largest && market !== 'spot') {
    if (endpoint === 'depth') return limit;
    throw new BadQuestion(-1130, "Data sent for parameter 'limit' is not valid.");
  }
  return Math.min(limit, largest);
}
