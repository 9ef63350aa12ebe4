import type { System } from './system.ts';

/** Open time in µs; open, high, low, close, volume, quote volume, count, taker-buy volume and quote volume. */
export type NineValues = readonly string[];

/** The same number, always in the same text: no zeros that say nothing. */
export function plainDecimal(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

export function decimalText(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, '0');
  return plainDecimal(`${text.slice(0, -digits)}.${text.slice(-digits)}`);
}

/** Our candles of one interval in order, as committed or as they are. */
export async function ourCandles(
  system: System,
  interval: string,
  where = 'true',
): Promise<{ values: NineValues; state: string }[]> {
  const rows = await system.sql(
    `SELECT state, epoch_us(opened_at), open, high, low, close, volume, quote_volume, trade_count, taker_buy_volume,
            taker_buy_quote_volume
     FROM candles WHERE interval = '${interval}' AND ${where} ORDER BY opened_at`,
  );
  return rows.map(([state, openedAt, ...values]) => ({
    state: state!,
    values: [openedAt!, ...values.map((value) => plainDecimal(value!))],
  }));
}

/** A row of an official dump or of `klines`: `open_time,open,high,low,close,volume,close_time,quote_volume,count,…`. */
export function officialCandle(cells: readonly (string | number)[]): NineValues {
  const [openTime, open, high, low, close, volume, , quoteVolume, count, buyVolume, buyQuoteVolume] = cells.map(String);
  const openedAt = openTime!.length > 13 ? openTime! : `${openTime!}000`;
  const values = [open, high, low, close, volume, quoteVolume, count, buyVolume, buyQuoteVolume];
  return [openedAt, ...values.map((value) => plainDecimal(value!))];
}
