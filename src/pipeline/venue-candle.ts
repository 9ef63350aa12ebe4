import type { StoredInterval } from '../candles/candle-builder.ts';
import { storedIntervals } from '../candles/candle-builder.ts';
import type { Batch } from '../domain/batch.ts';
import { formatScaled } from '../domain/decimal.ts';
import type { Slot } from '../domain/slots.ts';
import type { venueCandles } from '../domain/tables/index.ts';

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

/** Digits of all values of a venue candle. */
export const venueScale = 8;

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
  const price = (value: number) => formatScaled(value, slot.priceScale, venueScale);
  const sum = (value: bigint | null) => formatScaled(value ?? 0n, venueScale);
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
