{{ config(meta={'grain': '1 minute', 'scope': 'symbol', 'time_column': 'opened_at'}) }}

-- A quote holds from when it was received until the next one of its minute, or until the minute ends.
with quotes as (
    select
        market,
        date,
        symbol,
        update_id,
        bid_price,
        ask_price,
        bid_quantity,
        ask_quantity,
        time_bucket(interval '1 minute', received_at) as opened_at,
        greatest(0, epoch_us(coalesce(
            lead(received_at) over minute_of_symbol,
            time_bucket(interval '1 minute', received_at) + interval '1 minute'
        )) - epoch_us(received_at)) as held_us
    from {{ source('tidemark', 'book_tickers') }}
    where bid_price > 0 and ask_price >= bid_price and {{ only_new_days() }}
    window minute_of_symbol as (
        partition by market, symbol, time_bucket(interval '1 minute', received_at) order by received_at, update_id
    )
)

select
    market,
    date,
    symbol,
    opened_at,
    count(*) as quote_count,
    sum(held_us)::bigint as held_us,
    arg_max(bid_price, update_id) as bid_price,
    arg_max(ask_price, update_id) as ask_price,
    min(ask_price - bid_price)::decimal(38, 8) as min_spread,
    max(ask_price - bid_price)::decimal(38, 8) as max_spread,
    sum((ask_price - bid_price) * held_us)::double / nullif(sum(held_us), 0)::double as mean_spread,
    {{ exact_sum('(ask_price - bid_price)::double * 20000 / (ask_price + bid_price)::double * held_us') }}
        / nullif(sum(held_us), 0)::double as mean_spread_bps,
    sum(bid_quantity * held_us)::double / nullif(sum(held_us), 0)::double as mean_bid_quantity,
    sum(ask_quantity * held_us)::double / nullif(sum(held_us), 0)::double as mean_ask_quantity
from quotes
group by market, date, symbol, opened_at
