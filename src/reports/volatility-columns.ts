import { logReturns, realisedVolatility } from '../analytics/returns.ts';
import { nextOpenTimeUs, nominalLengthUs, openTimeUs } from '../domain/interval.ts';
import { isKnown } from './bars.ts';
import type { Column } from './charts/column-chart.ts';
import type { InstrumentFigures } from './figures.ts';
import { valueScale } from './figures.ts';

/** Realised volatility of each slot of the table's interval, yearly per cent; slots without returns are left out. */
export function hourlyVolatility({ bars, grain, wish }: InstrumentFigures): Column[] {
  const stepUs = nominalLengthUs(grain.base);
  const byStart = new Map(bars.map((bar) => [bar.openedAtUs, bar]));
  const columns: Column[] = [];
  let slotUs = openTimeUs(grain.table, wish.fromUs);
  for (; slotUs < wish.toUs; slotUs = nextOpenTimeUs(grain.table, slotUs)) {
    const fromUs = Math.max(slotUs, wish.fromUs);
    const toUs = Math.min(nextOpenTimeUs(grain.table, slotUs), wish.toUs);
    const closes: (number | undefined)[] = [];
    // The close before the slot begins its first return.
    for (let atUs = fromUs - stepUs; atUs < toUs; atUs += stepUs) {
      const bar = byStart.get(atUs);
      closes.push(bar !== undefined && isKnown(bar) ? Number(bar.close) / 10 ** valueScale : undefined);
    }
    const found = realisedVolatility(logReturns(closes), stepUs / 1000);
    if (found !== undefined) columns.push({ fromUs, toUs, value: found.yearly * 100 });
  }
  return columns;
}
