import { defineTable } from '../table.ts';

export const bookDeltas = defineTable({
  name: 'book_deltas',
  layer: 'silver',
  kind: 'events',
  meaning: 'Level changes of the order book, a row a level, as diff depth events gave them.',
  key: ['final_update_id', 'level'],
  order: ['final_update_id', 'level'],
  timeColumn: 'event_at',
  columns: {
    first_update_id: { type: 'id', meaning: 'First update id in the event (`U`).', content: true },
    final_update_id: { type: 'id', meaning: 'Last update id in the event (`u`).', content: true },
    previous_update_id: {
      type: 'id',
      meaning: 'Futures: `u` of the previous event (`pu`).',
      nullable: true,
      content: true,
    },
    level: { type: 'count', meaning: 'Position of the level inside the event, bids first.', content: true },
    is_bid: { type: 'flag', meaning: 'Bid side.', content: true },
    price: { type: 'price', meaning: 'Price of the level.', content: true },
    quantity: { type: 'quantity', meaning: 'New absolute quantity; 0 removes the level.', content: true },
    event_at: { type: 'time', meaning: 'Time the venue produced the event (`E`).', content: true },
    received_at: { type: 'time', meaning: 'Our receive time.' },
  },
});

export const bookSnapshots = defineTable({
  name: 'book_snapshots',
  layer: 'silver',
  kind: 'events',
  meaning: 'Whole books at an update id, a row a level: checkpoints of our books, each at least every 10 minutes.',
  key: ['update_id', 'is_bid', 'price'],
  order: ['update_id', 'is_bid', 'price'],
  timeColumn: 'event_at',
  columns: {
    update_id: { type: 'id', meaning: 'The book is exact after this update id.', content: true },
    is_bid: { type: 'flag', meaning: 'Bid side.', content: true },
    price: { type: 'price', meaning: 'Price of the level.', content: true },
    quantity: { type: 'quantity', meaning: 'Resting quantity.', content: true },
    is_within_horizon: {
      type: 'flag',
      meaning: 'Inside the range that the snapshot vouched for; beyond it levels may be missing.',
      content: true,
    },
    event_at: { type: 'time', meaning: 'Event time of the last applied update.', content: true },
  },
});

export const bookTickers = defineTable({
  name: 'book_tickers',
  layer: 'silver',
  kind: 'events',
  meaning: 'Best bid and ask after each change. A lost one cannot be noticed: the stream has no contiguous ids.',
  key: ['update_id'],
  order: ['update_id'],
  timeColumn: 'received_at',
  columns: {
    update_id: { type: 'id', meaning: 'Book update id (`u`), comparable with depth ids.', content: true },
    bid_price: { type: 'price', meaning: 'Best bid price (`b`).', content: true },
    bid_quantity: { type: 'quantity', meaning: 'Best bid quantity (`B`).', content: true },
    ask_price: { type: 'price', meaning: 'Best ask price (`a`).', content: true },
    ask_quantity: { type: 'quantity', meaning: 'Best ask quantity (`A`).', content: true },
    event_at: {
      type: 'time',
      meaning: 'Time the venue produced the event (`E`); spot sends none.',
      nullable: true,
      content: true,
    },
    received_at: { type: 'time', meaning: 'Our receive time.' },
  },
});
