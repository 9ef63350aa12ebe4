import { bigPowerOfTen, formatScaled } from '../domain/decimal.ts';
import { dayUs } from '../domain/interval.ts';
import type { TickerEvent } from '../sources/binance/encode.ts';
import type { Listing } from './listing.ts';

/** The last 24 hours as a ticker tells them, made of the symbol's minutes; undefined before the first trade. */
export function dayWindow(listing: Listing, atUs: number): TickerEvent | undefined {
  const fromUs = atUs - dayUs;
  const minutes = listing.klines.range('1m', 1441, fromUs).filter((kline) => kline.trades > 0);
  const first = minutes[0];
  const last = minutes.at(-1);
  const newest = listing.trades.length - 1;
  if (first === undefined || last === undefined || newest < 0) return undefined;
  let high = first.high;
  let low = first.low;
  let lots = 0n;
  let quote = 0n;
  let trades = 0;
  for (const minute of minutes) {
    high = Math.max(high, minute.high);
    low = Math.min(low, minute.low);
    lots += minute.lots;
    quote += minute.quote;
    trades += minute.trades;
  }
  const book = listing.book(1);
  const bid = book?.bids[0];
  const ask = book?.asks[0];
  const change = last.close - first.open;
  const percent = (BigInt(change) * 100_000n) / BigInt(first.open);
  const average = lots === 0n ? 0n : (quote * bigPowerOfTen(8 - listing.digits.priceScale)) / lots;
  return {
    symbol: listing.symbol,
    eventAtUs: atUs,
    priceChange: listing.priceText(change),
    priceChangePercent: formatScaled(percent, 3, 3),
    averagePrice: formatScaled(average, 8, 8),
    previousClose: listing.priceText(first.open),
    lastPrice: listing.priceText(last.close),
    lastQuantity: listing.lotsText(listing.trades.at(newest, 'lots')),
    ...(bid === undefined ? {} : { bidPrice: bid[0], bidQuantity: bid[1] }),
    ...(ask === undefined ? {} : { askPrice: ask[0], askQuantity: ask[1] }),
    open: listing.priceText(first.open),
    high: listing.priceText(high),
    low: listing.priceText(low),
    volume: listing.bigLotsText(lots),
    quoteVolume: listing.quoteText(quote),
    openedAtUs: Math.max(fromUs, 0),
    closedAtUs: atUs,
    firstTradeId: first.firstTradeId,
    lastTradeId: last.lastTradeId,
    tradeCount: trades,
  };
}
