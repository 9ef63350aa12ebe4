import { TidemarkError } from './error.ts';

export type Venue = 'binance';
export const markets = ['spot', 'usdm', 'coinm'] as const;
export type Market = (typeof markets)[number];

/** A symbol of a market of a venue, written `binance:spot:BTCUSDT`. `symbol` is upper case, as the venue's payloads have it. */
export interface Instrument {
  readonly venue: Venue;
  readonly market: Market;
  readonly symbol: string;
}

export function instrumentId(instrument: Instrument): string {
  return `${instrument.venue}:${instrument.market}:${instrument.symbol}`;
}

export function parseInstrumentId(text: string): Instrument {
  const parts = text.split(':');
  const [venue, market, symbol] = parts;
  if (parts.length !== 3 || venue !== 'binance' || !markets.includes(market as Market) || !symbol) {
    throw new TidemarkError('bad-instrument', {
      doing: 'read the instrument',
      what: JSON.stringify(text),
      why: 'it is not venue:market:SYMBOL',
      now: 'write it like binance:spot:BTCUSDT',
    });
  }
  return { venue, market: market as Market, symbol };
}

/** One kind of data of one instrument. The names are the design's; a venue's own stream names stay inside its source. */
export const streamKinds = ['trade', 'agg-trade', 'depth', 'book-ticker', 'ticker', 'kline', 'mark-price'] as const;
export type StreamKind = (typeof streamKinds)[number];
