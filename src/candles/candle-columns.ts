import { bigPowerOfTen, powerOfTen } from '../domain/decimal.ts';
import { assert } from '../domain/error.ts';

/**
 * Cells of a candle. A sum is two cells, `low + high × 2^52`, exact below 2^105: no bigint while trades arrive.
 * `written` and `touch` are the series' own marks.
 */
export const cell = {
  openedAtUs: 0,
  open: 1,
  high: 2,
  low: 3,
  close: 4,
  tradeCount: 5,
  firstTradeId: 6,
  lastTradeId: 7,
  volume: 8,
  quoteVolume: 10,
  takerBuyVolume: 12,
  takerBuyQuoteVolume: 14,
  source: 16,
  written: 17,
  touch: 18,
  isDelta: 19,
} as const;
export const stride = 20;

const limb = 2 ** 52;
const half = 2 ** 26;

/** Candles of one interval, sorted by open time: one row of cells a candle, in one array. Only candles with trades have rows. */
export class CandleColumns {
  length = 0;
  cells = new Float64Array(64 * stride);

  /** Offset of the cells of row `row`. */
  at(row: number): number {
    return row * stride;
  }

  openedAtUs(row: number): number {
    return this.cells[row * stride]!;
  }

  /** First row that opens at or after `atUs`; `length` when none does. */
  firstAtOrAfter(atUs: number): number {
    const cells = this.cells;
    let low = 0;
    let high = this.length;
    if (high > 0 && cells[(high - 1) * stride]! < atUs) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cells[middle * stride]! < atUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Row that opens at exactly `openUs`, −1 when there is none. */
  find(openUs: number): number {
    const row = this.firstAtOrAfter(openUs);
    return row < this.length && this.cells[row * stride] === openUs ? row : -1;
  }

  /** Row that opens at `openUs`, made without trades when there is none. */
  rowFor(openUs: number): number {
    const row = this.firstAtOrAfter(openUs);
    if (row < this.length && this.cells[row * stride] === openUs) return row;
    if ((this.length + 1) * stride > this.cells.length) {
      const cells = new Float64Array(this.cells.length * 2);
      cells.set(this.cells);
      this.cells = cells;
    }
    const at = row * stride;
    this.cells.copyWithin(at + stride, at, this.length * stride);
    this.cells.fill(0, at, at + stride);
    this.cells[at] = openUs;
    this.cells[at + cell.written] = -1;
    this.length++;
    return row;
  }

  /** Rows without trades, as deltas, for those of `opensUs` (ascending, each once) that have none: one pass for all of them. */
  insertDeltas(opensUs: Float64Array): void {
    let from = this.length - 1;
    let missing = 0;
    for (const openUs of opensUs) if (this.find(openUs) < 0) missing++;
    if (missing === 0) return;
    this.length += missing;
    if (this.length * stride > this.cells.length) {
      const cells = new Float64Array(Math.max(this.cells.length * 2, this.length * stride));
      cells.set(this.cells);
      this.cells = cells;
    }
    const { cells } = this;
    let next = opensUs.length - 1;
    for (let to = this.length - 1; to > from; to--) {
      const at = to * stride;
      const openUs = opensUs[next]!;
      const knownUs = from < 0 ? Number.NEGATIVE_INFINITY : cells[from * stride]!;
      if (knownUs >= openUs) {
        cells.copyWithin(at, from * stride, (from + 1) * stride);
        from--;
        if (knownUs === openUs) next--;
      } else {
        cells.fill(0, at, at + stride);
        cells[at] = openUs;
        cells[at + cell.written] = -1;
        cells[at + cell.isDelta] = 1;
        next--;
      }
    }
  }

  removeBefore(atUs: number): void {
    const rows = this.firstAtOrAfter(atUs);
    if (rows === 0) return;
    this.cells.copyWithin(0, rows * stride, this.length * stride);
    this.length -= rows;
    if (this.cells.length > 256 * stride && this.length * stride * 4 < this.cells.length) {
      this.cells = this.cells.slice(0, Math.max(64, this.length * 2) * stride);
    }
  }

  rescale(priceDigits: number, quantityDigits: number): void {
    const factor = powerOfTen(priceDigits);
    for (let row = 0; row < this.length; row++) {
      const at = row * stride;
      for (let i: number = cell.open; i <= cell.close; i++) this.cells[at + i] = this.cells[at + i]! * factor;
      scaleSum(this.cells, at + cell.volume, quantityDigits);
      scaleSum(this.cells, at + cell.takerBuyVolume, quantityDigits);
      scaleSum(this.cells, at + cell.quoteVolume, priceDigits + quantityDigits);
      scaleSum(this.cells, at + cell.takerBuyQuoteVolume, priceDigits + quantityDigits);
    }
  }
}

/** Adds a safe integer to the sum at `at`. */
export function addToSum(cells: Float64Array, at: number, value: number): void {
  let low = value;
  if (low >= limb) {
    low -= limb;
    cells[at + 1] = cells[at + 1]! + 1;
  }
  low += cells[at]!;
  if (low >= limb) {
    low -= limb;
    cells[at + 1] = cells[at + 1]! + 1;
  }
  cells[at] = low;
}

/** Adds the sum at `fromAt` of `from` to the one at `at`. */
export function addSum(cells: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  cells[at + 1] = cells[at + 1]! + from[fromAt + 1]!;
  addToSum(cells, at, from[fromAt]!);
}

/** Low limb of the last `exactProduct`; the high one is its result. */
export let productLow = 0;

/** `a × b` of safe integers ≥ 0 in two limbs. */
export function exactProduct(a: number, b: number): number {
  const product = a * b;
  if (product < limb) {
    productLow = product;
    return 0;
  }
  if (a >= limb || b >= limb) {
    const big = BigInt(a) * BigInt(b);
    productLow = Number(big & 0xfffffffffffffn);
    return Number(big >> 52n);
  }
  const aHigh = Math.floor(a / half);
  const aLow = a - aHigh * half;
  const bHigh = Math.floor(b / half);
  const bLow = b - bHigh * half;
  const middle = aHigh * bLow + aLow * bHigh;
  const middleHigh = Math.floor(middle / half);
  let low = aLow * bLow + (middle - middleHigh * half) * half;
  let high = aHigh * bHigh + middleHigh;
  if (low >= limb) {
    low -= limb;
    high++;
  }
  productLow = low;
  return high;
}

export function sumOf(cells: Float64Array, at: number): bigint {
  const high = cells[at + 1]!;
  assert(high <= Number.MAX_SAFE_INTEGER, 'a candle sums to less than 2^105');
  return high === 0 ? BigInt(cells[at]!) : (BigInt(high) << 52n) + BigInt(cells[at]!);
}

export function setSum(cells: Float64Array, at: number, value: bigint): void {
  cells[at] = Number(value & 0xfffffffffffffn);
  cells[at + 1] = Number(value >> 52n);
}

function scaleSum(cells: Float64Array, at: number, digits: number): void {
  if (digits > 0) setSum(cells, at, sumOf(cells, at) * bigPowerOfTen(digits));
}

/** Merges the candle at `fromAt` of `from` into the one at `at`: the same in any order, as ids decide open and close. */
export function mergeCandle(cells: Float64Array, at: number, from: Float64Array, fromAt: number): void {
  const count = from[fromAt + cell.tradeCount]!;
  if (count === 0) return;
  const first = from[fromAt + cell.firstTradeId]!;
  const last = from[fromAt + cell.lastTradeId]!;
  if (cells[at + cell.tradeCount] === 0) {
    for (let i: number = cell.open; i <= cell.source; i++) cells[at + i] = from[fromAt + i]!;
    return;
  }
  if (first < cells[at + cell.firstTradeId]!) {
    cells[at + cell.firstTradeId] = first;
    cells[at + cell.open] = from[fromAt + cell.open]!;
  }
  if (last > cells[at + cell.lastTradeId]!) {
    cells[at + cell.lastTradeId] = last;
    cells[at + cell.close] = from[fromAt + cell.close]!;
  }
  if (from[fromAt + cell.high]! > cells[at + cell.high]!) cells[at + cell.high] = from[fromAt + cell.high]!;
  if (from[fromAt + cell.low]! < cells[at + cell.low]!) cells[at + cell.low] = from[fromAt + cell.low]!;
  cells[at + cell.tradeCount] = cells[at + cell.tradeCount]! + count;
  addSum(cells, at + cell.volume, from, fromAt + cell.volume);
  addSum(cells, at + cell.quoteVolume, from, fromAt + cell.quoteVolume);
  addSum(cells, at + cell.takerBuyVolume, from, fromAt + cell.takerBuyVolume);
  addSum(cells, at + cell.takerBuyQuoteVolume, from, fromAt + cell.takerBuyQuoteVolume);
  if (from[fromAt + cell.source]! > cells[at + cell.source]!) cells[at + cell.source] = from[fromAt + cell.source]!;
}
