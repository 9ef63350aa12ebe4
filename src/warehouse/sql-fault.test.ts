import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeText, readSqlFault } from './sql-fault.ts';

const misspelt = (position: number): string =>
  JSON.stringify({
    exception_type: 'Binder',
    exception_message: 'Referenced column "pric" not found in FROM clause!\nCandidate bindings: "price"',
    candidates: 'price,quantity',
    position: String(position),
  });

test('a fault says what is wrong, what was meant, and where', () => {
  assert.deepEqual(readSqlFault(misspelt(9), 'SELECT\n  pric FROM trades'), {
    kind: 'Binder',
    text: 'Referenced column "pric" not found in FROM clause; did you mean "price"? (line 2, column 3)',
  });
});

test('a place is counted in letters though DuckDB counts bytes', () => {
  const sql = "SELECT '…é', pric FROM trades";
  const bytes = Buffer.byteLength(sql.slice(0, sql.indexOf('pric')));
  assert.equal(placeText(sql, bytes), ` (line 1, column ${sql.indexOf('pric') + 1})`);
});

test('where only the head of the text was put together anew, the place is that of the text as written', () => {
  const written = '-- why\nEXPLAIN  SELECT pric FROM trades';
  const run = 'EXPLAIN SELECT pric FROM trades';
  assert.match(readSqlFault(misspelt(run.indexOf('pric')), written, run).text, /\(line 2, column 17\)$/);
});

test('a message that is no JSON is told as it is, and a place outside of the text not at all', () => {
  assert.deepEqual(readSqlFault('Binder Error: what\n', 'SELECT 1'), { kind: '', text: 'Binder Error: what' });
  assert.equal(placeText('SELECT 1', -1), '');
  assert.equal(placeText('SELECT 1', 99), '');
});
