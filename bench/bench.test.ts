import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, meetsGoal, percentile, resultOf } from './bench.ts';

test('a goal is met exactly when every term of it holds', () => {
  const figures = { value: 20, ratio: 6 };
  for (const goal of ['ratio >= 6', 'value <= 20', 'ratio > 5.9', 'value < 20.5', 'ratio>=6 and value >= 1_0']) {
    assert.equal(meetsGoal(goal, figures), true, goal);
  }
  for (const goal of ['ratio > 6', 'value < 20', 'ratio >= 6.01', 'value <= 19', 'ratio >= 6 and value <= 19']) {
    assert.equal(meetsGoal(goal, figures), false, goal);
  }
});

test('a goal that cannot be read, or has nothing to compare with, is refused instead of met', () => {
  for (const goal of ['', 'ratio', 'ratio = 6', 'fast', 'ratio >= six', 'value >= 1 or value <= 2', 'value >= 1 and']) {
    assert.throws(() => meetsGoal(goal, { value: 1, ratio: 1 }), /cannot read/, goal);
  }
  assert.throws(() => meetsGoal('ratio >= 1', { value: 1, ratio: null }), /compare/);
});

test('a result carries the median, its ratio to the rival, and whether the goal is met', () => {
  const result = resultOf({ name: 'trade', unit: 'frames/s', samples: [9, 1, 5], against: 2, goal: 'ratio >= 2.5' });
  assert.deepEqual(result, {
    name: 'trade',
    value: 5,
    unit: 'frames/s',
    against: 2,
    ratio: 2.5,
    goal: 'ratio >= 2.5',
    met: true,
    samples: [9, 1, 5],
  });
  assert.equal(resultOf({ name: 'x', unit: 's', samples: [1] }).met, null);
});

test('median and percentile are of the sorted samples', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(percentile([5, 1, 4, 2, 3], 0.5), 3);
  assert.equal(percentile([5, 1, 4, 2, 3], 0.99), 5);
  assert.throws(() => median([]));
});
