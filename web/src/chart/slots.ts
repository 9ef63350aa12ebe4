import type { CandleRow, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs } from '../../../src/protocol/figures.ts';

/** More empty slots in a row than this become one `break` slot with a label: never a silent jump, never a frozen page. */
export const longestEmptyStretch = 2_000;

/**
 * One place on the time axis. Every expected candle has one, so missing time is as wide as it was. Numbers are
 * coordinates; what is shown as text comes from the row.
 */
export interface Slot {
  readonly openUs: number;
  /** Null where nothing came for an expected candle. */
  readonly row: CandleRow | null;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly takerBuy: number;
  /** Expected candles that this one slot stands for; 1 but for a break. */
  readonly span: number;
}

export function slotOf(row: CandleRow): Slot {
  return {
    openUs: row.openedAtUs,
    row,
    open: Number(row.open),
    high: Number(row.high),
    low: Number(row.low),
    close: Number(row.close),
    volume: Number(row.volume),
    takerBuy: Number(row.takerBuyVolume),
    span: 1,
  };
}

function emptySlot(openUs: number, span = 1): Slot {
  return { openUs, row: null, open: 0, high: 0, low: 0, close: 0, volume: 0, takerBuy: 0, span };
}

export function isEmpty(slot: Slot): boolean {
  return slot.row === null || slot.row.state === 'missing';
}

/** Slots strictly between two open times. */
export function slotsBetween(interval: Interval, afterUs: number, beforeUs: number): Slot[] {
  const empty: Slot[] = [];
  let openUs = nextOpenTimeUs(interval, afterUs);
  while (openUs < beforeUs) {
    empty.push(emptySlot(openUs));
    if (empty.length > longestEmptyStretch) {
      const first = empty[0]!.openUs;
      const lengthUs = nextOpenTimeUs(interval, first) - first;
      return [emptySlot(first, Math.max(1, Math.round((beforeUs - first) / lengthUs)))];
    }
    openUs = nextOpenTimeUs(interval, openUs);
  }
  return empty;
}

export interface SlotChange {
  /** Positions whose content changed, ascending; those from `appendedFrom` on are new at the end. */
  readonly changed: readonly number[];
  readonly appendedFrom: number;
  /** The positions themselves moved: everything has to be set again. */
  readonly rebuilt: boolean;
}

const nothing: SlotChange = { changed: [], appendedFrom: Number.POSITIVE_INFINITY, rebuilt: false };

/** Whether `next` may replace `held`: an answer that was on its way longer must not undo what came live since. */
function supersedes(next: CandleRow, held: CandleRow): boolean {
  if (next.state === 'missing') return held.state === 'missing';
  if (held.state === 'missing') return true;
  if (held.state !== 'forming' && next.state === 'forming') return false;
  return next.tradeCount >= held.tradeCount || next.state === 'final' || next.marks.length > held.marks.length;
}

/** The candles of one chart, ascending, one slot for each expected one. */
export class SlotSeries {
  readonly interval: Interval;
  #slots: Slot[] = [];

  constructor(interval: Interval) {
    this.interval = interval;
  }

  get slots(): readonly Slot[] {
    return this.#slots;
  }

  get firstUs(): number | undefined {
    return this.#slots[0]?.openUs;
  }

  get lastUs(): number | undefined {
    return this.#slots.at(-1)?.openUs;
  }

  /** Position of the slot that opens at `openUs`; −1 when there is none. */
  indexOf(openUs: number): number {
    const at = this.lowerBound(openUs);
    return this.#slots[at]?.openUs === openUs ? at : -1;
  }

