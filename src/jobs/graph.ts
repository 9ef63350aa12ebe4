import { TidemarkError } from '../domain/error.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import type { JobDefinition } from './definition.ts';

/** Jobs and what comes after what. Fails with `bad-jobs` where that cannot be. */
export class JobGraph {
  /** Each after the jobs before it. */
  readonly jobs: readonly JobDefinition[];
  readonly #byName: ReadonlyMap<string, JobDefinition>;
  readonly #following = new Map<string, JobDefinition[]>();

  constructor(definitions: readonly JobDefinition[]) {
    this.#byName = new Map(definitions.map((job) => [job.name, job]));
    if (this.#byName.size < definitions.length) {
      const twice = definitions.find((job, at) => definitions.findIndex(({ name }) => name === job.name) !== at);
      throw badJobs(twice!.name, 'there are two of that name', 'rename one');
    }
    for (const job of definitions) this.#check(job);
    this.jobs = this.#ordered(definitions);
    for (const job of this.jobs) {
      for (const name of job.after) this.#following.set(name, [...(this.#following.get(name) ?? []), job]);
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Fails with `unknown-job`. */
  job(name: string): JobDefinition {
    const job = this.#byName.get(name);
    if (job !== undefined) return job;
    throw unknownJob(name, this.#byName.keys());
  }

  /** Jobs that name it in `after`. */
  following(name: string): readonly JobDefinition[] {
    return this.#following.get(name) ?? [];
  }

  /** The jobs before it that can run here. */
  before(job: JobDefinition): readonly JobDefinition[] {
    return job.after.map((name) => this.job(name)).filter(({ notAvailable }) => notAvailable === undefined);
  }

  /** The job and those after it, near and far, that have the same kind of partition and can run here; in order. */
  withFollowing(job: JobDefinition): readonly JobDefinition[] {
    const wanted = new Set([job.name]);
    for (const { name, after, partitioning, notAvailable } of this.jobs) {
      const fits = partitioning === job.partitioning && notAvailable === undefined;
      if (fits && after.some((before) => wanted.has(before))) wanted.add(name);
    }
    return this.jobs.filter(({ name }) => wanted.has(name));
  }

  #check(job: JobDefinition): void {
    const { name, after, schedule, partitioning } = job;
    if (!/^[a-z][a-z0-9-]{0,40}$/.test(name)) {
      throw badJobs(JSON.stringify(name), 'that is no name', 'use small letters, digits and hyphens');
    }
    for (const before of after) {
      if (this.#byName.has(before)) continue;
      const near = nearestWord(before, this.#byName.keys());
      const now = near === undefined ? 'define it, or take it out of after' : `did you mean ${near}?`;
      throw badJobs(name, `it comes after ${JSON.stringify(before)}, and there is no such job`, now);
    }
    if (schedule.kind === 'after' && after.length === 0) {
      throw badJobs(name, 'it runs after the jobs before it, and there are none', 'name them in after');
    }
    if (schedule.kind === 'settled' && partitioning !== 'day') {
      throw badJobs(name, 'it runs when a day is settled, but has no run a day', 'partition it by day');
    }
    if (schedule.kind === 'interval' && partitioning === 'day') {
      throw badJobs(name, 'an interval says no day', 'give it a cron expression, or run it when a day is settled');
    }
    const other = after.find((before) => this.#byName.get(before)!.partitioning !== partitioning);
    if (other !== undefined) {
      throw badJobs(name, `it and ${other} before it are not partitioned alike`, 'partition both by day, or neither');
    }
  }

  #ordered(definitions: readonly JobDefinition[]): JobDefinition[] {
    const ordered = new Set<JobDefinition>();
    const visit = (job: JobDefinition, path: readonly string[]): void => {
      if (ordered.has(job)) return;
      if (path.includes(job.name)) {
        const circle = [...path.slice(path.indexOf(job.name)), job.name].toReversed().join(' → ');
        throw badJobs(job.name, `it comes after itself: ${circle}`, 'break the circle');
      }
      for (const name of job.after) visit(this.#byName.get(name)!, [...path, job.name]);
      ordered.add(job);
    };
    for (const job of definitions) visit(job, []);
    return [...ordered];
  }
}

export function unknownJob(name: string, known: Iterable<string>): TidemarkError {
  const near = nearestWord(name, known);
  return new TidemarkError('unknown-job', {
    doing: 'find the job',
    what: JSON.stringify(name.slice(0, 80)),
    why: 'there is none of that name',
    now: near === undefined ? 'tidemark jobs list shows them' : `did you mean ${near}?`,
  });
}

function badJobs(what: string, why: string, now: string): TidemarkError {
  return new TidemarkError('bad-jobs', { doing: 'use the job', what, why, now });
}
