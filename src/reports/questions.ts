import { parseInstrumentId } from '../domain/instrument.ts';
import { sqlText } from '../domain/table-sql.ts';
import { barColumns } from './bars.ts';
import { depthBands } from './figures.ts';

/** The questions to the lake, as SQL. What leaves them is exact: sums are integers or decimals, statistics are made of them. */

export interface Scope {
  readonly market: string;
  readonly symbol: string;
}

export interface Range {
  readonly fromUs: number;
  readonly toUs: number;
}

const one = ({ market, symbol }: Scope) => `market = ${sqlText(market)} AND symbol = ${sqlText(symbol)}`;
const within = (column: string, { fromUs, toUs }: Range) =>
  `${column} >= make_timestamptz(${fromUs}) AND ${column} < make_timestamptz(${toUs})`;
const id = `'binance:' || market || ':' || symbol`;
/** Instruments of a report: one, or all. */
const of = (scope: Scope | undefined) => (scope === undefined ? 'true' : one(scope));

/** Some instruments, so that rows of others need not be read. */
function some(instruments: readonly string[]): string {
  const scopes = instruments.map(parseInstrumentId);
  if (scopes.length === 1) return one(scopes[0]!);
  const list = (texts: readonly string[]) => [...new Set(texts)].map(sqlText).join(', ');
  return `market IN (${list(scopes.map(({ market }) => market))}) AND symbol IN (${list(scopes.map(({ symbol }) => symbol))}) AND ${id} IN (${list(instruments)})`;
}

export function barsQuestion(scope: Scope, interval: string, range: Range): string {
  return `SELECT ${barColumns} FROM candles
    WHERE ${one(scope)} AND "interval" = ${sqlText(interval)} AND ${within('opened_at', range)} ORDER BY opened_at`;
}

/** A row an instrument: the candles of the range as one, first instrument, then the columns of a bar, then counts of states. */
export function summariesQuestion(interval: string, range: Range): string {
  return `WITH own AS (SELECT ${id} AS instrument, * FROM candles WHERE "interval" = ${sqlText(interval)} AND ${within('opened_at', range)}),
    traded AS (SELECT * FROM own WHERE trade_count > 0),
    states AS (SELECT instrument, string_agg(DISTINCT state, ',' ORDER BY state) AS states, string_agg(DISTINCT marks, ',' ORDER BY marks) AS marks,
      min(opened_at) AS first_at, max(opened_at) AS last_at, count(*) AS slots FROM own GROUP BY instrument)
    SELECT instrument, epoch_us(any_value(first_at)), arg_min(open, opened_at), max(high), min(low), arg_max(close, opened_at), sum(volume),
      sum(quote_volume), sum(trade_count), sum(taker_buy_volume), sum(taker_buy_quote_volume), min(first_trade_id), max(last_trade_id),
      any_value(states), any_value(states.marks), string_agg(DISTINCT source, ', ' ORDER BY source), epoch_us(any_value(last_at)), any_value(slots)
    FROM traded JOIN states USING (instrument) GROUP BY instrument ORDER BY sum(trade_count) DESC, instrument`;
}

/** Close of each known candle of some instruments. */
export function closesQuestion(instruments: readonly string[], interval: string, range: Range): string {
  return `SELECT ${id} AS instrument, epoch_us(opened_at), close FROM candles
    WHERE "interval" = ${sqlText(interval)} AND ${within('opened_at', range)} AND state IN ('final', 'provisional', 'no-trades')
      AND ${some(instruments)} ORDER BY opened_at, instrument`;
}

export function factsQuestion(scope: Scope | undefined): string {
  return `SELECT ${id} AS instrument, arg_max(base_asset, valid_from), arg_max(quote_asset, valid_from), arg_max(tick_size, valid_from),
    arg_max(step_size, valid_from) FROM instruments WHERE ${of(scope)} GROUP BY ALL ORDER BY instrument`;
}

/** Volume and taker-buy volume by price step; steps are whole numbers of 10^-8. */
export function profileQuestion(scope: Scope, table: 'trades' | 'agg_trades', range: Range, step: bigint): string {
  const fills = table === 'trades' ? ' AND is_market' : '';
  return `WITH fills AS (SELECT (price * 100000000)::HUGEINT AS units, quantity AS size, buyer_is_maker FROM ${table}
      WHERE ${one(scope)} AND ${within('traded_at', range)}${fills})
    SELECT units // ${step} AS bin, sum(size), coalesce(sum(size) FILTER (WHERE NOT buyer_is_maker), 0) FROM fills GROUP BY bin ORDER BY bin`;
}

/**
 * By instrument and bucket: seconds known, the sum and the largest of the spread at the end of each step of `stepSeconds`, in
 * 10^-6 basis points of the mid price. A quote holds until the next one, the start of a gap or the end of what was recorded.
 */
