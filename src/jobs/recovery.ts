import type { JobChange, StoredRun } from '../ports/job-store.ts';
import type { World } from '../ports/world.ts';
import type { DueRuns } from './due.ts';
import type { IdleRuns } from './idle-runs.ts';
import type { JobRecord } from './record.ts';
import { attemptEnded, lostRun } from './run-end.ts';
import type { StartRates } from './start-rates.ts';

/** An interval job that was due while nothing ran lets the start pass first. */
const startDelayMs = 10_000;

export interface RecoveryOptions {
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly due: DueRuns;
  readonly rates: StartRates;
  readonly idle: IdleRuns;
}

/** Takes the turn, learns what the record has, and finds what died with its process; how many runs did. */
export async function recover(record: JobRecord, { world, due, rates, idle }: RecoveryOptions): Promise<number> {
  const { store, graph, runs, newest } = record;
  await record.takeTurn();
  const nowUs = world.clock.wallUs();
  const changes: JobChange[] = [];
  for (const run of await store.activeRuns()) {
    if (!graph.has(run.job)) changes.push(...withoutJob(run, nowUs));
    else if (run.state === 'running') changes.push(...lostRun(run, world.clock.wallUs(), world.random));
    else record.know(run);
  }
  for (const job of graph.jobs) {
    if (job.schedule.kind === 'cron' && record.cursorUs(job.name) === null) {
      changes.push({ kind: 'job', job: { name: job.name, isPaused: record.isPaused(job.name), cursorUs: nowUs } });
    }
    due.armInterval(job, startDelayMs);
    await rates.learn(job, store);
  }
  for (const run of await store.latestRuns()) idle.put(run);
  await record.change(changes);
  newest.clear();
  for (const run of runs) {
    if (run.waits.includes('before')) await newest.learnBefore(graph.job(run.job), [run.partition]);
  }
  return changes.filter(({ kind }) => kind === 'attempt-ended').length;
}

function withoutJob(run: StoredRun, nowUs: number): readonly JobChange[] {
  const error = { code: 'unknown-job', message: `there is no job ${run.job} any more` };
  const cancelled: JobChange = { kind: 'run', run: { ...run, state: 'cancelled', endedAtUs: nowUs, error } };
  return run.state === 'running' ? [attemptEnded(run, nowUs, 'lost', error), cancelled] : [cancelled];
}
