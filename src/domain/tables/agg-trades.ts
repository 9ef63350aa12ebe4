import { defineTable } from '../table.ts';

export const aggTrades = defineTable({
  name: 'agg_trades',
  layer: 'silver',
  kind: 'events',
  meaning: 'Aggregated trades: on spot all fills of one taker order at one price and time.',
  key: ['agg_trade_id'],
  order: ['agg_trade_id'],
  timeColumn: 'traded_at',
  columns: {
    agg_trade_id: { type: 'id', meaning: 'The venue’s aggregate id (`a`), contiguous per symbol.', content: true },
    price: { type: 'price', meaning: 'Price in quote asset (`p`).', content: true },
    quantity: { type: 'quantity', meaning: 'Summed quantity in base asset (`q`).', content: true },
    first_trade_id: { type: 'id', meaning: 'First trade inside (`f`).', content: true },
    last_trade_id: { type: 'id', meaning: 'Last trade inside, inclusive (`l`).', content: true },
    traded_at: { type: 'time', meaning: 'Engine time (`T`).', content: true },
    event_at: {
      type: 'time',
      meaning: 'Time the venue produced the event (`E`); absent in rows from REST.',
      nullable: true,
    },
    received_at: { type: 'time', meaning: 'Our receive time.' },
    buyer_is_maker: { type: 'flag', meaning: 'The buyer was resting (`m`).', content: true },
    origin: { type: 'text', meaning: '`frame`, `rest` or `archive`.' },
  },
});
