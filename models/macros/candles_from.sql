{# Larger candles out of smaller ones, exactly. #}
{% macro candles_from(smaller, length) %}
select
    market,
    date,
    symbol,
    time_bucket(interval '{{ length }}', opened_at) as opened_at,
    arg_min("open", opened_at) as "open",
    max(high) as high,
    min(low) as low,
    arg_max("close", opened_at) as "close",
    sum(volume)::decimal(38, 8) as volume,
    sum(quote_volume)::decimal(38, 16) as quote_volume,
    sum(trade_count)::bigint as trade_count,
    sum(taker_buy_volume)::decimal(38, 8) as taker_buy_volume,
    sum(taker_buy_quote_volume)::decimal(38, 16) as taker_buy_quote_volume,
    min(first_trade_id) as first_trade_id,
    max(last_trade_id) as last_trade_id
from {{ smaller }}
where {{ only_new_days() }}
group by market, date, symbol, time_bucket(interval '{{ length }}', opened_at)
{% endmacro %}
