import { assert } from '../domain/error.ts';
import type { Fills, OrderBook } from './order-book.ts';
import { QuantileTable, type SeededRandom } from './random.ts';

/** How one symbol trades. Rates are per second of venue time, distances in ten-thousandths (bp) of the price. */
export interface FlowSpec {
  readonly startTick: number;
  /** Lots that make one unit of the quantity tables. */
  readonly lotsPerUnit: number;
  /** Taker orders a second, bursts included. */
  readonly takerRate: number;
  /** Placements, cancels and changes at the touch a second. */
  readonly activityRate: number;
  /** Jumps of the price that the market agrees on, a second, and their usual size. */
  readonly moveRate: number;
  readonly moveBp: number;
  /** Resting orders of both sides together that the flow settles at. */
  readonly restingOrders: number;
  /** Mean distance of new orders from the touch, and share of orders placed far away. */
  readonly nearBp: number;
  readonly farShare: number;
}

// Measured on the recorded BTCUSDT day of 2024-08-08 (docs/harbour.md); unit: one BTC of then.
const takerUnits = new QuantileTable([
  [0, 0.00008],
  [0.1, 0.00017],
  [0.25, 0.00032],
  [0.5, 0.00316],
  [0.75, 0.02],
  [0.9, 0.09],
  [0.95, 0.2],
  [0.99, 0.7],
  [0.999, 2.5],
  [1, 8],
]);
const levelUnits = new QuantileTable([
  [0, 0.00008],
  [0.1, 0.0001],
  [0.25, 0.00019],
  [0.5, 0.0015],
  [0.75, 0.049],
  [0.9, 0.36],
  [0.95, 0.66],
  [0.99, 1.55],
  [1, 5.8],
]);
const touchUnits = new QuantileTable([
  [0, 0.008],
  [0.1, 0.05],
  [0.25, 0.15],
  [0.5, 1.05],
  [0.75, 2.8],
  [0.9, 4.1],
  [0.99, 6.6],
  [1, 10.5],
]);

/** Two exponential kernels make the arrivals come in bursts of milliseconds within swells of seconds (Hawkes). */
const fastDecay = 40;
const slowDecay = 0.35;
const fastBranching = 0.6;
const slowBranching = 0.25;

/** How fast the crowd calms down. */
const stirUs = 350_000;

/** Called after each step that did something: the taker's fills, if any, all of one side. */
export type AfterStep = (atUs: number, takerIsBuyer: boolean, fills: Fills) => void;

/**
 * The traders of one symbol: takers who come in bursts, makers who keep the touch, a crowd that places and cancels, and
 * jumps of what the asset is worth, which takers and makers follow through the book. All of it acts through the matching
 * engine; the seed decides everything.
 */
export class OrderFlow {
  readonly #book: OrderBook;
  readonly #spec: FlowSpec;
  readonly #takers: SeededRandom;
  readonly #crowd: SeededRandom;
  readonly #moves: SeededRandom;
  readonly #after: AfterStep;
  readonly #fills: Fills = { ticks: [], lots: [], filledLots: 0 };
  readonly #makerFills: Fills = { ticks: [], lots: [], filledLots: 0 };

  #takerAtUs: number;
  #activityAtUs: number;
  #moveAtUs: number;
  #repairAtUs = Number.POSITIVE_INFINITY;
  #fast = 0;
  #slow = 0;
  #excitedAtUs: number;
  /** What the asset is worth, in ticks. */
  #worth: number;
  #trend = 0;
  #swell = 0;
  /** A trader working a large order: same side for a while. */
  #runSide = true;
  #runLeft = 0;
  #touchTarget = [0, 0];
  /** How much busier than usual the crowd is, in acts a second. */
  #stir = 0;

  constructor(seed: SeededRandom, book: OrderBook, spec: FlowSpec, startAtUs: number, after: AfterStep) {
    this.#book = book;
    this.#spec = spec;
    this.#after = after;
    this.#takers = seed.fork('takers');
    this.#crowd = seed.fork('crowd');
    this.#moves = seed.fork('moves');
    this.#worth = spec.startTick;
    this.#excitedAtUs = startAtUs;
    this.#fillBook();
    this.#takerAtUs = this.#nextTaker(startAtUs);
    this.#activityAtUs = startAtUs + this.#crowd.exponential(1e6 / spec.activityRate);
    this.#moveAtUs = startAtUs + this.#moves.exponential(1e6 / spec.moveRate);
  }

