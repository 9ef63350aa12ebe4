import { TidemarkError } from '../domain/error.ts';
import type { JobChange, StoredCatchUp } from '../ports/job-store.ts';
import type { CatchUpRequest } from '../ports/jobs.ts';
import type { Clock } from '../ports/world.ts';
import type { Attempts } from './attempts.ts';
import type { JobDefinition } from './definition.ts';
import type { JobGraph } from './graph.ts';
import type { NewRuns } from './new-runs.ts';
import type { JobRecord } from './record.ts';
import { badRun, checkDay, daysBetween, unknownCatchUp } from './request.ts';
import { cancelledRun } from './run-end.ts';

const mostRuns = 20_000;
const catchUpPriority = -10;
const stateAfter = { pause: 'paused', resume: 'running', cancel: 'cancelled' } as const;

/** What a catch-up runs: these jobs for each of these days, in this order. */
export interface CatchUpPlan {
  readonly job: JobDefinition;
  readonly jobs: readonly JobDefinition[];
  readonly days: readonly string[];
  readonly request: CatchUpRequest;
}

/** Fails with `bad-run` where that cannot be caught up. */
export function catchUpPlan(graph: JobGraph, job: JobDefinition, request: CatchUpRequest): CatchUpPlan {
  const { name } = job;
  if (job.partitioning !== 'day') throw badRun(name, 'it has no run a day', 'ask for one run of it');
  checkDay(name, request.from);
  checkDay(name, request.to);
  const days = daysBetween(request.from, request.to);
  if (days.length === 0) throw badRun(name, `${request.from} lies after ${request.to}`, 'give the earlier day first');
  const jobs = request.withFollowing === true ? graph.withFollowing(job) : [job];
  if (days.length * jobs.length > mostRuns) {
    const why = `${days.length} days of ${jobs.length} jobs are more than ${mostRuns} runs`;
    throw badRun(name, why, 'ask for a shorter range');
  }
  if (request.order === 'newest-first') days.reverse();
  return { job, jobs, days, request };
}

/** Makes the runs of catch-ups, and pauses, resumes, cancels and closes them. */
export class CatchUps {
  readonly #record: JobRecord;
  readonly #newRuns: NewRuns;
  readonly #attempts: Attempts;
  readonly #clock: Clock;

  constructor(
    record: JobRecord,
    options: { readonly newRuns: NewRuns; readonly attempts: Attempts; readonly clock: Clock },
  ) {
    this.#record = record;
    this.#newRuns = options.newRuns;
    this.#attempts = options.attempts;
    this.#clock = options.clock;
  }

  async make({ job, jobs, days, request }: CatchUpPlan): Promise<StoredCatchUp> {
    const catchUp: StoredCatchUp = {
      id: this.#record.nextCatchUp,
      job: job.name,
      jobs: jobs.map(({ name }) => name),
      fromDate: request.from,
      toDate: request.to,
      atOnce: request.atOnce ?? 1,
      order: request.order ?? 'oldest-first',
      state: 'running',
      askedAtUs: this.#clock.wallUs(),
    };
    const changes: JobChange[] = [{ kind: 'catch-up', catchUp }];
    for (const day of days) {
      for (const one of jobs) {
        const run = this.#newRuns.make(one, day, `catch-up ${catchUp.id}`, {
          catchUp: catchUp.id,
          priority: one.priority + catchUpPriority,
          waits: ['day', 'before'],
        });
        changes.push({ kind: 'run', run });
      }
    }
    await this.#record.change(changes);
    return catchUp;
  }

  async change(id: number, change: 'pause' | 'resume' | 'cancel'): Promise<StoredCatchUp> {
    const catchUp = this.#record.catchUp(id) ?? (await this.#record.store.catchUp(id));
    if (catchUp === undefined) throw unknownCatchUp(id);
    if (catchUp.state === 'done' || catchUp.state === 'cancelled') {
      throw new TidemarkError('job-conflict', {
        doing: `${change} the catch-up`,
        what: String(id),
        why: `it is ${catchUp.state}`,
      });
    }
    const state = stateAfter[change];
    const changes: JobChange[] = [{ kind: 'catch-up', catchUp: { ...catchUp, state } }];
    if (change === 'cancel') changes.push(...this.#cancelRuns(id));
    await this.#record.change(changes);
    return { ...catchUp, state };
  }

  /** A catch-up is done when none of its runs is left: this one, or all that are so. */
  async close(only?: number): Promise<void> {
    const changes: JobChange[] = [];
    for (const catchUp of this.#record.catchUps) {
      if ((only ?? catchUp.id) === catchUp.id && !this.#record.runs.isAnyLeftOf(catchUp.id)) {
        changes.push({ kind: 'catch-up', catchUp: { ...catchUp, state: 'done' } });
      }
    }
    await this.#record.change(changes);
  }

  /** What is under way is told to end; the rest is cancelled at once. */
  #cancelRuns(id: number): JobChange[] {
    const changes: JobChange[] = [];
    for (const run of this.#record.runs) {
      if (run.catchUp !== id) continue;
      const attempt = this.#attempts.of(run.id);
      if (attempt === undefined) changes.push({ kind: 'run', run: cancelledRun(run, this.#clock.wallUs()) });
      else attempt.end('cancelled');
    }
    return changes;
  }
}
