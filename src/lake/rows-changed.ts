import type { Batch } from '../domain/batch.ts';
import { dayUs } from '../domain/interval.ts';
import type { Slots } from '../domain/slots.ts';
import type { RowsChange } from '../ports/catalog.ts';

/** Which symbols' days the rows of the batches belong to, and the times that they reach there. */
export function rowsChanged(batches: readonly Batch[], slots: Slots): RowsChange[] {
  return batches.flatMap((batch) => changedBy(batch, slots));
}

interface Reach {
  minTimeUs: number;
  maxTimeUs: number;
}

function changedBy(batch: Batch, slots: Slots): RowsChange[] {
  const times = (batch.columns as Record<string, ArrayLike<number>>)[batch.spec.timeColumn]!;
  // Rows of an instrument and a day mostly come one after another: the reach of the row before is tried first.
  const reaches = new Map<number, Map<number, Reach>>();
  let lastInstrument = -1;
  let lastDay = Number.NaN;
  let reach: Reach = { minTimeUs: 0, maxTimeUs: 0 };
  for (let row = 0; row < batch.length; row++) {
    const timeUs = times[row]!;
    const instrument = slots.get(batch.slot[row]!).instrumentIndex;
    const day = Math.floor(timeUs / dayUs);
    if (instrument !== lastInstrument || day !== lastDay) {
      lastInstrument = instrument;
      lastDay = day;
      const days = reaches.get(instrument) ?? new Map<number, Reach>();
      reaches.set(instrument, days);
      reach = days.get(day) ?? { minTimeUs: timeUs, maxTimeUs: timeUs };
      days.set(day, reach);
    }
    if (timeUs < reach.minTimeUs) reach.minTimeUs = timeUs;
    if (timeUs > reach.maxTimeUs) reach.maxTimeUs = timeUs;
  }
  const changes: RowsChange[] = [];
  const instruments = new Map(slots.all.map((slot) => [slot.instrumentIndex, slot.instrument]));
  for (const [index, days] of reaches) {
    const { market, symbol } = instruments.get(index)!;
    for (const [day, { minTimeUs, maxTimeUs }] of days) {
      const date = new Date(day * (dayUs / 1000)).toISOString().slice(0, 10);
      changes.push({ table: batch.spec.name, market, symbol, date, minTimeUs, maxTimeUs });
    }
  }
  return changes;
}
