import { TidemarkError } from '../domain/error.ts';
import { dayUs } from '../domain/interval.ts';
import type { JobChange, JobStore, StoredCatchUp, StoredRun } from '../ports/job-store.ts';
import type { CatchUpRequest, RunRequest } from '../ports/jobs.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import { Admission } from './admission.ts';
import { Attempts } from './attempts.ts';
import { CatchUps, catchUpPlan } from './catch-ups.ts';
import type { JobDefinition } from './definition.ts';
import { DueRuns, type OwnSchedules } from './due.ts';
import { JobGraph } from './graph.ts';
import { IdleRuns } from './idle-runs.ts';
import { NewRuns } from './new-runs.ts';
import { JobRecord } from './record.ts';
import { recover } from './recovery.ts';
import { badRun, checkArguments, checkDay, unknownRun } from './request.ts';
import { askedFor, cancelledRun } from './run-end.ts';
import { Runner } from './runner.ts';
import { type SettledDays, Settlement } from './settled-days.ts';
import { StartRates } from './start-rates.ts';
import { Turns } from './turns.ts';

export interface SchedulerOptions {
  readonly world: Pick<World, 'clock' | 'timers' | 'random'>;
  readonly store: JobStore;
  readonly jobs: readonly JobDefinition[];
  /** Runs that may be under way at once; jobs of upkeep run beside them. */
  readonly slots: number;
  readonly settledDays: () => Promise<SettledDays>;
  readonly ownSchedules: OwnSchedules;
  /** Runs only what is asked of this very scheduler; what waits in the record is left to the engine. */
  readonly isAlone?: boolean;
  /** History that is kept. */
  readonly keep: { readonly days: number; readonly runs: number };
  readonly log: Logger;
}

/** The wall clock is looked at this often, since it may step. */
const longestSleepMs = 15_000;
const stopMs = 12_000;
const forgetAtOnce = 200;

/**
 * Makes runs of what is due and runs them within slots and limits. What it knows of runs that have not ended is the store's
 * record, changed only after the store has the change; whatever dies in between is found there by the next scheduler.
 */
export class Scheduler {
  readonly graph: JobGraph;
  readonly options: SchedulerOptions;
  /** Rejects when another scheduler took over. */
  readonly done: Promise<never>;
  readonly #record: JobRecord;
  readonly #turns: Turns;
  readonly #settlement: Settlement;
  readonly #newRuns: NewRuns;
  readonly #due: DueRuns;
  readonly #attempts = new Attempts();
  readonly #idle = new IdleRuns();
  readonly #rates: StartRates;
  readonly #admission: Admission;
  readonly #catchUps: CatchUps;
  readonly #runner: Runner;