export function spreadQuestion(
  instruments: readonly string[],
  range: Range,
  { bucketUs, stepSeconds }: { readonly bucketUs: number; readonly stepSeconds: number },
  isReplay: boolean,
): string {
  const bucketSeconds = bucketUs / 1_000_000;
  const own = some(instruments);
  const ends = isReplay ? 'false' : "stream = 'book-ticker' AND reason <> 'off-book'";
  return `WITH quotes AS (${isReplay ? replayQuotes(own, range) : quotes(own, range)}),
    seconds AS (SELECT instrument, micros // ${stepSeconds * 1_000_000} * ${stepSeconds} AS second, arg_max(bid, update_id) AS bid, arg_max(ask, update_id) AS ask
      FROM quotes GROUP BY ALL),
    stretches AS (SELECT *, lead(second) OVER (PARTITION BY instrument ORDER BY second) AS next_second FROM seconds),
    breaks AS (SELECT ${id} AS instrument, epoch_us(opened_at) // 1000000 AS break_second FROM gaps WHERE ${own} AND ${ends}),
    held AS (SELECT stretches.instrument, second, bid, ask,
        least(coalesce(next_second, second + ${stepSeconds}), coalesce(break_second + 1, next_second, second + ${stepSeconds})) AS end_second
      FROM stretches ASOF LEFT JOIN breaks ON stretches.instrument = breaks.instrument AND stretches.second <= breaks.break_second),
    spreads AS (SELECT instrument, second, greatest(end_second, second + 1) AS end_second, (ask - bid) * 20000000000 // (ask + bid) AS spread
      FROM held WHERE bid > 0 AND ask > bid),
    pieces AS (SELECT instrument, second, end_second, spread,
      unnest(generate_series(second // ${bucketSeconds}, (end_second - 1) // ${bucketSeconds})) AS bucket FROM spreads),
    cut AS (SELECT instrument, bucket, spread, least(end_second, (bucket + 1) * ${bucketSeconds}) - greatest(second, bucket * ${bucketSeconds}) AS known FROM pieces)
    SELECT instrument, bucket * ${bucketUs}, sum(known), sum(spread * known), max(spread) FROM cut GROUP BY instrument, bucket ORDER BY instrument, bucket`;
}

const units = '(bid_price * 100000000)::HUGEINT AS bid, (ask_price * 100000000)::HUGEINT AS ask';

function quotes(own: string, range: Range): string {
  return `SELECT ${id} AS instrument, update_id, epoch_us(received_at) AS micros, ${units}
    FROM book_tickers WHERE ${own} AND ${within('received_at', range)}`;
}

/** The book tickers of a replay carry the time of the replay: venue time is that of the depth event which holds their update id. */
function replayQuotes(own: string, range: Range): string {
  return `SELECT quotes.instrument, update_id, micros, bid, ask
    FROM (SELECT ${id} AS instrument, update_id, ${units}
      FROM book_tickers WHERE ${own}) AS quotes
    ASOF JOIN (SELECT ${id} AS instrument, final_update_id, min(first_update_id) AS first_update_id, epoch_us(min(event_at)) AS micros
      FROM book_deltas WHERE ${own} AND ${within('event_at', range)} GROUP BY ALL) AS events
    ON quotes.instrument = events.instrument AND quotes.update_id <= events.final_update_id WHERE update_id >= first_update_id`;
}

/**
 * A row a whole book: when, best bid and ask, how far down and up it vouches for itself, then by band the quantity of bids
 * and of asks. Prices are in 10^-8.
 */
export function depthQuestion(scope: Scope, range: Range): string {
  const bands = depthBands.flatMap((band) => [
    `sum(size) FILTER (WHERE is_bid AND units * 20000 >= (bid + ask) * ${10_000 - band})`,
    `sum(size) FILTER (WHERE NOT is_bid AND units * 20000 <= (bid + ask) * ${10_000 + band})`,
  ]);
  return `WITH levels AS (SELECT update_id, event_at, is_bid, (price * 100000000)::HUGEINT AS units, quantity AS size, is_within_horizon
      FROM book_snapshots WHERE ${one(scope)} AND ${within('event_at', range)} AND quantity > 0),
    books AS (SELECT update_id, max(units) FILTER (WHERE is_bid) AS bid, min(units) FILTER (WHERE NOT is_bid) AS ask,
      min(units) FILTER (WHERE is_bid AND is_within_horizon) AS low, max(units) FILTER (WHERE NOT is_bid AND is_within_horizon) AS high
      FROM levels GROUP BY update_id)
    SELECT epoch_us(min(event_at)), any_value(bid), any_value(ask), any_value(low), any_value(high), ${bands.join(', ')}
    FROM levels JOIN books USING (update_id) WHERE bid > 0 AND ask > bid GROUP BY update_id ORDER BY update_id`;
}

/** A row an instrument and stream: rows in the range, the first and the last of them, and of all within `reachUs` of it. */
export function recordsQuestion(
  scope: Scope | undefined,
  { table, timeColumn, stream }: { readonly table: string; readonly timeColumn: string; readonly stream: string },
  range: Range,
  reachUs: number,
): string {
  const near = { fromUs: range.fromUs - reachUs, toUs: range.toUs + reachUs };
  const name = stream === 'kline' ? `'kline_' || "interval"` : sqlText(stream);
  return `SELECT ${id} AS instrument, ${name} AS stream, count(*) FILTER (WHERE ${within(timeColumn, range)}),
    epoch_us(min(${timeColumn})), epoch_us(max(${timeColumn}))
    FROM ${table} WHERE ${of(scope)} AND ${within(timeColumn, near)} GROUP BY ALL`;
}

/** Gaps that touch the range, in their order of opening. */
export function gapsQuestion(scope: Scope | undefined, { fromUs, toUs }: Range): string {
  return `SELECT ${id} AS instrument, stream, epoch_us(opened_at), epoch_us(closed_at), from_id, to_id, held_count, by_aggregate_count, state, reason, tried
    FROM gaps WHERE ${of(scope)} AND opened_at < make_timestamptz(${toUs}) AND (closed_at IS NULL OR closed_at > make_timestamptz(${fromUs}))
    ORDER BY opened_at, instrument, stream, from_id`;
}

export function findingsQuestion(scope: Scope | undefined, range: Range): string {
  return `SELECT ${id} AS instrument, code, stream, count(*), epoch_us(min(found_at)), epoch_us(max(found_at)), min(detail)
    FROM findings WHERE ${of(scope)} AND ${within('found_at', range)} GROUP BY ALL ORDER BY min(found_at), instrument, code, stream`;
}
