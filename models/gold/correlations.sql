{{ config(meta={'grain': '1 day', 'scope': 'market', 'lookback': '7 days', 'key': ['other_symbol']}) }}

-- Returns of hours that follow each other; a pair is compared over the hours that both have, in the seven days up to each.
with hours as (
    select
        market,
        date,
        symbol,
        opened_at,
        case when opened_at - lag(opened_at) over of_symbol = interval '1 hour'
            then ln("close"::double) - ln(lag("close") over of_symbol::double) end as change
    from {{ ref('candles_1h') }}
    window of_symbol as (partition by market, symbol order by opened_at)
),

days as (
    select distinct market, date from {{ ref('candles_1h') }} where {{ only_new_days() }}
),

sums as (
    select
        days.market,
        days.date,
        one.symbol,
        other.symbol as other_symbol,
        count(*) as hour_count,
        {{ exact_sum('one.change') }} as x,
        {{ exact_sum('other.change') }} as y,
        {{ exact_sum('one.change * one.change') }} as xx,
        {{ exact_sum('other.change * other.change') }} as yy,
        {{ exact_sum('one.change * other.change') }} as xy
    from days
    inner join hours as one on days.market = one.market and one.date between days.date - 6 and days.date
    inner join hours as other
        on one.market = other.market and one.opened_at = other.opened_at and one.symbol < other.symbol
    where one.change is not null and other.change is not null
    group by days.market, days.date, one.symbol, other.symbol
)

select
    market,
    date,
    symbol,
    other_symbol,
    hour_count,
    case when hour_count > 2 and hour_count * xx > x * x and hour_count * yy > y * y
        then (hour_count * xy - x * y) / sqrt((hour_count * xx - x * x) * (hour_count * yy - y * y)) end as correlation
from sums
