import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobRow, RunRow } from '../../../src/protocol/jobs.ts';
import { faceOf, needsLook, outcomeText, percentText, signOf, stateText, waitText, whenText } from './run-words.ts';

const nowUs = Date.UTC(2026, 2, 19, 19, 4, 20) * 1000;

function run(change: Partial<RunRow>): RunRow {
  return {
    id: 7,
    job: 'liquidity',
    partition: '2026-03-09',
    state: 'done',
    cause: 'asked for',
    priority: 0,
    attempts: 1,
    maxAttempts: 5,
    queuedAtUs: nowUs - 100e6,
    startedAtUs: nowUs - 82e6,
    endedAtUs: null,
    nextAttemptAtUs: null,
    heartbeatAtUs: nowUs - 1e6,
    waitsFor: null,
    progress: null,
    rows: null,
    bytes: null,
    effect: null,
    error: null,
    catchUp: null,
    ...change,
  };
}

function job(change: Partial<JobRow>): JobRow {
  return {
    name: 'liquidity',
    description: '',
    schedule: { kind: 'after', text: 'after reconcile', zone: null },
    after: ['reconcile'],
    partitioning: 'day',
    isPaused: false,
    notAvailable: null,
    priority: 0,
    concurrency: 1,
    maxAttempts: 5,
    timeoutMs: 1,
    latest: null,
    nextAtUs: null,
    ...change,
  };
}

const none = (): null => null;

test('a share of work is rounded down, so that 100 % is said only at the end', () => {
  assert.equal(percentText(0.9999), '99 %');
  assert.equal(percentText(1), '100 %');
  assert.equal(percentText(0), '0 %');
});

test('a running run whose heartbeat stopped is lost, one that has just spoken is not', () => {
  assert.equal(signOf(run({ state: 'running', heartbeatAtUs: nowUs - 29e6 }), nowUs), 'running');
  const silent = run({ state: 'running', heartbeatAtUs: nowUs - 35e6 });
  assert.equal(signOf(silent, nowUs), 'lost');
  assert.equal(stateText(silent, nowUs), 'silent 35 s');
  assert.equal(signOf(run({ state: 'queued', heartbeatAtUs: nowUs - 35e6 }), nowUs), 'queued');
});

test('a run that is tried again says which try it is and when', () => {
  const retrying = run({ state: 'retrying', attempts: 2, nextAttemptAtUs: nowUs + 161e6 });
  assert.equal(waitText(retrying, nowUs), 'try 3 of 5 in 2:41');
  assert.equal(waitText({ ...retrying, nextAttemptAtUs: nowUs - 1 }, nowUs), 'try 3 of 5 now');
  assert.equal(
    outcomeText({ ...retrying, error: { code: 'x', message: 'SMTP 451' } }, nowUs),
    'SMTP 451; try 3 of 5 in 2:41',
  );
});

test('a job that is not available says why, whatever it did before', () => {
  const face = faceOf(job({ notAvailable: 'needs funding rates', latest: run({ state: 'failed' }) }), nowUs, none);
  assert.deepEqual(face, { sign: 'off', line: 'needs funding rates' });
});

test('a job waits while the one before it is newly under way, and no longer once that is over', () => {
  const before = run({ job: 'reconcile', state: 'running', queuedAtUs: nowUs - 10e6 });
  const waiting = job({ latest: run({ queuedAtUs: nowUs - 90_000e6, endedAtUs: nowUs - 89_000e6 }) });
  assert.deepEqual(
    faceOf(waiting, nowUs, () => before),
    { sign: 'waiting', line: 'after reconcile' },
  );
  assert.equal(faceOf(waiting, nowUs, () => ({ ...before, state: 'done' as const })).sign, 'done');
});

test('an instant of another day carries its date', () => {
  assert.equal(whenText(nowUs - 60e6, nowUs), '19:03:20');
  assert.equal(whenText(nowUs + 86_400e6, nowUs), '03-20 19:04');
});

test('jobs that need a look are counted by their latest run alone', () => {
  const jobs = [
    job({ latest: run({ state: 'failed' }) }),
    job({ latest: run({ state: 'retrying' }) }),
    job({ latest: run({ state: 'running', heartbeatAtUs: nowUs - 60e6 }) }),
    job({ latest: run({ state: 'done' }) }),
    job({}),
  ];
  assert.deepEqual(needsLook(jobs, nowUs), { retrying: 1, failed: 1, silent: 1, held: 0 });
});
