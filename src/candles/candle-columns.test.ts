import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CandleColumns, cell } from './candle-columns.ts';

const opens = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 150 });

function rowsOf(columns: CandleColumns): number[][] {
  return Array.from({ length: columns.length }, (_, row) => {
    const at = columns.at(row);
    return [columns.openedAtUs(row), columns.cells[at + cell.close]!, columns.cells[at + cell.isDelta]!];
  });
}

test('room made for many candles at once leaves those that are there as they were, in order', () => {
  fc.assert(
    fc.property(opens, opens, (held, added) => {
      const columns = new CandleColumns();
      for (const openUs of held) columns.cells[columns.at(columns.rowFor(openUs)) + cell.close] = openUs + 1;
      columns.insertDeltas(Float64Array.from(added).sort());
      const expected = [...new Set([...held, ...added])]
        .sort((a, b) => a - b)
        .map((openUs) => (held.includes(openUs) ? [openUs, openUs + 1, 0] : [openUs, 0, 1]));
      assert.deepEqual(rowsOf(columns), expected);
      // Nothing of what was moved stays in the way of later rows.
      columns.rowFor(1000);
      assert.deepEqual(rowsOf(columns).at(-1), [1000, 0, 0]);
    }),
  );
});
