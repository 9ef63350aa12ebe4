import type { Batch } from '../domain/batch.ts';
import { powerOfTen } from '../domain/decimal.ts';
import type { SnapshotEvent } from '../domain/decoded.ts';
import type { DepthBatch } from '../domain/depth-batch.ts';
import type { Market } from '../domain/instrument.ts';
import type { Slot, Slots } from '../domain/slots.ts';
import type { bookSnapshots } from '../domain/tables/index.ts';
import type { BookState } from '../protocol/api.ts';
import { BookSide } from './book-side.ts';
import type { EventBufferJson } from './event-buffer.ts';
import { EventBuffer } from './event-buffer.ts';

export interface Level {
  readonly price: number;
  readonly quantity: number;
}

export interface BestLevels {
  readonly bidPrice: number;
  readonly bidQuantity: number;
  readonly askPrice: number;
  readonly askQuantity: number;
}

export interface BookFinding {
  readonly code: 'book-crossed' | 'book-gap';
  readonly detail: string;
}

/** A snapshot kept because its place in the events has not come yet. */
interface PendingSnapshot {
  readonly lastUpdateId: number;
  readonly bidPrices: readonly number[];
  readonly bidQuantities: readonly number[];
  readonly askPrices: readonly number[];
  readonly askQuantities: readonly number[];
  readonly limit: number;
  readonly receivedAtUs: number;
  readonly priceScale: number;
  readonly quantityScale: number;
}

type Nullable = number | null;

export interface OrderBookJson {
  readonly market: Market;
  readonly state: BookState;
  readonly updateId: Nullable;
  readonly eventAtUs: Nullable;
  readonly snapshotAtUs: Nullable;
  readonly resyncs: number;
  readonly priceScale: number;
  readonly quantityScale: number;
  readonly knownFromPrice: Nullable;
  /** Absent when nothing is known, −1 when known to its end. */
  readonly knownToPrice: Nullable;
  /** Best first: price differences, then quantities. */
  readonly bids: readonly [steps: number[], quantities: number[]];
  readonly asks: readonly [steps: number[], quantities: number[]];
  readonly buffer: EventBufferJson;
  readonly pending: PendingSnapshot | null;
  readonly findings: BookFinding[];
}

/** Beyond so many buffered levels the oldest events go: a later snapshot will need the newer ones alone. */
const maxBufferedLevels = 400_000;

/**
 * The order book of one instrument from a snapshot and diff events, its continuity checked for ever. Whether events or
 * snapshot are read first makes no difference to where it ends: early events are buffered, an early snapshot is kept until
 * the events reach it.
 *
 * An event follows when it begins at or before the id that the book stands at (spot `U ≤ id + 1`, futures `pu ≤ id`) and
 * ends after it; quantities are absolute, so an overlap is harmless. That one rule holds for the first event after a
 * snapshot as well (binance.md, 4 and 8.1).
 */
export class OrderBook {
  readonly market: Market;
  /** `none` nothing seen · `syncing` no snapshot yet · `synced` exact · `gap` lost its place, waits for a snapshot. */
  state: BookState = 'none';
  updateId = Number.NaN;
  /** Event time of the last applied event; NaN while only a snapshot made the book. */
  eventAtUs = Number.NaN;
  /** Receive time of the snapshot in use. */
  snapshotAtUs = Number.NaN;
  /** Times that the book was lost and came back. */
  resyncs = 0;
  priceScale = 0;
  quantityScale = 0;
  /** The lowest price with a vouched-for bid level, 0 when bids are known to their end; NaN when nothing is known. */
  knownFromPrice = Number.NaN;
  /** The highest price with a vouched-for ask level, Infinity when asks are known to their end; NaN when nothing is known. */
  knownToPrice = Number.NaN;
  readonly #bids = new BookSide(true);
  readonly #asks = new BookSide(false);
  #buffer = new EventBuffer();
  #pending: PendingSnapshot | undefined;
  #wasLost = false;
  #findings: BookFinding[] = [];

  constructor(market: Market) {
    this.market = market;
  }

