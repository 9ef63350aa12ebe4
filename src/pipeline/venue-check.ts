import type { SeriesCandle } from '../candles/series.ts';
import { bigPowerOfTen, formatScaled } from '../domain/decimal.ts';
import type { InstrumentState } from './instrument-state.ts';
import type { VenueCandle } from './venue-candle.ts';
import { venueScale as scale } from './venue-candle.ts';

const names = ['open', 'high', 'low', 'close', 'volume', 'quote volume', 'taker-buy volume', 'taker-buy quote volume'];

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
