import { TidemarkError } from '../domain/error.ts';
import { dayUs } from '../domain/interval.ts';
import type { CatchUpRow, JobRow, LogLevel, RunRow, RunState } from '../domain/job.ts';
import { logLevels } from '../domain/job.ts';
import type { JobStore, StoredCatchUp, StoredRun } from '../ports/job-store.ts';
import type { CatchUpRequest, Jobs, RunRequest, RunSpan, RunsFilter } from '../ports/jobs.ts';
import type { Clock } from '../ports/world.ts';
import type { JobDefinition } from './definition.ts';
import { JobGraph } from './graph.ts';
import { unknownCatchUp, unknownRun } from './request.ts';
import { describeSchedule } from './schedule.ts';
import type { Scheduler } from './scheduler.ts';

const shownCatchUps = 5;
const countedForUs = 10_000_000;
const mostSpans = 5000;

interface Counted {
  readonly byState: Readonly<Record<RunState, number>>;
  readonly kept: number;
  readonly doneLastDay: number;
}

/** Jobs for those who look at them and ask for runs. Without a scheduler it only shows what is recorded. */
export class Desk implements Jobs {
  readonly #store: JobStore;
  readonly #graph: JobGraph;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler | undefined;
  #counted: (Counted & { readonly endedRuns: number; readonly atUs: number }) | undefined;

