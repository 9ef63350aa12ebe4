import type { Batch } from '../domain/batch.ts';
import { bigPowerOfTen, powerOfTen } from '../domain/decimal.ts';
import { assert } from '../domain/error.ts';
import type { Interval } from '../domain/interval.ts';
import { nextOpenTimeUs, openTimeUs } from '../domain/interval.ts';
import type { Slot, Slots } from '../domain/slots.ts';
import type { CandleMark, CandleState } from '../domain/state.ts';
import { candleStates } from '../domain/state.ts';
import type { candles } from '../domain/tables/index.ts';
import type { CandleBuilderJson, CandleKey, CandleSource, StoredInterval } from './candle-builder.ts';
import { CandleBuilder, candleSources, storedIntervals } from './candle-builder.ts';
import type { CandleColumns } from './candle-columns.ts';
import { cell, setSum, stride, sumOf } from './candle-columns.ts';
import { rollUp, storedFor } from './roll-up.ts';
import type { CandleGap } from './state.ts';
import { candleStanding } from './state.ts';

/** What must be known beside the trades to say a candle's state. */
export interface CandleContext {
  readonly venueNowUs: number;
  readonly tidemarkUs: number;
  /** Time of the first trade held; NaN when nothing is. */
  readonly heldFromUs: number;
  readonly gaps: readonly CandleGap[];
  /** Any open time of the venue's 3-day grid for this symbol. */
  readonly anchorUs?: number;
}

/** A candle with values at the builder's scales: prices, then sums at the quantity scale, products at both added. */
export interface SeriesCandle {
  readonly openedAtUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: bigint;
  readonly quoteVolume: bigint;
  readonly tradeCount: number;
  readonly takerBuyVolume: bigint;
  readonly takerBuyQuoteVolume: bigint;
  /** −1 when there was none. */
  readonly firstTradeId: number;
  readonly lastTradeId: number;
  readonly state: CandleState;
  readonly marks: readonly CandleMark[];
  readonly source: CandleSource | 'none';
}

export interface CandleSeriesJson {
  readonly builder: CandleBuilderJson;
  readonly settledUntilUs: Readonly<Record<StoredInterval, number>>;
  /** Open time and written standing of empty slots, in turn. */
  readonly writtenEmpty: Readonly<Record<StoredInterval, number[]>>;
}

type StoredTimes = Record<StoredInterval, number>;

/** A `written` cell: the state's index, and bits for the marks. */
const stateBits = 7;
const finalCode = candleStates.indexOf('final');
const repairedBit = 8;
const revisedBit = 16;

