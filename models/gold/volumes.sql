{{ config(meta={'grain': '1 day', 'scope': 'symbol', 'time_column': 'opened_at', 'key': ['period', 'opened_at']}) }}

with candles as (
    select *, '1h' as period from {{ ref('candles_1h') }}
    union all
    select *, '1d' as period from {{ ref('candles_1d') }}
)

select
    market,
    date,
    symbol,
    period,
    opened_at,
    volume,
    quote_volume,
    taker_buy_volume as buy_volume,
    (volume - taker_buy_volume)::decimal(38, 8) as sell_volume,
    taker_buy_quote_volume as buy_quote_volume,
    (quote_volume - taker_buy_quote_volume)::decimal(38, 16) as sell_quote_volume,
    trade_count,
    taker_buy_quote_volume::double / nullif(quote_volume, 0)::double as buy_share,
    quote_volume::double / nullif(volume, 0)::double as average_price
from candles
where {{ only_new_days() }}
