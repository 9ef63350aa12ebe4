import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { timeMarks } from './time-marks.ts';

test('marks of a stretch are round, ascending, all different, and no more than asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e9 }),
      fc.integer({ min: 1, max: 4e8 }),
      fc.integer({ min: 1, max: 9 }),
      (fromS, spanS, most) => {
        const marks = timeMarks(fromS * 1e6, (fromS + spanS) * 1e6, most);
        assert.ok(marks.length <= most + 1);
        for (const [at, mark] of marks.entries()) {
          assert.ok(mark.atUs >= fromS * 1e6 && mark.atUs <= (fromS + spanS) * 1e6);
          if (at > 0) assert.ok(mark.atUs > marks[at - 1]!.atUs && mark.text !== marks[at - 1]!.text);
        }
      },
    ),
  );
  assert.deepEqual(
    timeMarks(Date.UTC(2026, 0, 1, 23, 58, 10) * 1000, Date.UTC(2026, 0, 2, 0, 4) * 1000, 6).map((mark) => mark.text),
    ['23:59', '2 Jan', '00:01', '00:02', '00:03', '00:04'],
  );
});
