import { Batch } from '../domain/batch.ts';
import { parseScaled } from '../domain/decimal.ts';
import type { InstrumentFact } from '../domain/decoded.ts';
import type { DepthBatch } from '../domain/depth-batch.ts';
import type { Slots } from '../domain/slots.ts';
import {
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
} from '../domain/tables/index.ts';

/** Rows that wait for the next lake commit, one batch a table. */
export class Pending {
  readonly trades: Batch<(typeof trades)['columns']>;
  readonly aggTrades: Batch<(typeof aggTrades)['columns']>;
  readonly bookDeltas: Batch<(typeof bookDeltas)['columns']>;
  readonly bookSnapshots: Batch<(typeof bookSnapshots)['columns']>;
  readonly bookTickers: Batch<(typeof bookTickers)['columns']>;
  readonly tickers = new Batch(tickers, 256);
  readonly venueCandles = new Batch(venueCandles, 256);
  readonly instruments = new Batch(instruments, 16);
  readonly gaps = new Batch(gaps, 16);
  readonly findings = new Batch(findings, 16);
  readonly candles = new Batch(candles, 1024);

  /** With room for about as many rows as `before` had: growing would copy them again and again. */
  constructor(before?: Pending) {
    const room = (rows: number | undefined, least: number) => Math.max(least, Math.ceil((rows ?? 0) * 1.25));
    this.trades = new Batch(trades, room(before?.trades.length, 8192));
    this.aggTrades = new Batch(aggTrades, room(before?.aggTrades.length, 1024));
    this.bookDeltas = new Batch(bookDeltas, room(before?.bookDeltas.length, 8192));
    this.bookSnapshots = new Batch(bookSnapshots, room(before?.bookSnapshots.length, 1024));
    this.bookTickers = new Batch(bookTickers, room(before?.bookTickers.length, 8192));
  }

  get batches(): Batch[] {
    return [
      this.trades,
      this.aggTrades,
      this.bookDeltas,
      this.bookSnapshots,
      this.bookTickers,
      this.tickers,
      this.venueCandles,
      this.instruments,
      this.gaps,
      this.findings,
      this.candles,
    ] as unknown as Batch[];
  }

  get rowCount(): number {
    let rows = 0;
    for (const batch of this.batches) rows += batch.length;
    return rows;
  }

  /** One row a level of depth event `event`. */
  addDepth(depth: DepthBatch, event: number): void {
    const first = depth.levelStart[event]!;
    const count = depth.levelStart[event + 1]! - first;
    const row = this.bookDeltas.addMany(depth.slot[event]!, count);
    const end = row + count;
    const columns = this.bookDeltas.columns;
    columns.first_update_id.fill(depth.firstUpdateId[event]!, row, end);
    columns.final_update_id.fill(depth.finalUpdateId[event]!, row, end);
    columns.previous_update_id.fill(depth.previousUpdateId[event]!, row, end);
    columns.event_at.fill(depth.eventAtUs[event]!, row, end);
    columns.received_at.fill(depth.receivedAtUs[event]!, row, end);
    const { level, is_bid, price, quantity } = columns;
    for (let i = 0; i < count; i++) {
      level[row + i] = i;
      is_bid[row + i] = depth.isBid[first + i]!;
      price[row + i] = depth.price[first + i]!;
      quantity[row + i] = depth.quantity[first + i]!;
    }
  }

  /** `validToUs` NaN: it still holds. */
  addInstrument(fact: InstrumentFact, validFromUs: number, validToUs: number, slots: Slots): void {
    const slot = slots.get(fact.slot);
    const row = this.instruments.add(slot.index);
    const columns = this.instruments.columns;
    columns.valid_from[row] = validFromUs;
    columns.valid_to[row] = validToUs;
    columns.status[row] = fact.status;
    columns.base_asset[row] = fact.baseAsset;
    columns.quote_asset[row] = fact.quoteAsset;
    columns.tick_size[row] = parseScaled(fact.tickSize, slot.priceScale) ?? Number.NaN;
    columns.step_size[row] = parseScaled(fact.stepSize, slot.quantityScale) ?? Number.NaN;
  }

  addFinding(
    slot: number,
    code: string,
    stream: string,
    detail: string,
    record: { writer: string; sequence: number; receivedAtUs: number },
  ): void {
    const row = this.findings.add(slot);
    const columns = this.findings.columns;
    columns.found_at[row] = record.receivedAtUs;
    columns.writer[row] = record.writer;
    columns.sequence[row] = record.sequence;
    columns.code[row] = code;
    columns.stream[row] = stream;
    columns.detail[row] = detail;
  }
}
