import type { Interval } from '../../../src/protocol/api.ts';
import { isInterval } from '../../../src/protocol/figures.ts';

export interface InstrumentName {
  readonly venue: string;
  readonly market: string;
  readonly symbol: string;
}

/** `binance:spot:BTCUSDT` in its parts; undefined when it is no instrument. */
export function parseInstrument(text: string): InstrumentName | undefined {
  const match = /^([a-z0-9-]+):([a-z0-9-]+):([A-Za-z0-9_\-.\u0080-\uffff]+)$/.exec(text);
  return match === null ? undefined : { venue: match[1]!, market: match[2]!, symbol: match[3]! };
}

const marketNames: Record<string, string> = { spot: 'Spot', usdm: 'USD-M futures', coinm: 'COIN-M futures' };
const venueNames: Record<string, string> = { binance: 'Binance' };

export function marketName(market: string): string {
  return marketNames[market] ?? market;
}

export function venueName(venue: string): string {
  return venueNames[venue] ?? venue;
}

export const ranges = ['1m', '5m', '15m', '1h', '6h', '1d', '7d', 'all'] as const;
export type Range = (typeof ranges)[number];

const rangeUs: Record<Exclude<Range, 'all'>, number> = {
  '1m': 60e6,
  '5m': 300e6,
  '15m': 900e6,
  '1h': 3600e6,
  '6h': 6 * 3600e6,
  '1d': 86400e6,
  '7d': 7 * 86400e6,
};

export function rangeLengthUs(range: Range): number | undefined {
  return range === 'all' ? undefined : rangeUs[range];
}

/** What a chart address says. Keys that are not known here are kept; values that cannot be are named, never dropped in silence. */
export interface ChartSearch {
  readonly i: Interval;
  /** `now-6h..now`: a live range. */
  readonly r?: string;
  readonly [key: string]: unknown;
}

export const defaultInterval: Interval = '1m';

/** The interval that has enough bars to look at when recording began only `ageUs` ago. */
export function intervalForAge(ageUs: number | undefined): Interval {
  if (ageUs === undefined || ageUs >= 3 * 3600e6) return defaultInterval;
  if (ageUs >= 3600e6) return '15s';
  return ageUs >= 600e6 ? '5s' : '1s';
}

export function readChartSearch(search: Readonly<Record<string, unknown>>): {
  search: ChartSearch;
  notices: readonly string[];
} {
  const notices: string[] = [];
  const kept: Record<string, unknown> = { ...search };
  let interval = defaultInterval;
  if (search['i'] !== undefined) {
    const text = String(search['i']);
    if (isInterval(text)) interval = text;
    else notices.push(`The address asks for the interval “${text}”, which does not exist: showing ${defaultInterval}.`);
  }
  delete kept['r'];
  if (search['r'] !== undefined) {
    const range = readRange(String(search['r']));
    if (range === undefined)
      notices.push(
        `The address asks for the range “${String(search['r'])}”, which cannot be read: showing the newest.`,
      );
    else kept['r'] = writeRange(range);
  }
  return { search: { ...kept, i: interval } as ChartSearch, notices };
}

export function readRange(text: string): Range | undefined {
  if (text === 'all') return 'all';
  const match = /^now-(\w+)\.\.now$/.exec(text);
  return match !== null && match[1] !== 'all' && (ranges as readonly string[]).includes(match[1]!)
    ? (match[1] as Range)
    : undefined;
}

export function writeRange(range: Range): string {
  return range === 'all' ? 'all' : `now-${range}..now`;
}
