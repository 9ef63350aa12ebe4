import { defineTable } from '../table.ts';

export const instruments = defineTable({
  name: 'instruments',
  layer: 'silver',
  kind: 'state',
  meaning: 'What the venue said of each instrument, with the time from which it holds.',
  key: ['valid_from'],
  order: ['valid_from'],
  timeColumn: 'valid_from',
  columns: {
    valid_from: { type: 'time', meaning: 'First answer that said so.' },
    valid_to: { type: 'time', meaning: 'First answer that said otherwise; absent while it holds.', nullable: true },
    status: { type: 'text', meaning: 'The venue’s word: TRADING, BREAK, HALT …', content: true },
    base_asset: { type: 'text', meaning: 'Asset that is bought and sold.', content: true },
    quote_asset: { type: 'text', meaning: 'Asset that prices are in.', content: true },
    tick_size: { type: 'price', meaning: 'Smallest price step.', content: true },
    step_size: { type: 'quantity', meaning: 'Smallest quantity step.', content: true },
  },
});

export const gaps = defineTable({
  name: 'gaps',
  layer: 'silver',
  kind: 'state',
  meaning:
    'Every hole in a sequence, from the moment it was seen, with what was done about it. Rows are never deleted.',
  key: ['stream', 'from_id', 'opened_at'],
  order: ['stream', 'from_id'],
  timeColumn: 'opened_at',
  columns: {
    stream: { type: 'text', meaning: '`trade`, `agg-trade`, `depth`, `book-ticker`, `kline` …', content: true },
    from_id: { type: 'id', meaning: 'First missing id; −1 in streams without ids.', content: true },
    to_id: { type: 'id', meaning: 'Last missing id, inclusive; −1 in streams without ids.', content: true },
    opened_at: {
      type: 'time',
      meaning: 'Start of the missing time, exclusive: the last record held before it.',
      content: true,
    },
    closed_at: {
      type: 'time',
      meaning: 'End of the missing time, exclusive: the first record held after it; absent while it lasts.',
      nullable: true,
      content: true,
    },
    state: { type: 'text', meaning: '`open repairing repaired declared`.', content: true },
    reason: {
      type: 'text',
      meaning:
        '`disconnect process-stop server-drop rate-limited venue-closed off-book sampled beyond-snapshot unknown`.',
    },
    held_count: { type: 'count', meaning: 'Ids of it that we hold now, by row or by aggregate.', content: true },
    by_aggregate_count: { type: 'count', meaning: 'Of those, ids held only inside an aggregate.', content: true },
    tried: { type: 'text', meaning: 'What was tried, as text.' },
    decided_at: { type: 'time', meaning: 'When state or counts last changed (journal time).' },
  },
});

export const findings = defineTable({
  name: 'findings',
  layer: 'silver',
  kind: 'events',
  meaning:
    'What a check saw and keeps: a mismatch, an unknown event, a refused value. The raw frame stays in the journal.',
  // One answer can hold several candles that differ.
  key: ['writer', 'sequence', 'code', 'detail'],
  order: ['found_at', 'writer', 'sequence'],
  timeColumn: 'found_at',
  columns: {
    found_at: { type: 'time', meaning: 'Receive time of the record that showed it.' },
    writer: { type: 'text', meaning: 'Journal that holds the record.' },
    sequence: { type: 'id', meaning: 'Sequence of the record in that journal.' },
    code: {
      type: 'text',
      meaning: 'Stable word: `bad-frame unknown-event value-refused candle-mismatch …`.',
      content: true,
    },
    stream: { type: 'text', meaning: 'Stream it belongs to; empty when unknown.', content: true },
    detail: { type: 'text', meaning: 'What was seen, in a sentence.', content: true },
  },
});
