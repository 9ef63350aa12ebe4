import type { Market } from '../../domain/instrument.ts';

/**
 * The reverse of the decoder: texts exactly as Binance sends them, field order and digits included (binance.md, 3, 5.5,
 * 7, 8.4). Times are given in µs and printed in the connection's unit; decimals are given as text, see `fixedText`.
 */
export type TimeUnit = 'ms' | 'us';

/** A time in µs as the venue prints it: milliseconds are rounded down. */
export function venueTime(atUs: number, unit: TimeUnit): number {
  return unit === 'us' ? atUs : Math.floor(atUs / 1000);
}

/** Decimals that spot always prints. */
export const spotDigits = 8;

/**
 * A safe integer at `scale` as decimal text with exactly `digits` decimals (`digits >= scale`): `fixedText(8303429, 2, 8)`
 * is `83034.29000000`. Spot prints 8 digits everywhere, USD-M those of tick and step.
 */
export function fixedText(value: number, scale: number, digits: number = spotDigits): string {
  const negative = value < 0;
  let text = String(negative ? -value : value);
  if (scale > 0) {
    if (text.length <= scale) text = text.padStart(scale + 1, '0');
    const point = text.length - scale;
    text = `${text.slice(0, point)}.${text.slice(point)}`;
    if (digits > scale) text += zeros[digits - scale];
  } else if (digits > 0) text += `.${zeros[digits]}`;
  return negative ? `-${text}` : text;
}

const zeros = Array.from({ length: 40 }, (_, length) => '0'.repeat(length));

/** The envelope of combined connections (`/stream`). `payload` is JSON text. */
export function encodeCombined(stream: string, payload: string): string {
  return `{"stream":"${stream}","data":${payload}}`;
}

export interface TradeEvent {
  readonly symbol: string;
  readonly tradeId: number;
  readonly price: string;
  readonly quantity: string;
  readonly tradedAtUs: number;
  readonly eventAtUs: number;
  readonly buyerIsMaker: boolean;
  /** Futures `X`; `MARKET` when left out. `NA` rows have price and quantity `0`. */
  readonly execution?: string;
}

export function encodeTrade(market: Market, event: TradeEvent, unit: TimeUnit = 'ms'): string {
  const eventAt = venueTime(event.eventAtUs, unit);
  const tradedAt = venueTime(event.tradedAtUs, unit);
  if (market === 'spot') {
    return `{"e":"trade","E":${eventAt},"s":"${event.symbol}","t":${event.tradeId},"p":"${event.price}","q":"${event.quantity}","T":${tradedAt},"m":${event.buyerIsMaker},"M":true}`;
  }
  return `{"e":"trade","E":${eventAt},"T":${tradedAt},"s":"${event.symbol}","t":${event.tradeId},"p":"${event.price}","q":"${event.quantity}","X":"${event.execution ?? 'MARKET'}","m":${event.buyerIsMaker}}`;
}

export interface AggTradeEvent {
  readonly symbol: string;
  readonly aggTradeId: number;
  readonly price: string;
  readonly quantity: string;
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  readonly tradedAtUs: number;
  readonly eventAtUs: number;
  readonly buyerIsMaker: boolean;
}

export function encodeAggTrade(market: Market, event: AggTradeEvent, unit: TimeUnit = 'ms'): string {
  const eventAt = venueTime(event.eventAtUs, unit);
  const tradedAt = venueTime(event.tradedAtUs, unit);
  const ids = `"f":${event.firstTradeId},"l":${event.lastTradeId},"T":${tradedAt},"m":${event.buyerIsMaker}`;
  if (market === 'spot') {
    return `{"e":"aggTrade","E":${eventAt},"s":"${event.symbol}","a":${event.aggTradeId},"p":"${event.price}","q":"${event.quantity}",${ids},"M":true}`;
  }
  return `{"e":"aggTrade","E":${eventAt},"a":${event.aggTradeId},"s":"${event.symbol}","p":"${event.price}","q":"${event.quantity}","nq":"${event.quantity}",${ids}}`;
}

/** Price and absolute quantity as text; quantity zero removes the level. */
export type Level = readonly [price: string, quantity: string];

function levels(of: readonly Level[]): string {
  let text = '[';
  for (let i = 0; i < of.length; i++) text += `${i === 0 ? '' : ','}["${of[i]![0]}","${of[i]![1]}"]`;
  return `${text}]`;
}

