import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tables } from '../domain/tables/index.ts';
import { tableList } from './table-list.ts';

const file = (table: string, rows: number, minTimeUs: number, maxTimeUs: number) => ({
  table,
  rows,
  bytes: rows * 10,
  minTimeUs,
  maxTimeUs,
});

test('every declared table is listed with typed columns, rows and span, one without files with none', () => {
  const { catalogVersion, tables: list } = tableList({
    version: 7,
    files: [file('trades', 3, 500, 900), file('trades', 2, 100, 400)],
  });
  assert.equal(catalogVersion, 7);
  assert.deepEqual(
    list.map(({ name }) => name),
    tables.map(({ name }) => name),
  );
  const trades = list.find(({ name }) => name === 'trades')!;
  assert.deepEqual([trades.rows, trades.bytes, trades.files, trades.fromUs, trades.toUs], [5, 50, 2, 100, 900]);
  assert.deepEqual(
    trades.columns!.filter(({ isKey }) => isKey).map(({ name }) => name),
    ['market', 'symbol', 'trade_id'],
  );
  assert.ok(trades.columns!.every(({ type, meaning }) => type !== '' && meaning !== ''));
  const gaps = list.find(({ name }) => name === 'gaps')!;
  assert.deepEqual([gaps.rows, gaps.fromUs, gaps.toUs], [0, null, null]);
});

test('a table that is known by its files alone stands behind the declared ones, and says that its columns are not known here', () => {
  const list = tableList({ version: 1, files: [file('volumes', 1, 5, 5), file('candles', 1, 5, 5)] }).tables;
  assert.deepEqual([list.at(-1)!.name, list.at(-1)!.layer, list.at(-1)!.columns], ['volumes', 'model', null]);
  assert.equal(list.filter(({ name }) => name === 'candles').length, 1);
});
