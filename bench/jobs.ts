import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openSqliteJobs } from '../src/catalog/sqlite-jobs.ts';
import { type JobDefinition, startJobs } from '../src/jobs/index.ts';
import { storedRun } from '../src/ports/job-store.contract.ts';
import type { JobStore, StoredRun } from '../src/ports/job-store.ts';
import { silentLog } from '../src/ports/log.ts';
import { createNodeWorld } from '../src/world/node/index.ts';
import { type Bench, type BenchContext, median } from './bench.ts';

const runs = 10_000;
const slots = 4;
const firstDay = '1990-01-01';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapMb(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function dayAt(index: number): string {
  return new Date(Date.parse(firstDay) + index * 86_400_000).toISOString().slice(0, 10);
}

function nothing(done: () => void): JobDefinition {
  return {
    name: 'nothing',
    description: 'does nothing, so that what is left is the scheduling',
    schedule: { kind: 'asked' },
    after: [],
    partitioning: 'day',
    priority: 0,
    concurrency: slots,
    maxAttempts: 3,
    retryDelayMs: 1000,
    timeoutMs: 60_000,
    ifItDies: 'nothing',
    work: async () => {
      done();
      return { rows: 1 };
    },
  };
}

interface Scheduled {
  /** µs of processor and disk a run. */
  readonly runUs: number;
  /** Held while all runs wait. */
  readonly queuedMb: number;
}

/** All runs are due at once; each is begun, done and recorded. */
async function schedule(context: BenchContext): Promise<Scheduled> {
  const store = await openSqliteJobs(join(context.scratch(), 'jobs.sqlite'));
  let left = runs;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const before = heapMb();
  const running = await startJobs({
    world: createNodeWorld(),
    store,
    jobs: [
      nothing(() => {
        left -= 1;
        if (left === 0) finish();
      }),
    ],
    schedules: {},
    ownSchedules: 'none',
    slots,
    settledDays: async () => ({ days: [], through: '2100-01-01', why: null }),
    keep: { days: 1, runs: 100_000 },
    log: silentLog,
  });
  const range = { from: firstDay, to: dayAt(runs - 1), atOnce: slots };
  const startMs = performance.now();
  const { id } = await running.jobs.catchUp('nothing', range);
  await running.jobs.changeCatchUp(id, 'pause');
  const pausedMs = performance.now();
  const queuedMb = heapMb() - before;
  const resumedMs = performance.now();
  await running.jobs.changeCatchUp(id, 'resume');
  await finished;
  while ((await running.jobs.overview()).counts.done < runs) await new Promise((resolve) => setImmediate(resolve));
  const elapsedMs = performance.now() - resumedMs + (pausedMs - startMs);
  await running.stop();
  await store.close();
  return { runUs: (elapsedMs * 1000) / runs, queuedMb };
}

/** The same rows in the same transactions, and nobody who decides anything. */
async function bareStore(context: BenchContext): Promise<number> {
  const store: JobStore = await openSqliteJobs(join(context.scratch(), 'jobs.sqlite'));
  const { fence } = await store.takeTurn();
  const queued = Array.from({ length: runs }, (_, index) =>
    storedRun(index + 1, {
      job: 'nothing',
      partition: dayAt(index),
      cause: 'catch-up 1',
      catchUp: 1,
      waits: ['day', 'before'],
    }),
  );
  const startMs = performance.now();
  await store.change(
    fence,
    queued.map((run) => ({ kind: 'run', run })),
  );
  for (const run of queued) {
    const atUs = Date.now() * 1000;
    const begun: StoredRun = { ...run, state: 'running', attempts: 1, startedAtUs: atUs, heartbeatAtUs: atUs };
    await store.change(fence, [
      { kind: 'run', run: begun },
      { kind: 'attempt-begun', run: run.id, attempt: 1, atUs },
    ]);
    const endedAtUs = Date.now() * 1000;
    await store.change(fence, [
      { kind: 'attempt-ended', run: run.id, attempt: 1, atUs: endedAtUs, outcome: 'done', error: null },
      { kind: 'run', run: { ...begun, state: 'done', endedAtUs, progress: 1, rows: 1 } },
    ]);
  }
  const elapsedMs = performance.now() - startMs;
  await store.close();
  return (elapsedMs * 1000) / runs;
}

const bench: Bench = {
  name: 'jobs',
  question: 'What does scheduling cost a run when 10,000 are due at once, beside the bare cost of keeping its record?',
  data: `${runs} runs of a job that does nothing, one a day, ${slots} at once, SQLite`,
  async run(context) {
    const queued: number[] = [];
    const bare: number[] = [];
    // In turns, so that both meet the same disk.
    const scheduled = await context.sample(5, async () => {
      bare.push(await bareStore(context));
      const { runUs, queuedMb } = await schedule(context);
      queued.push(queuedMb);
      return runUs;
    });
    const bareUs = median(bare.slice(1));
    return [
      context.result({ name: 'run', unit: 'µs a run', samples: scheduled, against: bareUs, goal: 'ratio <= 2' }),
      context.result({
        name: 'memory',
        unit: 'MB for 10,000 queued runs',
        samples: queued.slice(1),
        goal: 'value <= 50',
      }),
    ];
  },
};

export default bench;
