import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { differenceText, sumText } from '../text/number-text.ts';
import { cumulativeDepth, groupingFor, groupings, groupLevels, imbalance, stepText } from './grouping.ts';

test('a ladder begins in steps near a hundred-thousandth of the price, whatever the tick', () => {
  assert.equal(groupingFor(84_280, '0.01'), 100);
  assert.equal(groupingFor(3_121, '0.01'), 2);
  assert.equal(groupingFor(148.7, '0.01'), 1);
  assert.equal(groupingFor(0.00001234, '0.00000001'), 1);
  assert.equal(groupingFor(Number.NaN, '0.01'), 1);
  assert.deepEqual(
    groupings.map((ticks) => stepText('0.01', ticks)),
    ['0.01', '0.02', '0.05', '0.1', '0.5', '1'],
  );
});

const level = (price: string, quantity: string) => ({ price, quantity });

test('bids gather downwards and asks upwards: a step never shows a better price than it holds', () => {
  const bids = groupLevels(
    [level('100.07', '1'), level('100.01', '2'), level('99.99', '4')],
    'bid',
    '0.01',
    '0.1',
    10,
    9,
  );
  assert.deepEqual(
    bids.map((row) => [row.price, row.quantity, row.sum]),
    [
      ['100.00', '3.0', '3.0'],
      ['99.90', '4.0', '7.0'],
    ],
  );
  const asks = groupLevels(
    [level('100.01', '1'), level('100.10', '2'), level('100.11', '4')],
    'ask',
    '0.01',
    '0.1',
    10,
    9,
  );
  assert.deepEqual(
    asks.map((row) => [row.price, row.quantity]),
    [
      ['100.10', '3.0'],
      ['100.20', '4.0'],
    ],
  );
});

test('no grouping loses or invents a quantity', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 5_000_000 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(...groupings),
      fc.constantFrom('bid' as const, 'ask' as const),
      (ticks, by, side) => {
        const sorted = ticks.toSorted((a, b) => (side === 'bid' ? b - a : a - b));
        const levels = sorted.map((tick, at) => level((tick / 100).toFixed(2), `${at + 1}.00000001`));
        const rows = groupLevels(levels, side, '0.01', '0.00000001', by, 1_000);
        assert.equal(differenceText(rows.at(-1)!.sum, sumText(levels.map((row) => row.quantity))), '0');
        assert.equal(new Set(rows.map((row) => row.price)).size, rows.length);
      },
    ),
  );
});

test('quantities beyond the exact range of doubles are summed exactly', () => {
  const rows = groupLevels(
    [level('0.00000001', '9007199254740993'), level('0.00000001', '2')],
    'bid',
    '0.00000001',
    '1',
    1,
    5,
  );
  assert.equal(rows[0]!.quantity, '9007199254740995');
});

test('depth ends where the book stops vouching for its levels', () => {
  const bids = [level('99', '1'), level('98', '2')];
  const asks = [level('101', '1'), level('102', '3')];
  const depth = cumulativeDepth(bids, asks, '98.5', null)!;
  assert.equal(depth.mid, 100);
  assert.equal(depth.bidsKnownBps, 150);
  assert.equal(depth.asksKnownBps, 200);
  assert.equal(imbalance(depth, 100), 0.5);
  assert.equal(imbalance(depth, 200), 3 / 7);
  assert.equal(cumulativeDepth([], asks, null, null), undefined);
});
