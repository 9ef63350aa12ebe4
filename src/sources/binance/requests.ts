import { TidemarkError } from '../../domain/error.ts';
import type { Instrument, Market } from '../../domain/instrument.ts';
import { instrumentId } from '../../domain/instrument.ts';
import type { Interval } from '../../domain/interval.ts';
import type { RestPurpose, RestRequest, RestRequests } from '../../ports/source.ts';
import type { RestEndpoint } from './limits.ts';
import { largestLimit, restPath, restWeight } from './limits.ts';
import { hasVenueInterval } from './plan.ts';

/** Up to so many symbols stand in the query; beyond that the whole list is one answer anyway. */
const maxSymbolsInQuery = 50;

/** Spot gives times in µs when asked, as its streams do; futures know ms only. */
const microseconds: Readonly<Record<string, string>> = { 'X-MBX-TIME-UNIT': 'MICROSECOND' };

function question(
  market: Market,
  purpose: RestPurpose,
  endpoint: RestEndpoint,
  query: Record<string, string>,
  more: Partial<RestRequest> = {},
): RestRequest {
  return {
    purpose,
    market,
    path: restPath(market, endpoint),
    query,
    ...(market === 'spot' ? { headers: microseconds } : {}),
    weight: restWeight(market, endpoint, more.limit),
    ...more,
  };
}

/** At least one row, at most what the venue gives. */
function within(market: Market, endpoint: RestEndpoint, limit: number): number {
  return Math.max(1, Math.min(limit, largestLimit(market, endpoint)));
}

export const requests: RestRequests = {
  time: (market) => question(market, 'time', 'time', {}),

  exchangeInfo(market, symbols) {
    const wanted = symbols.length === 0 ? {} : { symbols };
    if (market !== 'spot') return question(market, 'exchange-info', 'exchangeInfo', {}, wanted);
    const query: Record<string, string> = { showPermissionSets: 'false' };
    if (symbols.length > 0 && symbols.length <= maxSymbolsInQuery) query['symbols'] = JSON.stringify(symbols);
    return question(market, 'exchange-info', 'exchangeInfo', query, wanted);
  },

  bookSnapshot({ market, symbol }) {
    const limit = largestLimit(market, 'depth');
    return question(market, 'book-snapshot', 'depth', { symbol, limit: String(limit) }, { symbol, limit });
  },

  tradesById({ market, symbol }, fromId, limit) {
    // Futures want an API key here; their gaps are filled from aggregates and the archive.
    if (market !== 'spot') return undefined;
    const most = within(market, 'historicalTrades', limit);
    const query = { symbol, fromId: String(fromId), limit: String(most) };
    return question(market, 'trades-by-id', 'historicalTrades', query, { symbol, fromId, limit: most });
  },

  aggTradesById({ market, symbol }, fromId, limit) {
    const most = within(market, 'aggTrades', limit);
    const query = { symbol, fromId: String(fromId), limit: String(most) };
    return question(market, 'agg-trades-by-id', 'aggTrades', query, { symbol, fromId, limit: most });
  },

  latestTrade({ market, symbol }) {
    // `trades` answers from memory and is never behind the stream; one row says it all.
    return question(market, 'latest-trade', 'trades', { symbol, limit: '1' }, { symbol, limit: 1 });
  },

  klines(instrument: Instrument, interval: Interval, fromUs: number, toUs: number, limit: number) {
    const { market, symbol } = instrument;
    if (!hasVenueInterval(market, interval)) {
      throw new TidemarkError('bad-interval', {
        doing: `ask for ${interval} candles of`,
        what: instrumentId(instrument),
        why: 'the venue has none of that length',
      });
    }
    const most = within(market, 'klines', limit);
    const query = {
      symbol,
      interval,
      startTime: String(Math.ceil(fromUs / 1000)),
      endTime: String(Math.floor(toUs / 1000)),
      limit: String(most),
    };
    return question(market, 'klines', 'klines', query, { symbol, limit: most, interval, fromUs, toUs });
  },
};
