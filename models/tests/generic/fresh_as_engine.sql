{# A symbol's newest row is not further behind the engine's newest minute than `within`. #}
{% test fresh_as_engine(model, time_column, within) %}
select engine.market, engine.date, engine.symbol, engine.newest as engine_newest, own.newest
from (
    select market, date, symbol, max(opened_at) as newest
    from {{ source('tidemark', 'candles') }}
    where "interval" = '1m' and source = 'trades' and trade_count > 0
    group by market, date, symbol
) as engine
left join (
    select market, date, symbol, max({{ time_column }}) as newest from {{ model }} group by market, date, symbol
) as own
    on engine.market = own.market and engine.date = own.date and engine.symbol = own.symbol
where own.newest is null or engine.newest - own.newest > interval '{{ within }}'
{% endtest %}