export interface DepthUpdateEvent {
  readonly symbol: string;
  readonly firstUpdateId: number;
  readonly finalUpdateId: number;
  /** Futures: `u` of the previous event of this stream. */
  readonly previousUpdateId?: number;
  readonly eventAtUs: number;
  /** Futures: engine time; the event time when left out. */
  readonly transactedAtUs?: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

export function encodeDepthUpdate(market: Market, event: DepthUpdateEvent, unit: TimeUnit = 'ms'): string {
  const eventAt = venueTime(event.eventAtUs, unit);
  const ids = `"s":"${event.symbol}","U":${event.firstUpdateId},"u":${event.finalUpdateId}`;
  const sides = `"b":${levels(event.bids)},"a":${levels(event.asks)}`;
  if (market === 'spot') return `{"e":"depthUpdate","E":${eventAt},${ids},${sides}}`;
  const transactedAt = venueTime(event.transactedAtUs ?? event.eventAtUs, unit);
  return `{"e":"depthUpdate","E":${eventAt},"T":${transactedAt},${ids},"pu":${event.previousUpdateId ?? event.firstUpdateId - 1},${sides}}`;
}

export interface BookTickerEvent {
  readonly symbol: string;
  readonly updateId: number;
  readonly bidPrice: string;
  readonly bidQuantity: string;
  readonly askPrice: string;
  readonly askQuantity: string;
  /** Futures only; spot sends no time. */
  readonly eventAtUs?: number;
  readonly transactedAtUs?: number;
}

export function encodeBookTicker(market: Market, event: BookTickerEvent, unit: TimeUnit = 'ms'): string {
  const body = `"u":${event.updateId},"s":"${event.symbol}","b":"${event.bidPrice}","B":"${event.bidQuantity}","a":"${event.askPrice}","A":"${event.askQuantity}"`;
  if (market === 'spot') return `{${body}}`;
  const eventAtUs = event.eventAtUs ?? 0;
  return `{"e":"bookTicker",${body},"T":${venueTime(event.transactedAtUs ?? eventAtUs, unit)},"E":${venueTime(eventAtUs, unit)}}`;
}

export interface TickerEvent {
  readonly symbol: string;
  readonly eventAtUs: number;
  readonly priceChange: string;
  readonly priceChangePercent: string;
  readonly averagePrice: string;
  /** Spot only (`x`). */
  readonly previousClose?: string;
  readonly lastPrice: string;
  readonly lastQuantity: string;
  /** Spot only (`b B a A`). */
  readonly bidPrice?: string;
  readonly bidQuantity?: string;
  readonly askPrice?: string;
  readonly askQuantity?: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly volume: string;
  readonly quoteVolume: string;
  readonly openedAtUs: number;
  readonly closedAtUs: number;
  /** −1 when the window holds no trade. */
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  readonly tradeCount: number;
}

export function encode24hrTicker(market: Market, event: TickerEvent, unit: TimeUnit = 'ms'): string {
  const zero = market === 'spot' ? '0.00000000' : '0';
  const head = `{"e":"24hrTicker","E":${venueTime(event.eventAtUs, unit)},"s":"${event.symbol}","p":"${event.priceChange}","P":"${event.priceChangePercent}","w":"${event.averagePrice}"`;
  const spot = (text: string) => (market === 'spot' ? text : '');
  const previous = spot(`,"x":"${event.previousClose ?? event.open}"`);
  const best = spot(
    `,"b":"${event.bidPrice ?? zero}","B":"${event.bidQuantity ?? zero}","a":"${event.askPrice ?? zero}","A":"${event.askQuantity ?? zero}"`,
  );
  return `${head}${previous},"c":"${event.lastPrice}","Q":"${event.lastQuantity}"${best},"o":"${event.open}","h":"${event.high}","l":"${event.low}","v":"${event.volume}","q":"${event.quoteVolume}","O":${venueTime(event.openedAtUs, unit)},"C":${venueTime(event.closedAtUs, unit)},"F":${event.firstTradeId},"L":${event.lastTradeId},"n":${event.tradeCount}}`;
}

export interface KlineValues {
  readonly openedAtUs: number;
  /** Last µs inside: the next open time − 1. */
  readonly closedAtUs: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly quoteVolume: string;
  readonly tradeCount: number;
  readonly takerBuyVolume: string;
  readonly takerBuyQuoteVolume: string;
}

export interface KlineEvent extends KlineValues {
  readonly symbol: string;
  readonly eventAtUs: number;
  /** As in stream names: `1s 1m … 1M`. */
  readonly interval: string;
  /** −1 when empty. */
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  readonly isClosed: boolean;
}

export function encodeKline(event: KlineEvent, unit: TimeUnit = 'ms'): string {
  const head = `{"e":"kline","E":${venueTime(event.eventAtUs, unit)},"s":"${event.symbol}"`;
  const times = `"t":${venueTime(event.openedAtUs, unit)},"T":${venueTime(event.closedAtUs, unit)}`;
  return `${head},"k":{${times},"s":"${event.symbol}","i":"${event.interval}","f":${event.firstTradeId},"L":${event.lastTradeId},"o":"${event.open}","c":"${event.close}","h":"${event.high}","l":"${event.low}","v":"${event.volume}","n":${event.tradeCount},"x":${event.isClosed},"q":"${event.quoteVolume}","V":"${event.takerBuyVolume}","Q":"${event.takerBuyQuoteVolume}","B":"0"}}`;
}

/** Announces the end of a connection (spot only). */
export function encodeServerShutdown(eventAtUs: number, isCombined: boolean, unit: TimeUnit = 'ms'): string {
  const payload = `{"e":"serverShutdown","E":${venueTime(eventAtUs, unit)}}`;
  return isCombined ? encodeCombined('!serverShutdown', payload) : payload;
}

/** Id of a control message as the client gave it. */
export type RequestId = number | string | null;

/** Success of SUBSCRIBE, UNSUBSCRIBE, SET_PROPERTY (`null`), LIST_SUBSCRIPTIONS (names), GET_PROPERTY (boolean). */
export function encodeControlResult(id: RequestId, result: null | boolean | readonly string[] = null): string {
  return `{"result":${JSON.stringify(result)},"id":${JSON.stringify(id)}}`;
}

/** Documented form `{"code":…,"msg":…}`, with `id` where given. */
export function encodeControlError(code: number, message: string, id?: RequestId): string {
  return JSON.stringify(id === undefined ? { code, msg: message } : { code, msg: message, id });
}

/** The other recorded form, `{"error":{"code":…,"msg":…},"id":…}`. */
export function encodeWrappedControlError(code: number, message: string, id: RequestId): string {
  return JSON.stringify({ error: { code, msg: message }, id });
}

// ---- REST bodies

/** Body of every REST error, sent with status 4xx or 5xx. */
export function encodeError(code: number, message: string): string {
  return `{"code":${code},"msg":${JSON.stringify(message)}}`;
}

export function encodeServerTime(atUs: number, unit: TimeUnit = 'ms'): string {
  return `{"serverTime":${venueTime(atUs, unit)}}`;
}

export interface DepthSnapshot {
  readonly lastUpdateId: number;
  /** Futures `E` and `T`. */
  readonly eventAtUs?: number;
  readonly transactedAtUs?: number;
  /** Best first. */
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

export function encodeDepthSnapshot(market: Market, book: DepthSnapshot, unit: TimeUnit = 'ms'): string {
  const eventAtUs = book.eventAtUs ?? 0;
  const times =
    market === 'spot'
      ? ''
      : `"E":${venueTime(eventAtUs, unit)},"T":${venueTime(book.transactedAtUs ?? eventAtUs, unit)},`;
  return `{"lastUpdateId":${book.lastUpdateId},${times}"bids":${levels(book.bids)},"asks":${levels(book.asks)}}`;
}

export interface RestTrade {
  readonly tradeId: number;
  readonly price: string;
  readonly quantity: string;
  readonly quoteQuantity: string;
  readonly tradedAtUs: number;
  readonly buyerIsMaker: boolean;
}

/** Body of `trades` and `historicalTrades`: ascending ids. */
export function encodeRestTrades(market: Market, trades: readonly RestTrade[], unit: TimeUnit = 'ms'): string {
  const last = market === 'spot' ? '"isBestMatch":true' : '"isRPITrade":false';
  const rows = trades.map(
    (trade) =>
      `{"id":${trade.tradeId},"price":"${trade.price}","qty":"${trade.quantity}","quoteQty":"${trade.quoteQuantity}","time":${venueTime(trade.tradedAtUs, unit)},"isBuyerMaker":${trade.buyerIsMaker},${last}}`,
  );
  return `[${rows.join(',')}]`;
}

export interface RestAggTrade {
  readonly aggTradeId: number;
  readonly price: string;
  readonly quantity: string;
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  readonly tradedAtUs: number;
  readonly buyerIsMaker: boolean;
}

/** Body of `aggTrades`: ascending ids. */
export function encodeRestAggTrades(market: Market, trades: readonly RestAggTrade[], unit: TimeUnit = 'ms'): string {
  const best = market === 'spot' ? ',"M":true' : '';
  const rows = trades.map(
    (trade) =>
      `{"a":${trade.aggTradeId},"p":"${trade.price}","q":"${trade.quantity}","f":${trade.firstTradeId},"l":${trade.lastTradeId},"T":${venueTime(trade.tradedAtUs, unit)},"m":${trade.buyerIsMaker}${best}}`,
  );
  return `[${rows.join(',')}]`;
}

/** Body of `klines`: twelve columns a row, ascending open times, the open candle last. */
export function encodeRestKlines(klines: readonly KlineValues[], unit: TimeUnit = 'ms'): string {
  const rows = klines.map(
    (kline) =>
      `[${venueTime(kline.openedAtUs, unit)},"${kline.open}","${kline.high}","${kline.low}","${kline.close}","${kline.volume}",${venueTime(kline.closedAtUs, unit)},"${kline.quoteVolume}",${kline.tradeCount},"${kline.takerBuyVolume}","${kline.takerBuyQuoteVolume}","0"]`,
  );
  return `[${rows.join(',')}]`;
}

export interface SymbolInfo {
  readonly symbol: string;
  /** `TRADING`, `BREAK`, `HALT` … */
  readonly status: string;
  readonly baseAsset: string;
  readonly quoteAsset: string;
  readonly tickSize: string;
  readonly stepSize: string;
  readonly minPrice?: string;
  readonly maxPrice?: string;
  readonly minQuantity?: string;
  readonly maxQuantity?: string;
}

function symbolEntry(market: Market, info: SymbolInfo): Record<string, unknown> {
  const filters = [
    {
      filterType: 'PRICE_FILTER',
      minPrice: info.minPrice ?? info.tickSize,
      maxPrice: info.maxPrice ?? '1000000.00000000',
      tickSize: info.tickSize,
    },
    {
      filterType: 'LOT_SIZE',
      minQty: info.minQuantity ?? info.stepSize,
      maxQty: info.maxQuantity ?? '9000.00000000',
      stepSize: info.stepSize,
    },
  ];
  const names = { symbol: info.symbol, status: info.status, baseAsset: info.baseAsset, quoteAsset: info.quoteAsset };
  if (market !== 'spot') {
    return {
      ...names,
      pair: info.symbol,
      contractType: 'PERPETUAL',
      deliveryDate: 4133404800000,
      marginAsset: market === 'usdm' ? info.quoteAsset : info.baseAsset,
      filters,
      orderTypes: ['LIMIT', 'MARKET'],
      timeInForce: ['GTC', 'IOC', 'FOK', 'GTX'],
    };
  }
  return {
    ...names,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET'],
    icebergAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters,
    permissions: [],
    permissionSets: [['SPOT']],
    defaultSelfTradePreventionMode: 'EXPIRE_MAKER',
    allowedSelfTradePreventionModes: ['EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH'],
  };
}

export function encodeExchangeInfo(
  market: Market,
  info: { serverTimeUs: number; weightPerMinute: number; symbols: readonly SymbolInfo[] },
  unit: TimeUnit = 'ms',
): string {
  return JSON.stringify({
    timezone: 'UTC',
    serverTime: venueTime(info.serverTimeUs, unit),
    rateLimits: [
      { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: info.weightPerMinute },
      ...(market === 'spot'
        ? [{ rateLimitType: 'RAW_REQUESTS', interval: 'MINUTE', intervalNum: 5, limit: 300000 }]
        : []),
    ],
    exchangeFilters: [],
    symbols: info.symbols.map((symbol) => symbolEntry(market, symbol)),
  });
}
