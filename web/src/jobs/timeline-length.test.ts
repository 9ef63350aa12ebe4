import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fittingLength } from './timeline-length.ts';

const hourUs = 3_600e6;
const toUs = 100 * hourUs;
const answer = (...agesUs: number[]) => ({
  fromUs: toUs - 24 * hourUs,
  toUs,
  spans: agesUs.map((ageUs) => ({ job: 'a', run: 1, kind: 'done' as const, fromUs: toUs - ageUs, toUs })),
});

test('the timeline begins as short as shows every run', () => {
  assert.equal(fittingLength(answer()), '1 h');
  assert.equal(fittingLength(answer(60e6, 0.9 * hourUs)), '1 h');
  assert.equal(fittingLength(answer(60e6, 5 * hourUs)), '6 h');
  assert.equal(fittingLength(answer(7 * hourUs, 60e6)), '24 h');
  assert.equal(fittingLength(answer(30 * hourUs)), '24 h');
});
