import type { StoredInterval } from '../candles/candle-builder.ts';
import { storedIntervals } from '../candles/candle-builder.ts';
import type { SeriesCandle } from '../candles/series.ts';
import type { Batch } from '../domain/batch.ts';
import { bigPowerOfTen, formatScaled } from '../domain/decimal.ts';
import type { Slot } from '../domain/slots.ts';
import type { venueCandles } from '../domain/tables/index.ts';
import type { InstrumentState } from './instrument-state.ts';

/** A closed candle as the venue sent it; prices and sums at scale 8. */
export interface VenueCandle {
  readonly interval: StoredInterval;
  readonly openedAtUs: number;
  readonly closedAtUs: number;
  readonly prices: readonly [open: string, high: string, low: string, close: string];
  readonly sums: readonly [volume: string, quoteVolume: string, takerBuyVolume: string, takerBuyQuoteVolume: string];
  readonly tradeCount: number;
  /** Record that holds it. */
  readonly writer: string;
  readonly sequence: number;
  readonly receivedAtUs: number;
}

const scale = 8;
const names = ['open', 'high', 'low', 'close', 'volume', 'quote volume', 'taker-buy volume', 'taker-buy quote volume'];

/** The candle in row `row`; undefined for intervals that we roll up on read. */
export function venueCandle(
  batch: Batch<(typeof venueCandles)['columns']>,
  row: number,
  slot: Slot,
  record: { writer: string; sequence: number; receivedAtUs: number },
): VenueCandle | undefined {
  const columns = batch.columns;
  const interval = columns.interval[row] as StoredInterval;
  if (!storedIntervals.includes(interval)) return undefined;
  const price = (value: number) => formatScaled(value, slot.priceScale, scale);
  const sum = (value: bigint | null) => formatScaled(value ?? 0n, scale);
  return {
    interval,
    openedAtUs: columns.opened_at[row]!,
    closedAtUs: columns.closed_at[row]!,
    prices: [
      price(columns.open[row]!),
      price(columns.high[row]!),
      price(columns.low[row]!),
      price(columns.close[row]!),
    ],
    sums: [
      sum(columns.volume[row]!),
      sum(columns.quote_volume[row]!),
      sum(columns.taker_buy_volume[row]!),
      sum(columns.taker_buy_quote_volume[row]!),
    ],
    tradeCount: columns.trade_count[row]!,
    writer: record.writer,
    sequence: record.sequence,
    receivedAtUs: record.receivedAtUs,
  };
}

export type Verdict =
  | { readonly kind: 'not-yet' | 'equal' | 'not-comparable' }
  | { readonly kind: 'differs'; readonly detail: string };

/** Compares a venue candle with ours once ours is proven: only then is a difference a fact and not a delay. */
export function compare(state: InstrumentState, theirs: VenueCandle, venueNowUs: number): Verdict {
  const ours = state.series.at(theirs, state.candleContext(venueNowUs));
  if (ours === undefined) return { kind: 'not-comparable' };
  if (ours.state === 'forming' || ours.state === 'provisional') return { kind: 'not-yet' };
  if (ours.state === 'missing' || ours.state === 'partial') {
    const mayHeal = state.candleLedger
      .gapsIn(theirs.openedAtUs, theirs.closedAtUs)
      .some((gap) => gap.state !== 'declared');
    return { kind: mayHeal ? 'not-yet' : 'not-comparable' };
  }
  const differences = differing(state, ours, theirs);
  if (differences.length === 0) return { kind: 'equal' };
  const at = new Date(theirs.openedAtUs / 1000).toISOString();
  return { kind: 'differs', detail: `${theirs.interval} candle of ${at}: ${differences.join(', ')}` };
}

function differing(state: InstrumentState, ours: SeriesCandle, theirs: VenueCandle): string[] {
  const { priceScale, quantityScale } = state.series.builder;
  const price = (value: number) => formatScaled(value, priceScale, scale);
  const sum = (value: bigint) => formatScaled(value, quantityScale, scale);
  const product = (value: bigint) => formatScaled(cut(value, priceScale + quantityScale), scale);
  const mine = [
    price(ours.open),
    price(ours.high),
    price(ours.low),
    price(ours.close),
    sum(ours.volume),
    product(ours.quoteVolume),
    sum(ours.takerBuyVolume),
    product(ours.takerBuyQuoteVolume),
  ];
  const venue = [...theirs.prices, ...theirs.sums];
  // Where price and quantity together need more than 8 digits the venue rounds, trade by trade, in a way it does not tell.
  const isRounded = priceScale + quantityScale > scale;
  const found = mine.flatMap((value, at) =>
    value === venue[at] || (isRounded && names[at]!.includes('quote'))
      ? []
      : [`${names[at]} ours ${value}, venue ${venue[at]}`],
  );
  if (ours.tradeCount !== theirs.tradeCount) found.push(`trades ours ${ours.tradeCount}, venue ${theirs.tradeCount}`);
  return found;
}

/** A product at the venue's 8 digits, what is beyond cut off. */
function cut(value: bigint, fromScale: number): bigint {
  return fromScale >= scale ? value / bigPowerOfTen(fromScale - scale) : value * bigPowerOfTen(scale - fromScale);
}
