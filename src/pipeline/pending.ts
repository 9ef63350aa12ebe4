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
  readonly trades = new Batch(trades, 8192);
  readonly aggTrades = new Batch(aggTrades, 1024);
  readonly bookDeltas = new Batch(bookDeltas, 8192);
  readonly bookSnapshots = new Batch(bookSnapshots, 1024);
  readonly bookTickers = new Batch(bookTickers, 8192);
  readonly tickers = new Batch(tickers, 256);
  readonly venueCandles = new Batch(venueCandles, 256);
  readonly instruments = new Batch(instruments, 16);
  readonly gaps = new Batch(gaps, 16);
  readonly findings = new Batch(findings, 16);
  readonly candles = new Batch(candles, 1024);

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
    const end = depth.levelStart[event + 1]!;
    for (let level = first; level < end; level++) {
      const row = this.bookDeltas.add(depth.slot[event]!);
      const columns = this.bookDeltas.columns;
      columns.first_update_id[row] = depth.firstUpdateId[event]!;
      columns.final_update_id[row] = depth.finalUpdateId[event]!;
      columns.previous_update_id[row] = depth.previousUpdateId[event]!;
      columns.level[row] = level - first;
      columns.is_bid[row] = depth.isBid[level]!;
      columns.price[row] = depth.price[level]!;
      columns.quantity[row] = depth.quantity[level]!;
      columns.event_at[row] = depth.eventAtUs[event]!;
      columns.received_at[row] = depth.receivedAtUs[event]!;
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
