{{ config(meta={'grain': '1 day', 'scope': 'symbol', 'lookback': {'candles_1d': '30 days'}, 'key': []}) }}

with five_minutes as (
    select
        market,
        date,
        symbol,
        ln("close"::double) - ln(lag("close") over (partition by market, symbol, date order by opened_at)::double) as change
    from {{ ref('candles_5m') }}
),

within_days as (
    select
        market,
        date,
        symbol,
        count(change) as return_count,
        sqrt({{ exact_sum('change * change') }}) as realised
    from five_minutes
    group by market, date, symbol
),

days as (
    select
        market,
        date,
        symbol,
        ln(high::double) - ln(low::double) as high_low,
        case when date - lag(date) over of_symbol = 1
            then ln("close"::double) - ln(lag("close") over of_symbol::double) end as change
    from {{ ref('candles_1d') }}
    window of_symbol as (partition by market, symbol order by date)
),

so_far as (
    select
        of_day.market,
        of_day.date,
        of_day.symbol,
        count(earlier.change) as day_count,
        {{ exact_stddev('case when earlier.date > of_day.date - 7 then earlier.change end') }} as deviation_7d,
        {{ exact_stddev('earlier.change') }} as deviation_30d
    from days as of_day
    inner join days as earlier
        on of_day.market = earlier.market and of_day.symbol = earlier.symbol
        and earlier.date between of_day.date - 29 and of_day.date
    group by of_day.market, of_day.date, of_day.symbol
),

found as (
    select
        days.market,
        days.date,
        days.symbol,
        days.change as daily_return,
        within_days.return_count,
        within_days.realised as realised_5m,
        within_days.realised * sqrt(365) as annualised_5m,
        days.high_low / (2 * sqrt(ln(2))) as parkinson,
        so_far.day_count,
        so_far.deviation_7d * sqrt(365) as annualised_7d,
        so_far.deviation_30d * sqrt(365) as annualised_30d
    from days
    inner join within_days using (market, date, symbol)
    inner join so_far using (market, date, symbol)
)

select * from found where {{ only_new_days() }}
