import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { correlation, logReturns, quantile, realisedVolatility } from './returns.ts';

test('a return stands only between two known neighbours', () => {
  const returns = logReturns([100, 200, undefined, 100, 50, 0, 10]);
  assert.deepEqual(
    returns.map((value) => value?.toFixed(6)),
    ['0.693147', undefined, undefined, '-0.693147', undefined, undefined],
  );
});

test('a price that moves by one per cent an hour is as volatile as its steps say', () => {
  const step = Math.log(1.01);
  const found = realisedVolatility([step, -step, undefined, step], 3_600_000);
  assert.ok(found !== undefined && Math.abs(found.yearly - step * Math.sqrt(365 * 24)) < 1e-12);
  assert.equal(found.returns, 3);
  assert.equal(realisedVolatility([undefined], 60_000), undefined);
});

test('correlation is 1 with itself, −1 with its mirror image, symmetric, and never beyond', () => {
  const series = fc.array(fc.option(fc.double({ min: -1, max: 1, noNaN: true }), { nil: undefined }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(series, series, (a, b) => {
      const ab = correlation(a, b);
      assert.deepEqual(ab?.value, correlation(b, a)?.value);
      if (ab !== undefined) assert.ok(ab.value >= -1 && ab.value <= 1);
      const self = correlation(a, a);
      if (self !== undefined) assert.ok(Math.abs(self.value - 1) < 1e-9);
      const mirrored = correlation(
        a,
        a.map((value) => (value === undefined ? undefined : -value)),
      );
      if (mirrored !== undefined) assert.ok(Math.abs(mirrored.value + 1) < 1e-9);
    }),
  );
});

test('too few pairs and a series that stands still have no correlation', () => {
  assert.equal(correlation([1, 2, 3], [1, 2, 3]), undefined);
  assert.equal(
    correlation(
      Array(20).fill(1),
      Array.from({ length: 20 }, (_, i) => i),
    ),
    undefined,
  );
});

test('a quantile is one of the values', () => {
  assert.equal(quantile([3, 1, 2], 0.5), 2);
  assert.equal(quantile([5, 1], 0.9), 5);
  assert.equal(quantile([5, 1], 0), 1);
  assert.equal(quantile([], 0.5), undefined);
});
