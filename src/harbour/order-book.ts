import { assert } from '../domain/error.ts';

const none = -1;

/** Price levels of one side, sorted so that the best is last: most changes happen there and move little memory. */
class Side {
  /** Ticks on the bid side, negated ticks on the ask side: larger is better on both. */
  keys = new Float64Array(4096);
  levels = new Int32Array(4096);
  length = 0;

  /** Position of the first key `>= key`. */
  position(key: number): number {
    const keys = this.keys;
    let low = 0;
    let high = this.length;
    // Most look-ups are near the best end: gallop from there.
    let step = 1;
    while (high - step > 0 && keys[high - step]! >= key) step *= 2;
    low = Math.max(0, high - step);
    high = Math.max(0, high - (step >> 1));
    if (step === 1) high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(position: number, key: number, level: number): void {
    if (this.length === this.keys.length) {
      const keys = new Float64Array(this.length * 2);
      keys.set(this.keys);
      this.keys = keys;
      const levels = new Int32Array(this.length * 2);
      levels.set(this.levels);
      this.levels = levels;
    }
    this.keys.copyWithin(position + 1, position, this.length);
    this.levels.copyWithin(position + 1, position, this.length);
    this.keys[position] = key;
    this.levels[position] = level;
    this.length++;
  }

  remove(position: number): void {
    this.keys.copyWithin(position, position + 1, this.length);
    this.levels.copyWithin(position, position + 1, this.length);
    this.length--;
  }
}

/** What one taker order did: fills in order, each against one resting order. */
export interface Fills {
  readonly ticks: number[];
  readonly lots: number[];
  filledLots: number;
}

/**
 * A limit order book with price-time priority, in whole ticks and lots. Orders live in pooled columns and are named by
 * their slot; a slot is reused after its order is gone.
 */
export class OrderBook {
  readonly bids = new Side();
  readonly asks = new Side();
  /** Last book update id: one per change of a level's quantity. */
  updateId: number;
  /** Sees every level change, after it happened. Quantity 0: the level is gone. */
  onLevel: (isBid: boolean, tick: number, lots: number, updateId: number) => void = () => {};

  // Orders
  #orderLevel = new Int32Array(8192);
  #orderLots = new Float64Array(8192);
  #orderNext = new Int32Array(8192);
  #orderPrevious = new Int32Array(8192);
  #orderLive = new Int32Array(8192);
  readonly #freeOrders: number[] = [];
  #orderCount = 0;
  // Levels
  #levelTick = new Float64Array(8192);
  #levelLots = new Float64Array(8192);
  #levelHead = new Int32Array(8192);
  #levelTail = new Int32Array(8192);
  #levelIsBid = new Uint8Array(8192);
  readonly #freeLevels: number[] = [];
  #levelCount = 0;
  /** Slots of all live orders, in no order: for drawing one at random. */
  #live = new Int32Array(8192);
  liveCount = 0;

  constructor(updateId: number) {
    this.updateId = updateId;
  }

  /** 0 when the side is empty. */
  get bestBid(): number {
    return this.bids.length === 0 ? 0 : this.bids.keys[this.bids.length - 1]!;
  }

  get bestAsk(): number {
    return this.asks.length === 0 ? 0 : -this.asks.keys[this.asks.length - 1]!;
  }

  lotsAtBest(isBid: boolean): number {
    const side = isBid ? this.bids : this.asks;
    return side.length === 0 ? 0 : this.#levelLots[side.levels[side.length - 1]!]!;
  }

  /** Quantity at a tick; 0 when there is no level. */
  lotsAt(isBid: boolean, tick: number): number {
    const side = isBid ? this.bids : this.asks;
    const key = isBid ? tick : -tick;
    const position = side.position(key);
    return position < side.length && side.keys[position] === key ? this.#levelLots[side.levels[position]!]! : 0;
  }

