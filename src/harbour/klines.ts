import { assert } from '../domain/error.ts';
import { dayUs, type Interval, nextOpenTimeUs, openTimeUs, secondUs } from '../domain/interval.ts';

/** The venue's own intervals, shortest first. */
export const venueIntervals = [
  '1s', '1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1M',
] as const satisfies readonly Interval[]; // biome-ignore format: one row reads best
export type VenueInterval = (typeof venueIntervals)[number];

export function isVenueInterval(text: string): text is VenueInterval {
  return (venueIntervals as readonly string[]).includes(text);
}

/** A candle in ticks and lots; sums of ticks × lots are exact. */
export interface Kline {
  openAtUs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  lots: bigint;
  quote: bigint;
  trades: number;
  takerLots: bigint;
  takerQuote: bigint;
  /** −1 when empty. */
  firstTradeId: number;
  lastTradeId: number;
}

function emptyKline(openAtUs: number, price: number): Kline {
  return {
    openAtUs,
    open: price,
    high: price,
    low: price,
    close: price,
    lots: 0n,
    quote: 0n,
    trades: 0,
    takerLots: 0n,
    takerQuote: 0n,
    firstTradeId: -1,
    lastTradeId: -1,
  };
}

function merge(into: Kline, from: Kline): void {
  if (from.trades === 0) return;
  if (into.trades === 0) {
    into.open = from.open;
    into.high = from.high;
    into.low = from.low;
    into.firstTradeId = from.firstTradeId;
  } else {
    into.high = Math.max(into.high, from.high);
    into.low = Math.min(into.low, from.low);
  }
  into.close = from.close;
  into.lots += from.lots;
  into.quote += from.quote;
  into.trades += from.trades;
  into.takerLots += from.takerLots;
  into.takerQuote += from.takerQuote;
  into.lastTradeId = from.lastTradeId;
}

/**
 * All candles of one symbol as the venue makes them: every interval from the first trade on, empty ones at the previous
 * close. Trades touch the running second only; a second that ends is merged into the longer candles.
 */
export class KlineSeries {
  readonly #keep: number;
  readonly #closed = new Map<VenueInterval, Kline[]>(venueIntervals.map((interval) => [interval, []]));
  /** Longer candles up to the last ended second. */
  readonly #forming = new Map<VenueInterval, Kline>();
  #second: Kline | undefined;
  #lastPrice = 0;
  #isHalted = false;
  #anchorUs: number | undefined;
  /** Sees every candle that closes. */
  onClosed: (interval: VenueInterval, kline: Kline) => void = () => {};

  constructor(keep = 20_000) {
    this.#keep = keep;
  }

  add(
    tradeId: number,
    price: number,
    lots: number | bigint,
    quote: number | bigint,
    atUs: number,
    buyerIsMaker: boolean,
    lastTradeId = tradeId,
  ): void {
    this.advance(atUs);
    this.#second ??= this.#begin(atUs, price);
    const second = this.#second;
    assert(atUs >= second.openAtUs, 'trades come in time order');
    if (second.trades === 0) {
      second.open = price;
      second.high = price;
      second.low = price;
      second.firstTradeId = tradeId;
    } else {
      if (price > second.high) second.high = price;
      if (price < second.low) second.low = price;
    }
    second.close = price;
    this.#lastPrice = price;
    second.lastTradeId = lastTradeId;
    second.trades += lastTradeId - tradeId + 1;
    const bigLots = BigInt(lots);
    const bigQuote = BigInt(quote);
    second.lots += bigLots;
    second.quote += bigQuote;
    if (!buyerIsMaker) {
      second.takerLots += bigLots;
      second.takerQuote += bigQuote;
    }
  }

  #begin(atUs: number, price: number): Kline {
    this.#anchorUs ??= Math.floor(atUs / dayUs) * dayUs;
    for (const interval of venueIntervals) {
      if (interval === '1s' || this.#forming.has(interval)) continue;
      this.#forming.set(interval, emptyKline(openTimeUs(interval, atUs, this.#anchorUs), price));
    }
    return emptyKline(openTimeUs('1s', atUs), price);
  }

  /** While halted no new candle begins; those that are open still end. */
  halt(): void {
    this.#isHalted = true;
  }

  resume(nowUs: number): void {
    this.advance(nowUs);
    this.#isHalted = false;
    if (this.#anchorUs !== undefined) this.#second ??= this.#begin(nowUs, this.#lastPrice);
  }

  /** Closes every candle that ends at or before `nowUs`. */
  advance(nowUs: number): void {
    while (this.#second !== undefined && this.#second.openAtUs + secondUs <= nowUs) {
      const second = this.#second;
      const nextAtUs = second.openAtUs + secondUs;
      this.#close('1s', second);
      for (const kline of this.#forming.values()) merge(kline, second);
      this.#endForming(nextAtUs);
      this.#second = this.#isHalted ? undefined : emptyKline(nextAtUs, second.close);
    }
    if (this.#isHalted) this.#endForming(nowUs);
  }

  #endForming(nowUs: number): void {
    for (const [interval, kline] of this.#forming) {
      const nextAtUs = nextOpenTimeUs(interval, kline.openAtUs);
      if (nextAtUs > nowUs) continue;
      this.#close(interval, kline);
      if (this.#isHalted) this.#forming.delete(interval);
      else this.#forming.set(interval, emptyKline(nextAtUs, kline.close));
    }
  }

  #close(interval: VenueInterval, kline: Kline): void {
    const closed = this.#closed.get(interval)!;
    closed.push(kline);
    if (closed.length > this.#keep * 1.25) closed.splice(0, closed.length - this.#keep);
    this.onClosed(interval, kline);
  }

  /** The running candle; undefined before the first trade. */
  forming(interval: VenueInterval): Kline | undefined {
    if (interval === '1s') return this.#second;
    const forming = this.#forming.get(interval);
    if (forming === undefined) return undefined;
    const whole = { ...forming };
    if (this.#second !== undefined) merge(whole, this.#second);
    return whole;
  }

  closed(interval: VenueInterval): readonly Kline[] {
    return this.#closed.get(interval)!;
  }

  /** As REST answers: candles whose open time lies in the range; without a start the newest. The running one is last. */
  range(interval: VenueInterval, limit: number, fromUs?: number, toUs = Number.POSITIVE_INFINITY): Kline[] {
    const closed = this.#closed.get(interval)!;
    const forming = this.forming(interval);
    const all = forming === undefined ? closed : [...closed, forming];
    const within = all.filter((kline) => kline.openAtUs >= (fromUs ?? 0) && kline.openAtUs <= toUs);
    return fromUs === undefined ? within.slice(-limit) : within.slice(0, limit);
  }
}

export function klineClosesAtUs(interval: VenueInterval, kline: Kline): number {
  return nextOpenTimeUs(interval, kline.openAtUs) - 1;
}
