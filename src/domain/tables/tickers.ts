import { defineTable } from '../table.ts';

export const tickers = defineTable({
  name: 'tickers',
  layer: 'silver',
  kind: 'events',
  meaning: 'Rolling 24-hour statistics as the venue publishes them, once a second and symbol.',
  key: ['event_at'],
  order: ['event_at'],
  timeColumn: 'event_at',
  columns: {
    event_at: { type: 'time', meaning: 'Time the venue produced the event (`E`).', content: true },
    price_change: { type: 'price', meaning: 'Change over the window (`p`), may be negative.', content: true },
    open: { type: 'price', meaning: 'First price of the window (`o`).', content: true },
    high: { type: 'price', meaning: 'Highest price (`h`).', content: true },
    low: { type: 'price', meaning: 'Lowest price (`l`).', content: true },
    last_price: { type: 'price', meaning: 'Last price (`c`).', content: true },
    last_quantity: { type: 'quantity', meaning: 'Quantity of the last trade (`Q`).', content: true },
    average_price: { type: 'wide', meaning: 'Volume-weighted average price (`w`).', nullable: true, content: true },
    volume: { type: 'wide', meaning: 'Base volume of the window (`v`).', content: true },
    quote_volume: { type: 'wide', meaning: 'Quote volume of the window (`q`).', content: true },
    opened_at: { type: 'time', meaning: 'Start of the window (`O`).', content: true },
    closed_at: { type: 'time', meaning: 'End of the window (`C`).', content: true },
    first_trade_id: { type: 'id', meaning: 'First trade of the window (`F`), −1 when there was none.', content: true },
    last_trade_id: { type: 'id', meaning: 'Last trade of the window (`L`).', content: true },
    trade_count: { type: 'count', meaning: 'Number of trades (`n`).', content: true },
    received_at: { type: 'time', meaning: 'Our receive time.' },
  },
});
