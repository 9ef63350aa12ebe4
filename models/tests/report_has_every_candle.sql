-- A day with a candle has a report, and the report says the same of it.
select candle.market, candle.date, candle.symbol
from {{ ref('candles_1d') }} as candle
left join {{ ref('daily_report') }} as report
    on candle.market = report.market and candle.date = report.date and candle.symbol = report.symbol
where report.volume is distinct from candle.volume or report."close" is distinct from candle."close"
