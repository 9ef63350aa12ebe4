import assert from 'node:assert/strict';
import { test } from 'node:test';
import { intervals } from '../../../src/protocol/api.ts';
import { intervalForAge, parseInstrument, ranges, readChartSearch, readRange, writeRange } from './chart-url.ts';

test('every interval and range of an address is read back as it was written', () => {
  for (const interval of intervals) {
    const { search, notices } = readChartSearch({ i: interval });
    assert.equal(search.i, interval);
    assert.deepEqual(notices, []);
  }
  for (const range of ranges) {
    assert.equal(readRange(writeRange(range)), range);
    const { search } = readChartSearch({ i: '1m', r: writeRange(range) });
    assert.equal(search.r, writeRange(range));
  }
});

test('an address with an unknown interval falls back and says so', () => {
  const { search, notices } = readChartSearch({ i: '7m' });
  assert.equal(search.i, '1m');
  assert.equal(notices.length, 1);
  assert.match(notices[0]!, /7m/);
});

test('1m is a minute and 1M a month', () => {
  assert.equal(readChartSearch({ i: '1M' }).search.i, '1M');
  assert.equal(readChartSearch({ i: '1m' }).search.i, '1m');
});

test('a range that cannot be read is left out with a notice, and unknown keys are kept', () => {
  const { search, notices } = readChartSearch({ i: '5m', r: 'now-9y..now', cmp: 'ETHUSDT' });
  assert.equal(search.r, undefined);
  assert.equal(search['cmp'], 'ETHUSDT');
  assert.equal(notices.length, 1);
});

test('a recording that has just begun is shown in seconds, an old one in minutes', () => {
  assert.equal(intervalForAge(20e6), '1s');
  assert.equal(intervalForAge(1800e6), '5s');
  assert.equal(intervalForAge(86400e6), '1m');
  assert.equal(intervalForAge(undefined), '1m');
});

test('an instrument has three parts or is none', () => {
  assert.deepEqual(parseInstrument('binance:coinm:BTCUSD_PERP'), {
    venue: 'binance',
    market: 'coinm',
    symbol: 'BTCUSD_PERP',
  });
  assert.equal(parseInstrument('BTCUSDT'), undefined);
  assert.equal(parseInstrument('binance:spot:'), undefined);
  assert.equal(parseInstrument('binance:spot:<b>'), undefined);
});
