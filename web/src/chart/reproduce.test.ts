import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madeRow } from './made-rows.ts';
import { reproducingCurl, reproducingSql } from './reproduce.ts';

test('the query of a bar names its table, symbol and half-open range', () => {
  const sql = reproducingSql('binance:spot:BTCUSDT', '1m', madeRow(3));
  assert.match(sql, /FROM trades/);
  assert.match(sql, /symbol = 'BTCUSDT'/);
  assert.match(sql, /traded_at >= TIMESTAMPTZ '2026-01-01T00:03:00Z'/);
  assert.match(sql, /traded_at < TIMESTAMPTZ '2026-01-01T00:04:00Z'/);
});

test('a bar of aggregates is computed from aggregates', () => {
  assert.match(reproducingSql('binance:spot:XRPETH', '1m', madeRow(3, { source: 'agg-trades' })), /FROM agg_trades/);
});

test('a name cannot leave the text that it stands in', () => {
  const sql = reproducingSql("binance:spot:X'; DROP", '1m', madeRow(0));
  assert.doesNotMatch(sql, /DROP/);
  assert.match(reproducingCurl('http://localhost:1', 'binance:spot:BTCUSDT', '1M', madeRow(0)), /interval=1M/);
});
