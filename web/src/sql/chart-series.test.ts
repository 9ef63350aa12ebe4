import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartable, seriesOf, symbolsOf } from './chart-series.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 2, 18) + second * 1000).toISOString();

test('a figure over time can be drawn; ids, and rows without a time, cannot', () => {
  const columns = [
    { name: 'trade_id', type: 'BIGINT' },
    { name: 'at', type: 'TIMESTAMP WITH TIME ZONE' },
    { name: 'vwap', type: 'DECIMAL(38,8)' },
  ];
  assert.deepEqual(chartable(columns), { time: 1, values: [{ name: 'vwap', column: 2 }] });
  assert.equal(chartable(columns.slice(0, 1)), undefined);
  assert.equal(chartable(columns.slice(1, 2)), undefined);
});

test('a line breaks where a regular row is absent, and nowhere else', () => {
  const regular = [0, 15, 30, 60, 75].map((second) => [at(second), '1']);
  assert.deepEqual(
    seriesOf(regular, 0, 1).map((run) => run.length),
    [3, 2],
  );
  const irregular = [0, 1, 9, 11, 40].map((second) => [at(second), '1']);
  assert.deepEqual(
    seriesOf(irregular, 0, 1).map((run) => run.length),
    [5],
  );
});

test('absent values are no points, and points are in the order of time', () => {
  const runs = seriesOf(
    [
      [at(30), '3'],
      [at(0), '1'],
      [at(15), null],
    ],
    0,
    1,
  );
  assert.deepEqual(
    runs.flat().map(({ value }) => value),
    [1, 3],
  );
});

test('rows of several symbols are drawn apart', () => {
  const columns = [
    { name: 'symbol', type: 'VARCHAR' },
    { name: 'at', type: 'TIMESTAMP WITH TIME ZONE' },
    { name: 'price', type: 'DECIMAL(38,8)' },
  ];
  const rows = [
    ['BTC', at(0), '1'],
    ['ETH', at(0), '7'],
    ['BTC', at(1), '2'],
  ];
  const groups = symbolsOf(columns, rows)!;
  assert.deepEqual(groups, { column: 0, symbols: ['BTC', 'ETH'] });
  const runs = seriesOf(rows, 1, 2, { column: 0, value: 'BTC' });
  assert.deepEqual(
    runs.flat().map(({ value }) => value),
    [1, 2],
  );
  assert.equal(symbolsOf(columns, rows.slice(0, 1)), undefined);
  assert.equal(symbolsOf(columns.slice(1), rows), undefined);
});
