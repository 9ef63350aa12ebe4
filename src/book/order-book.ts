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
  readonly code: 'book-crossed';
  readonly detail: string;
}

/** A snapshot kept because its place in the events has not come yet. */
interface KeptSnapshot {
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
  readonly snapshots: readonly KeptSnapshot[];
  readonly chainId: Nullable;
  readonly isRefreshing: boolean;
  readonly isUnwritten: boolean;
  readonly margins: readonly [bid: number, ask: number];
  readonly findings: BookFinding[];
}

/** Beyond so many buffered levels the oldest events go: a later snapshot will need the newer ones alone. */
const maxBufferedLevels = 400_000;
/** The same while the book is in use and only waits for a wider snapshot: seconds of a busy market. */
const maxRefreshLevels = 50_000;
/** Mostly one waits; many only when a journal of answers is read long before the frames they belong to. */
const maxKeptSnapshots = 256;

/**
 * The order book of one instrument from a snapshot and diff events, its continuity checked for ever. Whether events or
 * snapshot are read first makes no difference to where it ends: early events are buffered, an early snapshot is kept until
 * the events reach it.
 *
 * An event follows when it begins at or before the id that the book stands at (spot `U ≤ id + 1`, futures `pu ≤ id`) and
 * ends after it; quantities are absolute, so an overlap is harmless. That one rule holds for the first event after a
 * snapshot as well (binance.md, 4 and 8.1).
 *
 * A break in the events ends what a snapshot before it can give, not the use of the events before it: while no snapshot
 * has come for those they stay kept, so that one read late still has its part of the book.
 */
export class OrderBook {
  readonly market: Market;
  /** `none` nothing seen · `syncing` no snapshot yet · `synced` exact · `gap` lost its place, waits for a snapshot. */
  state: BookState = 'none';
  updateId = Number.NaN;
  /** Event time of the last applied event; NaN before the first. */
  eventAtUs = Number.NaN;
  /** Receive time of the snapshot in use. */
  snapshotAtUs = Number.NaN;
  /** Times that the chain of events broke, or the book proved wrong, and a new snapshot was needed. */
  resyncs = 0;
  priceScale = 0;
  quantityScale = 0;
  /** The lowest price with a vouched-for bid level, 0 when bids are known to their end; NaN when nothing is known. */
  knownFromPrice = Number.NaN;
  /** The highest price with a vouched-for ask level, Infinity when asks are known to their end; NaN when nothing is known. */
  knownToPrice = Number.NaN;
  /**
   * Called after every event that the book took, live or kept, when the book stands exactly after it. Not while a wider
   * snapshot is wanted: it may replace what the book is by then.
   */
  afterEvent: (() => void) | undefined;
  /** A snapshot was taken since rows of the book were last written. */
  isUnwritten = false;
  readonly #bids = new BookSide(true);
  readonly #asks = new BookSide(false);
  #buffer = new EventBuffer();
  /** In the order they came. */
  #snapshots: KeptSnapshot[] = [];
  /** Last update id of the newest event, whether or not the book could use it. */
  #chainId = Number.NaN;
  /** Synced, but the market has come near the end of the known range: events are kept again for a wider snapshot. */
  #isRefreshing = false;
  #bidMargin = 0;
  #askMargin = 0;
  #findings: BookFinding[] = [];

  constructor(market: Market) {
    this.market = market;
  }

