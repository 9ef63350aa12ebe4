import assert from 'node:assert/strict';
import type { JobStore, StoredCatchUp, StoredRun } from './job-store.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';

/** What a promise is shown on: a store and a second opening of the same. */
export interface JobStoreUnderTest {
  readonly store: JobStore;
  reopen(): Promise<JobStore>;
}

const startUs = 1_700_000_000_000_000;

export function storedRun(id: number, change: Partial<StoredRun> = {}): StoredRun {
  return {
    id,
    job: 'compact',
    partition: null,
    state: 'queued',
    cause: 'every 20 s',
    priority: 0,
    attempts: 0,
    maxAttempts: 3,
    queuedAtUs: startUs + id,
    startedAtUs: null,
    endedAtUs: null,
    nextAttemptAtUs: null,
    heartbeatAtUs: null,
    waitsFor: null,
    progress: null,
    rows: null,
    bytes: null,
    effect: null,
    error: null,
    catchUp: null,
    arguments: {},
    waits: [],
    lost: 0,
    inputs: null,
    ...change,
  };
}

const ended = (id: number, change: Partial<StoredRun> = {}): StoredRun =>
  storedRun(id, { state: 'done', attempts: 1, startedAtUs: startUs + id, endedAtUs: startUs + id + 1, ...change });

const idsOf = (runs: readonly { readonly id: number }[]): number[] => runs.map(({ id }) => id);

async function put(store: JobStore, runs: readonly StoredRun[]): Promise<number> {
  const { fence } = await store.takeTurn();
  await store.change(
    fence,
    runs.map((run) => ({ kind: 'run', run })),
  );
  return fence;
}

const catchUp: StoredCatchUp = {
  id: 7,
  job: 'models',
  jobs: ['models', 'reports'],
  fromDate: '2026-03-01',
  toDate: '2026-03-02',
  atOnce: 2,
  order: 'newest-first',
  state: 'running',
  askedAtUs: startUs,
};

