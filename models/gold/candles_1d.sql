{{ config(meta={'grain': '1 day', 'scope': 'symbol', 'time_column': 'opened_at'}) }}

{{ candles_from(ref('candles_1h'), '1 day') }}