  /** Best first: tick, lots of up to `count` levels. */
  top(isBid: boolean, count: number): { ticks: number[]; lots: number[] } {
    const side = isBid ? this.bids : this.asks;
    const ticks: number[] = [];
    const lots: number[] = [];
    for (let i = side.length - 1; i >= 0 && ticks.length < count; i--) {
      ticks.push(isBid ? side.keys[i]! : -side.keys[i]!);
      lots.push(this.#levelLots[side.levels[i]!]!);
    }
    return { ticks, lots };
  }

  /** Slot of the live order at a position of `0 … liveCount − 1`. */
  liveOrder(position: number): number {
    return this.#live[position]!;
  }

  orderTick(order: number): number {
    return this.#levelTick[this.#orderLevel[order]!]!;
  }

  orderIsBid(order: number): boolean {
    return this.#levelIsBid[this.#orderLevel[order]!] === 1;
  }

  /** Newest order of the best level, or −1. */
  lastAtBest(isBid: boolean): number {
    const side = isBid ? this.bids : this.asks;
    return side.length === 0 ? none : this.#levelTail[side.levels[side.length - 1]!]!;
  }

  /** Newest order of the level that is `skip` levels behind the best. */
  lastAt(isBid: boolean, skip: number): number {
    const side = isBid ? this.bids : this.asks;
    return this.#levelTail[side.levels[side.length - 1 - skip]!]!;
  }

  /**
   * Matches against the other side as far as `tick` allows, then rests what is left unless `immediate`. Fills are added
   * to `fills`. Returns the resting order's slot, or −1.
   */
  limit(isBid: boolean, tick: number, lots: number, fills: Fills, immediate = false): number {
    assert(lots > 0 && tick > 0, `order of ${lots} lots at tick ${tick}`);
    const left = this.#match(isBid, isBid ? tick : -tick, lots, fills);
    if (left === 0 || immediate) return none;
    return this.#rest(isBid, tick, left);
  }

  /** Takes up to `lots` from the other side at any price. */
  market(isBid: boolean, lots: number, fills: Fills): void {
    this.#match(isBid, Number.POSITIVE_INFINITY, lots, fills);
  }

  cancel(order: number): void {
    const level = this.#orderLevel[order]!;
    this.#levelLots[level]! -= this.#orderLots[order]!;
    this.#unlink(order, level);
    this.#levelChanged(level);
  }

  /** `limitKey`: worst price that the taker accepts, as a key of its own side. */
  #match(isBid: boolean, limitKey: number, lots: number, fills: Fills): number {
    const side = isBid ? this.asks : this.bids;
    let left = lots;
    while (left > 0 && side.length > 0) {
      const key = side.keys[side.length - 1]!;
      if (-key > limitKey) break;
      const level = side.levels[side.length - 1]!;
      const tick = this.#levelTick[level]!;
      while (left > 0 && this.#levelHead[level] !== none) {
        const order = this.#levelHead[level]!;
        const available = this.#orderLots[order]!;
        const taken = Math.min(available, left);
        fills.ticks.push(tick);
        fills.lots.push(taken);
        fills.filledLots += taken;
        left -= taken;
        this.#levelLots[level]! -= taken;
        if (taken === available) this.#unlink(order, level);
        else this.#orderLots[order] = available - taken;
      }
      this.#levelChanged(level);
    }
    return left;
  }

  #rest(isBid: boolean, tick: number, lots: number): number {
    const side = isBid ? this.bids : this.asks;
    const key = isBid ? tick : -tick;
    const position = side.position(key);
    let level: number;
    if (position < side.length && side.keys[position] === key) level = side.levels[position]!;
    else {
      level = this.#newLevel(isBid, tick);
      side.insert(position, key, level);
    }
    const order = this.#newOrder(level, lots);
    const tail = this.#levelTail[level]!;
    this.#orderPrevious[order] = tail;
    this.#orderNext[order] = none;
    if (tail === none) this.#levelHead[level] = order;
    else this.#orderNext[tail] = order;
    this.#levelTail[level] = order;
    this.#levelLots[level]! += lots;
    this.#levelChanged(level);
    return order;
  }

  /** One update id; removes the level when it is empty. */
  #levelChanged(level: number): void {
    const isBid = this.#levelIsBid[level] === 1;
    const tick = this.#levelTick[level]!;
    const lots = this.#levelLots[level]!;
    this.updateId++;
    if (this.#levelHead[level] === none) {
      const side = isBid ? this.bids : this.asks;
      side.remove(side.position(isBid ? tick : -tick));
      this.#freeLevels.push(level);
    }
    this.onLevel(isBid, tick, lots, this.updateId);
  }

  #newLevel(isBid: boolean, tick: number): number {
    const level = this.#freeLevels.pop() ?? this.#levelCount++;
    if (level === this.#levelTick.length) {
      this.#levelTick = grown(this.#levelTick);
      this.#levelLots = grown(this.#levelLots);
      this.#levelHead = grown(this.#levelHead);
      this.#levelTail = grown(this.#levelTail);
      this.#levelIsBid = grown(this.#levelIsBid);
    }
    this.#levelTick[level] = tick;
    this.#levelLots[level] = 0;
    this.#levelHead[level] = none;
    this.#levelTail[level] = none;
    this.#levelIsBid[level] = isBid ? 1 : 0;
    return level;
  }

  #newOrder(level: number, lots: number): number {
    const order = this.#freeOrders.pop() ?? this.#orderCount++;
    if (order === this.#orderLots.length) {
      this.#orderLevel = grown(this.#orderLevel);
      this.#orderLots = grown(this.#orderLots);
      this.#orderNext = grown(this.#orderNext);
      this.#orderPrevious = grown(this.#orderPrevious);
      this.#orderLive = grown(this.#orderLive);
      this.#live = grown(this.#live);
    }
    this.#orderLevel[order] = level;
    this.#orderLots[order] = lots;
    this.#orderLive[order] = this.liveCount;
    this.#live[this.liveCount++] = order;
    return order;
  }

  #unlink(order: number, level: number): void {
    const next = this.#orderNext[order]!;
    const previous = this.#orderPrevious[order]!;
    if (previous === none) this.#levelHead[level] = next;
    else this.#orderNext[previous] = next;
    if (next === none) this.#levelTail[level] = previous;
    else this.#orderPrevious[next] = previous;
    const position = this.#orderLive[order]!;
    const last = this.#live[--this.liveCount]!;
    this.#live[position] = last;
    this.#orderLive[last] = position;
    this.#freeOrders.push(order);
  }
}

function grown<T extends Float64Array | Int32Array | Uint8Array>(column: T): T {
  const larger = new (column.constructor as new (length: number) => T)(column.length * 2);
  larger.set(column);
  return larger;
}
