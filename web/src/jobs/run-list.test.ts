import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRow, RunState } from '../../../src/protocol/jobs.ts';
import { RunList } from './run-list.ts';

function runs(from: number, to: number, state: RunState = 'done'): RunRow[] {
  const list: RunRow[] = [];
  for (let id = from; id >= to; id--) list.push({ id, state } as RunRow);
  return list;
}

const ids = (list: RunList): number[] => list.rows.map((run) => run.id);

test('pages below the head stay while the head moves on, without a hole and none twice', () => {
  const list = new RunList();
  list.takeHead({ runs: runs(100, 91), before: 91, kept: 100 });
  list.takeOlder({ runs: runs(90, 81), before: 81, kept: 100 });
  list.takeHead({ runs: runs(103, 94), before: 94, kept: 103 });
  assert.deepEqual(ids(list), [103, 102, 101, ...runs(100, 81).map((run) => run.id)]);
  assert.equal(list.before, 81);
});

test('when more runs came than the head holds, the list begins anew instead of hiding some', () => {
  const list = new RunList();
  list.takeHead({ runs: runs(20, 11), before: 11, kept: 20 });
  list.takeHead({ runs: runs(60, 51), before: 51, kept: 60 });
  assert.deepEqual(
    ids(list),
    runs(60, 51).map((run) => run.id),
  );
  assert.equal(list.before, 51);
});

test('a run that no longer fits the filter leaves the head', () => {
  const list = new RunList();
  list.takeHead({ runs: runs(5, 1, 'running'), before: null, kept: 5 });
  list.takeHead({ runs: runs(5, 1, 'running').filter((run) => run.id !== 3), before: null, kept: 5 });
  assert.deepEqual(ids(list), [5, 4, 2, 1]);
});

test('runs under way below the head are named, so that they can be asked for', () => {
  const list = new RunList();
  list.takeHead({ runs: runs(20, 11), before: 11, kept: 20 });
  list.takeOlder({ runs: [...runs(10, 9), ...runs(8, 8, 'retrying'), ...runs(7, 1)], before: null, kept: 20 });
  assert.deepEqual(list.unfinished(5), [8]);
  list.takeOne({ id: 8, state: 'done' } as RunRow);
  assert.deepEqual(list.unfinished(5), []);
});
