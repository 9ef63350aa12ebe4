{{ config(meta={'grain': '1 minute', 'scope': 'symbol', 'time_column': 'opened_at'}) }}

select
    market,
    date,
    symbol,
    time_bucket(interval '1 minute', traded_at) as opened_at,
    arg_min(price, trade_id) as "open",
    max(price) as high,
    min(price) as low,
    arg_max(price, trade_id) as "close",
    sum(quantity)::decimal(38, 8) as volume,
    sum(price * quantity)::decimal(38, 16) as quote_volume,
    count(*) as trade_count,
    coalesce(sum(quantity) filter (where not buyer_is_maker), 0)::decimal(38, 8) as taker_buy_volume,
    coalesce(sum(price * quantity) filter (where not buyer_is_maker), 0)::decimal(38, 16) as taker_buy_quote_volume,
    min(trade_id) as first_trade_id,
    max(trade_id) as last_trade_id
from {{ source('tidemark', 'trades') }}
where is_market and {{ only_new_days() }}
group by market, date, symbol, time_bucket(interval '1 minute', traded_at)
