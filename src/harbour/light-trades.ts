import { encodeAggTrade, encodeCombined, encodeTrade } from '../sources/binance/encode.ts';
import type { Listing } from './listing.ts';
import { firstAggTradeId, firstTradeId } from './matched-symbol.ts';
import type { SeededRandom } from './random.ts';

/**
 * Trades of one symbol without an order book behind them: taker orders eat queues at a bid and an ask one tick apart. Ids,
 * digits, clustering and aggregates are as they should be; there is no depth to agree with.
 */
export class LightTrades {
  readonly #listing: Listing;
  readonly #random: SeededRandom;
  readonly #wantsTrades: boolean;
  readonly #wantsAggregates: boolean;
  readonly #lotsPerUnit: number;
  readonly #lowestTick: number;
  readonly #highestTick: number;
  #bid: number;
  #bidQueue = 0;
  #askQueue = 0;
  #isBuyer = true;
  #tradeId = firstTradeId;
  #aggTradeId = firstAggTradeId;
  nextAtUs: number;

  constructor(
    listing: Listing,
    flow: { startTick: number; lotsPerUnit: number },
    random: SeededRandom,
    startAtUs: number,
    kinds: readonly string[],
  ) {
    this.#listing = listing;
    this.#random = random;
    this.#wantsTrades = kinds.includes('trade');
    this.#wantsAggregates = kinds.includes('aggTrade');
    this.#lotsPerUnit = flow.lotsPerUnit;
    this.#bid = flow.startTick;
    this.#lowestTick = Math.ceil(flow.startTick / 2);
    this.#highestTick = flow.startTick * 2;
    this.nextAtUs = startAtUs + this.#wait();
  }

  #wait(): number {
    // Two thirds come in bursts.
    return 1 + Math.floor(this.#random.exponential(this.#random.chance(0.66) ? 2_000 : 70_000));
  }

  /** One taker order: its trades, then its aggregates, as combined envelopes. */
  order(emit: (stream: string, text: string, atUs: number) => void): void {
    const random = this.#random;
    const listing = this.#listing;
    const { symbol, streamPrefix } = listing;
    const tradedAtUs = this.nextAtUs;
    const eventAtUs = tradedAtUs + 300;
    const buyerIsMaker = !this.#isBuyer;
    let left = Math.max(1, Math.floor(this.#lotsPerUnit * 0.0005 * Math.min(2000, random.pareto(0.8))));
    const aggregates: string[] = [];
    while (left > 0) {
      const tick = this.#isBuyer ? this.#bid + 1 : this.#bid;
      const queue = this.#isBuyer ? this.#askQueue : this.#bidQueue;
      const price = listing.priceText(tick);
      const first = this.#tradeId;
      const atLevel = Math.min(left, queue);
      let filled = 0;
      while (filled < atLevel) {
        const resting = Math.ceil(this.#lotsPerUnit * 0.002 * random.pareto(0.7));
        const lots = Math.min(resting, atLevel - filled);
        filled += lots;
        const tradeId = this.#tradeId++;
        if (!this.#wantsTrades) continue;
        const quantity = listing.lotsText(lots);
        const trade = encodeTrade('spot', { symbol, tradeId, price, quantity, tradedAtUs, eventAtUs, buyerIsMaker });
        const stream = `${streamPrefix}@trade`;
        emit(stream, encodeCombined(stream, trade), eventAtUs);
      }
      left -= filled;
      if (filled > 0) {
        const aggTradeId = this.#aggTradeId++;
        if (this.#wantsAggregates) {
          const lastTradeId = this.#tradeId - 1;
          const quantity = listing.lotsText(filled);
          const event = { symbol, aggTradeId, price, quantity, firstTradeId: first, lastTradeId };
          aggregates.push(encodeAggTrade('spot', { ...event, tradedAtUs, eventAtUs, buyerIsMaker }));
        }
      }
      if (this.#isBuyer) this.#askQueue -= filled;
      else this.#bidQueue -= filled;
      if (filled === queue) this.#moveOn();
    }
    for (const aggregate of aggregates) {
      const stream = `${streamPrefix}@aggTrade`;
      emit(stream, encodeCombined(stream, aggregate), eventAtUs);
    }
    if (random.chance(0.3)) this.#isBuyer = random.chance(0.5);
    this.nextAtUs = tradedAtUs + this.#wait();
  }

  /** The queue that the taker ate is gone: the touch goes on to the next prices, with new queues. */
  #moveOn(): void {
    const random = this.#random;
    const step = Math.ceil(this.#lowestTick * 4e-6 * random.pareto(1.4));
    this.#bid = Math.min(this.#highestTick, Math.max(this.#lowestTick, this.#bid + (this.#isBuyer ? step : -step)));
    this.#bidQueue = Math.ceil(this.#lotsPerUnit * 0.5 * random.exponential(1));
    this.#askQueue = Math.ceil(this.#lotsPerUnit * 0.5 * random.exponential(1));
  }
}
