import { TidemarkError } from './error.ts';

export const intervals = [
  '1s', '5s', '15s', '1m', '3m', '5m', '15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d', '3d', '1w', '1M',
] as const; // biome-ignore format: one row reads best
export type Interval = (typeof intervals)[number];

export const secondUs = 1_000_000;
export const minuteUs = 60 * secondUs;
export const hourUs = 60 * minuteUs;
export const dayUs = 24 * hourUs;
/** Monday 1970-01-05 00:00 UTC, where the weekly grid starts. */
const firstMondayUs = 4 * dayUs;

const fixedLengthUs: Record<Exclude<Interval, '1M'>, number> = {
  '1s': secondUs, '5s': 5 * secondUs, '15s': 15 * secondUs,
  '1m': minuteUs, '3m': 3 * minuteUs, '5m': 5 * minuteUs, '15m': 15 * minuteUs, '30m': 30 * minuteUs,
  '1h': hourUs, '2h': 2 * hourUs, '4h': 4 * hourUs, '6h': 6 * hourUs, '8h': 8 * hourUs, '12h': 12 * hourUs,
  '1d': dayUs, '3d': 3 * dayUs, '1w': 7 * dayUs,
}; // biome-ignore format: a table

export function isInterval(text: string): text is Interval {
  return (intervals as readonly string[]).includes(text);
}

export function parseInterval(text: string): Interval {
  if (isInterval(text)) return text;
  throw new TidemarkError('bad-interval', {
    doing: 'read the interval',
    what: JSON.stringify(text),
    why: 'there is no such interval',
    now: `use one of ${intervals.join(' ')} (1m is a minute, 1M a month)`,
  });
}

/** Length in µs; of `1M` that of a 30-day month, good for sizing only. */
export function nominalLengthUs(interval: Interval): number {
  return interval === '1M' ? 30 * dayUs : fixedLengthUs[interval];
}

/**
 * Start of the interval that holds `atUs` (UTC). Weeks start on Monday, months on the first; the 3-day grid is the
 * venue's own per symbol and `anchorUs` is any of its open times (binance.md, 11.3).
 */
export function openTimeUs(interval: Interval, atUs: number, anchorUs = 0): number {
  switch (interval) {
    case '1M': {
      const at = new Date(Math.floor(atUs / 1000));
      return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1) * 1000;
    }
    case '1w':
      return Math.floor((atUs - firstMondayUs) / (7 * dayUs)) * 7 * dayUs + firstMondayUs;
    case '3d':
      return Math.floor((atUs - anchorUs) / (3 * dayUs)) * 3 * dayUs + anchorUs;
    default: {
      const lengthUs = fixedLengthUs[interval];
      return Math.floor(atUs / lengthUs) * lengthUs;
    }
  }
}

/** Start of the interval after the one that opens at `openUs`. */
export function nextOpenTimeUs(interval: Interval, openUs: number): number {
  if (interval !== '1M') return openUs + fixedLengthUs[interval];
  const at = new Date(openUs / 1000);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1) * 1000;
}

/** UTC day of an instant as `YYYY-MM-DD`. */
export function dateOf(atUs: number): string {
  return new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 10);
}
