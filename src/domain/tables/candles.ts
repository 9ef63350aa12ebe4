import type { Column } from '../table.ts';
import { defineTable } from '../table.ts';

const values = {
  open: { type: 'price', meaning: 'Price of the first trade.', content: true },
  high: { type: 'price', meaning: 'Highest trade price.', content: true },
  low: { type: 'price', meaning: 'Lowest trade price.', content: true },
  close: { type: 'price', meaning: 'Price of the last trade.', content: true },
  volume: { type: 'sum', meaning: 'Sum of quantity (base asset).', content: true },
  quote_volume: { type: 'product', meaning: 'Sum of price × quantity (quote asset).', content: true },
  trade_count: { type: 'count', meaning: 'Number of trades.', content: true },
  taker_buy_volume: { type: 'sum', meaning: 'Base volume of trades whose taker bought.', content: true },
  taker_buy_quote_volume: { type: 'product', meaning: 'Quote volume of trades whose taker bought.', content: true },
  first_trade_id: { type: 'id', meaning: 'First trade, −1 when there was none.', content: true },
  last_trade_id: { type: 'id', meaning: 'Last trade, −1 when there was none.', content: true },
} as const satisfies Record<string, Column>;

export const candles = defineTable({
  name: 'candles',
  layer: 'gold',
  kind: 'state',
  meaning:
    'Candles computed from trades. Stored: 1s with trades, 1m, 1h, 1d; every other interval is an exact roll-up on read.',
  key: ['interval', 'opened_at'],
  order: ['interval', 'opened_at'],
  timeColumn: 'opened_at',
  columns: {
    interval: { type: 'text', meaning: 'Interval name; 1m is a minute, 1M a month.', content: true },
    opened_at: { type: 'time', meaning: 'Start of the interval, inclusive.', content: true },
    ...values,
    state: { type: 'text', meaning: '`forming provisional final partial no-trades missing`.' },
    marks: { type: 'text', meaning: 'Any of `repaired revised`, comma-separated; empty for none.' },
    source: { type: 'text', meaning: '`trades`, `agg-trades` or `venue`: what it was computed from.' },
  },
});

export const venueCandles = defineTable({
  name: 'venue_candles',
  layer: 'silver',
  kind: 'events',
  meaning: 'Closed candles as the venue sent them (kline stream with `x` true, and REST), kept to compare with ours.',
  key: ['interval', 'opened_at'],
  order: ['interval', 'opened_at'],
  timeColumn: 'opened_at',
  columns: {
    interval: { type: 'text', meaning: 'Interval name.', content: true },
    opened_at: { type: 'time', meaning: 'Start of the interval (`t`).', content: true },
    closed_at: { type: 'time', meaning: 'Last instant inside (`T`).', content: true },
    open: { type: 'price', meaning: 'Open (`o`).', content: true },
    high: { type: 'price', meaning: 'High (`h`).', content: true },
    low: { type: 'price', meaning: 'Low (`l`).', content: true },
    close: { type: 'price', meaning: 'Close (`c`).', content: true },
    volume: { type: 'wide', meaning: 'Base volume (`v`).', content: true },
    quote_volume: { type: 'wide', meaning: 'Quote volume (`q`).', content: true },
    trade_count: { type: 'count', meaning: 'Number of trades (`n`).', content: true },
    taker_buy_volume: { type: 'wide', meaning: 'Taker-buy base volume (`V`).', content: true },
    taker_buy_quote_volume: { type: 'wide', meaning: 'Taker-buy quote volume (`Q`).', content: true },
    first_trade_id: { type: 'id', meaning: 'First trade (`f`), −1 when empty; REST gives none.', nullable: true },
    last_trade_id: { type: 'id', meaning: 'Last trade (`L`), −1 when empty; REST gives none.', nullable: true },
    event_at: { type: 'time', meaning: 'Time of the closing frame (`E`).', nullable: true },
    received_at: { type: 'time', meaning: 'Our receive time.' },
    origin: { type: 'text', meaning: '`frame`, `rest` or `archive`.' },
  },
});
