export interface Recipe {
  readonly name: string;
  readonly what: string;
  readonly sql: string;
}

/** Statements to begin with. Parameters are those of the panel beside the editor. */
export const cookbook: readonly Recipe[] = [
  {
    name: 'resample',
    what: 'Candles of any length from trades, exact',
    sql: `-- candles of 15 seconds from trades; every figure is exact
SELECT time_bucket(INTERVAL 15 seconds, traded_at) AS bucket_at,
  arg_min(price, trade_id) AS open,
  max(price) AS high,
  min(price) AS low,
  arg_max(price, trade_id) AS close,
  sum(quantity) AS volume,
  count(*) AS trades
FROM trades
WHERE market = :market AND symbol = :symbol
  AND traded_at >= :from AND traded_at < :to
GROUP BY bucket_at
ORDER BY bucket_at;
`,
  },
  {
    name: 'vwap',
    what: 'Volume-weighted price and the takers’ share',
    sql: `-- sums are exact; the quotient is a statistic and therefore a double
SELECT time_bucket(INTERVAL 15 seconds, traded_at) AS bucket_at,
  count(*) AS trades,
  sum(quantity) AS volume,
  sum(quote_quantity) AS notional,
  sum(quote_quantity)::DOUBLE / sum(quantity)::DOUBLE AS vwap,
  sum(quantity) FILTER (NOT buyer_is_maker) AS taker_buy
FROM trades
WHERE market = :market AND symbol = :symbol
  AND traded_at >= :from AND traded_at < :to
GROUP BY bucket_at
ORDER BY bucket_at;
`,
  },
  {
    name: 'as-of join',
    what: 'Each trade beside the book’s best prices before it',
    sql: `-- the newest best bid and ask that were received before each trade
SELECT t.traded_at, t.trade_id, t.price, b.bid_price, b.ask_price,
  CASE WHEN t.buyer_is_maker THEN b.bid_price - t.price ELSE t.price - b.ask_price END AS beyond_best
FROM trades t
ASOF LEFT JOIN book_tickers b
  ON b.market = t.market AND b.symbol = t.symbol AND b.received_at <= t.received_at
WHERE t.market = :market AND t.symbol = :symbol
  AND t.traded_at >= :from AND t.traded_at < :to
ORDER BY t.trade_id;
`,
  },
  {
    name: 'gap finder',
    what: 'What is missing, why, and what was done',
    sql: `-- gaps that are not repaired first, longest first
SELECT symbol, stream, state, reason, opened_at, closed_at,
  closed_at - opened_at AS lasted,
  CASE WHEN from_id >= 0 THEN to_id - from_id + 1 - held_count END AS ids_missing,
  tried
FROM gaps
WHERE market = :market
ORDER BY state = 'repaired', closed_at - opened_at DESC NULLS FIRST;
`,
  },
  {
    name: 'spread percentiles',
    what: 'Spread in basis points, by minute',
    sql: `-- of every best price that was received; a double, because a ratio is a statistic
SELECT date_trunc('minute', received_at) AS bucket_at,
  quantile_cont(bps, 0.5) AS median,
  quantile_cont(bps, 0.95) AS p95,
  max(bps) AS most,
  count(*) AS quotes
FROM (
  SELECT received_at, (ask_price - bid_price)::DOUBLE / bid_price::DOUBLE * 10000 AS bps
  FROM book_tickers
  WHERE market = :market AND symbol = :symbol
    AND received_at >= :from AND received_at < :to
)
GROUP BY bucket_at
ORDER BY bucket_at;
`,
  },
];
