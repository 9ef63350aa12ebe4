import type { Market } from '../../domain/instrument.ts';

/** What one connection may do (binance.md, 2.2 and 6.2). */
export interface ConnectionRules {
  readonly lifetimeMs: number;
  readonly pingPeriodMs: number;
  /** Pong missing for so long after a ping: the venue closes. */
  readonly pongDeadlineMs: number;
  /** Messages to the venue a second and connection; on spot pongs count too. */
  readonly messagesPerSecond: number;
  readonly streamsPerConnection: number;
  /** Connection attempts per IP and five minutes. */
  readonly attemptsPerFiveMinutes: number;
}

const futures: ConnectionRules = {
  lifetimeMs: 24 * 3_600_000,
  pingPeriodMs: 180_000,
  pongDeadlineMs: 600_000,
  messagesPerSecond: 10,
  streamsPerConnection: 1024,
  attemptsPerFiveMinutes: 300,
};

export const connectionRules: Readonly<Record<Market, ConnectionRules>> = {
  spot: {
    lifetimeMs: 24 * 3_600_000,
    pingPeriodMs: 20_000,
    pongDeadlineMs: 60_000,
    messagesPerSecond: 5,
    streamsPerConnection: 1024,
    attemptsPerFiveMinutes: 300,
  },
  usdm: futures,
  coinm: futures,
};

/** Whose request weight is counted together. */
export const weightPool: Readonly<Record<Market, string>> = { spot: 'spot', usdm: 'futures', coinm: 'futures' };

/** REST request weight per minute and IP, of each pool. */
export const weightPerMinute: Readonly<Record<Market, number>> = { spot: 6000, usdm: 2400, coinm: 2400 };

/** Response header, lower case, with the weight used in the running minute. */
export const usedWeightHeader = 'x-mbx-used-weight-1m';

export const restEndpoints = [
  'ping',
  'time',
  'exchangeInfo',
  'depth',
  'trades',
  'historicalTrades',
  'aggTrades',
  'klines',
] as const;
export type RestEndpoint = (typeof restEndpoints)[number];

const restRoots: Readonly<Record<Market, string>> = { spot: '/api/v3', usdm: '/fapi/v1', coinm: '/dapi/v1' };

/** Path of an endpoint: `/api/v3/depth`. */
export function restPath(market: Market, endpoint: RestEndpoint): string {
  return `${restRoots[market]}/${endpoint}`;
}

const fixedWeights = {
  spot: { ping: 1, time: 1, exchangeInfo: 20, trades: 25, historicalTrades: 25, aggTrades: 4 },
  usdm: { ping: 1, time: 1, exchangeInfo: 1, trades: 5, historicalTrades: 20, aggTrades: 20 },
  coinm: { ping: 1, time: 1, exchangeInfo: 1, trades: 5, historicalTrades: 20, aggTrades: 20 },
} as const;

/** Weight of one request as the venue counts it; `limit` matters to depth and futures klines. */
export function restWeight(
  market: Market,
  endpoint: RestEndpoint,
  limit: number = defaultLimit(market, endpoint),
): number {
  switch (endpoint) {
    case 'depth':
      if (market === 'spot') return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250;
      return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
    case 'klines':
      if (market === 'spot') return 2;
      return limit < 100 ? 1 : limit < 500 ? 2 : limit <= 1000 ? 5 : 10;
    default:
      return fixedWeights[market][endpoint];
  }
}

/** Rows when the question names no limit. */
export function defaultLimit(market: Market, endpoint: RestEndpoint): number {
  if (endpoint === 'depth') return market === 'spot' ? 100 : 500;
  if (endpoint === 'historicalTrades' && market !== 'spot') return 100;
  return 500;
}

/** Most rows of one answer. Spot caps larger limits silently; futures depth takes only `futuresDepthLimits`. */
export function largestLimit(market: Market, endpoint: RestEndpoint): number {
  if (endpoint === 'depth') return market === 'spot' ? 5000 : 1000;
  if (endpoint === 'klines') return market === 'spot' ? 1000 : 1500;
  if (endpoint === 'historicalTrades' && market !== 'spot') return 500;
  return 1000;
}

export const futuresDepthLimits: readonly number[] = [5, 10, 20, 50, 100, 500, 1000];

/** Error codes that a market-data client meets (binance.md, 5.3) and the HTTP status they come with. */
export const errorCodes = {
  tooManyRequests: { code: -1003, status: 429 },
  missingParameter: { code: -1102, status: 400 },
  unknownParameter: { code: -1101, status: 400 },
  badInterval: { code: -1120, status: 400 },
  badSymbol: { code: -1121, status: 400 },
  badParameter: { code: -1130, status: 400 },
} as const;
