import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInstant } from './read-instant.ts';

test('an instant is read as UTC, to the microsecond, and what is none is refused', () => {
  const nowUs = Date.UTC(2026, 2, 18) * 1000;
  assert.equal(readInstant('2026-03-17', nowUs), nowUs - 86_400e6);
  assert.equal(readInstant('2026-03-17T23:59', nowUs), nowUs - 60e6);
  assert.equal(readInstant('2026-03-17 23:59:59.000001Z', nowUs), nowUs - 1e6 + 1);
  assert.equal(readInstant('now-6h', nowUs), nowUs - 6 * 3600e6);
  assert.equal(readInstant('now', nowUs), nowUs);
  for (const wrong of ['2026-02-31', '18.3.2026', '', '2026-03-17 25:00', 'now+1h'])
    assert.equal(readInstant(wrong, nowUs), undefined, wrong);
});
