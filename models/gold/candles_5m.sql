{{ config(meta={'grain': '5 minutes', 'scope': 'symbol', 'time_column': 'opened_at'}) }}

{{ candles_from(ref('candles_1m'), '5 minutes') }}
