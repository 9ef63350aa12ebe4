import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lake } from '../ports/lake.ts';
import { queryNames } from './query-names.ts';

const lake = {
  state: async () => ({ files: ['trades', 'volumes', 'Volatility', 'volumes'].map((table) => ({ table })) }),
} as unknown as Lake;

for (const [sql, named, columnsOf] of [
  ['SELECT 1', [], ['volumes', 'Volatility']],
  ['SELECT * FROM trades', ['trades'], ['volumes', 'Volatility']],
  ['select * from "TRADES" join main.VOLUMES using (symbol)', ['trades', 'volumes'], ['Volatility']],
  ['FROM volatility', ['Volatility'], ['volumes']],
  // More than it needs is given rather than less.
  ['SELECT count(*) FROM agg_trades', ['trades', 'agg_trades'], ['volumes', 'Volatility']],
  ["SELECT 'gaps' FROM candles", ['candles', 'gaps'], ['volumes', 'Volatility']],
] as const) {
  test(`${sql} needs the files of ${named.join(', ') || 'no table'}`, async () => {
    const names = await queryNames(lake, sql);
    assert.deepEqual([...names.named].sort(), [...named].sort());
    assert.deepEqual(names.columnsOf, columnsOf);
  });
}
