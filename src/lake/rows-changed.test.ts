import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch } from '../domain/batch.ts';
import { dayUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import { trades } from '../domain/tables/index.ts';
import { rowsChanged } from './rows-changed.ts';

test('rows of several symbols and days in any order change each symbol’s day once, from first to last time', () => {
  const slots = new Slots();
  const btc = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' } as const;
  const eth = { venue: 'binance', market: 'usdm', symbol: 'ETHUSDT' } as const;
  const batch = new Batch(trades, 2);
  const startUs = Date.parse('2026-01-02T00:00:00Z') * 1000;
  const rows = [
    [btc, 2, 50],
    [eth, 8, 10],
    [btc, 4, 20],
    [btc, 2, dayUs + 5],
    [btc, 2, 30],
  ] as const;
  for (const [instrument, scale, offsetUs] of rows) {
    const row = batch.add(slots.atLeast(instrument, scale, scale).index);
    batch.columns.traded_at[row] = startUs + offsetUs;
  }
  const day = { table: 'trades', market: 'spot', symbol: 'BTCUSDT', date: '2026-01-02' };
  assert.deepEqual(rowsChanged([batch as unknown as Batch], slots), [
    { ...day, minTimeUs: startUs + 20, maxTimeUs: startUs + 50 },
    { ...day, date: '2026-01-03', minTimeUs: startUs + dayUs + 5, maxTimeUs: startUs + dayUs + 5 },
    { ...day, market: 'usdm', symbol: 'ETHUSDT', minTimeUs: startUs + 10, maxTimeUs: startUs + 10 },
  ]);
});
