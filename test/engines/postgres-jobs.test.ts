import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openPostgresJobs } from '../../src/catalog/postgres-jobs.ts';
import { openSqliteJobs } from '../../src/catalog/sqlite-jobs.ts';
import { TidemarkError } from '../../src/domain/error.ts';
import { jobStoreContract, storedRun } from '../../src/ports/job-store.contract.ts';
import type { JobChange, JobStore } from '../../src/ports/job-store.ts';
import { isCommit, postgres } from './support/postgres.ts';
import { engineSuite } from './support/suite.ts';
import { TcpFaultProxy } from './support/tcp-fault-proxy.ts';

engineSuite('a record of jobs on PostgreSQL', { server: postgres }, ({ server }) => {
  jobStoreContract('PostgreSQL', async () => {
    const options = { url: server.url, schema: server.newSchema() };
    return { store: await openPostgresJobs(options), reopen: () => openPostgresJobs(options) };
  });

  test('both records give the same answers to the same changes, whatever these are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(jobChange, { maxLength: 4 }), { minLength: 1, maxLength: 15 }),
        async (steps) => {
          const schema = server.newSchema();
          const stores = [await openSqliteJobs(':memory:'), await openPostgresJobs({ url: server.url, schema })];
          try {
            for (const changes of steps) {
              const [expected, actual] = await Promise.all(stores.map((store) => outcomeOf(store, changes)));
              assert.deepEqual(actual, expected);
            }
            const [expected, actual] = await Promise.all(stores.map(seenBy));
            assert.deepEqual(actual, expected);
          } finally {
            for (const store of stores) await store.close();
            await server.query(`DROP SCHEMA ${schema} CASCADE`);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('changes whose connection breaks in COMMIT are made once: an attempt that began would be refused a second time', async (t) => {
    const proxy = await TcpFaultProxy.start({ targetPort: server.port });
    t.after(() => proxy.stop());
    const store = await openPostgresJobs({ url: server.urlAt(proxy.port), schema: server.newSchema() });
    t.after(() => store.close());
    const { fence } = await store.takeTurn();
    await store.change(fence, [{ kind: 'run', run: storedRun(1) }]);
    let commits = 0;
    proxy.fate = (bytes) => {
      if (!isCommit(bytes)) return 'pass';
      return (['lose-answer', 'cut', 'pass'] as const)[commits++ % 3]!;
    };
    for (let attempt = 1; attempt <= 6; attempt++) {
      await store.change(fence, [{ kind: 'attempt-begun', run: 1, attempt, atUs: attempt }]);
      const end = { kind: 'attempt-ended', run: 1, attempt, atUs: attempt, outcome: 'failed', error: null } as const;
      await store.change(fence, [end]);
    }
    assert.ok(proxy.harmed >= 8);
    assert.equal((await store.attempts(1)).length, 6);
  });

  test('any text can stand in a log', async (t) => {
    const store = await openPostgresJobs({ url: server.url, schema: server.newSchema() });
    t.after(() => store.close());
    const { fence } = await store.takeTurn();
    const text = `it's "quoted" \\ \0 \ud800 – 😀 $1 %s`;
    await store.change(fence, [
      { kind: 'run', run: storedRun(1, { cause: text }) },
      { kind: 'log', run: 1, lines: [{ sequence: 1, atUs: 1, level: 'info', text }] },
    ]);
    const shown = `it's "quoted" \\ \ufffd \ufffd – 😀 $1 %s`;
    assert.deepEqual(
      (await store.log(1, { after: 0, limit: 1 })).map((line) => line.text),
      [shown],
    );
    assert.equal((await store.runs({ cause: text, limit: 1 })).length, 1);
  });
});

const few = fc.integer({ min: 1, max: 3 });
const ids = { run: few, attempt: few, atUs: fc.integer({ min: 1, max: 9 }) };

const jobChange: fc.Arbitrary<JobChange> = fc.oneof(
  fc
    .record({
      id: few,
      job: fc.constantFrom('a', 'B'),
      partition: fc.constantFrom(null, '2026-01-02'),
      state: fc.constantFrom('queued' as const, 'running' as const, 'done' as const, 'failed' as const),
      cause: fc.constantFrom('asked', "it's 5 %"),
      endedAtUs: fc.constantFrom(null, 5, 9),
      rows: fc.constantFrom(null, 0, Number.MAX_SAFE_INTEGER),
      progress: fc.constantFrom(null, 0.1, 1),
      catchUp: fc.constantFrom(null, 1),
    })
    .map(({ id, ...change }): JobChange => ({ kind: 'run', run: storedRun(id, change) })),
  fc.record({ kind: fc.constant('attempt-begun' as const), ...ids }),
  fc.record({
    kind: fc.constant('attempt-ended' as const),
    ...ids,
    outcome: fc.constantFrom('done' as const, 'failed' as const),
    error: fc.constantFrom(null, { code: 'c', message: 'm' }),
  }),
  fc.record({
    kind: fc.constant('log' as const),
    run: few,
    lines: fc.array(
      fc.record({
        sequence: few,
        atUs: few,
        level: fc.constantFrom('info' as const, 'error' as const),
        text: fc.string(),
      }),
      { maxLength: 2 },
    ),
  }),
  fc
    .record({ name: fc.constantFrom('a', 'B'), isPaused: fc.boolean(), cursorUs: fc.constantFrom(null, 3) })
    .map((job): JobChange => ({ kind: 'job', job })),
  few.map((run): JobChange => ({ kind: 'forget-run', run })),
);

async function outcomeOf(store: JobStore, changes: readonly JobChange[]): Promise<unknown> {
  const { fence, ...turn } = await store.takeTurn();
  try {
    await store.change(fence, changes);
    return { turn, forgotten: await store.forget(fence, { endedBeforeUs: 6, keep: 2, limit: 1 }) };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { turn, code: error.code };
  }
}

async function seenBy(store: JobStore) {
  const each = <T>(ask: (run: number) => Promise<T>) => Promise.all([1, 2, 3].map(ask));
  return {
    runs: await store.runs({ limit: 9 }),
    active: await store.activeRuns(),
    latest: (await store.latestRuns()).toSorted((a, b) => a.id - b.id),
    attempts: await each((run) => store.attempts(run)),
    logs: await each((run) => store.log(run, { after: 0, limit: 9 })),
    spans: await store.spans(2, 8, 9),
    counts: await store.counts(),
    ended: await store.endedSince('done', 6),
    jobs: await store.jobs(),
    days: await store.catchUpDays(1),
  };
}
