import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CatchUpRow, RunState } from '../../../src/protocol/jobs.ts';
import { catchUpGrid, countDays } from './catch-up-grid.ts';

function madeCatchUp(states: readonly RunState[]): CatchUpRow {
  const date = (at: number): string => new Date(Date.UTC(2026, 1, 18 + at)).toISOString().slice(0, 10);
  return {
    id: 311,
    job: 'liquidity',
    jobs: ['liquidity'],
    fromDate: date(0),
    toDate: date(states.length - 1),
    atOnce: 2,
    order: 'oldest-first',
    state: 'running',
    days: states.map((state, at) => ({ job: 'liquidity', date: date(at), state, run: at })),
  };
}

test('with room for each day a column is a day, over the end of a month', () => {
  const grid = catchUpGrid(madeCatchUp(Array.from({ length: 29 }, () => 'done' as const)), 100);
  assert.equal(grid.columns.length, 29);
  assert.equal(grid.columns[10]!.from, '2026-02-28');
  assert.equal(grid.columns[11]!.from, '2026-03-01');
});

test('days that share a cell show the one that needs somebody, and every day is in a cell', () => {
  const states: RunState[] = ['done', 'done', 'failed', 'skipped', 'queued', 'done', 'running'];
  const grid = catchUpGrid(madeCatchUp(states), 3);
  assert.equal(grid.columns.length, 3);
  assert.deepEqual(
    grid.columns.map((_, at) => grid.stateOf('liquidity', at)),
    ['failed', 'queued', 'running'],
  );
  assert.equal(
    grid.columns.reduce((sum, _, at) => sum + grid.daysOf('liquidity', at).length, 0),
    states.length,
  );
  assert.equal(grid.columns.at(-1)!.to, '2026-02-24');
});

test('days are counted by state', () => {
  const counts = countDays(madeCatchUp(['done', 'done', 'held', 'queued']));
  assert.deepEqual([counts.done, counts.held, counts.queued, counts.failed], [2, 1, 1, 0]);
});