  constructor(options: SchedulerOptions) {
    this.options = options;
    this.graph = new JobGraph(options.jobs);
    let fail: (error: unknown) => void = () => {};
    this.done = new Promise((_, reject) => {
      fail = reject;
    });
    this.done.catch(() => {});
    const { world, log } = options;
    const { clock } = world;
    this.#turns = new Turns({
      timers: world.timers,
      log,
      fill: () => this.#fill(),
      look: () => this.#look(),
      idleMs: () => this.#idleMs(),
      onLost: (error) => {
        this.#endAll();
        fail(error);
      },
    });
    this.#record = new JobRecord(options.store, this.graph, clock);
    this.#settlement = new Settlement(this.#record, { clock, log, ask: options.settledDays });
    this.#newRuns = new NewRuns(this.#record, this.#settlement, clock);
    this.#rates = new StartRates(clock);
    const { ownSchedules, slots, isAlone = false } = options;
    const parts = {
      world,
      clock,
      log,
      turns: this.#turns,
      settlement: this.#settlement,
      newRuns: this.#newRuns,
      attempts: this.#attempts,
      rates: this.#rates,
      idle: this.#idle,
    };
    this.#due = new DueRuns(this.#record, { ...parts, ownSchedules });
    this.#admission = new Admission(this.#record, { ...parts, slots, isAlone });
    this.#catchUps = new CatchUps(this.#record, parts);
    this.#runner = new Runner(this.#record, { ...parts, due: this.#due, catchUps: this.#catchUps });
  }

  /** Takes the turn, finds what died, and begins. */
  async start(): Promise<void> {
    const { world, log } = this.options;
    const parts = { world, due: this.#due, rates: this.#rates, idle: this.#idle };
    const lost = await this.#turns.take(() => recover(this.#record, parts));
    if (lost > 0) log.warn({ runs: lost }, 'runs died with their process; they are tried again');
    this.#turns.askLook();
  }

  /** Tells what is under way to end, and records what did not. */
  async stop(): Promise<void> {
    this.#endAll();
    let cancel: () => void = () => {};
    const patience = new Promise<void>((resolve) => {
      cancel = this.options.world.timers.after(stopMs, resolve);
    });
    await Promise.race([this.#runner.recorded(), patience]);
    cancel();
    await this.#turns.passed();
  }

  /** A run that has not ended, as it is now. */
  active(id: number): StoredRun | undefined {
    const run = this.#record.runs.get(id);
    return run === undefined ? undefined : this.#shown(run);
  }

  /** Grows with every run that ends: what is known of ended runs holds until then. */
  get endedRuns(): number {
    return this.#record.runs.endedRuns;
  }

  /** Of the states that a run can leave. */
  activeCounts(): Readonly<Record<'queued' | 'held' | 'running' | 'retrying', number>> {
    return this.#record.runs.counts();
  }

  get usedSlots(): number {
    return this.#attempts.usedSlots;
  }

  isPaused(name: string): boolean {
    return this.#record.isPaused(name);
  }

  /** When its schedule makes the next run, by the wall clock; null where that is not an instant. */
  nextAtUs(job: JobDefinition): number | null {
    return this.#due.nextAtUs(job);
  }

  /** Lines of a run under way that the store does not have yet are written first. */
  async flush(): Promise<void> {
    await this.#turns.take(() => this.#runner.flush());
  }

  async ask(name: string, request: RunRequest): Promise<StoredRun> {
    const job = this.#available(name);
    if (job.partitioning === 'day') {
      checkDay(job.name, request.partition);
    } else if (request.partition !== undefined) {
      throw badRun(job.name, 'it has no run a day', 'leave the day out');
    }
    checkArguments(job, request.arguments ?? {});
    return this.#turns.take(async () => {
      if (request.whenSettled === true) await this.#settlement.look(true);
      const run = this.#newRuns.make(job, request.partition ?? null, askedFor, {
        arguments: request.arguments ?? {},
        waits: request.whenSettled === true ? ['day'] : [],
        ...(request.attempts === undefined ? {} : { maxAttempts: request.attempts }),
      });
      await this.#record.change([{ kind: 'run', run }]);
      this.#turns.askFill();
      return this.#shown(run);
    });
  }

  async cancel(id: number): Promise<StoredRun> {
    return this.#turns.take(async () => {
      const run = this.#record.runs.get(id);
      if (run === undefined) throw await this.#notNow(id, 'cancel', 'it has ended');
      const attempt = this.#attempts.of(id);
      if (attempt !== undefined) {
        attempt.end('cancelled');
        return this.#shown(run);
      }
      const cancelled = cancelledRun(run, this.options.world.clock.wallUs());
      await this.#record.change([{ kind: 'run', run: cancelled }]);
      await this.#catchUps.close();
      this.#turns.askFill();
      return cancelled;
    });
  }

  async retry(id: number): Promise<StoredRun> {
    return this.#turns.take(async () => {
      const { store, runs, waiting } = this.#record;
      const run = runs.get(id) ?? (await store.run(id));
      if (run === undefined) throw unknownRun(id);
      if (run.state === 'retrying') {
        waiting.retryAt(id, this.options.world.clock.monotonicUs());
        this.#turns.askLook();
        return this.#shown(run);
      }
      if (run.state !== 'failed' && run.state !== 'cancelled') {
        throw await this.#notNow(id, 'repeat', `it is ${run.state}`);
      }
      const job = this.#available(run.job);
      const again: StoredRun = {
        ...run,
        state: 'queued',
        maxAttempts: run.attempts + job.maxAttempts,
        endedAtUs: null,
        nextAttemptAtUs: null,
        error: null,
        lost: 0,
      };
      const changes: JobChange[] = [{ kind: 'run', run: again }];
      const catchUp = run.catchUp === null ? undefined : await store.catchUp(run.catchUp);
      if (catchUp?.state === 'done') changes.push({ kind: 'catch-up', catchUp: { ...catchUp, state: 'running' } });
      if (catchUp?.state === 'cancelled') changes[0] = { kind: 'run', run: { ...again, catchUp: null, waits: [] } };
      await this.#record.change(changes);
      this.#turns.askFill();
      return this.#shown(runs.get(id)!);
    });
  }

  async setPaused(name: string, isPaused: boolean): Promise<void> {
    const job = this.graph.job(name);
    await this.#turns.take(async () => {
      if (this.isPaused(name) === isPaused) return;
      const cursorUs = this.#record.cursorUs(name);
      await this.#record.change([{ kind: 'job', job: { name, isPaused, cursorUs } }]);
      if (!isPaused) this.#due.armInterval(job, 0);
      this.#turns.askLook();
    });
  }

  async catchUp(name: string, request: CatchUpRequest): Promise<StoredCatchUp> {
    const plan = catchUpPlan(this.graph, this.#available(name), request);
    return this.#turns.take(async () => {
      await this.#settlement.look(true);
      const catchUp = await this.#catchUps.make(plan);
      this.#turns.askFill();
      return catchUp;
    });
  }

  async changeCatchUp(id: number, change: 'pause' | 'resume' | 'cancel'): Promise<StoredCatchUp> {
    return this.#turns.take(async () => {
      const catchUp = await this.#catchUps.change(id, change);
      this.#turns.askFill();
      return catchUp;
    });
  }

  /** Forgets history beyond what is kept; how many runs. */
  async forgetHistory(): Promise<number> {
    const { keep, world } = this.options;
    const endedBeforeUs = world.clock.wallUs() - keep.days * dayUs;
    let forgotten = 0;
    for (;;) {
      const some = await this.#turns.take(() =>
        this.#record.forget({ endedBeforeUs, keep: keep.runs, limit: forgetAtOnce }),
      );
      forgotten += some;
      if (some < forgetAtOnce) return forgotten;
      // A little at a time: the engine has other things to do.
      await new Promise<void>((resolve) => world.timers.after(20, resolve));
    }
  }

  /** What holds a run back now. */
  waitsFor(run: StoredRun): string | null {
    if (run.state === 'held') return this.#settlement.whyHeld(run.partition!);
    if (run.state === 'retrying' && this.#record.waiting.waitsForRetry(run.id)) return 'the next attempt';
    if (run.state !== 'queued' && run.state !== 'retrying') return null;
    return this.#admission.waitsFor(run);
  }

  async #look(): Promise<void> {
    await this.#settlement.look();
    await this.#due.make();
    this.#record.waiting.releaseRetries();
    await this.#fill();
  }

  async #fill(): Promise<void> {
    for (let run = this.#admission.next(); run !== undefined; run = this.#admission.next()) {
      if (this.#turns.isStopping) return;
      await this.#runner.begin(run);
    }
  }

  /** Until the next thing that time alone brings. */
  #idleMs(): number {
    const nowUs = this.options.world.clock.monotonicUs();
    const dueUs = Math.min(
      nowUs + longestSleepMs * 1000,
      this.#due.nextDueUs,
      this.#record.waiting.nextRetryUs,
      this.#rates.nextFreeUs(this.graph.jobs),
    );
    return Math.max(1, Math.ceil((dueUs - nowUs) / 1000));
  }

  #endAll(): void {
    this.#turns.stop();
    this.#runner.stop();
  }

  #shown(run: StoredRun): StoredRun {
    const attempt = this.#attempts.of(run.id);
    return { ...run, waitsFor: this.waitsFor(run), progress: attempt?.progress ?? run.progress };
  }

  #available(name: string): JobDefinition {
    const job = this.graph.job(name);
    if (job.notAvailable === undefined) return job;
    throw new TidemarkError('not-available', { doing: 'run the job', what: name, why: job.notAvailable });
  }

  async #notNow(id: number, doing: string, why: string): Promise<TidemarkError> {
    if ((await this.options.store.run(id)) === undefined) return unknownRun(id);
    return new TidemarkError('job-conflict', { doing: `${doing} the run`, what: String(id), why });
  }
}
