import { powerOfTen } from '../domain/decimal.ts';
import type { Interval } from '../domain/interval.ts';
import { dayUs, hourUs, minuteUs, openTimeUs, secondUs } from '../domain/interval.ts';
import type { Slot } from '../domain/slots.ts';
import { addToSum, CandleColumns, cell, exactProduct, mergeCandle, productLow, stride } from './candle-columns.ts';

export const storedIntervals = ['1s', '1m', '1h', '1d'] as const satisfies readonly Interval[];
export type StoredInterval = (typeof storedIntervals)[number];

/** A stored candle by its place. */
export interface CandleKey {
  readonly interval: StoredInterval;
  readonly openedAtUs: number;
}

export const candleSources = ['trades', 'agg-trades', 'venue'] as const;
export type CandleSource = (typeof candleSources)[number];

/** How long candles stay in memory behind the newest instant given to `evict`; days stay for ever. */
const keptUs: Record<StoredInterval, number> = {
  '1s': 2 * dayUs,
  '1m': 30 * dayUs,
  '1h': 1000 * dayUs,
  '1d': Number.POSITIVE_INFINITY,
};

/** Checkpoint of a builder: rows of the last while, and from when on they are whole. */
export interface CandleBuilderJson {
  readonly priceScale: number;
  readonly quantityScale: number;
  readonly completeFromUs: Readonly<Record<StoredInterval, number>>;
  readonly rows: Readonly<Record<StoredInterval, number[]>>;
  readonly touched: Readonly<Record<StoredInterval, number[]>>;
}

/**
 * The stored candles of one instrument from its trades, in any order: ids decide open and close, so a late or repaired
 * trade just adds. Who calls makes sure that each id comes once.
 */
export class CandleBuilder {
  readonly columns: Readonly<Record<StoredInterval, CandleColumns>> = {
    '1s': new CandleColumns(),
    '1m': new CandleColumns(),
    '1h': new CandleColumns(),
    '1d': new CandleColumns(),
  };
  priceScale = 0;
  quantityScale = 0;
  /**
   * Memory holds whole candles from here on, per interval. A trade before it starts a delta, to be merged with the stored
   * candle by `load`.
   */
  readonly completeFromUs: Record<StoredInterval, number> = { '1s': 0, '1m': 0, '1h': 0, '1d': 0 };
  readonly #touched: Record<StoredInterval, number[]> = { '1s': [], '1m': [], '1h': [], '1d': [] };
  #generation = 1;
  /** The second that the last trade fell into, and the offsets of the four candles it belongs to. */
  #openUs = Number.NaN;
  #endUs = Number.NaN;
  #atSecond = 0;
  #atMinute = 0;
  #atHour = 0;
  #atDay = 0;

