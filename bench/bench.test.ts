import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
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

const bench = (...args: readonly string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('run.ts', import.meta.url)), ...args], { encoding: 'utf8' });

test('without a name every bench is listed, as one object with --json', () => {
  const names = readdirSync(fileURLToPath(new URL('.', import.meta.url)))
    .filter((file) => file.endsWith('.ts') && !['run.ts', 'bench.ts'].includes(file) && !/\..*\./.test(file))
    .map((file) => file.slice(0, -3))
    .sort();
  assert.ok(names.includes('decode') && names.includes('s3'));
  const listed = JSON.parse(bench('--json').stdout) as { benches: { bench: string }[] };
  assert.deepEqual(
    listed.benches.map((of) => of.bench),
    names,
  );
  const { stdout } = bench();
  for (const name of names) assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'));
});

test('a bench that does not exist is refused with the nearest name, without a stack', () => {
  const { status, stderr, stdout } = bench('decod', '--json');
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /There is no bench “decod”\. Did you mean decode\? There are: candles, /);
  assert.doesNotMatch(stderr, /\n {4}at /);
});