  apply(batch: DepthBatch, event: number, slots: Slots): 'applied' | 'buffered' | 'ignored' | 'gap' {
    const slot = slots.get(batch.slot[event]!);
    this.#widen(slot.priceScale, slot.quantityScale);
    const final = batch.finalUpdateId[event]!;
    const before = this.market === 'spot' ? batch.firstUpdateId[event]! - 1 : batch.previousUpdateId[event]!;
    if (this.state !== 'synced') {
      this.#keep(batch, event, before, slot);
      if (this.#pending !== undefined) this.#trySnapshot();
      return 'buffered';
    }
    if (final <= this.updateId) return 'ignored';
    if (before > this.updateId) {
      this.#lose('book-gap', `the event after update ${this.updateId} starts after update ${before}`);
      this.#keep(batch, event, before, slot);
      if (this.#pending !== undefined) this.#trySnapshot();
      return 'gap';
    }
    this.#applyLevels(batch, event, slot);
    this.updateId = final;
    this.eventAtUs = batch.eventAtUs[event]!;
    if (this.#isCrossed()) {
      this.#loseCrossed();
      return 'gap';
    }
    if (this.#pending !== undefined && this.#pending.lastUpdateId <= final) this.#pending = undefined;
    return 'applied';
  }

  /**
   * `waiting`: kept until the events reach it. `too-old`: it ends before the buffered events begin (or the book is already
   * past it).
   */
  snapshot(event: SnapshotEvent, slots: Slots): 'synced' | 'too-old' | 'waiting' {
    const slot = slots.get(event.slot);
    if (this.state === 'synced' && event.lastUpdateId <= this.updateId) return 'too-old';
    if (this.#pending !== undefined && this.#pending.lastUpdateId >= event.lastUpdateId) return 'too-old';
    this.#widen(slot.priceScale, slot.quantityScale);
    this.#pending = {
      lastUpdateId: event.lastUpdateId,
      bidPrices: Array.from(event.bidPrices),
      bidQuantities: Array.from(event.bidQuantities),
      askPrices: Array.from(event.askPrices),
      askQuantities: Array.from(event.askQuantities),
      limit: event.limit,
      receivedAtUs: event.receivedAtUs,
      priceScale: slot.priceScale,
      quantityScale: slot.quantityScale,
    };
    if (this.state === 'none') this.state = 'syncing';
    return this.state === 'synced' ? 'waiting' : this.#trySnapshot();
  }

  /** Events wait and no snapshot is at hand. */
  get needsSnapshot(): boolean {
    return (this.state === 'syncing' || this.state === 'gap') && this.#pending === undefined && this.#buffer.length > 0;
  }

  /** A snapshot helps when its `lastUpdateId` is at least this; NaN before the first event. */
  get wantsSnapshotAfterUpdateId(): number {
    return this.#buffer.length === 0 ? this.updateId : this.#buffer.before[0]!;
  }

  levelCount(side: 'bid' | 'ask'): number {
    return side === 'bid' ? this.#bids.length : this.#asks.length;
  }

  best(): BestLevels | undefined {
    if (this.#bids.length === 0 || this.#asks.length === 0) return undefined;
    return {
      bidPrice: this.#bids.price(0),
      bidQuantity: this.#bids.quantity(0),
      askPrice: this.#asks.price(0),
      askQuantity: this.#asks.quantity(0),
    };
  }

  /** Best levels first, values at the book's scales. */
  top(levels: number): { bids: Level[]; asks: Level[] } {
    return { bids: topOf(this.#bids, levels), asks: topOf(this.#asks, levels) };
  }

  takeFindings(): BookFinding[] {
    const findings = this.#findings;
    this.#findings = [];
    return findings;
  }

  /** The whole book as rows at the scales of `slot`, in the order of the table; nothing unless it is synced. */
  writeSnapshotRows(batch: Batch<typeof bookSnapshots.columns>, slot: Slot): number {
    if (this.state !== 'synced') return 0;
    const priceFactor = powerOfTen(slot.priceScale - this.priceScale);
    const quantityFactor = powerOfTen(slot.quantityScale - this.quantityScale);
    const add = (side: BookSide, rank: number, isBid: number) => {
      const row = batch.add(slot.index);
      const columns = batch.columns;
      const price = side.price(rank);
      columns.update_id[row] = this.updateId;
      columns.is_bid[row] = isBid;
      columns.price[row] = price * priceFactor;
      columns.quantity[row] = side.quantity(rank) * quantityFactor;
      columns.is_within_horizon[row] = (isBid === 1 ? price >= this.knownFromPrice : price <= this.knownToPrice)
        ? 1
        : 0;
      columns.event_at[row] = Number.isNaN(this.eventAtUs) ? this.snapshotAtUs : this.eventAtUs;
    };
    for (let rank = 0; rank < this.#asks.length; rank++) add(this.#asks, rank, 0);
    for (let rank = this.#bids.length - 1; rank >= 0; rank--) add(this.#bids, rank, 1);
    return this.#asks.length + this.#bids.length;
  }

  toJSON(): OrderBookJson {
    return {
      market: this.market,
      state: this.state,
      updateId: orNull(this.updateId),
      eventAtUs: orNull(this.eventAtUs),
      snapshotAtUs: orNull(this.snapshotAtUs),
      resyncs: this.resyncs,
      priceScale: this.priceScale,
      quantityScale: this.quantityScale,
      knownFromPrice: orNull(this.knownFromPrice),
      knownToPrice: this.knownToPrice === Number.POSITIVE_INFINITY ? -1 : orNull(this.knownToPrice),
      bids: sideToJson(this.#bids),
      asks: sideToJson(this.#asks),
      buffer: this.#buffer.toJSON(),
      pending: this.#pending ?? null,
      findings: [...this.#findings],
    };
  }

  static fromJSON(json: OrderBookJson): OrderBook {
    const book = new OrderBook(json.market);
    book.state = json.state;
    book.updateId = json.updateId ?? Number.NaN;
    book.eventAtUs = json.eventAtUs ?? Number.NaN;
    book.snapshotAtUs = json.snapshotAtUs ?? Number.NaN;
    book.resyncs = json.resyncs;
    book.priceScale = json.priceScale;
    book.quantityScale = json.quantityScale;
    book.knownFromPrice = json.knownFromPrice ?? Number.NaN;
    book.knownToPrice = json.knownToPrice === -1 ? Number.POSITIVE_INFINITY : (json.knownToPrice ?? Number.NaN);
    sideFromJson(book.#bids, json.bids);
    sideFromJson(book.#asks, json.asks);
    book.#buffer = EventBuffer.fromJSON(json.buffer);
    book.#pending = json.pending ?? undefined;
    book.#wasLost = json.state === 'gap';
    book.#findings = [...json.findings];
    return book;
  }

  #trySnapshot(): 'synced' | 'too-old' | 'waiting' {
    const pending = this.#pending!;
    const buffer = this.#buffer;
    let next = 0;
    while (next < buffer.length && buffer.final[next]! <= pending.lastUpdateId) next++;
    // Without any event nothing says that the stream has reached the snapshot.
    if (buffer.length === 0) return 'waiting';
    if (next < buffer.length && buffer.before[next]! > pending.lastUpdateId) {
      this.#pending = undefined;
      return 'too-old';
    }
    this.#pending = undefined;
    this.#take(pending);
    for (let event = next; event < buffer.length; event++) {
      for (let level = buffer.levelStart[event]!; level < buffer.levelStart[event + 1]!; level++) {
        (buffer.isBid[level] === 1 ? this.#bids : this.#asks).set(buffer.price[level]!, buffer.quantity[level]!);
      }
      this.updateId = buffer.final[event]!;
      this.eventAtUs = buffer.atUs[event]!;
    }
    buffer.clear();
    if (this.#isCrossed()) {
      this.#loseCrossed();
      return 'too-old';
    }
    return 'synced';
  }

  #take(snapshot: PendingSnapshot): void {
    const priceFactor = powerOfTen(this.priceScale - snapshot.priceScale);
    const quantityFactor = powerOfTen(this.quantityScale - snapshot.quantityScale);
    this.#bids.clear();
    this.#asks.clear();
    const { bidPrices, bidQuantities, askPrices, askQuantities, limit } = snapshot;
    // Worst first: every insertion is an append.
    for (let i = bidPrices.length - 1; i >= 0; i--) {
      this.#bids.set(bidPrices[i]! * priceFactor, bidQuantities[i]! * quantityFactor);
    }
    for (let i = askPrices.length - 1; i >= 0; i--) {
      this.#asks.set(askPrices[i]! * priceFactor, askQuantities[i]! * quantityFactor);
    }
    this.knownFromPrice = bidPrices.length < limit ? 0 : bidPrices.at(-1)! * priceFactor;
    this.knownToPrice = askPrices.length < limit ? Number.POSITIVE_INFINITY : askPrices.at(-1)! * priceFactor;
    this.updateId = snapshot.lastUpdateId;
    this.eventAtUs = Number.NaN;
    this.snapshotAtUs = snapshot.receivedAtUs;
    this.state = 'synced';
    if (this.#wasLost) this.resyncs++;
    this.#wasLost = false;
  }

  #applyLevels(batch: DepthBatch, event: number, slot: Slot): void {
    const end = batch.levelStart[event + 1]!;
    const { isBid, price, quantity } = batch;
    if (slot.priceScale === this.priceScale && slot.quantityScale === this.quantityScale) {
      for (let level = batch.levelStart[event]!; level < end; level++) {
        (isBid[level] === 1 ? this.#bids : this.#asks).set(price[level]!, quantity[level]!);
      }
      return;
    }
    const priceFactor = powerOfTen(this.priceScale - slot.priceScale);
    const quantityFactor = powerOfTen(this.quantityScale - slot.quantityScale);
    for (let level = batch.levelStart[event]!; level < end; level++) {
      (isBid[level] === 1 ? this.#bids : this.#asks).set(
        price[level]! * priceFactor,
        quantity[level]! * quantityFactor,
      );
    }
  }

  /** Keeps an event for the snapshot to come. One that does not follow the kept ones makes them useless. */
  #keep(batch: DepthBatch, event: number, before: number, slot: Slot): void {
    const buffer = this.#buffer;
    const final = batch.finalUpdateId[event]!;
    if (buffer.length > 0) {
      const last = buffer.final[buffer.length - 1]!;
      if (final <= last) return;
      if (before > last) buffer.clear();
    }
    if (this.state === 'none') this.state = 'syncing';
    const priceFactor = powerOfTen(this.priceScale - slot.priceScale);
    const quantityFactor = powerOfTen(this.quantityScale - slot.quantityScale);
    buffer.add(batch.firstUpdateId[event]!, final, before, batch.eventAtUs[event]!);
    for (let level = batch.levelStart[event]!; level < batch.levelStart[event + 1]!; level++) {
      buffer.addLevel(batch.isBid[level]!, batch.price[level]! * priceFactor, batch.quantity[level]! * quantityFactor);
    }
    if (buffer.levels > maxBufferedLevels) {
      let events = 1;
      while (events < buffer.length - 1 && buffer.levels - buffer.levelStart[events]! > maxBufferedLevels / 2) events++;
      buffer.drop(events);
    }
  }

  #lose(code: BookFinding['code'], detail: string): void {
    this.#findings.push({ code, detail });
    this.state = 'gap';
    this.#wasLost = true;
    this.#bids.clear();
    this.#asks.clear();
    this.#buffer.clear();
    this.knownFromPrice = Number.NaN;
    this.knownToPrice = Number.NaN;
  }

  #isCrossed(): boolean {
    return (
      this.market === 'spot' &&
      this.#bids.length > 0 &&
      this.#asks.length > 0 &&
      this.#bids.price(0) >= this.#asks.price(0)
    );
  }

  #loseCrossed(): void {
    this.#lose(
      'book-crossed',
      `after update ${this.updateId} bid ${this.#bids.price(0)} ≥ ask ${this.#asks.price(0)} at price scale ${this.priceScale}`,
    );
  }

  /** The book never gets coarser; values of older slots are read at its scale. */
  #widen(priceScale: number, quantityScale: number): void {
    if (priceScale <= this.priceScale && quantityScale <= this.quantityScale) return;
    const priceDigits = Math.max(0, priceScale - this.priceScale);
    const quantityDigits = Math.max(0, quantityScale - this.quantityScale);
    this.#bids.rescale(priceDigits, quantityDigits);
    this.#asks.rescale(priceDigits, quantityDigits);
    this.#buffer.rescale(priceDigits, quantityDigits);
    this.knownFromPrice *= powerOfTen(priceDigits);
    this.knownToPrice *= powerOfTen(priceDigits);
    this.priceScale += priceDigits;
    this.quantityScale += quantityDigits;
  }
}

function topOf(side: BookSide, levels: number): Level[] {
  const top: Level[] = [];
  const count = Math.min(levels, side.length);
  for (let rank = 0; rank < count; rank++) top.push({ price: side.price(rank), quantity: side.quantity(rank) });
  return top;
}

function sideToJson(side: BookSide): [number[], number[]] {
  const steps: number[] = [];
  const quantities: number[] = [];
  let before = 0;
  for (let rank = 0; rank < side.length; rank++) {
    steps.push(side.price(rank) - before);
    before = side.price(rank);
    quantities.push(side.quantity(rank));
  }
  return [steps, quantities];
}

function sideFromJson(side: BookSide, [steps, quantities]: readonly [readonly number[], readonly number[]]): void {
  const prices: number[] = [];
  let price = 0;
  for (const step of steps) {
    price += step;
    prices.push(price);
  }
  for (let rank = prices.length - 1; rank >= 0; rank--) side.set(prices[rank]!, quantities[rank]!);
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
