{{ config(meta={'grain': '15 minutes', 'scope': 'symbol', 'time_column': 'opened_at'}) }}

{{ candles_from(ref('candles_5m'), '15 minutes') }}