  constructor(options: {
    store: JobStore;
    jobs: readonly JobDefinition[];
    clock: Clock;
    scheduler?: Scheduler | undefined;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#scheduler = options.scheduler;
    this.#graph = options.scheduler?.graph ?? new JobGraph(options.jobs);
  }

  async overview(): ReturnType<Jobs['overview']> {
    const nowUs = this.#clock.wallUs();
    const latest = await this.#latest();
    const paused = await this.#paused();
    const { byState, doneLastDay } = await this.#counts();
    const [newest] = await this.#store.catchUps({ limit: 1 });
    const going = await this.#store.catchUps({ states: ['running', 'paused'], limit: shownCatchUps });
    const isShown = newest === undefined || going.some(({ id }) => id === newest.id);
    const catchUps = isShown ? going : [newest, ...going];
    const scheduler = this.#scheduler;
    return {
      nowUs,
      jobs: this.#graph.jobs.map((job) => this.#row(job, latest.get(job.name), paused.has(job.name))),
      slots: { all: scheduler?.options.slots ?? 0, used: scheduler?.usedSlots ?? 0 },
      counts: { ...byState, ...this.#scheduler?.activeCounts() },
      doneLastDay,
      catchUps: await Promise.all(catchUps.map((catchUp) => this.#catchUpRow(catchUp))),
    };
  }

  async job(name: string): Promise<JobRow> {
    const job = this.#graph.job(name);
    const [latest] = await this.#store.runs({ job: name, limit: 1 });
    return this.#row(job, latest, (await this.#paused()).has(name));
  }

  async runs(filter: RunsFilter): ReturnType<Jobs['runs']> {
    if (filter.job !== undefined) this.#graph.job(filter.job);
    const runs = await this.#store.runs({ ...filter, limit: filter.limit + 1 });
    const page = runs.slice(0, filter.limit);
    return {
      runs: page.map((run) => this.#shown(run)),
      before: runs.length > page.length ? page.at(-1)!.id : null,
      kept: (await this.#counts()).kept,
    };
  }

  async run(id: number): ReturnType<Jobs['run']> {
    const run = await this.#stored(id);
    const job = this.#graph.has(run.job) ? this.#graph.job(run.job) : undefined;
    return {
      run: this.#shown(run),
      attempts: await this.#store.attempts(id),
      command: commandOf(run),
      ifItDies: job?.ifItDies ?? 'this job is no longer defined',
    };
  }

  async log(id: number, options: { after: number; limit: number; level: LogLevel }): ReturnType<Jobs['log']> {
    if (this.#scheduler?.active(id) !== undefined) await this.#scheduler.flush();
    // The state first: lines that come between the two reads are then asked for once more.
    const run = await this.#stored(id);
    const levels = logLevels.slice(logLevels.indexOf(options.level));
    const lines = await this.#store.log(id, { after: options.after, limit: options.limit, levels });
    return { lines, isEnded: run.endedAtUs !== null && lines.length < options.limit };
  }

  async timeline(fromUs: number, toUs: number): Promise<readonly RunSpan[]> {
    const nowUs = this.#clock.wallUs();
    const spans: RunSpan[] = [];
    const isInside = (start: number, end: number) => start < toUs && end > fromUs;
    for (const span of await this.#store.spans(fromUs, toUs, mostSpans)) {
      const { job, run } = span;
      const waitedFromUs = span.previousEndedAtUs ?? span.queuedAtUs;
      if (span.startedAtUs > waitedFromUs && isInside(waitedFromUs, span.startedAtUs)) {
        spans.push({ job, run, kind: 'waiting', fromUs: waitedFromUs, toUs: span.startedAtUs });
      }
      const kind = span.outcome === 'running' || span.outcome === 'done' ? span.outcome : 'failed';
      spans.push({ job, run, kind, fromUs: span.startedAtUs, toUs: span.endedAtUs ?? nowUs });
    }
    for (const run of await this.#store.activeRuns()) {
      if (run.state === 'running' || spans.length >= 2 * mostSpans) continue;
      const sinceUs = run.attempts === 0 ? run.queuedAtUs : Math.max(run.queuedAtUs, run.heartbeatAtUs ?? 0);
      if (isInside(sinceUs, nowUs)) {
        spans.push({ job: run.job, run: run.id, kind: 'waiting', fromUs: sinceUs, toUs: nowUs });
      }
    }
    return spans;
  }

  async start(name: string, request: RunRequest): Promise<RunRow> {
    return rowOf(await this.#running().ask(name, request));
  }

  async cancel(id: number): Promise<RunRow> {
    return rowOf(await this.#running().cancel(id));
  }

  async retry(id: number): Promise<RunRow> {
    return rowOf(await this.#running().retry(id));
  }

  async pause(name: string): Promise<JobRow> {
    await this.#running().setPaused(name, true);
    return this.job(name);
  }

  async resume(name: string): Promise<JobRow> {
    await this.#running().setPaused(name, false);
    return this.job(name);
  }

  async catchUp(name: string, request: CatchUpRequest): Promise<CatchUpRow> {
    return this.#catchUpRow(await this.#running().catchUp(name, request));
  }

  async oneCatchUp(id: number): Promise<CatchUpRow> {
    const catchUp = await this.#store.catchUp(id);
    if (catchUp === undefined) throw unknownCatchUp(id);
    return this.#catchUpRow(catchUp);
  }

  async changeCatchUp(id: number, change: 'pause' | 'resume' | 'cancel'): Promise<CatchUpRow> {
    return this.#catchUpRow(await this.#running().changeCatchUp(id, change));
  }

  #running(): Scheduler {
    if (this.#scheduler !== undefined) return this.#scheduler;
    throw new TidemarkError('not-ready', {
      doing: 'change jobs',
      why: 'no engine runs',
      now: 'start it, then ask again',
    });
  }

  /** Counting reads an index to its end: only after something ended, or when a day has moved on. */
  async #counts(): Promise<Counted> {
    const endedRuns = this.#scheduler?.endedRuns ?? -1;
    const atUs = this.#clock.wallUs();
    const known = this.#counted;
    if (known !== undefined && known.endedRuns === endedRuns && Math.abs(atUs - known.atUs) < countedForUs)
      return known;
    const { byState, kept } = await this.#store.counts();
    const doneLastDay = await this.#store.endedSince('done', atUs - dayUs);
    this.#counted = { byState, kept, doneLastDay, endedRuns, atUs };
    return this.#counted;
  }

  async #stored(id: number): Promise<StoredRun> {
    const run = await this.#store.run(id);
    if (run === undefined) throw unknownRun(id);
    return run;
  }

  async #latest(): Promise<ReadonlyMap<string, StoredRun>> {
    return new Map((await this.#store.latestRuns()).map((run) => [run.job, run]));
  }

  async #paused(): Promise<ReadonlySet<string>> {
    return new Set((await this.#store.jobs()).filter(({ isPaused }) => isPaused).map(({ name }) => name));
  }

  #row(job: JobDefinition, latest: StoredRun | undefined, isPaused: boolean): JobRow {
    return {
      name: job.name,
      description: job.description,
      schedule: describeSchedule(job.schedule, job.after),
      after: job.after,
      partitioning: job.partitioning,
      isPaused,
      notAvailable: job.notAvailable ?? null,
      priority: job.priority,
      concurrency: job.concurrency,
      maxAttempts: job.maxAttempts,
      timeoutMs: job.timeoutMs,
      latest: latest === undefined ? null : this.#shown(latest),
      nextAtUs: this.#scheduler?.nextAtUs(job) ?? null,
    };
  }

  #shown(run: StoredRun): RunRow {
    const row = rowOf(this.#scheduler?.active(run.id) ?? run);
    if (this.#scheduler !== undefined || row.state !== 'running') return row;
    return { ...row, waitsFor: 'the engine: its process died' };
  }

  async #catchUpRow({ askedAtUs: _, ...catchUp }: StoredCatchUp): Promise<CatchUpRow> {
    return { ...catchUp, days: await this.#store.catchUpDays(catchUp.id) };
  }
}

/** What is kept beside the row stays inside. */
function rowOf({ arguments: _, waits: __, lost: ___, inputs: ____, ...row }: StoredRun): RunRow {
  return row;
}

function commandOf(run: StoredRun): string {
  const day = run.partition === null ? '' : ` --day ${run.partition}`;
  const given = Object.entries(run.arguments).map(([name, value]) => ` --argument ${shellWord(`${name}=${value}`)}`);
  return `tidemark jobs run ${run.job}${day}${given.join('')}`;
}

function shellWord(text: string): string {
  return /^[\w=:.,/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
