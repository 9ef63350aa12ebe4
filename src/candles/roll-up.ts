import type { Interval } from '../domain/interval.ts';
import type { StoredInterval } from './candle-builder.ts';
import type { CandleColumns } from './candle-columns.ts';
import { mergeCandle, stride } from './candle-columns.ts';

/** The stored interval that an interval is rolled up from: the largest that tiles it. */
export function storedFor(interval: Interval): StoredInterval {
  switch (interval) {
    case '1s':
    case '5s':
    case '15s':
      return '1s';
    case '1m':
    case '3m':
    case '5m':
    case '15m':
    case '30m':
      return '1m';
    case '1h':
    case '2h':
    case '4h':
    case '6h':
    case '8h':
    case '12h':
      return '1h';
    default:
      return '1d';
  }
}

/**
 * Rolls the stored candles of [openUs, endUs), the first of which is row `row`, into the cells `out`; the row after them.
 * Only candles with trades have rows, so an empty first member cannot pass its carried price off as a trade's.
 */
export function rollUp(columns: CandleColumns, row: number, openUs: number, endUs: number, out: Float64Array): number {
  out.fill(0, 0, stride);
  out[0] = openUs;
  let next = row;
  while (next < columns.length && columns.openedAtUs(next) < endUs) {
    mergeCandle(out, 0, columns.cells, columns.at(next));
    next++;
  }
  return next;
}
