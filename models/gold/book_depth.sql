{{ config(meta={'grain': '1 second', 'scope': 'symbol', 'time_column': 'event_at', 'key': ['event_at', 'update_id']}) }}

-- (bid + ask) × 0.4995 is the middle less ten basis points: exact, as a division would not be.
with levels as (
    select market, date, symbol, update_id, event_at, is_bid, price, quantity, is_within_horizon
    from {{ source('tidemark', 'book_snapshots') }}
    where quantity > 0 and {{ only_new_days() }}
),

tops as (
    select
        market,
        date,
        symbol,
        update_id,
        event_at,
        max(price) filter (where is_bid) as bid_price,
        min(price) filter (where not is_bid) as ask_price
    from levels
    group by market, date, symbol, update_id, event_at
)

select
    market,
    date,
    symbol,
    event_at,
    update_id,
    bid_price,
    ask_price,
    {% for name, share in [['10bps', '0.0005'], ['50bps', '0.0025']] %}
    coalesce(sum(quantity) filter (
        where is_bid and price >= (bid_price + ask_price) * (0.5 - {{ share }})
    ), 0)::decimal(38, 8) as bid_quantity_{{ name }},
    coalesce(sum(quantity) filter (
        where not is_bid and price <= (bid_price + ask_price) * (0.5 + {{ share }})
    ), 0)::decimal(38, 8) as ask_quantity_{{ name }},
    coalesce(sum(price * quantity) filter (
        where is_bid and price >= (bid_price + ask_price) * (0.5 - {{ share }})
    ), 0)::decimal(38, 16) as bid_value_{{ name }},
    coalesce(sum(price * quantity) filter (
        where not is_bid and price <= (bid_price + ask_price) * (0.5 + {{ share }})
    ), 0)::decimal(38, 16) as ask_value_{{ name }},
    {% endfor %}
    count(*) filter (where is_within_horizon) as level_count
from tops
inner join levels using (market, date, symbol, update_id, event_at)
where bid_price is not null and ask_price is not null
group by market, date, symbol, event_at, update_id, bid_price, ask_price
