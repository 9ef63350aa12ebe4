{{ config(meta={'grain': '1 day', 'scope': 'symbol', 'lookback': {'candles_1d': '1 day'}, 'key': []}) }}

with minutes as (
    select market, date, symbol, count(*) as traded_minutes
    from {{ ref('candles_1m') }}
    group by market, date, symbol
),

spreads as (
    select
        market,
        date,
        symbol,
        sum(quote_count)::bigint as quote_count,
        {{ exact_sum('mean_spread_bps * held_us') }} / nullif(sum(held_us), 0)::double as mean_spread_bps,
        max(max_spread) as max_spread
    from {{ ref('spread_liquidity') }}
    group by market, date, symbol
),

depths as (
    select
        market,
        date,
        symbol,
        count(*) as snapshot_count,
        sum(bid_value_10bps)::double / count(*)::double as mean_bid_value_10bps,
        sum(ask_value_10bps)::double / count(*)::double as mean_ask_value_10bps
    from {{ ref('book_depth') }}
    group by market, date, symbol
),

holes as (
    select
        market,
        date,
        symbol,
        count(*) as gap_count,
        count(*) filter (where state in ('open', 'repairing')) as open_gap_count,
        coalesce(sum(to_id - from_id + 1 - held_count) filter (where stream = 'trade' and from_id >= 0), 0)::bigint
            as missing_trades
    from {{ source('tidemark', 'gaps') }}
    group by market, date, symbol
),

found as (
    select
        today.market,
        today.date,
        today.symbol,
        today."open",
        today.high,
        today.low,
        today."close",
        earlier."close" as previous_close,
        (today."close" - today."open")::decimal(38, 8) as change,
        (today."close" - today."open")::double * 100 / today."open"::double as change_percent,
        (today.high - today.low)::double * 100 / today.low::double as range_percent,
        today.volume,
        today.quote_volume,
        today.taker_buy_volume as buy_volume,
        today.taker_buy_quote_volume::double / nullif(today.quote_volume, 0)::double as buy_share,
        today.quote_volume::double / nullif(today.volume, 0)::double as average_price,
        today.trade_count,
        today.first_trade_id,
        today.last_trade_id,
        minutes.traded_minutes,
        volatility.realised_5m,
        volatility.annualised_30d,
        coalesce(spreads.quote_count, 0) as quote_count,
        spreads.mean_spread_bps,
        spreads.max_spread,
        depths.mean_bid_value_10bps,
        depths.mean_ask_value_10bps,
        coalesce(holes.gap_count, 0) as gap_count,
        coalesce(holes.open_gap_count, 0) as open_gap_count,
        coalesce(holes.missing_trades, 0) as missing_trades
    from {{ ref('candles_1d') }} as today
    inner join minutes using (market, date, symbol)
    left join {{ ref('candles_1d') }} as earlier
        on today.market = earlier.market and today.symbol = earlier.symbol and earlier.date = today.date - 1
    left join {{ ref('volatility') }} as volatility
        on today.market = volatility.market and today.date = volatility.date and today.symbol = volatility.symbol
    left join spreads
        on today.market = spreads.market and today.date = spreads.date and today.symbol = spreads.symbol
    left join depths
        on today.market = depths.market and today.date = depths.date and today.symbol = depths.symbol
    left join holes on today.market = holes.market and today.date = holes.date and today.symbol = holes.symbol
)

select * from found where {{ only_new_days() }}
