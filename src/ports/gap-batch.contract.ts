import { Batch } from '../domain/batch.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Slots } from '../domain/slots.ts';
import { gaps } from '../domain/tables/index.ts';

const bitcoin: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };

/** One gap of one trade id at `atUs`, of which `state` is the latest word. */
export function gapOf(slots: Slots, atUs: number, fromId: number, state: string, tried = ''): Batch {
  const batch = new Batch(gaps, 1);
  const row = batch.add(slots.atLeast(bitcoin, 2, 5).index);
  const columns = batch.columns;
  columns.stream[row] = 'trade';
  columns.from_id[row] = columns.to_id[row] = fromId;
  columns.opened_at[row] = columns.closed_at[row] = columns.decided_at[row] = atUs;
  columns.state[row] = state;
  columns.reason[row] = 'unknown';
  columns.held_count[row] = columns.by_aggregate_count[row] = 0;
  columns.tried[row] = tried;
  return batch as unknown as Batch;
}
