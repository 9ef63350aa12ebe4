{#
  The engine's candles are computed trade by trade from the journal; where one of them is final, this one has to be there and
  to be the same to the last digit.
#}
{% test equals_engine_candles(model, period) %}
select
    engine.market,
    engine.symbol,
    engine.opened_at,
    engine.trade_count as engine_trade_count,
    own.trade_count,
    engine.volume as engine_volume,
    own.volume,
    engine."close" as engine_close,
    own."close"
from {{ source('tidemark', 'candles') }} as engine
left join {{ model }} as own
    on engine.market = own.market and engine.symbol = own.symbol and engine.opened_at = own.opened_at
where engine."interval" = '{{ period }}' and engine.state = 'final' and engine.source = 'trades' and engine.trade_count > 0
    and (own.trade_count is null
    {% for column in ['"open"', 'high', 'low', '"close"', 'volume', 'quote_volume', 'trade_count', 'taker_buy_volume',
                      'taker_buy_quote_volume', 'first_trade_id', 'last_trade_id'] %}
    or engine.{{ column }} is distinct from own.{{ column }}
    {% endfor %}
    )
{% endtest %}
