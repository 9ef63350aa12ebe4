import {
  encode24hrTicker,
  encodeAggTrade,
  encodeBookTicker,
  encodeDepthUpdate,
  encodeKline,
  encodeTrade,
} from '../sources/binance/encode.ts';
import { BookHistory } from './book-history.ts';
import { type Channels, lazyMessage } from './channels.ts';
import { dayWindow } from './day-window.ts';
import { type Kline, klineClosesAtUs, type VenueInterval, venueIntervals } from './klines.ts';
import type { Listing } from './listing.ts';
import { type Fills, OrderBook } from './order-book.ts';
import { type FlowSpec, OrderFlow } from './order-flow.ts';
import type { SeededRandom } from './random.ts';

const depthPeriodUs = 100_000;
const secondUs = 1_000_000;
/** How late after the second its candles and tickers are sent. */
const secondLagUs = 3_000;

/** Where ids start: as large as real ones, so that nobody keeps them in 32 bits. */
export const firstTradeId = 3_700_000_001;
export const firstAggTradeId = 2_900_000_001;
export const firstUpdateId = 50_093_000_000;

/**
 * A symbol with its own matching engine. Runs in venue time, event by event; everything it publishes comes from the one
 * book: trades and aggregates from the taker's order, diffs and tickers from level changes, candles from trades.
 */
export class MatchedSymbol {
  readonly listing: Listing;
  readonly book: OrderBook;
  readonly #channels: Channels;
  readonly #flow: OrderFlow;
  readonly #latency: SeededRandom;
  readonly #names: Readonly<Record<'trade' | 'aggTrade' | 'bookTicker' | 'depth100' | 'depth1000' | 'ticker', string>>;
  readonly #klineNames: Readonly<Record<VenueInterval, string>>;
  #nextTradeId = firstTradeId;
  #nextAggTradeId = firstAggTradeId;
  #depthAtUs: number;
  #secondAtUs: number;
  /** Empty while trading. */
  #haltedAtUs: number | undefined;
  readonly history: BookHistory;
  readonly #keepsKlines: boolean;
  readonly #diffs = { fast: new Diff(), slow: new Diff() };
  #best = { bid: 0, bidLots: 0, ask: 0, askLots: 0 };

