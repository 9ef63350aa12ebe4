import type { Batch } from '../../src/domain/batch.ts';
import type { Decoded } from '../../src/domain/decoded.ts';

/** Everything decoded, as plain values that can be compared and written down; prices and quantities as integers with their slot. */
export function dumpDecoded(out: Decoded): Record<string, unknown> {
  const { depth } = out;
  const depthEvents = [];
  for (let event = 0; event < depth.length; event++) {
    const levels = [];
    for (let level = depth.levelStart[event]!; level < depth.levelStart[event + 1]!; level++) {
      levels.push([depth.isBid[level], depth.price[level], depth.quantity[level]]);
    }
    depthEvents.push({
      slot: depth.slot[event],
      firstUpdateId: depth.firstUpdateId[event],
      finalUpdateId: depth.finalUpdateId[event],
      previousUpdateId: plain(depth.previousUpdateId[event]),
      eventAtUs: depth.eventAtUs[event],
      receivedAtUs: depth.receivedAtUs[event],
      levels,
    });
  }
  return {
    slots: out.slots.all.map((slot) => `${slot.id} ${slot.priceScale} ${slot.quantityScale}`),
    trades: rows(out.trades),
    aggTrades: rows(out.aggTrades),
    depth: depthEvents,
    bookTickers: rows(out.bookTickers),
    tickers: rows(out.tickers),
    venueCandles: rows(out.venueCandles),
    findings: rows(out.findings),
    controls: out.controls,
    newestEventAtUs: out.newestEventAtUs,
  };
}

function rows(batch: Pick<Batch, 'length' | 'slot'> & { readonly columns: object }): Record<string, unknown>[] {
  const result = [];
  for (let row = 0; row < batch.length; row++) {
    const values: Record<string, unknown> = { slot: batch.slot[row] };
    for (const [name, column] of Object.entries(batch.columns)) values[name] = plain(column[row]);
    result.push(values);
  }
  return result;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return Number.isNaN(value) ? null : value;
}
