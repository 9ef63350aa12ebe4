import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultPosition, meantWord, wordAt } from './sql-places.ts';

const sql = 'SELECT\n  pric,\n  "a b"\nFROM trades';

test('a place that the server names is found in the text', () => {
  const at = faultPosition('cannot run the query: no such column (line 2, column 3) — write one SELECT', sql);
  assert.equal(at, sql.indexOf('pric'));
  assert.deepEqual(wordAt(sql, at!), { from: at, to: at! + 4 });
  assert.equal(faultPosition('it took too long', sql), undefined);
  assert.equal(faultPosition('(line 9, column 1)', sql), undefined);
});

test('a quoted name is one word, and at the end of the text its last letter is meant', () => {
  const at = sql.indexOf('"a b"');
  assert.deepEqual(wordAt(sql, at), { from: at, to: at + 5 });
  assert.deepEqual(wordAt(sql, sql.length), { from: sql.length - 1, to: sql.length });
  assert.deepEqual(wordAt('', 0), { from: 0, to: 0 });
});

test('the word that was probably meant is read from the sentence', () => {
  assert.equal(meantWord('column "pric" not found; did you mean "price"? (line 2, column 3)'), 'price');
  assert.equal(meantWord('it took too long'), undefined);
});
