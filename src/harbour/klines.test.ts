import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KlineSeries } from './klines.ts';

const atUs = Date.UTC(2026, 2, 1, 12, 0, 58, 500) * 1000;

test('a halt leaves a hole: open candles end, none begins, and trading again begins new ones', () => {
  const series = new KlineSeries();
  series.add(1, 100, 2, 200, atUs, false);
  series.halt();
  series.advance(atUs + 300_000_000);
  series.resume(atUs + 300_000_000);
  series.add(2, 110, 1, 110, atUs + 300_100_000, true);
  series.advance(atUs + 400_000_000);
  const minutes = series
    .closed('1m')
    .map((kline) => [new Date(kline.openAtUs / 1000).toISOString().slice(11, 16), kline.trades]);
  assert.deepEqual(minutes, [
    ['12:00', 1],
    ['12:05', 0 + 1],
    ['12:06', 0],
  ]);
});

test('a longer candle takes its open from its first trade, not from the empty second before it', () => {
  const series = new KlineSeries();
  series.add(1, 100, 1, 100, atUs, false);
  series.add(2, 120, 1, 120, atUs + 5_000_000, false);
  series.advance(atUs + 70_000_000);
  const [first, second] = series.closed('1m');
  assert.deepEqual([first!.open, first!.close], [100, 100]);
  assert.deepEqual([second!.open, second!.high, second!.low, second!.firstTradeId], [120, 120, 120, 2]);
});
