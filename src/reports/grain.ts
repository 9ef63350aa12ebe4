import type { Interval } from '../domain/interval.ts';
import { dayUs, hourUs, nominalLengthUs } from '../domain/interval.ts';
import type { Grain } from './figures.ts';
import { longestByMinuteUs } from './period.ts';

const drawn = [
  '1m',
  '3m',
  '5m',
  '15m',
  '30m',
  '1h',
  '2h',
  '4h',
  '6h',
  '12h',
  '1d',
  '1w',
] as const satisfies readonly Interval[];

/** The finest interval of which at most `most` fill the range, none finer than the base. */
function finest(lengthUs: number, most: number, base: Interval): Interval {
  const fits = (interval: Interval) =>
    nominalLengthUs(interval) >= nominalLengthUs(base) && lengthUs <= most * nominalLengthUs(interval);
  return drawn.find(fits) ?? '1w';
}

/** A day: candles of 15 minutes, tables by the hour. A week: of an hour, tables by six. */
export function grainOf({ fromUs, toUs }: { readonly fromUs: number; readonly toUs: number }): Grain {
  const lengthUs = toUs - fromUs;
  const base = lengthUs > longestByMinuteUs ? '1h' : '1m';
  return {
    base,
    chart: finest(lengthUs, 170, base),
    table: finest(lengthUs, 28, base),
    returns: base === '1h' ? '1h' : lengthUs <= hourUs ? '1m' : finest(lengthUs, 700, base),
    spread: finest(lengthUs, 1500, base),
    quoteSeconds: lengthUs <= 2 * dayUs ? 1 : base === '1m' ? 10 : 60,
  };
}