const promises: Promises<JobStoreUnderTest> = {
  'a run is read back whole, also after a reopening': async ({ store, reopen }) => {
    const run = storedRun(4, {
      partition: '2026-03-09',
      state: 'retrying',
      cause: 'after “candles” – 14:55',
      priority: -3,
      attempts: 2,
      startedAtUs: startUs + 5,
      nextAttemptAtUs: startUs + 9,
      heartbeatAtUs: startUs + 8,
      progress: 0.25,
      rows: 9_007_199_254_740_991,
      bytes: 0,
      effect: '96 files to 20',
      error: { code: 'disk-full', message: "it's full" },
      catchUp: 7,
      arguments: { subject: 'market', from: 'now-1d' },
      waits: ['day', 'before'],
      lost: 1,
      inputs: 'abc',
    });
    await put(store, [run]);
    const again = await reopen();
    assert.deepEqual(await again.run(4), run);
    assert.equal(await again.run(5), undefined);
    await again.close();
  },
  'the same number again is the same run as it is now': async ({ store }) => {
    await put(store, [storedRun(1), storedRun(2), storedRun(1, { state: 'running', attempts: 1 })]);
    assert.equal((await store.run(1))?.state, 'running');
    assert.equal((await store.counts()).kept, 2);
  },
  'numbers given are known to the next writer, also when their runs are forgotten': async ({ store, reopen }) => {
    const fence = await put(store, [storedRun(3), storedRun(11)]);
    await store.change(fence, [
      { kind: 'forget-run', run: 11 },
      { kind: 'catch-up', catchUp },
    ]);
    const again = await reopen();
    const turn = await again.takeTurn();
    assert.deepEqual([turn.lastRun, turn.lastCatchUp], [11, 7]);
    assert.ok(turn.fence > fence);
    await again.close();
  },
  'after another took the turn nothing is changed': async ({ store, reopen }) => {
    const fence = await put(store, [storedRun(1)]);
    const other = await reopen();
    const { fence: later } = await other.takeTurn();
    await assert.rejects(store.change(fence, [{ kind: 'run', run: storedRun(2) }]), { code: 'fence-lost' });
    await assert.rejects(store.forget(fence, { endedBeforeUs: startUs * 2, keep: 0, limit: 10 }), {
      code: 'fence-lost',
    });
    assert.equal(await store.run(2), undefined);
    await other.change(later, [{ kind: 'run', run: storedRun(2) }]);
    assert.equal((await store.run(2))?.id, 2, 'a reader sees what the other writer did');
    await other.close();
  },
  'changes are made together or not at all': async ({ store }) => {
    const fence = await put(store, [storedRun(1)]);
    await store.change(fence, [{ kind: 'attempt-begun', run: 1, attempt: 1, atUs: startUs }]);
    const change = store.change(fence, [
      { kind: 'run', run: storedRun(1, { state: 'running' }) },
      { kind: 'run', run: storedRun(2) },
      { kind: 'attempt-begun', run: 1, attempt: 1, atUs: startUs },
    ]);
    await assert.rejects(change, { code: 'job-conflict' });
    assert.equal((await store.run(1))?.state, 'queued');
    assert.equal(await store.run(2), undefined);
  },
  'an attempt begins once and ends once': async ({ store }) => {
    const fence = await put(store, [storedRun(1)]);
    const end = {
      kind: 'attempt-ended',
      run: 1,
      attempt: 1,
      atUs: startUs + 9,
      outcome: 'failed',
      error: { code: 'x', message: 'y' },
    } as const;
    await assert.rejects(store.change(fence, [end]), { code: 'job-conflict' });
    await store.change(fence, [{ kind: 'attempt-begun', run: 1, attempt: 1, atUs: startUs }]);
    assert.deepEqual(await store.attempts(1), [
      { attempt: 1, startedAtUs: startUs, endedAtUs: null, outcome: 'running', error: null },
    ]);
    await store.change(fence, [end, { kind: 'attempt-begun', run: 1, attempt: 2, atUs: startUs + 20 }]);
    await assert.rejects(store.change(fence, [{ ...end, outcome: 'done' }]), { code: 'job-conflict' });
    assert.deepEqual(
      (await store.attempts(1)).map(({ attempt, outcome, error }) => [attempt, outcome, error?.code]),
      [
        [1, 'failed', 'x'],
        [2, 'running', undefined],
      ],
    );
  },
  'runs are listed newest first, a page at a time, as the filter says': async ({ store }) => {
    await put(store, [
      ended(1),
      ended(2, { job: 'models', partition: '2026-03-01', cause: 'catch-up 7', catchUp: 7 }),
      storedRun(3, { job: 'models', partition: '2026-03-02', cause: 'catch-up 7', catchUp: 7, state: 'running' }),
      ended(4, { job: 'models', partition: '2026-03-01', state: 'failed', cause: 'asked for' }),
      storedRun(5),
    ]);
    assert.deepEqual(idsOf(await store.runs({ limit: 3 })), [5, 4, 3]);
    assert.deepEqual(idsOf(await store.runs({ limit: 3, before: 3 })), [2, 1]);
    assert.deepEqual(idsOf(await store.runs({ limit: 9, job: 'models' })), [4, 3, 2]);
    assert.deepEqual(idsOf(await store.runs({ limit: 9, partition: null })), [5, 1]);
    assert.deepEqual(idsOf(await store.runs({ limit: 9, job: 'models', partition: '2026-03-01' })), [4, 2]);
    assert.deepEqual(idsOf(await store.runs({ limit: 9, states: ['failed', 'running'] })), [4, 3]);
    assert.deepEqual(idsOf(await store.runs({ limit: 9, cause: 'catch-up' })), [3, 2]);
    assert.deepEqual(idsOf(await store.runs({ limit: 9, cause: '%' })), [], 'a cause is text, no pattern');
    assert.deepEqual(idsOf(await store.runs({ limit: 9, catchUp: 7 })), [3, 2]);
    assert.deepEqual(idsOf(await store.activeRuns()), [3, 5]);
    assert.deepEqual(idsOf(await store.latestRuns()).sort(), [4, 5]);
    const { byState, kept } = await store.counts();
    assert.deepEqual(
      [byState.done, byState.failed, byState.queued, byState.running, byState.held, kept],
      [2, 1, 1, 1, 0, 5],
    );
    assert.equal(await store.endedSince('done', startUs + 3), 1);
  },
  'log lines come in order, after the line asked for, of the levels asked for': async ({ store }) => {
    const fence = await put(store, [storedRun(1), storedRun(2)]);
    const line = (sequence: number, level: 'info' | 'error') => ({
      sequence,
      atUs: startUs,
      level,
      text: `line ${sequence}`,
    });
    await store.change(fence, [
      { kind: 'log', run: 1, lines: [line(1, 'info'), line(2, 'error')] },
      { kind: 'log', run: 2, lines: [line(1, 'info')] },
    ]);
    await store.change(fence, [{ kind: 'log', run: 1, lines: [line(3, 'info')] }]);
    assert.deepEqual(await store.log(1, { after: 0, limit: 2 }), [line(1, 'info'), line(2, 'error')]);
    assert.deepEqual(await store.log(1, { after: 2, limit: 2 }), [line(3, 'info')]);
    assert.deepEqual(await store.log(1, { after: 0, limit: 9, levels: ['error'] }), [line(2, 'error')]);
  },
  'what is kept of a job is as it was last put': async ({ store }) => {
    const fence = await put(store, []);
    await store.change(fence, [
      { kind: 'job', job: { name: 'b', isPaused: false, cursorUs: null } },
      { kind: 'job', job: { name: 'a', isPaused: true, cursorUs: startUs } },
      { kind: 'job', job: { name: 'b', isPaused: false, cursorUs: 12 } },
    ]);
    assert.deepEqual(await store.jobs(), [
      { name: 'a', isPaused: true, cursorUs: startUs },
      { name: 'b', isPaused: false, cursorUs: 12 },
    ]);
  },
  'a catch-up knows its days, each by the newest of its runs': async ({ store }) => {
    const fence = await put(store, [
      ended(1, { job: 'models', partition: '2026-03-02', catchUp: 7, state: 'failed' }),
      ended(2, { job: 'models', partition: '2026-03-01', catchUp: 7 }),
      storedRun(3, { job: 'models', partition: '2026-03-02', catchUp: 7 }),
    ]);
    await store.change(fence, [
      { kind: 'catch-up', catchUp: { ...catchUp, state: 'paused' } },
      { kind: 'catch-up', catchUp },
      { kind: 'catch-up', catchUp: { ...catchUp, id: 8, state: 'done' } },
    ]);
    assert.deepEqual(await store.catchUp(7), catchUp);
    assert.equal(await store.catchUp(9), undefined);
    assert.deepEqual(idsOf(await store.catchUps({ limit: 5 })), [8, 7]);
    assert.deepEqual(idsOf(await store.catchUps({ limit: 5, states: ['running'] })), [7]);
    assert.deepEqual(await store.catchUpDays(7), [
      { job: 'models', date: '2026-03-01', state: 'done', run: 2 },
      { job: 'models', date: '2026-03-02', state: 'queued', run: 3 },
    ]);
  },
  'spans are the attempts that touch the range, each with the waiting before it': async ({ store }) => {
    const fence = await put(store, [storedRun(1, { queuedAtUs: startUs }), storedRun(2, { queuedAtUs: startUs + 50 })]);
    await store.change(fence, [
      { kind: 'attempt-begun', run: 1, attempt: 1, atUs: startUs + 10 },
      { kind: 'attempt-ended', run: 1, attempt: 1, atUs: startUs + 20, outcome: 'failed', error: null },
      { kind: 'attempt-begun', run: 1, attempt: 2, atUs: startUs + 30 },
      { kind: 'attempt-ended', run: 1, attempt: 2, atUs: startUs + 40, outcome: 'done', error: null },
      { kind: 'attempt-begun', run: 2, attempt: 1, atUs: startUs + 60 },
    ]);
    const seen = async (from: number, to: number, limit = 9) =>
      (await store.spans(startUs + from, startUs + to, limit)).map(({ run, attempt }) => [run, attempt]);
    assert.deepEqual(await seen(0, 100), [
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
    assert.deepEqual(await seen(21, 31), [[1, 2]]);
    assert.deepEqual(await seen(90, 100), [[2, 1]], 'an attempt under way touches all that follows');
    assert.deepEqual(await seen(0, 100, 1), [[2, 1]]);
    const [first, second] = await store.spans(startUs, startUs + 100, 9);
    assert.deepEqual([first?.queuedAtUs, first?.previousEndedAtUs], [startUs, null]);
    assert.deepEqual(
      [second?.previousEndedAtUs, second?.endedAtUs, second?.outcome],
      [startUs + 20, startUs + 40, 'done'],
    );
  },
  'history is forgotten oldest first, by age and by number; what is active and the newest of a job stay': async ({
    store,
  }) => {
    const fence = await put(store, [
      storedRun(1),
      ended(2, { job: 'rare' }),
      ...[3, 4, 5, 6, 7].map((id) => ended(id)),
    ]);
    await store.change(fence, [
      { kind: 'attempt-begun', run: 3, attempt: 1, atUs: startUs },
      { kind: 'log', run: 3, lines: [{ sequence: 1, atUs: startUs, level: 'info', text: 'gone' }] },
    ]);
    const forget = (endedBeforeUs: number, keep: number, limit: number) =>
      store.forget(fence, { endedBeforeUs, keep, limit });
    assert.equal(await forget(0, 100, 9), 0);
    assert.equal(await forget(startUs + 5, 100, 9), 1, 'run 3 ended before, run 2 is the newest of its job');
    assert.deepEqual([await store.attempts(3), await store.log(3, { after: 0, limit: 9 })], [[], []]);
    assert.equal(await forget(0, 2, 1), 1, 'no more than the limit at once');
    assert.equal(await forget(0, 2, 9), 1);
    assert.deepEqual(idsOf(await store.runs({ limit: 9 })), [7, 6, 2, 1]);
  },
};

/** Runs every promise on a fresh store. */
export function jobStoreContract(name: string, open: () => Promise<JobStoreUnderTest>, exemptions?: Exemptions): void {
  contract(name, promises, open, exemptions);
}
