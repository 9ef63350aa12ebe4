import type { TableSpec } from '../table.ts';
import { aggTrades } from './agg-trades.ts';
import { bookDeltas, bookSnapshots, bookTickers } from './book.ts';
import { candles, venueCandles } from './candles.ts';
import { findings, gaps, instruments } from './records.ts';
import { tickers } from './tickers.ts';
import { trades } from './trades.ts';

export {
  aggTrades,
  bookDeltas,
  bookSnapshots,
  bookTickers,
  candles,
  findings,
  gaps,
  instruments,
  tickers,
  trades,
  venueCandles,
};

/** Every table, in the order of the dictionary. */
export const tables: readonly TableSpec[] = [
  trades,
  aggTrades,
  bookDeltas,
  bookSnapshots,
  bookTickers,
  tickers,
  venueCandles,
  instruments,
  gaps,
  findings,
  candles,
] as unknown as readonly TableSpec[];

export function tableNamed(name: string): TableSpec | undefined {
  return tables.find((table) => table.name === name);
}
