import { bigPowerOfTen, formatScaled } from '../domain/decimal.ts';
import type { Market } from '../domain/instrument.ts';
import {
  fixedText,
  type KlineValues,
  type Level,
  type RestAggTrade,
  type RestTrade,
  type SymbolInfo,
  spotDigits,
} from '../sources/binance/encode.ts';
import { type Kline, KlineSeries, klineClosesAtUs, type VenueInterval } from './klines.ts';
import { Rows } from './rows.ts';

export interface BookView {
  readonly lastUpdateId: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** Number formats of a symbol: prices are ticks at `priceScale`, quantities lots at `lotScale`. */
export interface Digits {
  readonly priceScale: number;
  readonly lotScale: number;
  /** Decimals printed: spot always 8, USD-M those of the tick and the step. */
  readonly priceDigits: number;
  readonly lotDigits: number;
}

export function spotDigitsOf(priceScale: number, lotScale: number): Digits {
  return { priceScale, lotScale, priceDigits: spotDigits, lotDigits: spotDigits };
}

/**
 * One symbol of the venue as everybody sees it: what has happened in it (the record of truth) and what REST answers about
 * it. Both the matching engine and a replay write here, so answers agree with streams by construction.
 */
export class Listing {
  readonly market: Market;
  readonly symbol: string;
  readonly streamPrefix: string;
  digits: Digits;
  info: SymbolInfo;
  readonly trades: Rows<'price' | 'lots' | 'tradedAtUs' | 'eventAtUs' | 'buyerIsMaker'>;
  readonly aggregates: Rows<'price' | 'lots' | 'first' | 'last' | 'tradedAtUs' | 'eventAtUs' | 'buyerIsMaker'>;
  readonly klines: KlineSeries;
  /** The book now; undefined when the symbol has none to show. */
  book: (limit: number) => BookView | undefined = () => undefined;

  constructor(
    market: Market,
    info: SymbolInfo,
    digits: Digits,
    keep: { trades: number; klines: number } = { trades: 4_000_000, klines: 20_000 },
  ) {
    this.market = market;
    this.symbol = info.symbol;
    this.streamPrefix = info.symbol.toLowerCase();
    this.info = info;
    this.digits = digits;
    this.trades = new Rows(['price', 'lots', 'tradedAtUs', 'eventAtUs', 'buyerIsMaker'], keep.trades);
    this.aggregates = new Rows(
      ['price', 'lots', 'first', 'last', 'tradedAtUs', 'eventAtUs', 'buyerIsMaker'],
      keep.trades,
    );
    this.klines = new KlineSeries(keep.klines);
  }

  priceText(ticks: number): string {
    return fixedText(ticks, this.digits.priceScale, this.digits.priceDigits);
  }

  lotsText(lots: number): string {
    return fixedText(lots, this.digits.lotScale, this.digits.lotDigits);
  }

  /** Ticks × lots, or a sum of them, as the venue prints quote volumes: 8 decimals, more are cut off. */
  quoteText(quote: bigint): string {
    const scale = this.digits.priceScale + this.digits.lotScale;
    const digits = this.market === 'spot' ? spotDigits : 0;
    if (scale <= spotDigits) return formatScaled(quote, scale, digits);
    return formatScaled(quote / bigPowerOfTen(scale - spotDigits), spotDigits, digits);
  }

  bigLotsText(lots: bigint): string {
    return formatScaled(lots, this.digits.lotScale, this.market === 'spot' ? spotDigits : 0);
  }

  /** Trades with ids from `fromId` on; without it the newest. */
  restTrades(fromId: number | undefined, limit: number): RestTrade[] {
    return this.#range(this.trades, fromId, limit).map((row) => {
      const price = this.trades.at(row, 'price');
      const lots = this.trades.at(row, 'lots');
      return {
        tradeId: this.trades.at(row, 'id'),
        price: this.priceText(price),
        quantity: this.lotsText(lots),
        quoteQuantity: this.quoteText(BigInt(price) * BigInt(lots)),
        tradedAtUs: this.trades.at(row, 'tradedAtUs'),
        buyerIsMaker: this.trades.at(row, 'buyerIsMaker') === 1,
      };
    });
  }

  restAggregates(question: { fromId?: number; fromUs?: number; toUs?: number; limit: number }): RestAggTrade[] {
    const rows = this.aggregates;
    let indexes: number[];
    if (question.fromId !== undefined || (question.fromUs === undefined && question.toUs === undefined)) {
      indexes = this.#range(rows, question.fromId, question.limit);
    } else {
      const from = question.fromUs === undefined ? 0 : rows.firstAtLeast('tradedAtUs', question.fromUs);
      const end = question.toUs === undefined ? rows.length : rows.firstAtLeast('tradedAtUs', question.toUs + 1);
      indexes =
        question.fromUs === undefined
          ? between(Math.max(from, end - question.limit), end)
          : between(from, Math.min(end, from + question.limit));
    }
    return indexes.map((row) => ({
      aggTradeId: rows.at(row, 'id'),
      price: this.priceText(rows.at(row, 'price')),
      quantity: this.lotsText(rows.at(row, 'lots')),
      firstTradeId: rows.at(row, 'first'),
      lastTradeId: rows.at(row, 'last'),
      tradedAtUs: rows.at(row, 'tradedAtUs'),
      buyerIsMaker: rows.at(row, 'buyerIsMaker') === 1,
    }));
  }

  #range(rows: Rows<string>, fromId: number | undefined, limit: number): number[] {
    const from = fromId === undefined ? Math.max(0, rows.length - limit) : rows.firstAtLeast('id', fromId);
    return between(from, Math.min(rows.length, from + limit));
  }

  klineValues(interval: VenueInterval, kline: Kline): KlineValues {
    return {
      openedAtUs: kline.openAtUs,
      closedAtUs: klineClosesAtUs(interval, kline),
      open: this.priceText(kline.open),
      high: this.priceText(kline.high),
      low: this.priceText(kline.low),
      close: this.priceText(kline.close),
      volume: this.bigLotsText(kline.lots),
      quoteVolume: this.quoteText(kline.quote),
      tradeCount: kline.trades,
      takerBuyVolume: this.bigLotsText(kline.takerLots),
      takerBuyQuoteVolume: this.quoteText(kline.takerQuote),
    };
  }
}

function between(from: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, i) => from + i);
}
