import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { IntervalSet } from './interval-set.ts';

const range = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 12 }));

test('an interval set answers as a set of single integers does, whatever was added in which order', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), range, (additions, [from, length]) => {
      const intervals = new IntervalSet();
      const plain = new Set<number>();
      for (const [start, extra] of additions) {
        let fresh = 0;
        for (let id = start; id <= start + extra; id++) {
          if (!plain.has(id)) fresh++;
          plain.add(id);
        }
        assert.equal(intervals.add(start, start + extra), fresh);
      }
      assert.equal(intervals.count, plain.size);
      assert.equal(intervals.first, plain.size === 0 ? Number.NaN : Math.min(...plain));
      assert.equal(intervals.last, plain.size === 0 ? Number.NaN : Math.max(...plain));
      const asked = Array.from({ length: length + 1 }, (_, i) => from + i);
      assert.equal(intervals.countIn(from, from + length), asked.filter((id) => plain.has(id)).length);
      for (const id of asked) assert.equal(intervals.has(id), plain.has(id));
      const missing = intervals.missingIn(from, from + length).flatMap(([a, b]) => {
        return Array.from({ length: b - a + 1 }, (_, i) => a + i);
      });
      assert.deepEqual(
        missing,
        asked.filter((id) => !plain.has(id)),
      );
      const ranges = intervals.ranges();
      for (let i = 1; i < ranges.length; i++) assert.ok(ranges[i]![0] > ranges[i - 1]![1] + 1, 'ranges touch');
      assert.deepEqual(IntervalSet.fromJSON(JSON.parse(JSON.stringify(intervals))).ranges(), ranges);
    }),
  );
});

test('ids near 2^53 stay exact', () => {
  const last = Number.MAX_SAFE_INTEGER;
  const intervals = new IntervalSet();
  intervals.add(last - 5, last - 3);
  intervals.add(last - 1, last);
  assert.deepEqual(intervals.missingIn(last - 5, last), [[last - 2, last - 2]]);
});
