import { parseWide } from '../domain/decimal.ts';
import type { Interval } from '../domain/interval.ts';
import { nextOpenTimeUs, openTimeUs } from '../domain/interval.ts';
import type { CandleMark, CandleState } from '../domain/state.ts';
import type { Bar } from './figures.ts';
import { productScale, valueScale } from './figures.ts';
import type { Row } from './lake-version.ts';

/** Columns of `candles` in the order that `barOf` reads. */
export const barColumns = `epoch_us(opened_at) AS opened_at, open, high, low, close, volume, quote_volume, trade_count,
  taker_buy_volume, taker_buy_quote_volume, first_trade_id, last_trade_id, state, marks, source`;

export function barOf(interval: Interval, row: Row): Bar {
  const value = (at: number) => decimal(row[at], valueScale);
  const product = (at: number) => decimal(row[at], productScale);
  const openedAtUs = Number(row[0]);
  return {
    openedAtUs,
    endUs: nextOpenTimeUs(interval, openedAtUs),
    open: value(1),
    high: value(2),
    low: value(3),
    close: value(4),
    volume: value(5),
    quoteVolume: product(6),
    tradeCount: Number(row[7]),
    takerBuyVolume: value(8),
    takerBuyQuoteVolume: product(9),
    firstTradeId: Number(row[10]),
    lastTradeId: Number(row[11]),
    state: row[12] as CandleState,
    marks: (row[13] ?? '').split(',').filter((mark) => mark !== '') as CandleMark[],
    source: row[14] ?? '',
  };
}

export function decimal(text: string | null | undefined, scale: number): bigint {
  const value = parseWide(text ?? '0', scale);
  if (value === undefined) throw new Error(`broken invariant: ${text} is a decimal of ${scale} digits`);
  return value;
}

/** Bars as one, ascending; undefined of none. Those without trades give no price. */
export function mergedBar(bars: readonly Bar[], openedAtUs: number, endUs: number): Bar | undefined {
  if (bars.length === 0) return undefined;
  const traded = bars.filter(({ tradeCount }) => tradeCount > 0);
  const first = traded[0] ?? bars[0]!;
  const last = traded.at(-1) ?? bars.at(-1)!;
  let { high, low } = first;
  for (const bar of traded) {
    if (bar.high > high) high = bar.high;
    if (bar.low < low) low = bar.low;
  }
  const sum = (of: (bar: Bar) => bigint) => traded.reduce((total, bar) => total + of(bar), 0n);
  const sources = new Set(traded.map(({ source }) => source));
  return {
    openedAtUs,
    endUs,
    open: first.open,
    high,
    low,
    close: last.close,
    volume: sum((bar) => bar.volume),
    quoteVolume: sum((bar) => bar.quoteVolume),
    takerBuyVolume: sum((bar) => bar.takerBuyVolume),
    takerBuyQuoteVolume: sum((bar) => bar.takerBuyQuoteVolume),
    tradeCount: traded.reduce((count, bar) => count + bar.tradeCount, 0),
    firstTradeId: traded[0]?.firstTradeId ?? -1,
    lastTradeId: traded.at(-1)?.lastTradeId ?? -1,
    state: mergedState(bars, openedAtUs, endUs),
    marks: (['repaired', 'revised'] as const).filter((mark) => bars.some(({ marks }) => marks.includes(mark))),
    source: [...sources].sort().join(', '),
  };
}

/** The worst wins; with trades, what is missing makes it partial, and so does time that no candle covers. */
function mergedState(bars: readonly Bar[], openedAtUs: number, endUs: number): CandleState {
  const has = (state: CandleState) => bars.some((bar) => bar.state === state);
  const traded = bars.some(({ tradeCount }) => tradeCount > 0);
  const coveredUs = bars.reduce((sum, bar) => sum + (bar.endUs - bar.openedAtUs), 0);
  const isOver = bars.at(-1)!.endUs >= endUs && !has('forming');
  const isWhole = !has('missing') && !has('partial') && (coveredUs === endUs - openedAtUs || !isOver);
  if (!traded) return has('missing') ? 'missing' : isOver ? 'no-trades' : 'forming';
  if (!isWhole || bars[0]!.openedAtUs > openedAtUs) return 'partial';
  if (!isOver) return 'forming';
  return has('provisional') ? 'provisional' : 'final';
}

/** Candles of a longer interval, of those slots in which any bar lies; the first and last end with the range. */
export function rolledUp(bars: readonly Bar[], interval: Interval, range: { fromUs: number; toUs: number }): Bar[] {
  const slots = Map.groupBy(bars, ({ openedAtUs }) => openTimeUs(interval, openedAtUs));
  return [...slots].map(([openUs, members]) => {
    const endUs = Math.min(nextOpenTimeUs(interval, openUs), range.toUs);
    return mergedBar(members, Math.max(openUs, range.fromUs), endUs)!;
  });
}

/** Whether its close is that of a whole, known candle. */
export function isKnown({ state }: Bar): boolean {
  return state === 'final' || state === 'provisional' || state === 'no-trades';
}
