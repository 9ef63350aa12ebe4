import { Batch } from '../../src/domain/batch.ts';
import type { Instrument } from '../../src/domain/instrument.ts';
import { secondUs } from '../../src/domain/interval.ts';
import { Slots } from '../../src/domain/slots.ts';
import { bookSnapshots, bookTickers, gaps, trades } from '../../src/domain/tables/index.ts';
import type { Lake } from '../../src/ports/lake.ts';

/** Start of the first day. */
export const startUs = Date.UTC(2026, 0, 5) * 1000;
export const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
export const eth: Instrument = { venue: 'binance', market: 'spot', symbol: 'ETHUSDT' };
/** A trade every `everyUs` of [fromUs, toUs), whose id and values come from its time alone. */
export function tradesIn(
  slots: Slots,
  instrument: Instrument,
  fromUs: number,
  toUs: number,
  everyUs = 10 * secondUs,
): Batch {
  const batch = new Batch(trades);
  const slot = slots.atLeast(instrument, 2, 5).index;
  for (let atUs = fromUs; atUs < toUs; atUs += everyUs) {
    const row = batch.add(slot);
    const id = Math.floor((atUs - startUs) / secondUs) + 10_000_000;
    const columns = batch.columns;
    columns.trade_id[row] = id;
    columns.price[row] = 6_000_000 + ((id * 7919) % 5003);
    columns.quantity[row] = 1 + ((id * 104_729) % 100_003);
    columns.traded_at[row] = columns.event_at[row] = columns.received_at[row] = atUs;
    columns.buyer_is_maker[row] = id % 3 === 0 ? 1 : 0;
    columns.is_market[row] = 1;
    columns.origin[row] = 'frame';
  }
  return batch as unknown as Batch;
}

export function quotesIn(slots: Slots, instrument: Instrument, fromUs: number, toUs: number): Batch {
  const batch = new Batch(bookTickers);
  const slot = slots.atLeast(instrument, 2, 5).index;
  for (let atUs = fromUs; atUs < toUs; atUs += 17 * secondUs) {
    const row = batch.add(slot);
    const id = Math.floor((atUs - startUs) / secondUs) + 1;
    const columns = batch.columns;
    columns.update_id[row] = id;
    columns.bid_price[row] = 6_000_000 + (id % 97);
    columns.ask_price[row] = 6_000_000 + (id % 97) + 1 + (id % 5);
    columns.bid_quantity[row] = columns.ask_quantity[row] = 1 + (id % 1000);
    columns.event_at[row] = Number.NaN;
    columns.received_at[row] = atUs;
  }
  return batch as unknown as Batch;
}

/** A book every ten minutes, some levels a side. */
export function snapshotsIn(slots: Slots, instrument: Instrument, fromUs: number, toUs: number): Batch {
  const batch = new Batch(bookSnapshots);
  const slot = slots.atLeast(instrument, 2, 5).index;
  for (let atUs = fromUs; atUs < toUs; atUs += 600 * secondUs) {
    const id = Math.floor((atUs - startUs) / secondUs) + 1;
    for (let level = 0; level < 40; level++) {
      const row = batch.add(slot);
      const isBid = level % 2 === 0;
      const columns = batch.columns;
      columns.update_id[row] = id;
      columns.is_bid[row] = isBid ? 1 : 0;
      columns.price[row] = 6_000_000 + (isBid ? -1 : 1) * (1 + level * (300 + (id % 50)));
      columns.quantity[row] = 1 + ((id * 31 + level * 17) % 5000);
      columns.is_within_horizon[row] = level < 38 ? 1 : 0;
      columns.event_at[row] = atUs;
    }
  }
  return batch as unknown as Batch;
}

/** One gap in the trades. */
export function gapAt(slots: Slots, instrument: Instrument, atUs: number, state: string): Batch {
  const batch = new Batch(gaps);
  const row = batch.add(slots.atLeast(instrument, 2, 5).index);
  const columns = batch.columns;
  columns.stream[row] = 'trade';
  columns.from_id[row] = 5;
  columns.to_id[row] = 14;
  columns.opened_at[row] = atUs;
  columns.closed_at[row] = columns.decided_at[row] = atUs + secondUs;
  columns.state[row] = state;
  columns.reason[row] = 'disconnect';
  columns.held_count[row] = state === 'repaired' ? 10 : 0;
  columns.by_aggregate_count[row] = 0;
  columns.tried[row] = '';
  return batch as unknown as Batch;
}

export const slots = new Slots();

export function commit({ lake }: { readonly lake: Lake }, ...batches: Batch[]): Promise<number> {
  return lake.commit({ slots, batches, positions: [], checkpoint: new Uint8Array([1]) });
}
