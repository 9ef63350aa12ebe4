import type { Batch } from '../domain/batch.ts';
import { formatScaled } from '../domain/decimal.ts';
import type { Slots } from '../domain/slots.ts';
import type { gaps as gapsTable } from '../domain/tables/index.ts';
import type { Gap } from '../ledger/gap.ts';
import type { GapRow, TradeRow } from '../protocol/api.ts';
import type { InstrumentState } from './instrument-state.ts';

/** Decimals that screens show of an instrument, from the venue's tick and step; else what its values needed so far. */
export function shownDigits(state: InstrumentState, slots: Slots): { price: number; quantity: number } {
  const slot = slots.current(state.instrument);
  const digits = (size: string | undefined, fallback: number) =>
    size === undefined ? fallback : size.replace(/0+$/, '').replace(/^\d+\.?/, '').length;
  return {
    price: digits(state.fact?.tickSize, slot?.priceScale ?? 0),
    quantity: digits(state.fact?.stepSize, slot?.quantityScale ?? 0),
  };
}

/** A row of `trades` or `agg_trades` as the API gives it. */
export function tradeRow(
  batch: Batch,
  row: number,
  slots: Slots,
  digits: { price: number; quantity: number },
): TradeRow {
  const slot = slots.get(batch.slot[row]!);
  const columns = batch.columns as unknown as Record<string, Float64Array | Uint8Array>;
  const isTrade = batch.spec.name === 'trades';
  return {
    tradeId: columns[isTrade ? 'trade_id' : 'agg_trade_id']![row]!,
    price: formatScaled(columns['price']![row]!, slot.priceScale, digits.price),
    quantity: formatScaled(columns['quantity']![row]!, slot.quantityScale, digits.quantity),
    tradedAtUs: columns['traded_at']![row]!,
    receivedAtUs: columns['received_at']![row]!,
    buyerIsMaker: columns['buyer_is_maker']![row] === 1,
    kind: isTrade ? 'trade' : 'agg-trade',
  };
}

export function gapRow(state: InstrumentState, gap: Gap): GapRow {
  return {
    instrument: state.id,
    stream: gap.stream,
    fromId: gap.fromId < 0 ? null : gap.fromId,
    toId: gap.toId < 0 ? null : gap.toId,
    openedAtUs: gap.openedAtUs,
    closedAtUs: Number.isNaN(gap.closedAtUs) ? null : gap.closedAtUs,
    state: gap.state,
    reason: gap.reason,
    heldCount: gap.heldCount,
    byAggregateCount: gap.byAggregateCount,
    tried: gap.tried.join('; '),
  };
}

/** A gap as a row of the `gaps` table. */
export function addGapRow(
  batch: Batch<(typeof gapsTable)['columns']>,
  slot: number,
  gap: Gap,
  decidedAtUs: number,
): void {
  const row = batch.add(slot);
  const columns = batch.columns;
  columns.stream[row] = gap.stream;
  columns.from_id[row] = gap.fromId;
  columns.to_id[row] = gap.toId;
  columns.opened_at[row] = gap.openedAtUs;
  columns.closed_at[row] = gap.closedAtUs;
  columns.state[row] = gap.state;
  columns.reason[row] = gap.reason;
  columns.held_count[row] = gap.heldCount;
  columns.by_aggregate_count[row] = gap.byAggregateCount;
  columns.tried[row] = gap.tried.join('; ');
  columns.decided_at[row] = decidedAtUs;
}