  /** First position whose slot opens at or after `atUs`. */
  lowerBound(atUs: number): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#slots[middle]!.openUs < atUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  replaceAll(rows: readonly CandleRow[]): void {
    this.#slots = [];
    this.#append(rows);
  }

  /** Older candles in front; answers how many slots were added there. Rows that are already here are left out. */
  prepend(rows: readonly CandleRow[]): number {
    const first = this.firstUs;
    if (first === undefined) {
      this.replaceAll(rows);
      return this.#slots.length;
    }
    const older = rows.filter((row) => row.openedAtUs < first);
    if (older.length === 0) return 0;
    const held = this.#slots;
    this.#slots = [];
    this.#append(older);
    this.#slots.push(...slotsBetween(this.interval, this.lastUs!, first));
    const added = this.#slots.length;
    this.#slots = this.#slots.concat(held);
    return added;
  }

  /** Changed or new candles, ascending. Those before the first one here do not belong to this window. */
  apply(rows: readonly CandleRow[]): SlotChange {
    if (rows.length === 0) return nothing;
    if (this.#slots.length === 0) {
      this.#append(rows);
      return { changed: this.#slots.map((_, at) => at), appendedFrom: 0, rebuilt: true };
    }
    const appendedFrom = this.#slots.length;
    const changed: number[] = [];
    let rebuilt = false;
    for (const row of rows) {
      const last = this.lastUs!;
      if (row.openedAtUs < this.firstUs!) continue;
      if (row.openedAtUs > last) {
        const from = this.#slots.length;
        this.#slots.push(...slotsBetween(this.interval, last, row.openedAtUs), slotOf(row));
        for (let at = from; at < this.#slots.length; at++) changed.push(at);
        continue;
      }
      const at = this.lowerBound(row.openedAtUs);
      const held = this.#slots[at]!;
      if (held.openUs !== row.openedAtUs || held.span > 1) {
        // Off the grid that was assumed, or inside a break: lay everything out again.
        const all = new Map(
          this.#slots.flatMap((slot) => (slot.row === null ? [] : [[slot.openUs, slot.row] as const])),
        );
        all.set(row.openedAtUs, row);
        this.replaceAll([...all.values()].sort((a, b) => a.openedAtUs - b.openedAtUs));
        rebuilt = true;
        continue;
      }
      if (held.row !== null && !supersedes(row, held.row)) continue;
      this.#slots[at] = slotOf(row);
      changed.push(at);
    }
    return { changed: [...new Set(changed)].sort((a, b) => a - b), appendedFrom, rebuilt };
  }

  /** Leaves the newest `count` slots. */
  dropOldest(count: number): number {
    const dropped = Math.max(0, this.#slots.length - count);
    this.#slots = this.#slots.slice(dropped);
    return dropped;
  }

  dropNewest(count: number): number {
    const dropped = Math.max(0, this.#slots.length - count);
    this.#slots = this.#slots.slice(0, count);
    return dropped;
  }

  #append(rows: readonly CandleRow[]): void {
    for (const row of rows) {
      const last = this.lastUs;
      if (last !== undefined) {
        if (row.openedAtUs <= last) continue;
        this.#slots.push(...slotsBetween(this.interval, last, row.openedAtUs));
      }
      this.#slots.push(slotOf(row));
    }
  }
}

export interface HeldInView {
  readonly held: number;
  readonly expected: number;
  readonly empty: number;
  readonly bars: number;
}

/**
 * Ids held among those that existed, for slots `from … to`. The venue numbers its trades without a break, so the first and
 * last id in view say how many there were; only slots that know their ids take part.
 */
export function heldInView(slots: readonly Slot[], from: number, to: number): HeldInView {
  let held = 0;
  let firstId: number | undefined;
  let lastId: number | undefined;
  let empty = 0;
  let bars = 0;
  for (let at = Math.max(0, from); at <= Math.min(slots.length - 1, to); at++) {
    const slot = slots[at]!;
    bars += slot.span;
    if (isEmpty(slot)) {
      empty += slot.span;
      continue;
    }
    const row = slot.row!;
    if (row.tradeCount === 0 || row.source === 'none' || row.source === 'venue') continue;
    held += row.tradeCount;
    firstId ??= row.firstTradeId;
    lastId = row.lastTradeId;
  }
  const expected = firstId === undefined || lastId === undefined ? 0 : Math.max(held, lastId - firstId + 1);
  return { held, expected, empty, bars };
}