  constructor(
    listing: Listing,
    spec: FlowSpec,
    seed: SeededRandom,
    startAtUs: number,
    channels: Channels,
    keep: { bookUpdates: number; klines: boolean },
  ) {
    this.listing = listing;
    this.#channels = channels;
    this.#keepsKlines = keep.klines;
    this.#latency = seed.fork('latency');
    this.book = new OrderBook(firstUpdateId);
    this.#flow = new OrderFlow(seed.fork('flow'), this.book, spec, startAtUs, (atUs, isBuyer, fills) =>
      this.#after(atUs, isBuyer, fills),
    );
    this.#diffs.fast.begin(this.book.updateId);
    this.#diffs.slow.begin(this.book.updateId);
    this.history = new BookHistory(keep.bookUpdates);
    this.history.begin(
      this.book.updateId,
      this.book.top(true, Number.POSITIVE_INFINITY),
      this.book.top(false, Number.POSITIVE_INFINITY),
    );
    const isKept = keep.bookUpdates > 0;
    this.book.onLevel = (isBid, tick, lots, updateId) => {
      this.#diffs.fast.touch(isBid, tick);
      if (isKept) this.history.add(isBid, tick, lots, updateId);
    };
    const prefix = `${listing.market}/${listing.streamPrefix}`;
    this.#names = {
      trade: `${prefix}@trade`,
      aggTrade: `${prefix}@aggTrade`,
      bookTicker: `${prefix}@bookTicker`,
      depth100: `${prefix}@depth@100ms`,
      depth1000: `${prefix}@depth`,
      ticker: `${prefix}@ticker`,
    };
    this.#klineNames = Object.fromEntries(
      venueIntervals.map((interval) => [interval, `${prefix}@kline_${interval}`]),
    ) as Record<VenueInterval, string>;
    // The grids of different symbols are shifted against each other, as the venue's are.
    this.#depthAtUs = startAtUs + Math.floor(seed.fork('phase').fraction() * depthPeriodUs);
    this.#secondAtUs = Math.floor(startAtUs / secondUs) * secondUs + secondUs + secondLagUs;
    listing.book = (limit) => this.#view(limit);
    listing.klines.onClosed = (interval, kline) => this.#publishKline(interval, kline, true, this.#secondAtUs);
  }

  get nextAtUs(): number {
    return Math.min(this.#flowAtUs, this.#depthAtUs, this.#secondAtUs);
  }

  get #flowAtUs(): number {
    return this.#haltedAtUs === undefined ? this.#flow.nextAtUs : Number.POSITIVE_INFINITY;
  }

  /** `TRADING`, or `BREAK`, `HALT`, `CANCEL_ONLY`: nothing trades and no candle begins until it trades again. */
  setStatus(status: string, nowUs: number): void {
    this.listing.info = { ...this.listing.info, status };
    const isTrading = status === 'TRADING';
    if (!isTrading && this.#haltedAtUs === undefined) {
      this.#haltedAtUs = nowUs;
      this.listing.klines.halt();
    } else if (isTrading && this.#haltedAtUs !== undefined) {
      this.#flow.delay(nowUs - this.#haltedAtUs);
      this.#haltedAtUs = undefined;
      this.listing.klines.resume(nowUs);
    }
  }

  step(): void {
    const flowAtUs = this.#flowAtUs;
    if (this.#depthAtUs <= flowAtUs && this.#depthAtUs <= this.#secondAtUs) {
      this.#flushDepth(this.#depthAtUs);
      this.#depthAtUs += depthPeriodUs;
    } else if (this.#secondAtUs <= flowAtUs) {
      this.#endSecond(this.#secondAtUs);
      this.#secondAtUs += secondUs;
    } else this.#flow.step();
  }

  #after(atUs: number, takerIsBuyer: boolean, fills: Fills): void {
    const count = fills.ticks.length;
    if (count > 0) {
      const eventAtUs = atUs + 200 + Math.floor(this.#latency.exponential(600));
      const firstOfOrder = this.#nextTradeId;
      for (let i = 0; i < count; i++) this.#trade(fills.ticks[i]!, fills.lots[i]!, atUs, eventAtUs, takerIsBuyer);
      let from = 0;
      for (let i = 1; i <= count; i++) {
        if (i < count && fills.ticks[i] === fills.ticks[from]) continue;
        let lots = 0;
        for (let k = from; k < i; k++) lots += fills.lots[k]!;
        const firstId = firstOfOrder + from;
        this.#aggregate(fills.ticks[from]!, lots, firstId, firstOfOrder + i - 1, atUs, eventAtUs, takerIsBuyer);
        from = i;
      }
    }
    this.#publishTop();
  }

  #trade(tick: number, lots: number, atUs: number, eventAtUs: number, takerIsBuyer: boolean): void {
    const { listing } = this;
    const id = this.#nextTradeId++;
    const rows = listing.trades;
    const row = rows.add(id);
    rows.set(row, 'price', tick);
    rows.set(row, 'lots', lots);
    rows.set(row, 'tradedAtUs', atUs);
    rows.set(row, 'eventAtUs', eventAtUs);
    rows.set(row, 'buyerIsMaker', takerIsBuyer ? 0 : 1);
    if (this.#keepsKlines) listing.klines.add(id, tick, lots, tick * lots, atUs, !takerIsBuyer);
    if (!this.#channels.isHeard(this.#names.trade)) return;
    this.#channels.publish(
      lazyMessage(this.#names.trade, eventAtUs, [id, id], (unit) =>
        encodeTrade(
          'spot',
          {
            symbol: listing.symbol,
            tradeId: id,
            price: listing.priceText(tick),
            quantity: listing.lotsText(lots),
            tradedAtUs: atUs,
            eventAtUs,
            buyerIsMaker: !takerIsBuyer,
          },
          unit,
        ),
      ),
    );
  }

  #aggregate(
    tick: number,
    lots: number,
    first: number,
    last: number,
    atUs: number,
    eventAtUs: number,
    takerIsBuyer: boolean,
  ): void {
    const { listing } = this;
    const id = this.#nextAggTradeId++;
    const rows = listing.aggregates;
    const row = rows.add(id);
    rows.set(row, 'price', tick);
    rows.set(row, 'lots', lots);
    rows.set(row, 'first', first);
    rows.set(row, 'last', last);
    rows.set(row, 'tradedAtUs', atUs);
    rows.set(row, 'eventAtUs', eventAtUs);
    rows.set(row, 'buyerIsMaker', takerIsBuyer ? 0 : 1);
    if (!this.#channels.isHeard(this.#names.aggTrade)) return;
    this.#channels.publish(
      lazyMessage(this.#names.aggTrade, eventAtUs, [id, id], (unit) =>
        encodeAggTrade(
          'spot',
          {
            symbol: listing.symbol,
            aggTradeId: id,
            price: listing.priceText(tick),
            quantity: listing.lotsText(lots),
            firstTradeId: first,
            lastTradeId: last,
            tradedAtUs: atUs,
            eventAtUs,
            buyerIsMaker: !takerIsBuyer,
          },
          unit,
        ),
      ),
    );
  }

  #publishTop(): void {
    const { book, listing } = this;
    const best = this.#best;
    const bid = book.bestBid;
    const ask = book.bestAsk;
    const bidLots = book.lotsAtBest(true);
    const askLots = book.lotsAtBest(false);
    if (bid === best.bid && ask === best.ask && bidLots === best.bidLots && askLots === best.askLots) return;
    best.bid = bid;
    best.ask = ask;
    best.bidLots = bidLots;
    best.askLots = askLots;
    if (!this.#channels.isHeard(this.#names.bookTicker)) return;
    const updateId = book.updateId;
    this.#channels.publish(
      lazyMessage(this.#names.bookTicker, 0, [updateId, updateId], () =>
        encodeBookTicker('spot', {
          symbol: listing.symbol,
          updateId,
          bidPrice: listing.priceText(bid),
          bidQuantity: listing.lotsText(bidLots),
          askPrice: listing.priceText(ask),
          askQuantity: listing.lotsText(askLots),
        }),
      ),
    );
  }

  #flushDepth(atUs: number): void {
    const isSlowDue = Math.floor(atUs / depthPeriodUs) % 10 === 0;
    this.#diffs.fast.copyTo(this.#diffs.slow);
    this.#publishDiff(this.#names.depth100, this.#diffs.fast, atUs);
    if (isSlowDue) this.#publishDiff(this.#names.depth1000, this.#diffs.slow, atUs);
  }

  #publishDiff(stream: string, diff: Diff, atUs: number): void {
    const { book, listing } = this;
    if (book.updateId === diff.lastUpdateId) return;
    const firstUpdateId = diff.lastUpdateId + 1;
    const finalUpdateId = book.updateId;
    if (!this.#channels.isHeard(stream)) {
      diff.begin(finalUpdateId);
      return;
    }
    const bids = [...diff.bids].sort((a, b) => b - a).map((tick) => this.#level(true, tick));
    const asks = [...diff.asks].sort((a, b) => a - b).map((tick) => this.#level(false, tick));
    diff.begin(finalUpdateId);
    this.#channels.publish(
      lazyMessage(stream, atUs, [firstUpdateId, finalUpdateId], (unit) =>
        encodeDepthUpdate(
          'spot',
          { symbol: listing.symbol, firstUpdateId, finalUpdateId, eventAtUs: atUs, bids, asks },
          unit,
        ),
      ),
    );
  }

  #level(isBid: boolean, tick: number): [string, string] {
    return [this.listing.priceText(tick), this.listing.lotsText(this.book.lotsAt(isBid, tick))];
  }

  #view(limit: number) {
    const side = (isBid: boolean) => {
      const { ticks, lots } = this.book.top(isBid, limit);
      return ticks.map((tick, i) => [this.listing.priceText(tick), this.listing.lotsText(lots[i]!)] as const);
    };
    return { lastUpdateId: this.book.updateId, bids: side(true), asks: side(false) };
  }

  #endSecond(atUs: number): void {
    const { listing } = this;
    listing.klines.advance(atUs);
    const isEven = Math.floor(atUs / secondUs) % 2 === 0;
    for (const interval of venueIntervals) {
      if (interval === '1s' || !isEven || !this.#channels.isHeard(this.#klineNames[interval])) continue;
      const kline = listing.klines.forming(interval);
      if (kline !== undefined) this.#publishKline(interval, kline, false, atUs);
    }
    if (this.#channels.isHeard(this.#names.ticker)) {
      const window = dayWindow(listing, atUs);
      if (window !== undefined) {
        this.#channels.publish(
          lazyMessage(this.#names.ticker, atUs, [-1, -1], (unit) => encode24hrTicker('spot', window, unit)),
        );
      }
    }
  }

  #publishKline(interval: VenueInterval, kline: Kline, isClosed: boolean, atUs: number): void {
    const { listing } = this;
    if (!this.#channels.isHeard(this.#klineNames[interval])) return;
    const eventAtUs = Math.max(atUs, isClosed ? klineClosesAtUs(interval, kline) + 1 : 0);
    const event = {
      ...listing.klineValues(interval, kline),
      symbol: listing.symbol,
      eventAtUs,
      interval,
      firstTradeId: kline.firstTradeId,
      lastTradeId: kline.lastTradeId,
      isClosed,
    };
    this.#channels.publish(
      lazyMessage(this.#klineNames[interval], eventAtUs, [kline.openAtUs, kline.openAtUs], (unit) =>
        encodeKline(event, unit),
      ),
    );
  }
}

/** Levels that changed since the last event of one diff stream. */
class Diff {
  lastUpdateId = 0;
  readonly bids = new Set<number>();
  readonly asks = new Set<number>();

  touch(isBid: boolean, tick: number): void {
    (isBid ? this.bids : this.asks).add(tick);
  }

  copyTo(other: Diff): void {
    for (const tick of this.bids) other.bids.add(tick);
    for (const tick of this.asks) other.asks.add(tick);
  }

  begin(lastUpdateId: number): void {
    this.lastUpdateId = lastUpdateId;
    this.bids.clear();
    this.asks.clear();
  }
}