  /** Trades `first … last` (an aggregate) or one trade. Scaled as `slot` says. */
  add(
    firstTradeId: number,
    lastTradeId: number,
    count: number,
    price: number,
    quantity: number,
    tradedAtUs: number,
    takerBuy: boolean,
    slot: Slot,
    source: 0 | 1 | 2 = 0,
  ): void {
    if (slot.priceScale !== this.priceScale || slot.quantityScale !== this.quantityScale) {
      this.#widen(slot.priceScale, slot.quantityScale);
      price *= powerOfTen(this.priceScale - slot.priceScale);
      quantity *= powerOfTen(this.quantityScale - slot.quantityScale);
    }
    if (!(tradedAtUs >= this.#openUs && tradedAtUs < this.#endUs)) this.#moveTo(tradedAtUs);
    const high = exactProduct(price, quantity);
    const low = productLow;
    const { columns } = this;
    addTrade(
      columns['1s'].cells,
      this.#atSecond,
      firstTradeId,
      lastTradeId,
      count,
      price,
      quantity,
      low,
      high,
      takerBuy,
      source,
    );
    addTrade(
      columns['1m'].cells,
      this.#atMinute,
      firstTradeId,
      lastTradeId,
      count,
      price,
      quantity,
      low,
      high,
      takerBuy,
      source,
    );
    addTrade(
      columns['1h'].cells,
      this.#atHour,
      firstTradeId,
      lastTradeId,
      count,
      price,
      quantity,
      low,
      high,
      takerBuy,
      source,
    );
    addTrade(
      columns['1d'].cells,
      this.#atDay,
      firstTradeId,
      lastTradeId,
      count,
      price,
      quantity,
      low,
      high,
      takerBuy,
      source,
    );
  }

  /** Stored candles that trades changed since the last call. */
  takeTouched(): CandleKey[] {
    const keys: CandleKey[] = [];
    for (const interval of storedIntervals) {
      for (const openedAtUs of this.#touched[interval].sort((a, b) => a - b)) keys.push({ interval, openedAtUs });
      this.#touched[interval] = [];
    }
    this.#generation++;
    this.#openUs = Number.NaN;
    return keys;
  }

  /** Candles whose trades in memory are only what came late: the stored rest must be loaded before they are written. */
  deltas(): CandleKey[] {
    return storedIntervals.flatMap((interval) => {
      const columns = this.columns[interval];
      const keys: CandleKey[] = [];
      for (let row = 0; row < columns.length && columns.openedAtUs(row) < this.completeFromUs[interval]; row++) {
        if (columns.cells[columns.at(row) + cell.isDelta] === 1)
          keys.push({ interval, openedAtUs: columns.openedAtUs(row) });
      }
      return keys;
    });
  }

  /** Makes room for stored candles before they are merged: row by row, each would move all that are newer. */
  expect(interval: StoredInterval, opensUs: Float64Array): void {
    this.columns[interval].insertDeltas(opensUs);
    this.#openUs = Number.NaN;
  }

  /** Takes a stored candle (cells at the builder's scales) back in: merged into a delta, else only where none is. */
  merge(interval: StoredInterval, cells: Float64Array, at: number): void {
    const columns = this.columns[interval];
    const openUs = cells[at + cell.openedAtUs]!;
    const known = columns.find(openUs);
    if (known >= 0 && columns.cells[columns.at(known) + cell.isDelta] !== 1) return;
    const row = columns.rowFor(openUs);
    mergeCandle(columns.cells, columns.at(row), cells, at);
    columns.cells[columns.at(row) + cell.isDelta] = 0;
    columns.cells[columns.at(row) + cell.written] = cells[at + cell.written]!;
    this.#openUs = Number.NaN;
  }

  /** Forgets what is old enough: it is in the lake. */
  evict(nowUs: number): void {
    for (const interval of storedIntervals) {
      const beforeUs = openTimeUs(interval, nowUs - Math.min(keptUs[interval], nowUs));
      const columns = this.columns[interval];
      const rows = columns.firstAtOrAfter(beforeUs);
      if (rows < 2) continue;
      // The last of them stays: empty candles carry its close.
      columns.removeBefore(columns.openedAtUs(rows - 1));
      this.completeFromUs[interval] = Math.max(this.completeFromUs[interval], beforeUs);
    }
    this.#openUs = Number.NaN;
  }

  /** The scales become at least these. */
  widenTo(slot: Slot): void {
    this.#widen(slot.priceScale, slot.quantityScale);
  }

  /** Rows from `fromUs[interval]` on (each start of its interval). */
  toJSON(fromUs: Readonly<Record<StoredInterval, number>> = this.completeFromUs): CandleBuilderJson {
    const rows: Record<string, number[]> = {};
    const completeFromUs: Record<string, number> = {};
    for (const interval of storedIntervals) {
      const columns = this.columns[interval];
      const from = Math.max(this.completeFromUs[interval], fromUs[interval]);
      // One row more: empty candles carry its close.
      const firstRow = Math.max(0, columns.firstAtOrAfter(from) - 1);
      rows[interval] = Array.from(columns.cells.subarray(firstRow * stride, columns.length * stride));
      // Without earlier rows nothing is left out.
      completeFromUs[interval] =
        firstRow === 0 && columns.openedAtUs(0) >= this.completeFromUs[interval] ? this.completeFromUs[interval] : from;
    }
    return {
      priceScale: this.priceScale,
      quantityScale: this.quantityScale,
      completeFromUs: completeFromUs as Record<StoredInterval, number>,
      rows: rows as Record<StoredInterval, number[]>,
      touched: structuredClone(this.#touched),
    };
  }

  static fromJSON(json: CandleBuilderJson): CandleBuilder {
    const builder = new CandleBuilder();
    builder.priceScale = json.priceScale;
    builder.quantityScale = json.quantityScale;
    for (const interval of storedIntervals) {
      const columns = builder.columns[interval];
      const cells = json.rows[interval];
      columns.cells = new Float64Array(Math.max(64 * stride, cells.length));
      columns.cells.set(cells);
      columns.length = cells.length / stride;
      builder.completeFromUs[interval] = json.completeFromUs[interval];
      for (let row = 0; row < columns.length; row++) columns.cells[columns.at(row) + cell.touch] = 0;
      for (const openUs of json.touched[interval]) {
        builder.#touched[interval].push(openUs);
        const row = columns.find(openUs);
        if (row >= 0) columns.cells[columns.at(row) + cell.touch] = builder.#generation;
      }
    }
    return builder;
  }

  #moveTo(tradedAtUs: number): void {
    const openUs = Math.floor(tradedAtUs / secondUs) * secondUs;
    this.#openUs = openUs;
    this.#endUs = openUs + secondUs;
    this.#atSecond = this.#touch('1s', openUs);
    this.#atMinute = this.#touch('1m', Math.floor(tradedAtUs / minuteUs) * minuteUs);
    this.#atHour = this.#touch('1h', Math.floor(tradedAtUs / hourUs) * hourUs);
    this.#atDay = this.#touch('1d', Math.floor(tradedAtUs / dayUs) * dayUs);
  }

  /** Offset of the candle's cells. */
  #touch(interval: StoredInterval, openUs: number): number {
    const columns = this.columns[interval];
    const rows = columns.length;
    const row = columns.rowFor(openUs);
    const at = columns.at(row);
    if (columns.length > rows && openUs < this.completeFromUs[interval]) columns.cells[at + cell.isDelta] = 1;
    if (columns.cells[at + cell.touch] !== this.#generation) {
      columns.cells[at + cell.touch] = this.#generation;
      this.#touched[interval].push(openUs);
    }
    return at;
  }

  #widen(priceScale: number, quantityScale: number): void {
    const priceDigits = Math.max(0, priceScale - this.priceScale);
    const quantityDigits = Math.max(0, quantityScale - this.quantityScale);
    if (priceDigits === 0 && quantityDigits === 0) return;
    for (const interval of storedIntervals) this.columns[interval].rescale(priceDigits, quantityDigits);
    this.priceScale += priceDigits;
    this.quantityScale += quantityDigits;
  }
}

function addTrade(
  cells: Float64Array,
  at: number,
  first: number,
  last: number,
  count: number,
  price: number,
  quantity: number,
  productLow: number,
  productHigh: number,
  takerBuy: boolean,
  source: number,
): void {
  if (cells[at + cell.tradeCount] === 0) {
    cells[at + cell.open] = price;
    cells[at + cell.high] = price;
    cells[at + cell.low] = price;
    cells[at + cell.close] = price;
    cells[at + cell.firstTradeId] = first;
    cells[at + cell.lastTradeId] = last;
  } else {
    if (price > cells[at + cell.high]!) cells[at + cell.high] = price;
    if (price < cells[at + cell.low]!) cells[at + cell.low] = price;
    if (last > cells[at + cell.lastTradeId]!) {
      cells[at + cell.lastTradeId] = last;
      cells[at + cell.close] = price;
    }
    if (first < cells[at + cell.firstTradeId]!) {
      cells[at + cell.firstTradeId] = first;
      cells[at + cell.open] = price;
    }
  }
  cells[at + cell.tradeCount] = cells[at + cell.tradeCount]! + count;
  if (source > cells[at + cell.source]!) cells[at + cell.source] = source;
  addToSum(cells, at + cell.volume, quantity);
  addToSum(cells, at + cell.quoteVolume, productLow);
  cells[at + cell.quoteVolume + 1] = cells[at + cell.quoteVolume + 1]! + productHigh;
  if (takerBuy) {
    addToSum(cells, at + cell.takerBuyVolume, quantity);
    addToSum(cells, at + cell.takerBuyQuoteVolume, productLow);
    cells[at + cell.takerBuyQuoteVolume + 1] = cells[at + cell.takerBuyQuoteVolume + 1]! + productHigh;
  }
}
