import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestWord } from './nearest-word.ts';

test('a misspelt word finds the one meant, and a foreign word finds none', () => {
  const known = ['instrument', 'interval', 'from', 'to', 'limit'];
  assert.equal(nearestWord('intreval', known), 'interval');
  assert.equal(nearestWord('Limits', known), 'limit');
  assert.equal(nearestWord('form', known), 'from');
  assert.equal(nearestWord('elephant', known), undefined);
  assert.equal(nearestWord('x'.repeat(1000), ['x'.repeat(1000)]), undefined);
});
