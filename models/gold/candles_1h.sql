{{ config(meta={'grain': '1 hour', 'scope': 'symbol', 'time_column': 'opened_at'}) }}

{{ candles_from(ref('candles_15m'), '1 hour') }}