  apply(batch: DepthBatch, event: number, slots: Slots): 'applied' | 'buffered' | 'ignored' | 'gap' {
    const final = batch.finalUpdateId[event]!;
    if (final <= this.#chainId) return 'ignored';
    const slot = slots.get(batch.slot[event]!);
    this.#widen(slot.priceScale, slot.quantityScale);
    const before = this.market === 'spot' ? batch.firstUpdateId[event]! - 1 : batch.previousUpdateId[event]!;
    const isBreak = before > this.#chainId;
    this.#chainId = final;
    if (isBreak) {
      this.resyncs++;
      this.#lose(0);
    }
    if (this.state === 'synced') {
      this.#applyLevels(batch, event, slot);
      if (!this.#advance(final, batch.eventAtUs[event]!)) return 'gap';
      if (this.#isRefreshing) {
        this.#keep(batch, event, before, slot);
        this.#trySnapshots();
      } else this.#forgetPassedSnapshots();
      return 'applied';
    }
    if (this.state === 'none') this.state = 'syncing';
    this.#keep(batch, event, before, slot);
    this.#trySnapshots();
    return isBreak ? 'gap' : this.#nowSynced() ? 'applied' : 'buffered';
  }

  /**
   * Give it every snapshot, also while synced: it may belong to events not read yet. `waiting`: kept until the events pass
   * it. `too-old`: the events it would need are gone, or the book is past it and has no use for it.
   */
  snapshot(event: SnapshotEvent, slots: Slots): 'synced' | 'too-old' | 'waiting' {
    const slot = slots.get(event.slot);
    if (this.state === 'synced' && !this.#isRefreshing && event.lastUpdateId <= this.updateId) return 'too-old';
    this.#widen(slot.priceScale, slot.quantityScale);
    const snapshot: KeptSnapshot = {
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
    this.#snapshots.push(snapshot);
    if (this.#snapshots.length > maxKeptSnapshots) this.#snapshots.shift();
    if (this.state === 'none') this.state = 'syncing';
    if (this.state !== 'synced' || this.#isRefreshing) this.#trySnapshots();
    if (this.#snapshots.includes(snapshot)) return 'waiting';
    return this.state === 'synced' && this.snapshotAtUs === event.receivedAtUs ? 'synced' : 'too-old';
  }

  /** No snapshot is at hand and one would help: to start, after a gap, or because the known range is nearly left. */
  get needsSnapshot(): boolean {
    return (this.state !== 'synced' || this.#isRefreshing) && this.#snapshots.length === 0 && this.#buffer.length > 0;
  }

  /** A snapshot helps when its `lastUpdateId` is at least this; NaN before the first event. */
  get wantsSnapshotAfterUpdateId(): number {
    return this.#buffer.length === 0 ? this.#chainId : this.#buffer.before[0]!;
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
      columns.event_at[row] = this.eventAtUs;
    };
    this.isUnwritten = false;
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
      snapshots: [...this.#snapshots],
      chainId: orNull(this.#chainId),
      isRefreshing: this.#isRefreshing,
      isUnwritten: this.isUnwritten,
      margins: [this.#bidMargin, this.#askMargin],
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
    book.#snapshots = [...json.snapshots];
    book.#chainId = json.chainId ?? Number.NaN;
    book.#isRefreshing = json.isRefreshing;
    book.isUnwritten = json.isUnwritten;
    [book.#bidMargin, book.#askMargin] = json.margins;
    book.#findings = [...json.findings];
    return book;
  }

  /** Strictly in the order they came, so that the choice does not depend on when the events are read. */
  #trySnapshots(): void {
    const buffer = this.#buffer;
    while (this.#snapshots.length > 0 && buffer.length > 0) {
      // Kept events only move on: what ends before them is of no use any more, wherever it stands.
      const from = buffer.before[0]!;
      this.#snapshots = this.#snapshots.filter((kept) => kept.lastUpdateId >= from);
      const snapshot = this.#snapshots[0];
      if (snapshot === undefined) return;
      let next = 0;
      while (next < buffer.length && buffer.final[next]! <= snapshot.lastUpdateId) next++;
      // Only an event that goes past the snapshot shows that nothing is missing between them.
      if (next === buffer.length) return;
      this.#snapshots.shift();
      // It falls into a break: what followed it is missing.
      if (buffer.before[next]! > snapshot.lastUpdateId) continue;
      this.#take(snapshot);
      if (this.#replay(next) && !this.#isRefreshing) {
        this.#forgetPassedSnapshots();
        return;
      }
    }
  }

  /**
   * Applies the kept events from `next` on and forgets them, but for those from which on a wider snapshot is wanted again;
   * false when the book was lost at one of them: that one, after a break, or those after it stay.
   */
  #replay(next: number): boolean {
    const buffer = this.#buffer;
    let keptFrom = buffer.length;
    for (let event = next; event < buffer.length; event++) {
      if (buffer.before[event]! > this.updateId) {
        this.#lose(Math.min(keptFrom, event));
        return false;
      }
      for (let level = buffer.levelStart[event]!; level < buffer.levelStart[event + 1]!; level++) {
        (buffer.isBid[level] === 1 ? this.#bids : this.#asks).set(buffer.price[level]!, buffer.quantity[level]!);
      }
      const rest = event + 1;
      if (!this.#advance(buffer.final[event]!, buffer.atUs[event]!, rest)) return false;
      if (this.#isRefreshing && keptFrom > event) keptFrom = event;
    }
    buffer.drop(keptFrom);
    return true;
  }

  /** After a whole event; false when the book turns out to be wrong (then the first `used` kept events are forgotten). */
  #advance(finalUpdateId: number, eventAtUs: number, used = this.#buffer.length): boolean {
    this.updateId = finalUpdateId;
    this.eventAtUs = eventAtUs;
    const { length: bids } = this.#bids;
    const { length: asks } = this.#asks;
    if (bids > 0 && asks > 0) {
      const bid = this.#bids.price(0);
      const ask = this.#asks.price(0);
      if (this.market === 'spot' && bid >= ask) {
        this.#findings.push({
          code: 'book-crossed',
          detail: `after update ${finalUpdateId} bid ${bid} ≥ ask ${ask} at price scale ${this.priceScale}`,
        });
        this.resyncs++;
        this.#lose(used);
        return false;
      }
      if (bid - this.knownFromPrice < this.#bidMargin || this.knownToPrice - ask < this.#askMargin) {
        this.#isRefreshing = true;
      }
    }
    if (!this.#isRefreshing) this.afterEvent?.();
    return true;
  }

  #forgetPassedSnapshots(): void {
    if (this.#snapshots.length === 0) return;
    this.#snapshots = this.#snapshots.filter((snapshot) => snapshot.lastUpdateId > this.updateId);
  }

  #nowSynced(): boolean {
    return this.state === 'synced';
  }

  #take(snapshot: KeptSnapshot): void {
    const priceFactor = powerOfTen(this.priceScale - snapshot.priceScale);
    const quantityFactor = powerOfTen(this.quantityScale - snapshot.quantityScale);
    const { bidPrices, bidQuantities, askPrices, askQuantities, limit } = snapshot;
    const knownFromPrice = bidPrices.length < limit ? 0 : bidPrices.at(-1)! * priceFactor;
    const knownToPrice = askPrices.length < limit ? Number.POSITIVE_INFINITY : askPrices.at(-1)! * priceFactor;
    // A book in use has lost nothing: what it knows beyond the snapshot it goes on knowing.
    const isWidened = this.state === 'synced';
    this.knownFromPrice = isWidened ? Math.min(this.knownFromPrice, knownFromPrice) : knownFromPrice;
    this.knownToPrice = isWidened ? Math.max(this.knownToPrice, knownToPrice) : knownToPrice;
    if (isWidened) {
      this.#bids.clearTo(knownFromPrice);
      this.#asks.clearTo(knownToPrice);
    } else {
      this.#bids.clear();
      this.#asks.clear();
    }
    // Worst first: every insertion is an append.
    for (let i = bidPrices.length - 1; i >= 0; i--) {
      this.#bids.set(bidPrices[i]! * priceFactor, bidQuantities[i]! * quantityFactor);
    }
    for (let i = askPrices.length - 1; i >= 0; i--) {
      this.#asks.set(askPrices[i]! * priceFactor, askQuantities[i]! * quantityFactor);
    }
    this.#setMargins();
    this.#isRefreshing = false;
    this.isUnwritten = true;
    this.updateId = snapshot.lastUpdateId;
    this.snapshotAtUs = snapshot.receivedAtUs;
    this.state = 'synced';
  }

  /** A quarter of the range known at the snapshot: when the market comes that near its end, another one is wanted. */
  #setMargins(): void {
    const margin = (range: number) => (Number.isFinite(range) ? range / 4 : 0);
    const hasBids = this.#bids.length > 0 && this.knownFromPrice > 0;
    const hasAsks = this.#asks.length > 0;
    this.#bidMargin = hasBids ? margin(this.#bids.price(0) - this.knownFromPrice) : 0;
    this.#askMargin = hasAsks ? margin(this.knownToPrice - this.#asks.price(0)) : 0;
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

  /** Keeps an event for the snapshot to come. */
  #keep(batch: DepthBatch, event: number, before: number, slot: Slot): void {
    const buffer = this.#buffer;
    const priceFactor = powerOfTen(this.priceScale - slot.priceScale);
    const quantityFactor = powerOfTen(this.quantityScale - slot.quantityScale);
    buffer.add(batch.finalUpdateId[event]!, before, batch.eventAtUs[event]!);
    for (let level = batch.levelStart[event]!; level < batch.levelStart[event + 1]!; level++) {
      buffer.addLevel(batch.isBid[level]!, batch.price[level]! * priceFactor, batch.quantity[level]! * quantityFactor);
    }
    const maxLevels = this.state === 'synced' ? maxRefreshLevels : maxBufferedLevels;
    if (buffer.levels > maxLevels) {
      let events = 1;
      while (events < buffer.length - 1 && buffer.levels - buffer.levelStart[events]! > maxLevels / 2) events++;
      buffer.drop(events);
    }
  }

  /** The book is no longer known; kept events but the first `used` stay. */
  #lose(used = this.#buffer.length): void {
    if (this.state === 'synced') this.state = 'gap';
    this.#bids.clear();
    this.#asks.clear();
    this.#buffer.drop(used);
    this.#isRefreshing = false;
    this.knownFromPrice = Number.NaN;
    this.knownToPrice = Number.NaN;
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
    this.#bidMargin *= powerOfTen(priceDigits);
    this.#askMargin *= powerOfTen(priceDigits);
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
