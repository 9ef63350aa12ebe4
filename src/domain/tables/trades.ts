import { defineTable } from '../table.ts';

export const trades = defineTable({
  name: 'trades',
  layer: 'silver',
  kind: 'events',
  meaning: 'Every match of one buyer and one seller, once per venue-given id.',
  key: ['trade_id'],
  order: ['trade_id'],
  timeColumn: 'traded_at',
  columns: {
    trade_id: { type: 'id', meaning: 'The venue’s trade id (stream `t`), contiguous per symbol.', content: true },
    price: { type: 'price', meaning: 'Price in quote asset (`p`).', content: true },
    quantity: { type: 'quantity', meaning: 'Quantity in base asset (`q`).', content: true },
    traded_at: { type: 'time', meaning: 'Engine time of the trade (`T`).', content: true },
    event_at: {
      type: 'time',
      meaning: 'Time the venue produced the event (`E`); absent in rows from REST.',
      nullable: true,
    },
    received_at: { type: 'time', meaning: 'Our receive time, stamped in the socket callback.' },
    buyer_is_maker: { type: 'flag', meaning: 'The buyer was resting, so the taker sold (`m`).', content: true },
    is_market: {
      type: 'flag',
      meaning:
        'An ordinary fill. False for futures rows whose `X` is not MARKET: they hold an id and never enter candles.',
      content: true,
    },
    origin: { type: 'text', meaning: '`frame`, `rest` or `archive`: where the winning copy came from.' },
  },
});
