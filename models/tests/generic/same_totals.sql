{# Larger candles hold what the smaller ones hold. #}
{% test same_totals(model, to) %}
select coalesce(own.symbol, other.symbol) as symbol, own.volume, other.volume as other_volume, own.trades, other.trades as other_trades
from (
    select market, date, symbol, sum(volume) as volume, sum(quote_volume) as quotes, sum(trade_count) as trades,
        min(first_trade_id) as first_id, max(last_trade_id) as last_id, max(high) as high, min(low) as low
    from {{ model }} group by market, date, symbol
) as own
full join (
    select market, date, symbol, sum(volume) as volume, sum(quote_volume) as quotes, sum(trade_count) as trades,
        min(first_trade_id) as first_id, max(last_trade_id) as last_id, max(high) as high, min(low) as low
    from {{ to }} group by market, date, symbol
) as other
    on own.market = other.market and own.date = other.date and own.symbol = other.symbol
where own.volume is distinct from other.volume or own.quotes is distinct from other.quotes
    or own.trades is distinct from other.trades or own.first_id is distinct from other.first_id
    or own.last_id is distinct from other.last_id or own.high is distinct from other.high or own.low is distinct from other.low
{% endtest %}