  get nextAtUs(): number {
    return Math.ceil(Math.min(this.#takerAtUs, this.#activityAtUs, this.#moveAtUs, this.#repairAtUs));
  }

  /** Does what happens at `nextAtUs`. */
  step(): void {
    const exactAtUs = Math.min(this.#takerAtUs, this.#activityAtUs, this.#moveAtUs, this.#repairAtUs);
    const atUs = Math.ceil(exactAtUs);
    if (exactAtUs === this.#takerAtUs) {
      this.#take(atUs);
      this.#takerAtUs = this.#nextTaker(exactAtUs);
    } else if (exactAtUs === this.#activityAtUs) {
      this.#act();
      this.#after(atUs, true, this.#noFills());
      const waitUs = this.#crowd.exponential(1e6 / (this.#spec.activityRate + this.#stir));
      this.#stir *= Math.exp(-waitUs / stirUs);
      this.#activityAtUs = exactAtUs + waitUs;
    } else if (exactAtUs === this.#moveAtUs) {
      this.#move(atUs);
      const rate = this.#spec.moveRate * Math.exp(0.8 * this.#swell);
      this.#moveAtUs = exactAtUs + this.#moves.exponential(1e6 / rate);
    } else {
      this.#repairAtUs = Number.POSITIVE_INFINITY;
      this.#repair(exactAtUs);
      this.#after(atUs, true, this.#noFills());
    }
  }

  /** Moves all that is to come, as after a halt. */
  delay(byUs: number): void {
    this.#takerAtUs += byUs;
    this.#activityAtUs += byUs;
    this.#moveAtUs += byUs;
    this.#repairAtUs += byUs;
    this.#excitedAtUs += byUs;
  }

  #noFills(): Fills {
    const fills = this.#fills;
    fills.ticks.length = 0;
    fills.lots.length = 0;
    fills.filledLots = 0;
    return fills;
  }

  #nextTaker(fromUs: number): number {
    const spec = this.#spec;
    const random = this.#takers;
    const base = spec.takerRate * (1 - fastBranching - slowBranching);
    let atUs = fromUs;
    // Thinning: between arrivals the intensity only falls, so the present one bounds it.
    for (;;) {
      const bound = base + this.#fast + this.#slow;
      const waitS = random.exponential(1 / bound);
      atUs += waitS * 1e6;
      const sinceS = (atUs - this.#excitedAtUs) / 1e6;
      this.#fast *= Math.exp(-fastDecay * sinceS);
      this.#slow *= Math.exp(-slowDecay * sinceS);
      this.#excitedAtUs = atUs;
      if (random.fraction() * bound <= base + this.#fast + this.#slow) break;
    }
    this.#fast += fastBranching * fastDecay;
    this.#slow += slowBranching * slowDecay;
    return atUs;
  }

  #take(atUs: number): void {
    const random = this.#takers;
    if (this.#runLeft <= 0) {
      this.#runSide = random.chance(0.5);
      this.#runLeft = Math.min(200, Math.floor(random.pareto(1.3)));
    }
    // Some act on their own between the pieces of the large order.
    const isOwn = random.chance(0.25);
    const isBuyer = isOwn ? random.chance(0.5) : this.#runSide;
    if (!isOwn) this.#runLeft--;
    const fills = this.#noFills();
    const lots = this.#lots(takerUnits.draw(random));
    if (random.chance(0.5)) this.#book.market(isBuyer, lots, fills);
    else {
      const reach = Math.ceil((this.#spec.startTick * random.exponential(1)) / 10_000);
      const tick = isBuyer ? this.#book.bestAsk + reach : Math.max(1, this.#book.bestBid - reach);
      if (tick > 0) this.#book.limit(isBuyer, tick, lots, fills, true);
    }
    this.#keepBothSides();
    this.#after(atUs, isBuyer, fills);
    this.#watchSpread(atUs);
  }

  #watchSpread(atUs: number): void {
    if (this.#repairAtUs === Number.POSITIVE_INFINITY && this.#book.bestAsk - this.#book.bestBid > 1) {
      this.#repairAtUs = atUs + 200 + this.#crowd.exponential(this.#crowd.chance(0.6) ? 3_000 : 70_000);
    }
  }

  /** Closes the spread from the side that the worth is on. */
  #repair(atUs: number): void {
    const book = this.#book;
    const bid = book.bestBid;
    const ask = book.bestAsk;
    if (ask - bid <= 1) return;
    const worth = Math.min(ask - 1, Math.max(bid + 1, Math.round(this.#worth)));
    const wide = ask - bid;
    if (this.#crowd.chance(0.25) && wide > 4) {
      // Someone improves by part of the way, the rest follows later.
      const isBid = this.#crowd.chance(0.5);
      const part = 1 + this.#crowd.integer(Math.max(1, wide >> 1));
      this.#place(isBid, isBid ? Math.min(bid + part, ask - 1) : Math.max(ask - part, bid + 1), levelUnits);
      this.#watchSpread(atUs);
      return;
    }
    if (worth - bid > ask - worth) {
      this.#placeTouch(true, ask - 1);
      this.#worth = Math.max(this.#worth, ask - 1);
    } else {
      this.#placeTouch(false, bid + 1);
      this.#worth = Math.min(this.#worth, bid + 1);
    }
    this.#newTouchTargets();
  }

  /** A new best price: some small orders are quickest, then the quantity that stands there. */
  #placeTouch(isBid: boolean, tick: number): void {
    const small = Math.min(12, Math.floor(this.#crowd.pareto(1)));
    for (let i = 0; i < small; i++) this.#place(isBid, tick, levelUnits);
    if (this.#crowd.chance(0.85)) this.#place(isBid, tick, touchUnits);
  }

  #newTouchTargets(): void {
    this.#touchTarget = [this.#lots(touchUnits.draw(this.#crowd)), this.#lots(touchUnits.draw(this.#crowd))];
  }

  /** One thing that the crowd does. */
  #act(): void {
    const random = this.#crowd;
    const spec = this.#spec;
    const book = this.#book;
    if (random.chance(0.26)) {
      const isBid = random.chance(0.5);
      if (random.chance(0.01)) this.#newTouchTargets();
      const best = isBid ? book.bestBid : book.bestAsk;
      if (book.lotsAtBest(isBid) < this.#touchTarget[isBid ? 0 : 1]!) {
        this.#place(isBid, best, random.chance(0.9) ? levelUnits : touchUnits);
      } else {
        const order = book.lastAtBest(isBid);
        if (order >= 0 && !this.#isLast(isBid)) book.cancel(order);
      }
      return;
    }
    const crowding = (book.liveCount - spec.restingOrders) / spec.restingOrders;
    if (random.fraction() < 0.5 - 2 * crowding) this.#placeAway(random.chance(0.5));
    else if (book.liveCount > 20) {
      const order = book.liveOrder(random.integer(book.liveCount));
      const isBid = book.orderIsBid(order);
      const isAtTouch = book.orderTick(order) === (isBid ? book.bestBid : book.bestAsk);
      if (!isAtTouch || (random.chance(0.3) && !this.#isLast(isBid))) book.cancel(order);
      this.#watchSpread(this.nextAtUs);
    }
  }

  /** Whether the side has so few levels that nothing more may be taken away. */
  #isLast(isBid: boolean): boolean {
    return (isBid ? this.#book.bids.length : this.#book.asks.length) < 3;
  }

  #placeAway(isBid: boolean): void {
    const random = this.#crowd;
    const spec = this.#spec;
    const best = isBid ? this.#book.bestBid : this.#book.bestAsk;
    const bp = random.chance(spec.farShare)
      ? spec.nearBp * Math.min(60, random.pareto(0.9))
      : random.chance(0.03)
        ? random.exponential(spec.nearBp / 25)
        : random.exponential(spec.nearBp);
    const away = Math.ceil((best * bp) / 10_000);
    const tick = isBid ? best - away : best + away;
    if (tick > 0 && tick < best * 3) this.#place(isBid, tick, levelUnits);
  }

  /** A jump of the worth: makers pull what stands in the way, takers take part of it, and the touch is set anew. */
  #move(atUs: number): void {
    const random = this.#moves;
    const spec = this.#spec;
    const book = this.#book;
    this.#swell += -0.04 * this.#swell + 0.14 * random.normal();
    this.#trend += -0.1 * this.#trend + 0.12 * random.normal();
    const heavy = Math.min(12, random.pareto(1.9));
    const bp = spec.moveBp * Math.exp(0.5 * this.#swell) * heavy * (random.normal() * 0.8 + this.#trend);
    // Far from where it began the worth is pulled back a little, so that years of it stay in range.
    const pull = -1e-5 * Math.log(this.#worth / spec.startTick);
    const from = Math.round(this.#worth);
    this.#worth = Math.max(20, this.#worth * Math.exp(bp / 10_000 + pull));
    const to = Math.round(this.#worth);
    if (to === from) return;
    const isUp = to > from;
    const fills = this.#noFills();
    const isTaken = random.chance(0.65);
    if (isUp && book.bestAsk <= to) {
      this.#pull(false, to, isTaken ? 0.8 : 1);
      if (isTaken && book.bestAsk <= to) book.limit(true, to, this.#sweepLots(), fills, true);
    } else if (!isUp && book.bestBid >= to) {
      this.#pull(true, to, isTaken ? 0.8 : 1);
      if (isTaken && book.bestBid >= to) book.limit(false, to, this.#sweepLots(), fills, true);
    }
    this.#keepBothSides();
    this.#after(atUs, isUp, fills);
    this.#noFills();
    if (isUp && book.bestAsk <= to) this.#pull(false, to, 1);
    else if (!isUp && book.bestBid >= to) this.#pull(true, to, 1);
    this.#keepBothSides();
    // The new touch on the side that the price left, then the crowd closes up.
    if (isUp && book.bestBid < to && book.bestAsk > to) this.#placeTouch(true, to);
    else if (!isUp && book.bestAsk > to && book.bestBid < to) this.#placeTouch(false, to);
    this.#newTouchTargets();
    // The crowd answers for some tenths of a second.
    this.#stir = Math.min(4000, this.#stir + 350 * random.pareto(1.2));
    this.#after(atUs, true, this.#noFills());
    // A move draws takers.
    this.#slow += slowDecay * slowBranching * Math.min(20, heavy * 2);
    this.#watchSpread(atUs);
  }

  #sweepLots(): number {
    return this.#lots(this.#moves.pareto(1.2) * 0.4);
  }

  /** Cancels a share of what one side has up to and including `tick`. */
  #pull(isBid: boolean, tick: number, share: number): void {
    const book = this.#book;
    const side = isBid ? book.bids : book.asks;
    let kept = 0;
    while (side.length - kept > 3) {
      const key = side.keys[side.length - 1 - kept]!;
      const at = isBid ? key : -key;
      if (isBid ? at < tick : at > tick) break;
      if (share < 1 && !this.#moves.chance(share)) {
        kept++;
        continue;
      }
      const levels = side.length;
      while (side.length === levels) book.cancel(book.lastAt(isBid, kept));
    }
  }

  #place(isBid: boolean, tick: number, units: QuantileTable): void {
    const crossing = this.#makerFills;
    this.#book.limit(isBid, tick, this.#lots(units.draw(this.#crowd)), crossing, false);
    assert(crossing.filledLots === 0, `a maker order at ${tick} crossed the book`);
  }

  #lots(units: number): number {
    return Math.max(1, Math.round(units * this.#spec.lotsPerUnit));
  }

  /** A market with an empty side cannot be quoted: someone always stands a little further away. */
  #keepBothSides(): void {
    const book = this.#book;
    if (book.bids.length < 3) {
      const from = Math.min(book.bestAsk || this.#worth, this.#worth);
      for (let i = 1; i <= 5; i++) this.#place(true, Math.max(1, Math.floor(from) - i), touchUnits);
    }
    if (book.asks.length < 3) {
      const from = Math.max(book.bestBid, this.#worth);
      for (let i = 1; i <= 5; i++) this.#place(false, Math.ceil(from) + i, touchUnits);
    }
  }

  #fillBook(): void {
    const start = Math.round(this.#spec.startTick);
    this.#newTouchTargets();
    this.#place(true, start, touchUnits);
    this.#place(false, start + 1, touchUnits);
    for (let i = 1; i <= 5; i++) {
      this.#place(true, Math.max(1, start - i * 3), levelUnits);
      this.#place(false, start + 1 + i * 3, levelUnits);
    }
    for (let i = 0; i < this.#spec.restingOrders - 12; i++) this.#placeAway(i % 2 === 0);
  }
}