/** Candles of one instrument as screens and the lake want them: every slot filled, each with its state. */
export class CandleSeries {
  readonly builder: CandleBuilder;
  /** Slots that end at or before it were written when the tidemark had passed them. */
  readonly #settledUntilUs: StoredTimes = { '1s': 0, '1m': 0, '1h': 0, '1d': 0 };
  /** Standing under which slots without trades were written, by open time. */
  readonly #writtenEmpty: Record<StoredInterval, Map<number, number>> = {
    '1s': new Map(),
    '1m': new Map(),
    '1h': new Map(),
    '1d': new Map(),
  };
  readonly #scratch = new Float64Array(stride);

  constructor(builder: CandleBuilder) {
    this.builder = builder;
  }

  /** First slot of the interval that memory can answer; NaN when there is none. */
  firstOpenUs(interval: Interval, anchorUs = 0): number {
    const stored = storedFor(interval);
    const columns = this.builder.columns[stored];
    const completeFromUs = this.builder.completeFromUs[stored];
    const row = columns.firstAtOrAfter(completeFromUs);
    if (row === columns.length) return Number.NaN;
    // With a row before, memory begins in the middle of history, else with the first candle there is.
    const fromUs = row > 0 ? completeFromUs : columns.openedAtUs(row);
    const openUs = openTimeUs(interval, fromUs, anchorUs);
    // A slot that begins before memory does is not whole here.
    return openUs < completeFromUs ? nextOpenTimeUs(interval, openUs) : openUs;
  }

  /** The newest `limit` candles that open in [fromUs, toUs), ascending, every slot filled, none in the future. */
  range(interval: Interval, fromUs: number, toUs: number, limit: number, context: CandleContext): SeriesCandle[] {
    const anchorUs = context.anchorUs ?? 0;
    const firstUs = this.firstOpenUs(interval, anchorUs);
    const columns = this.builder.columns[storedFor(interval)];
    if (Number.isNaN(firstUs) || !(toUs > fromUs)) return [];
    const newestUs = Math.max(columns.openedAtUs(columns.length - 1), context.venueNowUs);
    let openUs = openTimeUs(interval, Math.min(toUs - 1, newestUs), anchorUs);
    const lowestUs = Math.max(fromUs, firstUs);
    const opens: number[] = [];
    while (openUs >= lowestUs && opens.length < limit) {
      opens.push(openUs);
      openUs = openTimeUs(interval, openUs - 1, anchorUs);
    }
    if (opens.length === 0) return [];
    opens.reverse();
    const endUs = nextOpenTimeUs(interval, opens.at(-1)!);
    const gaps = context.gaps.filter((gap) => gap.openedAtUs < endUs && !(gap.closedAtUs < opens[0]!));
    const near = { ...context, gaps };
    let row = columns.firstAtOrAfter(opens[0]!);
    const rows: SeriesCandle[] = [];
    for (const slotUs of opens) {
      const [candle, next] = this.#candleAt(storedFor(interval), slotUs, nextOpenTimeUs(interval, slotUs), row, near);
      rows.push(candle);
      row = next;
    }
    return rows;
  }

  /** One stored candle; undefined where memory does not hold it whole. */
  at(key: CandleKey, context: CandleContext): SeriesCandle | undefined {
    const columns = this.builder.columns[key.interval];
    const row = columns.firstAtOrAfter(key.openedAtUs);
    const isThere = row < columns.length && columns.openedAtUs(row) === key.openedAtUs;
    if (
      isThere
        ? columns.cells[columns.at(row) + cell.isDelta] === 1
        : key.openedAtUs < this.builder.completeFromUs[key.interval]
    ) {
      return undefined;
    }
    const endUs = nextOpenTimeUs(key.interval, key.openedAtUs);
    return this.#candleAt(key.interval, key.openedAtUs, endUs, row, context)[0];
  }

  /**
   * Stored candles to write now: touched by trades, or whose state changed since they were last written because venue time,
   * tidemark or one of `changedGaps` moved. Seconds without trades are never stored.
   */
  takeDue(context: CandleContext, changedGaps: readonly CandleGap[]): CandleKey[] {
    const touched = this.builder.takeTouched();
    const due: CandleKey[] = [];
    for (const interval of storedIntervals) {
      const opens = new Set<number>();
      for (const key of touched) {
        if (key.interval !== interval) continue;
        opens.add(key.openedAtUs);
        this.#markRevised(key);
      }
      const firstUs = this.firstOpenUs(interval);
      if (!Number.isNaN(firstUs)) {
        const columns = this.builder.columns[interval];
        const newestUs = Math.max(context.venueNowUs, columns.openedAtUs(columns.length - 1));
        const settledUs = Math.max(this.#settledUntilUs[interval], firstUs);
        this.#addChanged(interval, settledUs, newestUs, context, opens);
        for (const gap of changedGaps) {
          const fromUs = Math.max(firstUs, openTimeUs(interval, gap.openedAtUs));
          const toUs = Number.isNaN(gap.closedAtUs) ? newestUs : gap.closedAtUs;
          this.#addChanged(interval, fromUs, Math.min(toUs, settledUs - 1), context, opens);
        }
        const passedUs = Math.min(context.tidemarkUs, context.venueNowUs);
        if (passedUs > settledUs) this.#settledUntilUs[interval] = openTimeUs(interval, passedUs);
      }
      for (const openedAtUs of [...opens].sort((a, b) => a - b)) due.push({ interval, openedAtUs });
    }
    return due;
  }

  /**
   * Rows of stored candles at the scales of `slot`; the keys of those that memory does not hold whole: `load` them from the
   * lake and write again.
   */
  writeRows(
    batch: Batch<typeof candles.columns>,
    keys: readonly CandleKey[],
    slot: Slot,
    context: CandleContext,
  ): CandleKey[] {
    this.builder.widenTo(slot);
    const notHere: CandleKey[] = [];
    for (const key of keys) {
      const candle = this.at(key, context);
      if (candle === undefined) notHere.push(key);
      else {
        writeCandle(batch, slot, key.interval, candle, this.builder);
        this.#remember(key, candle);
      }
    }
    return notHere;
  }

  /** Takes rows of the lake back in: what memory holds whole already stays, deltas are merged with them. */
  load(batch: Batch<typeof candles.columns>, slots: Slots): void {
    const columns = batch.columns;
    const cells = this.#scratch;
    const isTaken = (row: number) =>
      storedIntervals.includes(columns.interval[row] as StoredInterval) && columns.trade_count[row] !== 0;
    for (const interval of storedIntervals) {
      const opensUs = new Set<number>();
      for (let row = 0; row < batch.length; row++) {
        if (columns.interval[row] === interval && isTaken(row)) opensUs.add(columns.opened_at[row]!);
      }
      this.builder.expect(interval, Float64Array.from(opensUs).sort());
    }
    for (let row = 0; row < batch.length; row++) {
      const interval = columns.interval[row] as StoredInterval;
      if (!isTaken(row)) continue;
      const slot = slots.get(batch.slot[row]!);
      // Rows come back at the lake's scale, finer than their trades needed; mostly the builder's own scales hold them exactly.
      if (!fitsScales(batch, row, slot, this.builder)) this.builder.widenTo(slot);
      const { priceScale, quantityScale } = this.builder;
      const price = (value: number) => rescaled(value, slot.priceScale, priceScale);
      const sum = (value: bigint) => rescaledWide(value, slot.quantityScale, quantityScale);
      const product = (value: bigint) =>
        rescaledWide(value, slot.priceScale + slot.quantityScale, priceScale + quantityScale);
      cells.fill(0);
      cells[cell.openedAtUs] = columns.opened_at[row]!;
      cells[cell.open] = price(columns.open[row]!);
      cells[cell.high] = price(columns.high[row]!);
      cells[cell.low] = price(columns.low[row]!);
      cells[cell.close] = price(columns.close[row]!);
      cells[cell.tradeCount] = columns.trade_count[row]!;
      cells[cell.firstTradeId] = columns.first_trade_id[row]!;
      cells[cell.lastTradeId] = columns.last_trade_id[row]!;
      setSum(cells, cell.volume, sum(columns.volume[row]!));
      setSum(cells, cell.takerBuyVolume, sum(columns.taker_buy_volume[row]!));
      setSum(cells, cell.quoteVolume, product(columns.quote_volume[row]!));
      setSum(cells, cell.takerBuyQuoteVolume, product(columns.taker_buy_quote_volume[row]!));
      cells[cell.source] = Math.max(0, candleSources.indexOf(columns.source[row] as CandleSource));
      const marks = columns.marks[row] ?? '';
      cells[cell.written] =
        candleStates.indexOf(columns.state[row] as CandleState) +
        (marks.includes('repaired') ? repairedBit : 0) +
        (marks.includes('revised') ? revisedBit : 0);
      this.builder.merge(interval, cells, 0);
    }
  }

  /** Memory now holds everything from `fromUs` on (after a `load` of all older rows). */
  completeFrom(interval: StoredInterval, fromUs: number): void {
    this.builder.completeFromUs[interval] = fromUs;
  }

  /** A checkpoint: what may still change by time alone, and at least the rows from `fromUs` on. */
  toJSON(fromUs = 0): CandleSeriesJson {
    const cut = {} as StoredTimes;
    const writtenEmpty = {} as Record<StoredInterval, number[]>;
    for (const interval of storedIntervals) {
      cut[interval] = openTimeUs(interval, Math.max(0, Math.min(fromUs, this.#settledUntilUs[interval] - 1)));
      writtenEmpty[interval] = [...this.#writtenEmpty[interval]].flat();
    }
    return { builder: this.builder.toJSON(cut), settledUntilUs: { ...this.#settledUntilUs }, writtenEmpty };
  }

  static fromJSON(json: CandleSeriesJson): CandleSeries {
    const series = new CandleSeries(CandleBuilder.fromJSON(json.builder));
    for (const interval of storedIntervals) {
      series.#settledUntilUs[interval] = json.settledUntilUs[interval];
      const written = json.writtenEmpty[interval];
      for (let i = 0; i + 1 < written.length; i += 2) series.#writtenEmpty[interval].set(written[i]!, written[i + 1]!);
    }
    return series;
  }

  evict(nowUs: number): void {
    this.builder.evict(nowUs);
  }

  /** The candle of [openUs, endUs) and the first row after it; `row` is the first row at or after `openUs`. */
  #candleAt(
    stored: StoredInterval,
    openUs: number,
    endUs: number,
    row: number,
    context: CandleContext,
  ): [SeriesCandle, number] {
    const columns = this.builder.columns[stored];
    const { cells } = columns;
    const out = this.#scratch;
    const next = rollUp(columns, row, openUs, endUs, out);
    const wholeBefore = this.#wholeBefore(columns, row);
    const before = wholeBefore >= 0 ? columns.at(wholeBefore) : -1;
    const after = next < columns.length ? columns.at(next) : -1;
    const count = out[cell.tradeCount]!;
    const lastBefore = before < 0 ? Number.NaN : cells[before + cell.lastTradeId]!;
    const firstAfter = after < 0 ? Number.NaN : cells[after + cell.firstTradeId]!;
    const first = out[cell.firstTradeId]!;
    const last = out[cell.lastTradeId]!;
    const isProvenByIds =
      count === 0
        ? lastBefore + 1 === firstAfter
        : lastBefore + 1 === first && last + 1 === firstAfter && count === last - first + 1;
    const standing = candleStanding({
      openUs,
      endUs,
      venueNowUs: context.venueNowUs,
      tidemarkUs: context.tidemarkUs,
      heldFromUs: context.heldFromUs,
      gaps: context.gaps,
      hasTrades: count > 0,
      isProvenByIds,
      isRevised: anyRevised(columns, row, next),
    });
    if (count > 0) {
      const candle: SeriesCandle = {
        openedAtUs: openUs,
        open: out[cell.open]!,
        high: out[cell.high]!,
        low: out[cell.low]!,
        close: out[cell.close]!,
        volume: sumOf(out, cell.volume),
        quoteVolume: sumOf(out, cell.quoteVolume),
        tradeCount: count,
        takerBuyVolume: sumOf(out, cell.takerBuyVolume),
        takerBuyQuoteVolume: sumOf(out, cell.takerBuyQuoteVolume),
        firstTradeId: first,
        lastTradeId: last,
        state: standing.state,
        marks: standing.marks,
        source: candleSources[out[cell.source]!]!,
      };
      return [candle, next];
    }
    const isKnown = before >= 0 && standing.state !== 'missing';
    const price = isKnown ? cells[before + cell.close]! : 0;
    const candle: SeriesCandle = {
      openedAtUs: openUs,
      open: price,
      high: price,
      low: price,
      close: price,
      volume: 0n,
      quoteVolume: 0n,
      tradeCount: 0,
      takerBuyVolume: 0n,
      takerBuyQuoteVolume: 0n,
      firstTradeId: -1,
      lastTradeId: -1,
      state: standing.state,
      marks: standing.marks,
      source: isKnown ? candleSources[cells[before + cell.source]!]! : 'none',
    };
    return [candle, next];
  }

  /** A candle that was written as final and changes again. */
  #markRevised(key: CandleKey): void {
    const columns = this.builder.columns[key.interval];
    const row = columns.find(key.openedAtUs);
    if (row < 0) return;
    const at = columns.at(row) + cell.written;
    const written = columns.cells[at]!;
    if (written >= 0 && (written & stateBits) === finalCode) columns.cells[at] = written | revisedBit;
  }

  /** The row is the last whole one before `row`; −1 when there is none. */
  #wholeBefore(columns: CandleColumns, row: number): number {
    let before = row - 1;
    while (before >= 0 && columns.cells[columns.at(before) + cell.isDelta] === 1) before--;
    return before;
  }

  /** Adds the slots that open in [fromUs, toUs] and were not written with the standing that they have now. */
  #addChanged(
    interval: StoredInterval,
    fromUs: number,
    toUs: number,
    context: CandleContext,
    opens: Set<number>,
  ): void {
    const columns = this.builder.columns[interval];
    let openUs = openTimeUs(interval, fromUs);
    let row = columns.firstAtOrAfter(openUs);
    while (true) {
      if (interval === '1s' && row < columns.length) openUs = columns.openedAtUs(row);
      if (openUs > toUs || (interval === '1s' && row >= columns.length)) return;
      const endUs = nextOpenTimeUs(interval, openUs);
      const [candle, next] = this.#candleAt(interval, openUs, endUs, row, context);
      const written =
        next > row ? columns.cells[columns.at(row) + cell.written]! : this.#writtenEmpty[interval].get(openUs);
      if (written !== standingCode(candle)) opens.add(openUs);
      row = next;
      openUs = endUs;
    }
  }

  #remember(key: CandleKey, candle: SeriesCandle): void {
    const columns = this.builder.columns[key.interval];
    const row = columns.find(key.openedAtUs);
    const empty = this.#writtenEmpty[key.interval];
    if (row >= 0) {
      columns.cells[columns.at(row) + cell.written] = standingCode(candle);
      empty.delete(key.openedAtUs);
      return;
    }
    empty.set(key.openedAtUs, standingCode(candle));
    // What is forgotten here is at worst written once more, unchanged.
    if (empty.size > 5000) {
      for (const openUs of empty.keys()) if (openUs < this.#settledUntilUs[key.interval]) empty.delete(openUs);
    }
  }
}

/** Whether the row's values need no more digits than the builder has. */
function fitsScales(batch: Batch<typeof candles.columns>, row: number, slot: Slot, builder: CandleBuilder): boolean {
  const { open, high, low, close, volume, taker_buy_volume, quote_volume, taker_buy_quote_volume } = batch.columns;
  const priceDigits = Math.max(0, slot.priceScale - builder.priceScale);
  const quantityDigits = Math.max(0, slot.quantityScale - builder.quantityScale);
  const priceUnit = powerOfTen(priceDigits);
  const sumUnit = bigPowerOfTen(quantityDigits);
  const productUnit = bigPowerOfTen(
    Math.max(0, slot.priceScale + slot.quantityScale - builder.priceScale - builder.quantityScale),
  );
  return (
    [open, high, low, close].every((column) => column[row]! % priceUnit === 0) &&
    [volume, taker_buy_volume].every((column) => column[row]! % sumUnit === 0n) &&
    [quote_volume, taker_buy_quote_volume].every((column) => column[row]! % productUnit === 0n)
  );
}

function rescaled(value: number, fromScale: number, toScale: number): number {
  if (toScale >= fromScale) return value * powerOfTen(toScale - fromScale);
  const unit = powerOfTen(fromScale - toScale);
  assert(value % unit === 0, 'a stored price needs no more digits than the trades it came from');
  return value / unit;
}

function rescaledWide(value: bigint, fromScale: number, toScale: number): bigint {
  if (toScale >= fromScale) return value * bigPowerOfTen(toScale - fromScale);
  const unit = bigPowerOfTen(fromScale - toScale);
  assert(value % unit === 0n, 'a stored sum needs no more digits than the trades it came from');
  return value / unit;
}

function anyRevised(columns: CandleColumns, from: number, end: number): boolean {
  for (let row = from; row < end; row++) {
    const written = columns.cells[columns.at(row) + cell.written]!;
    if (written >= 0 && (written & revisedBit) !== 0) return true;
  }
  return false;
}

function standingCode(candle: SeriesCandle): number {
  return (
    candleStates.indexOf(candle.state) +
    (candle.marks.includes('repaired') ? repairedBit : 0) +
    (candle.marks.includes('revised') ? revisedBit : 0)
  );
}

function writeCandle(
  batch: Batch<typeof candles.columns>,
  slot: Slot,
  interval: StoredInterval,
  candle: SeriesCandle,
  builder: CandleBuilder,
): void {
  // The builder is at least as fine as the slot; a finer value of the builder needs the newest slot.
  const exact = builder.priceScale === slot.priceScale && builder.quantityScale === slot.quantityScale;
  if (!exact) throw new Error('broken invariant: candles are written at the newest slot of their instrument');
  const row = batch.add(slot.index);
  const columns = batch.columns;
  columns.interval[row] = interval;
  columns.opened_at[row] = candle.openedAtUs;
  columns.open[row] = candle.open;
  columns.high[row] = candle.high;
  columns.low[row] = candle.low;
  columns.close[row] = candle.close;
  columns.volume[row] = candle.volume;
  columns.quote_volume[row] = candle.quoteVolume;
  columns.trade_count[row] = candle.tradeCount;
  columns.taker_buy_volume[row] = candle.takerBuyVolume;
  columns.taker_buy_quote_volume[row] = candle.takerBuyQuoteVolume;
  columns.first_trade_id[row] = candle.firstTradeId;
  columns.last_trade_id[row] = candle.lastTradeId;
  columns.state[row] = candle.state;
  columns.marks[row] = candle.marks.join(',');
  columns.source[row] = candle.source;
}
