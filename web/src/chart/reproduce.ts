import type { CandleRow, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs } from '../../../src/protocol/figures.ts';
import { candlesPath } from '../live/api.ts';
import { isoText } from '../text/time-text.ts';
import { parseInstrument } from '../url/chart-url.ts';

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** SQL that computes the candle anew from the trades it was made of. */
export function reproducingSql(instrument: string, interval: Interval, row: CandleRow): string {
  const name = parseInstrument(instrument);
  const fromUs = row.openedAtUs;
  const toUs = nextOpenTimeUs(interval, fromUs);
  const aggregates = row.source === 'agg-trades';
  const id = aggregates ? 'agg_trade_id' : 'trade_id';
  return [
    `SELECT arg_min(price, ${id}) AS open, max(price) AS high,`,
    `  min(price) AS low, arg_max(price, ${id}) AS close,`,
    '  sum(quantity) AS volume,',
    aggregates ? '  sum(last_trade_id - first_trade_id + 1) AS trade_count,' : '  count(*) AS trade_count,',
    '  coalesce(sum(quantity) FILTER (NOT buyer_is_maker), 0) AS taker_buy_volume,',
    aggregates
      ? '  min(first_trade_id) AS first_id, max(last_trade_id) AS last_id'
      : '  min(trade_id) AS first_id, max(trade_id) AS last_id',
    `FROM ${aggregates ? 'agg_trades' : 'trades'}`,
    `WHERE market = ${quoted(name?.market ?? '')} AND symbol = ${quoted(name?.symbol ?? '')}`,
    `  AND traded_at >= TIMESTAMPTZ ${quoted(isoText(fromUs))}`,
    `  AND traded_at < TIMESTAMPTZ ${quoted(isoText(toUs))}${aggregates ? '' : ' AND is_market'}`,
  ].join('\n');
}

export function reproducingCurl(origin: string, instrument: string, interval: Interval, row: CandleRow): string {
  const path = candlesPath({
    instrument,
    interval,
    fromUs: row.openedAtUs,
    toUs: nextOpenTimeUs(interval, row.openedAtUs),
    limit: 1,
  });
  return `curl ${quoted(`${origin}${path}`)}`;
}
