import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TidemarkError } from '../domain/error.ts';
import { parseAsOf, parseId, parseInstrument, parseLimit, parseTime, parseWord } from './query.ts';

const nowUs = () => 1_795_262_400_000_000;
const refused = (read: () => unknown, pattern: RegExp) =>
  assert.throws(read, (error) => error instanceof TidemarkError && pattern.test(error.message));

test('one instant is read the same from µs, ms, ISO text and text relative to now', () => {
  const atUs = Date.UTC(2026, 10, 21, 12) * 1000;
  for (const text of [
    String(atUs),
    String(atUs / 1000),
    '2026-11-21T12:00:00Z',
    '2026-11-21T12:00',
    '2026-11-21 12:00:00.000000Z',
    '2026-11-21T13:30:00+01:30',
    '2026-11-21T07:00:00-0500',
    'now',
    'now-0s',
  ]) {
    // biome-ignore format: a table
    assert.equal(parseTime('from', text, () => atUs), atUs, text);
  }
  assert.equal(parseTime('from', '2026-11-21', nowUs), Date.UTC(2026, 10, 21) * 1000);
  assert.equal(parseTime('from', '2026-11-21T12:00:00.123456Z', nowUs), atUs + 123_456);
  assert.equal(parseTime('from', 'now-6h', nowUs), nowUs() - 6 * 3600 * 1_000_000);
  assert.equal(parseTime('from', 'now+2d', nowUs), nowUs() + 2 * 86_400 * 1_000_000);
  assert.equal(parseTime('from', 'now-999999w', nowUs), 0);
  assert.equal(parseTime('from', '0', nowUs), 0);
});

test('a version and an instant are told apart', () => {
  assert.deepEqual(parseAsOf('asOf', '42', nowUs), { version: 42 });
  assert.deepEqual(parseAsOf('asOf', '1795262400000', nowUs), { atUs: nowUs() });
  assert.deepEqual(parseAsOf('asOf', 'now-1s', nowUs), { atUs: nowUs() - 1_000_000 });
  refused(() => parseAsOf('asOf', '-1', nowUs), /no instant/);
});

test('text that is no instant, or could be two, is refused', () => {
  for (const text of [
    '',
    ' ',
    'yesterday',
    '-1',
    '1.5',
    '1e15',
    '1795262400',
    '12',
    'now-6',
    'now-6y',
    'NOW',
    'now - 6h',
    '2026-02-30',
    '2026-13-01',
    '2026-11-21T25:00Z',
    '2026-11-21T12:60Z',
    '2026-11-21T12:00:00+15:00',
    '2026-11-21T12',
    '9'.repeat(16),
    '9'.repeat(40),
    '1900-01-01',
    '+002026-11-21',
    '2026-11-21T12:00:00Z; drop',
  ]) {
    // biome-ignore format: a table
    refused(() => parseTime('from', text, nowUs), /cannot read from=/);
  }
});

test('every instant of a µs reads back from the ISO text that JavaScript prints of it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8e12 }), (atMs) => {
      assert.equal(parseTime('to', new Date(atMs).toISOString(), nowUs), atMs * 1000);
    }),
  );
});

test('a limit above the largest is lowered and said so; a limit that is no count is refused', () => {
  const notices: string[] = [];
  assert.equal(parseLimit('limit', undefined, 500, 5000, notices), 500);
  assert.equal(parseLimit('limit', '5000', 500, 5000, notices), 5000);
  assert.deepEqual(notices, []);
  assert.equal(parseLimit('limit', '5001', 500, 5000, notices), 5000);
  assert.deepEqual(notices, ['limit 5001 lowered to 5000']);
  for (const text of ['0', '-1', '', 'ten', '1.5', '1e3', '9'.repeat(20)]) {
    refused(() => parseLimit('limit', text, 500, 5000, []), /it is no count/);
  }
});

test('ids beyond exact integers are refused', () => {
  assert.equal(parseId('beforeId', '9007199254740991'), 9_007_199_254_740_991);
  for (const text of ['9007199254740993', '-1', '0x10', '1n', ''])
    refused(() => parseId('beforeId', text), /it is no id/);
});

test('a word or instrument nearly right is answered with the right one', () => {
  refused(() => parseWord('state', 'decl ared', ['open', 'declared']), /did you mean declared\?/);
  const known = () => [{ instrument: 'binance:spot:BTCUSDT' }];
  assert.deepEqual(parseInstrument('binance:spot:BTCUSDT', known), {
    venue: 'binance',
    market: 'spot',
    symbol: 'BTCUSDT',
  });
  assert.throws(
    () => parseInstrument('binance:spot:BTCUSD', known),
    (error) =>
      error instanceof TidemarkError &&
      error.code === 'unknown-instrument' &&
      /did you mean binance:spot:BTCUSDT/.test(error.message),
  );
  refused(() => parseInstrument('BTCUSDT', known), /write it like/);
  refused(() => parseInstrument('x'.repeat(10_000), known), /too long/);
});
