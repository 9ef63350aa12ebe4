import { TidemarkError } from '../domain/error.ts';
import { dateOf, dayUs } from '../domain/interval.ts';
import type { CatchUpState, RunState } from '../domain/job.ts';
import type { JobChange, JobMemory, JobStore, RunWait, StoredCatchUp, StoredRun } from '../ports/job-store.ts';
import type { CatchUpRequest, RunRequest } from '../ports/jobs.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import { Attempt, type AttemptEnd, type RunError } from './attempt.ts';
import { retryDelayMs } from './back-off.ts';
import type { JobDefinition } from './definition.ts';
import { JobGraph } from './graph.ts';
import { isBefore, type Lane, Lanes } from './lanes.ts';
import { badRun, checkArguments, checkDay, daysBetween } from './request.ts';
import { daysOwed, nextCronUs } from './schedule.ts';

/** UTC days whose data are settled: every id of them is held or declared missing, and in the lake. */
export interface SettledDays {
  /** Days that have data and are settled. */
  readonly days: readonly string[];
  /** No day after this one is settled; null when none is. */
  readonly through: string | null;
  /** What the next day waits for. */
  readonly why: string | null;
}

export interface SchedulerOptions {
  readonly world: Pick<World, 'clock' | 'timers' | 'random'>;
  readonly store: JobStore;
  readonly jobs: readonly JobDefinition[];
  /** Runs that may be under way at once; jobs of upkeep run beside them. */
  readonly slots: number;
  readonly settledDays: () => Promise<SettledDays>;
  /** Which jobs run by their schedules: `upkeep` where an orchestrator asks for the others. */
  readonly ownSchedules: 'all' | 'upkeep' | 'none';
  /** Runs only what is asked of this very scheduler; what waits in the record is left to the engine. */
  readonly isAlone?: boolean;
  /** History that is kept. */
  readonly keep: { readonly days: number; readonly runs: number };
  readonly log: Logger;
}

/** The wall clock is looked at this often, since it may step. */
const longestSleepMs = 15_000;
const heartbeatMs = 2000;
const flushMs = 250;
const settledLookUs = 5_000_000;
const recordAgainMs = 2000;
const stopMs = 12_000;
/** An interval job that was due while nothing ran lets the start pass first. */
const startDelayMs = 10_000;
/** A run that dies with its process again and again most likely ends it. */
const mostLost = 10;
/** A clock that was ahead by more than this was wrong, and is right now. */
const wrongClockUs = dayUs;
const mostDaysOwed = 400;
const mostCatchUpRuns = 20_000;
const catchUpPriority = -10;
const forgetAtOnce = 200;
const nothingToDo = 'nothing to do';
const inputsUnchanged = 'inputs unchanged';
const askedFor = 'asked for';

const endedStates: ReadonlySet<RunState> = new Set(['done', 'skipped', 'failed', 'cancelled']);
const isEnded = (run: StoredRun): boolean => endedStates.has(run.state);

/** The next attempt would meet the same. */
const hopeless = /^(bad-|unknown-|config-|not-found$|not-available$|fence-lost$|permission)/;

/**
 * Makes runs of what is due and runs them within slots and limits. What it knows of runs that have not ended is the store's
 * record, changed only after the store has the change; whatever dies in between is found there by the next scheduler.
 */
export class Scheduler {
  readonly graph: JobGraph;
  readonly options: SchedulerOptions;
  /** Rejects when another scheduler took over. */
  readonly done: Promise<never>;
  readonly #runs = new Map<number, StoredRun>();
  /** The same by job and partition. */
  readonly #runsOf = new Map<string, Set<number>>();
  /** How many of them a catch-up has. */
  readonly #leftOf = new Map<number, number>();
  readonly #lanes = new Lanes();
  readonly #attempts = new Map<number, Attempt>();
  /** Work that did not end when told to, by job. */
  readonly #stuck = new Map<string, number>();
  readonly #memory = new Map<string, JobMemory>();
  readonly #catchUps = new Map<number, StoredCatchUp>();
  /** Newest run of a job and partition, where another job waits for it. */
  readonly #newest = new Map<string, { id: number; state: RunState }>();
  readonly #nextCronUs = new Map<string, number | null>();
  /** By the monotonic clock: due intervals, next attempts, the last starts of jobs with a rate. */
  readonly #intervalDueUs = new Map<string, number>();
  readonly #retryDueUs = new Map<number, number>();
  readonly #starts = new Map<string, number[]>();
  readonly #idleRun = new Map<string, number>();
  #settled: SettledDays = { days: [], through: null, why: null };
  #settledLookedUs = Number.NEGATIVE_INFINITY;
  #fence = 0;
  /** Given to a run; made known by the store. */
  #lastRun = 0;
  #lastApplied = 0;
  #lastOfOthers = 0;
  #endedRuns = 0;
  #lastCatchUp = 0;
  #turns: Promise<unknown> = Promise.resolve();
  #isFillAsked = false;
  #isLookAsked = false;
  #isStopping = false;
  #cancelSleep: () => void = () => {};
  /** Heartbeat and flushing, while anything runs. */
  #cancelBeats: (() => void)[] = [];
  readonly #recording = new Set<Promise<void>>();
  #fail: (error: unknown) => void = () => {};

  constructor(options: SchedulerOptions) {
    this.options = options;
    this.graph = new JobGraph(options.jobs);
    this.done = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.done.catch(() => {});
  }

  /** Takes the turn, finds what died, and begins. */
  async start(): Promise<void> {
    await this.#turn(() => this.#recover());
    this.#askLook();
  }

  /** Tells what is under way to end, and records what did not. */
  async stop(): Promise<void> {
    this.#endAll();
    let cancel: () => void = () => {};
    const patience = new Promise<void>((resolve) => {
      cancel = this.options.world.timers.after(stopMs, resolve);
    });
    await Promise.race([Promise.all(this.#recording), patience]);
    cancel();
    await this.#turns;
  }

  /** A run that has not ended, as it is now. */
  active(id: number): StoredRun | undefined {
    const run = this.#runs.get(id);
    return run === undefined ? undefined : this.#shown(run);
  }

  /** Grows with every run that ends: what is known of ended runs holds until then. */
  get endedRuns(): number {
    return this.#endedRuns;
  }

  /** Of the states that a run can leave. */
  activeCounts(): Readonly<Record<'queued' | 'held' | 'running' | 'retrying', number>> {
    const counts = { queued: 0, held: 0, running: 0, retrying: 0 };
    for (const { state } of this.#runs.values()) if (state in counts) counts[state as keyof typeof counts] += 1;
    return counts;
  }

  get usedSlots(): number {
    let used = 0;
    for (const attempt of this.#attempts.values()) if (!attempt.job.isUpkeep) used += 1;
    return used;
  }

  isPaused(name: string): boolean {
    return this.#memory.get(name)?.isPaused ?? false;
  }

  /** When its schedule makes the next run, by the wall clock; null where that is not an instant. */
  nextAtUs(job: JobDefinition): number | null {
    if (!this.#isScheduled(job)) return null;
    if (job.schedule.kind === 'cron') return this.#nextCron(job);
    const dueUs = this.#intervalDueUs.get(job.name);
    if (dueUs === undefined) return null;
    const { clock } = this.options.world;
    return clock.wallUs() + Math.max(0, dueUs - clock.monotonicUs());
  }

  /** Lines of a run under way that the store does not have yet are written first. */
  async flush(): Promise<void> {
    await this.#turn(() => this.#flush());
  }

  async ask(name: string, request: RunRequest): Promise<StoredRun> {
    const job = this.#available(name);
    if (job.partitioning === 'day') {
      checkDay(job.name, request.partition);
    } else if (request.partition !== undefined) {
      throw badRun(job.name, 'it has no run a day', 'leave the day out');
    }
    checkArguments(job, request.arguments ?? {});
    return this.#turn(async () => {
      if (request.whenSettled === true) await this.#lookAtDays(true);
      const run = this.#newRun(job, request.partition ?? null, askedFor, {
        arguments: request.arguments ?? {},
        waits: request.whenSettled === true ? ['day'] : [],
        ...(request.attempts === undefined ? {} : { maxAttempts: request.attempts }),
      });
      await this.#change([{ kind: 'run', run }]);
      this.#askFill();
      return this.#shown(run);
    });
  }

  async cancel(id: number): Promise<StoredRun> {
    return this.#turn(async () => {
      const run = this.#runs.get(id);
      if (run === undefined) throw await this.#notNow(id, 'cancel', 'it has ended');
      const attempt = this.#attempts.get(id);
      if (attempt !== undefined) {
        attempt.end('cancelled');
        return this.#shown(run);
      }
      const cancelled = this.#cancelled(run);
      await this.#change([{ kind: 'run', run: cancelled }]);
      await this.#closeCatchUps();
      this.#askFill();
      return cancelled;
    });
  }

  async retry(id: number): Promise<StoredRun> {
    return this.#turn(async () => {
      const run = this.#runs.get(id) ?? (await this.options.store.run(id));
      if (run === undefined) throw unknownRun(id);
      if (run.state === 'retrying') {
        this.#retryDueUs.set(id, this.options.world.clock.monotonicUs());
        this.#askLook();
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
      const catchUp = run.catchUp === null ? undefined : await this.options.store.catchUp(run.catchUp);
      if (catchUp?.state === 'done') changes.push({ kind: 'catch-up', catchUp: { ...catchUp, state: 'running' } });
      if (catchUp?.state === 'cancelled') changes[0] = { kind: 'run', run: { ...again, catchUp: null, waits: [] } };
      await this.#change(changes);
      this.#askFill();
      return this.#shown(this.#runs.get(id)!);
    });
  }

  async setPaused(name: string, isPaused: boolean): Promise<void> {
    const job = this.graph.job(name);
    await this.#turn(async () => {
      if (this.isPaused(name) === isPaused) return;
      const cursorUs = this.#memory.get(name)?.cursorUs ?? null;
      await this.#change([{ kind: 'job', job: { name, isPaused, cursorUs } }]);
      if (!isPaused && job.schedule.kind === 'interval') this.#armInterval(job, 0);
      this.#askLook();
    });
  }

  async catchUp(name: string, request: CatchUpRequest): Promise<StoredCatchUp> {
    const job = this.#available(name);
    if (job.partitioning !== 'day') throw badRun(name, 'it has no run a day', 'ask for one run of it');
    checkDay(name, request.from);
    checkDay(name, request.to);
    const days = daysBetween(request.from, request.to);
    if (days.length === 0) {
      throw badRun(name, `${request.from} lies after ${request.to}`, 'give the earlier day first');
    }
    const jobs = request.withFollowing === true ? this.graph.withFollowing(job) : [job];
    if (days.length * jobs.length > mostCatchUpRuns) {
      const why = `${days.length} days of ${jobs.length} jobs are more than ${mostCatchUpRuns} runs`;
      throw badRun(name, why, 'ask for a shorter range');
    }
    const order = request.order ?? 'oldest-first';
    if (order === 'newest-first') days.reverse();
    return this.#turn(async () => {
      await this.#lookAtDays(true);
      const catchUp: StoredCatchUp = {
        id: this.#lastCatchUp + 1,
        job: name,
        jobs: jobs.map((one) => one.name),
        fromDate: request.from,
        toDate: request.to,
        atOnce: request.atOnce ?? 1,
        order,
        state: 'running',
        askedAtUs: this.options.world.clock.wallUs(),
      };
      const changes: JobChange[] = [{ kind: 'catch-up', catchUp }];
      for (const day of days) {
        for (const one of jobs) {
          const run = this.#newRun(one, day, `catch-up ${catchUp.id}`, {
            catchUp: catchUp.id,
            priority: one.priority + catchUpPriority,
            waits: ['day', 'before'],
          });
          changes.push({ kind: 'run', run });
        }
      }
      await this.#change(changes);
      this.#askFill();
      return catchUp;
    });
  }

  async changeCatchUp(id: number, change: 'pause' | 'resume' | 'cancel'): Promise<StoredCatchUp> {
    return this.#turn(async () => {
      const catchUp = this.#catchUps.get(id) ?? (await this.options.store.catchUp(id));
      if (catchUp === undefined) {
        throw unknownCatchUp(id);
      }
      if (catchUp.state === 'done' || catchUp.state === 'cancelled') {
        throw new TidemarkError('job-conflict', {
          doing: `${change} the catch-up`,
          what: String(id),
          why: `it is ${catchUp.state}`,
        });
      }
      const state: CatchUpState = { pause: 'paused', resume: 'running', cancel: 'cancelled' }[change] as CatchUpState;
      const changes: JobChange[] = [{ kind: 'catch-up', catchUp: { ...catchUp, state } }];
      if (change === 'cancel') {
        for (const run of this.#runs.values()) {
          if (run.catchUp !== id) continue;
          const attempt = this.#attempts.get(run.id);
          if (attempt === undefined) changes.push({ kind: 'run', run: this.#cancelled(run) });
          else attempt.end('cancelled');
        }
      }
      await this.#change(changes);
      this.#askFill();
      return { ...catchUp, state };
    });
  }

  /** Forgets history beyond what is kept; how many runs. */
  async forgetHistory(): Promise<number> {
    const { keep, store, world } = this.options;
    const endedBeforeUs = world.clock.wallUs() - keep.days * dayUs;
    let forgotten = 0;
    for (;;) {
      const options = { endedBeforeUs, keep: keep.runs, limit: forgetAtOnce };
      const some = await this.#turn(() => store.forget(this.#fence, options));
      forgotten += some;
      if (some < forgetAtOnce) return forgotten;
      // A little at a time: the engine has other things to do.
      await new Promise<void>((resolve) => world.timers.after(20, resolve));
    }
  }

  /** What holds a run back now. */
  waitsFor(run: StoredRun): string | null {
    if (run.state === 'held') return this.#whyHeld(run.partition!);
    if (run.state === 'retrying' && this.#retryDueUs.has(run.id)) return 'the next attempt';
    if (run.state !== 'queued' && run.state !== 'retrying') return null;
    const blocked = this.#laneBlock(run) ?? this.#runBlock(run);
    if (blocked !== undefined) return blocked;
    return this.#hasSlot(this.graph.job(run.job)) ? null : 'a slot';
  }

  /** One thing at a time, in the order asked: whatever decides sees what was decided before. */
  #turn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work);
    this.#turns = turn.catch((error) => {
      if (error instanceof TidemarkError && error.code === 'fence-lost') this.#lose(error);
    });
    return turn;
  }

  #lose(error: TidemarkError): void {
    if (this.#isStopping) return;
    this.#endAll();
    this.#fail(error);
  }

  #endAll(): void {
    this.#isStopping = true;
    this.#cancelSleep();
    this.#stopBeats();
    for (const attempt of this.#attempts.values()) attempt.end('stopped');
  }

  async #recover(): Promise<void> {
    const { store, world, log } = this.options;
    const turn = await store.takeTurn();
    this.#fence = turn.fence;
    this.#lastRun = turn.lastRun;
    this.#lastApplied = turn.lastRun;
    this.#lastOfOthers = turn.lastRun;
    this.#lastCatchUp = turn.lastCatchUp;
    const nowUs = world.clock.wallUs();
    for (const job of await store.jobs()) this.#memory.set(job.name, job);
    for (const catchUp of await store.catchUps({ states: ['running', 'paused'], limit: 10_000 })) {
      this.#catchUps.set(catchUp.id, catchUp);
    }
    const changes: JobChange[] = [];
    for (const run of await store.activeRuns()) {
      if (!this.graph.has(run.job)) {
        const error = { code: 'unknown-job', message: `there is no job ${run.job} any more` };
        if (run.state === 'running') changes.push(attemptEnded(run, nowUs, 'lost', error));
        changes.push({ kind: 'run', run: { ...run, state: 'cancelled', endedAtUs: nowUs, error } });
      } else if (run.state === 'running') {
        changes.push(...this.#lost(run));
      } else {
        this.#applied({ kind: 'run', run });
      }
    }
    for (const job of this.graph.jobs) {
      const known = this.#memory.get(job.name);
      const hasCursor = known !== undefined && known.cursorUs !== null;
      if (job.schedule.kind === 'cron' && !hasCursor) {
        changes.push({ kind: 'job', job: { name: job.name, isPaused: known?.isPaused ?? false, cursorUs: nowUs } });
      }
      if (job.schedule.kind === 'interval') this.#armInterval(job, startDelayMs);
      if (job.rate !== undefined) await this.#knowStarts(job.name, job.rate.perMs);
    }
    for (const run of await store.latestRuns()) {
      if (isIdle(run)) this.#idleRun.set(run.job, run.id);
    }
    await this.#change(changes);
    this.#newest.clear();
    for (const run of this.#runs.values()) {
      if (run.waits.includes('before')) await this.#knowBefore(this.graph.job(run.job), [run.partition]);
    }
    const lost = changes.filter(({ kind }) => kind === 'attempt-ended').length;
    if (lost > 0) log.warn({ runs: lost }, 'runs died with their process; they are tried again');
  }

  /** A rate counts the starts before a restart too. */
  async #knowStarts(name: string, perMs: number): Promise<void> {
    const { clock } = this.options.world;
    const nowUs = clock.wallUs();
    const spans = await this.options.store.spans(nowUs - perMs * 1000, nowUs + 1, 10_000);
    const starts = spans.filter(({ job, startedAtUs }) => job === name && startedAtUs > nowUs - perMs * 1000);
    this.#starts.set(
      name,
      starts.map(({ startedAtUs }) => clock.monotonicUs() - (nowUs - startedAtUs)),
    );
  }

  #lost(run: StoredRun): JobChange[] {
    const { clock, random } = this.options.world;
    const nowUs = clock.wallUs();
    // Its heartbeat is the last that is known of it.
    const endedAtUs = Math.max(run.startedAtUs ?? 0, Math.min(nowUs, run.heartbeatAtUs ?? nowUs));
    const error = { code: 'lost', message: 'its process ended under it' };
    const lost = run.lost + 1;
    const ended = attemptEnded(run, endedAtUs, 'lost', error);
    if (lost >= mostLost) {
      const why = { code: 'lost', message: `its process ended under it ${lost} times` };
      return [ended, { kind: 'run', run: { ...run, state: 'failed', lost, endedAtUs: nowUs, error: why } }];
    }
    const again: StoredRun = { ...run, lost, progress: null, maxAttempts: run.maxAttempts + 1, error };
    if (lost === 1) return [ended, { kind: 'run', run: { ...again, state: 'queued' } }];
    const delayMs = retryDelayMs(1000, lost - 1, random.fraction());
    return [ended, { kind: 'run', run: { ...again, state: 'retrying', nextAttemptAtUs: nowUs + delayMs * 1000 } }];
  }

  #armInterval(job: JobDefinition, leastMs: number): void {
    if (job.schedule.kind !== 'interval') return;
    const { clock } = this.options.world;
    const everyUs = job.schedule.everyMs * 1000;
    const cursorUs = this.#memory.get(job.name)?.cursorUs ?? clock.wallUs();
    const leftUs = Math.min(everyUs, Math.max(0, cursorUs + everyUs - clock.wallUs()));
    this.#intervalDueUs.set(job.name, clock.monotonicUs() + Math.max(leftUs, Math.min(everyUs, leastMs * 1000)));
  }

  /** The store first, then what is known here. */
  async #change(changes: readonly JobChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.options.store.change(this.#fence, changes);
    for (const change of changes) this.#applied(change);
  }

  #applied(change: JobChange): void {
    if (change.kind === 'job') {
      this.#memory.set(change.job.name, change.job);
      this.#nextCronUs.delete(change.job.name);
    } else if (change.kind === 'catch-up') {
      const { catchUp } = change;
      this.#lastCatchUp = Math.max(this.#lastCatchUp, catchUp.id);
      if (catchUp.state === 'running' || catchUp.state === 'paused') this.#catchUps.set(catchUp.id, catchUp);
      else this.#catchUps.delete(catchUp.id);
    } else if (change.kind === 'run') {
      this.#runApplied(change.run);
    }
  }

  #runApplied(run: StoredRun): void {
    const before = this.#runs.get(run.id);
    const isNew = run.id > this.#lastApplied;
    this.#lastApplied = Math.max(this.#lastApplied, run.id);
    const key = keyOf(run.job, run.partition);
    const ofKey = this.#runsOf.get(key) ?? new Set<number>();
    if (isEnded(run)) {
      this.#endedRuns += 1;
      this.#runs.delete(run.id);
      ofKey.delete(run.id);
    } else {
      this.#runs.set(run.id, run);
      ofKey.add(run.id);
    }
    this.#countLeft(before?.catchUp, -1);
    this.#countLeft(isEnded(run) ? null : run.catchUp, 1);
    if (ofKey.size === 0) this.#runsOf.delete(key);
    else this.#runsOf.set(key, ofKey);
    const newest = this.#newest.get(key);
    const isFollowed = this.graph.following(run.job).length > 0;
    if (isFollowed && (newest === undefined ? isNew : newest.id <= run.id)) {
      this.#newest.set(key, { id: run.id, state: run.state });
    }
    if (before !== undefined) this.#lanes.remove(before);
    if (run.state === 'queued') this.#lanes.add(run);
    if (run.state !== 'retrying') {
      this.#retryDueUs.delete(run.id);
    } else if (!this.#retryDueUs.has(run.id)) {
      const { clock } = this.options.world;
      const waitUs = Math.max(0, (run.nextAttemptAtUs ?? 0) - clock.wallUs());
      // From the wall clock only across a restart, and then never longer than any back-off is.
      this.#retryDueUs.set(run.id, clock.monotonicUs() + Math.min(waitUs, 3_600_000_000));
    }
  }

  #countLeft(catchUp: number | null | undefined, change: number): void {
    if (catchUp === null || catchUp === undefined) return;
    const left = (this.#leftOf.get(catchUp) ?? 0) + change;
    if (left === 0) this.#leftOf.delete(catchUp);
    else this.#leftOf.set(catchUp, left);
  }

  #newRun(
    job: JobDefinition,
    partition: string | null,
    cause: string,
    more: {
      arguments?: Readonly<Record<string, string>>;
      waits?: readonly RunWait[];
      catchUp?: number;
      priority?: number;
      maxAttempts?: number;
    } = {},
  ): StoredRun {
    this.#lastRun += 1;
    const waits = more.waits ?? ['day', 'before'];
    return {
      id: this.#lastRun,
      job: job.name,
      partition,
      state: waits.includes('day') && !this.#isSettled(partition) ? 'held' : 'queued',
      cause,
      priority: more.priority ?? job.priority,
      attempts: 0,
      maxAttempts: more.maxAttempts ?? job.maxAttempts,
      queuedAtUs: this.options.world.clock.wallUs(),
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
      catchUp: more.catchUp ?? null,
      arguments: more.arguments ?? {},
      waits,
      lost: 0,
      inputs: null,
    };
  }

  #isSettled(partition: string | null): boolean {
    return partition === null || (this.#settled.through !== null && partition <= this.#settled.through);
  }

  #whyHeld(partition: string): string {
    return `${partition} to be settled${this.#settled.why === null ? '' : `: ${this.#settled.why}`}`;
  }

  /** Something ended or was asked for: a run may be able to start. */
  #askFill(): void {
    if (this.#isFillAsked || this.#isStopping) return;
    this.#isFillAsked = true;
    this.#try(async () => {
      this.#isFillAsked = false;
      await this.#fill();
    });
  }

  /** Time has passed, or what time will bring has changed. */
  #askLook(): void {
    if (this.#isLookAsked || this.#isStopping) return;
    this.#isLookAsked = true;
    this.#cancelSleep();
    this.#try(async () => {
      this.#isLookAsked = false;
      await this.#lookAtDays();
      await this.#makeDueRuns();
      this.#releaseRetries();
      await this.#fill();
      if (!this.#isLookAsked) this.#sleep(this.#idleMs());
    });
  }

  #try(work: () => Promise<void>): void {
    this.#turn(async () => {
      if (!this.#isStopping) await work();
    }).catch((error) => {
      if (this.#isStopping) return;
      this.options.log.error({ error: String(error) }, 'the scheduler could not go on; it tries again');
      this.#sleep(recordAgainMs);
    });
  }

  async #fill(): Promise<void> {
    for (let run = this.#nextToStart(); run !== undefined && !this.#isStopping; run = this.#nextToStart()) {
      await this.#begin(run);
    }
  }

  #sleep(ms: number): void {
    this.#cancelSleep();
    if (!this.#isStopping) this.#cancelSleep = this.options.world.timers.after(ms, () => this.#askLook());
  }

  /** Until the next thing that time alone brings. */
  #idleMs(): number {
    const { clock } = this.options.world;
    const nowUs = clock.monotonicUs();
    let dueUs = nowUs + longestSleepMs * 1000;
    for (const [name, atUs] of this.#intervalDueUs) {
      if (this.#isScheduled(this.graph.job(name))) dueUs = Math.min(dueUs, atUs);
    }
    for (const atUs of this.#retryDueUs.values()) dueUs = Math.min(dueUs, atUs);
    for (const [name, starts] of this.#starts) {
      const { rate } = this.graph.job(name);
      if (rate !== undefined && starts.length >= rate.runs) {
        const freeUs = starts[starts.length - rate.runs]! + rate.perMs * 1000;
        if (freeUs > nowUs) dueUs = Math.min(dueUs, freeUs);
      }
    }
    for (const job of this.graph.jobs) {
      if (job.schedule.kind !== 'cron' || !this.#isScheduled(job)) continue;
      const atUs = this.#nextCron(job);
      if (atUs !== null) dueUs = Math.min(dueUs, nowUs + (atUs - clock.wallUs()));
    }
    return Math.max(1, Math.ceil((dueUs - nowUs) / 1000));
  }

  #isScheduled(job: JobDefinition): boolean {
    if (job.notAvailable !== undefined || this.isPaused(job.name)) return false;
    const { ownSchedules } = this.options;
    return ownSchedules === 'all' || (ownSchedules === 'upkeep' && job.isUpkeep === true);
  }

  #nextCron(job: JobDefinition): number | null {
    if (job.schedule.kind !== 'cron') return null;
    let atUs = this.#nextCronUs.get(job.name);
    if (atUs === undefined) {
      atUs = nextCronUs(job.schedule, this.#memory.get(job.name)?.cursorUs ?? this.options.world.clock.wallUs());
      this.#nextCronUs.set(job.name, atUs);
    }
    return atUs;
  }

  /** Asks seldom unless somebody waits for the answer: it is a look over all streams. */
  async #lookAtDays(isAskedFor = false): Promise<void> {
    const nowUs = this.options.world.clock.monotonicUs();
    if (!isAskedFor && nowUs - this.#settledLookedUs < settledLookUs) return;
    const isAsked =
      this.graph.jobs.some(({ partitioning }) => partitioning === 'day') ||
      [...this.#runs.values()].some(({ state }) => state === 'held');
    if (!isAsked) return;
    this.#settledLookedUs = nowUs;
    try {
      this.#settled = await this.options.settledDays();
    } catch (error) {
      this.options.log.warn({ error: String(error) }, 'which days are settled is not known now; it is asked again');
      return;
    }
    const changes: JobChange[] = [];
    for (const run of this.#runs.values()) {
      if (!run.waits.includes('day') || (run.state !== 'held' && run.state !== 'queued')) continue;
      const state = this.#isSettled(run.partition) ? 'queued' : 'held';
      if (state !== run.state) changes.push({ kind: 'run', run: { ...run, state } });
    }
    await this.#change(changes);
  }

  async #makeDueRuns(): Promise<void> {
    const { clock } = this.options.world;
    const nowUs = clock.wallUs();
    for (const job of this.graph.jobs) {
      if (!this.#isScheduled(job)) continue;
      const { schedule } = job;
      if (schedule.kind === 'interval') {
        const dueUs = this.#intervalDueUs.get(job.name);
        if (dueUs === undefined || dueUs > clock.monotonicUs()) continue;
        this.#intervalDueUs.set(job.name, clock.monotonicUs() + schedule.everyMs * 1000);
        await this.#due(job, [null], nowUs, causeOf(job));
      } else if (schedule.kind === 'cron') {
        const cursorUs = this.#memory.get(job.name)?.cursorUs ?? nowUs;
        if (cursorUs > nowUs + wrongClockUs) {
          this.options.log.warn({ job: job.name }, 'the clock was ahead by more than a day: its schedule begins anew');
          await this.#due(job, [], nowUs, '');
        } else if ((this.#nextCron(job) ?? nowUs + 1) <= nowUs) {
          const fromUs = Math.max(cursorUs, nowUs - mostDaysOwed * dayUs);
          const partitions = job.partitioning === 'day' ? daysOwed(schedule, fromUs, nowUs) : [null];
          await this.#due(job, partitions, nowUs, causeOf(job));
        }
      } else if (schedule.kind === 'settled') {
        const cursorUs = this.#memory.get(job.name)?.cursorUs ?? null;
        const last = cursorUs === null ? '' : dateOf(cursorUs);
        // A job that is new here owes no years of a lake that was there before it: those are caught up by whoever wants them.
        const most = cursorUs === null ? 1 : mostDaysOwed;
        const days = this.#settled.days.filter((day) => day > last).slice(-most);
        if (days.length > 0) await this.#due(job, days, startOfUs(days.at(-1)!), 'the day is settled');
      }
    }
  }

  /** Runs and how far its schedule has come, together: each instant and each day makes its run once. */
  async #due(
    job: JobDefinition,
    partitions: readonly (string | null)[],
    cursorUs: number,
    cause: string,
  ): Promise<void> {
    const changes: JobChange[] = [];
    for (const partition of partitions) {
      if (!this.#isUnderWay(job, partition)) changes.push({ kind: 'run', run: this.#newRun(job, partition, cause) });
    }
    await this.#knowBefore(job, partitions);
    changes.push({ kind: 'job', job: { name: job.name, isPaused: false, cursorUs } });
    await this.#change(changes);
  }

  /** A run that waits does for another that would wait beside it. One under way does only for an interval's next. */
  #isUnderWay(job: JobDefinition, partition: string | null): boolean {
    for (const id of this.#runsOf.get(keyOf(job.name, partition)) ?? []) {
      const run = this.#runs.get(id)!;
      if (run.catchUp !== null || Object.keys(run.arguments).length > 0) continue;
      if (run.state !== 'running' || job.schedule.kind === 'interval') return true;
    }
    return false;
  }

  /** Reads once from the store what the jobs before it have come to; from then on it is kept here. */
  async #knowBefore(job: JobDefinition, partitions: readonly (string | null)[]): Promise<void> {
    for (const before of this.graph.before(job)) {
      for (const partition of partitions) await this.#knowNewest(before.name, partition);
    }
  }

  async #knowNewest(job: string, partition: string | null): Promise<RunState | undefined> {
    const key = keyOf(job, partition);
    let newest = this.#newest.get(key);
    if (newest === undefined) {
      const [run] = await this.options.store.runs({ job, partition, limit: 1 });
      newest = run === undefined ? { id: 0, state: 'cancelled' } : { id: run.id, state: run.state };
      this.#newest.set(key, newest);
    }
    return newest.id === 0 ? undefined : newest.state;
  }

  #releaseRetries(): void {
    const nowUs = this.options.world.clock.monotonicUs();
    for (const [id, dueUs] of this.#retryDueUs) {
      if (dueUs > nowUs) continue;
      this.#retryDueUs.delete(id);
      this.#lanes.add(this.#runs.get(id)!);
    }
  }

  #nextToStart(): StoredRun | undefined {
    let best: StoredRun | undefined;
    for (const lane of this.#lanes) {
      if (best !== undefined && isBefore(best, lane.runs[0]!)) continue;
      if (!this.#hasSlot(this.graph.job(lane.job)) || this.#laneBlock(lane) !== undefined) continue;
      const run = lane.runs.find((one) => this.#runBlock(one) === undefined);
      if (run !== undefined && (best === undefined || isBefore(run, best))) best = run;
    }
    return best;
  }

  #hasSlot(job: JobDefinition): boolean {
    return job.isUpkeep === true || this.usedSlots < this.options.slots;
  }

  /** The same for all runs of a job, or of a job in a catch-up. */
  #laneBlock(lane: Pick<Lane, 'job' | 'catchUp'>): string | undefined {
    const job = this.graph.job(lane.job);
    if (job.notAvailable !== undefined) return job.notAvailable;
    const catchUp = lane.catchUp === null ? undefined : this.#catchUps.get(lane.catchUp);
    if (catchUp?.state === 'paused') return `catch-up ${catchUp.id}, which is paused`;
    if (catchUp !== undefined) {
      let atOnce = 0;
      for (const id of this.#attempts.keys()) if (this.#runs.get(id)?.catchUp === catchUp.id) atOnce += 1;
      if (atOnce >= catchUp.atOnce) return `its turn: catch-up ${catchUp.id} runs ${catchUp.atOnce} at once`;
    }
    let ofJob = this.#stuck.get(job.name) ?? 0;
    for (const attempt of this.#attempts.values()) {
      if (attempt.job === job) ofJob += 1;
      else if (job.group !== undefined && attempt.job.group === job.group) {
        return `${attempt.job.name}: one at a time of ${job.group}`;
      }
    }
    if (ofJob >= job.concurrency) return `its turn: ${job.concurrency} at once of ${job.name}`;
    if (job.rate !== undefined) {
      const starts = this.#starts.get(job.name) ?? [];
      const sinceUs = this.options.world.clock.monotonicUs() - job.rate.perMs * 1000;
      if (starts.filter((atUs) => atUs > sinceUs).length >= job.rate.runs) {
        return `its rate: ${job.rate.runs} in ${job.rate.perMs / 1000} s`;
      }
    }
    return undefined;
  }

  #runBlock(run: StoredRun): string | undefined {
    if (this.options.isAlone === true && run.id <= this.#lastOfOthers) return 'the engine';
    if (!run.waits.includes('before')) return undefined;
    if (run.catchUp === null && this.isPaused(run.job)) return 'its job, which is paused';
    const catchUp = run.catchUp === null ? undefined : this.#catchUps.get(run.catchUp);
    for (const before of this.graph.before(this.graph.job(run.job))) {
      // A catch-up orders its own jobs; what it leaves out is as it is.
      if (run.catchUp !== null && catchUp?.jobs.includes(before.name) !== true) continue;
      const newest = this.#newest.get(keyOf(before.name, run.partition));
      if (newest?.state === 'done' || newest?.state === 'skipped') continue;
      if (newest === undefined || newest.id === 0) return before.name;
      const isOver = newest.state === 'failed' || newest.state === 'cancelled';
      return isOver ? `${before.name}, which is ${newest.state}` : before.name;
    }
    return undefined;
  }

  async #begin(queued: StoredRun): Promise<void> {
    const { world, store } = this.options;
    const job = this.graph.job(queued.job);
    const nowUs = world.clock.wallUs();
    const run: StoredRun = {
      ...queued,
      state: 'running',
      attempts: queued.attempts + 1,
      startedAtUs: nowUs,
      endedAtUs: null,
      nextAttemptAtUs: null,
      heartbeatAtUs: nowUs,
      progress: null,
      error: null,
    };
    await this.#change([
      { kind: 'run', run },
      { kind: 'attempt-begun', run: run.id, attempt: run.attempts, atUs: nowUs },
    ]);
    if (job.rate !== undefined) {
      const starts = [...(this.#starts.get(job.name) ?? []), world.clock.monotonicUs()];
      this.#starts.set(job.name, starts.slice(-job.rate.runs));
      this.#askLook();
    }
    const attempt = new Attempt(job, run, {
      world,
      lines: run.attempts === 1 ? 0 : await this.#linesOf(run.id),
      lastInputs: async () => {
        const [last] = await store.runs({ job: job.name, partition: run.partition, states: ['done'], limit: 1 });
        return last?.inputs ?? null;
      },
    });
    this.#attempts.set(run.id, attempt);
    this.#startBeats();
    const recording = attempt.ended.then((end) => this.#ended(run.id, attempt, end));
    this.#recording.add(recording);
    void recording.then(() => this.#recording.delete(recording));
  }

  async #linesOf(run: number): Promise<number> {
    let after = 0;
    for (;;) {
      const lines = await this.options.store.log(run, { after, limit: 5000 });
      if (lines.length === 0) return after;
      after = lines.at(-1)!.sequence;
    }
  }

  /** The record of an end is tried until it is kept: the work is done, and nothing else may say otherwise. */
  async #ended(id: number, attempt: Attempt, end: AttemptEnd): Promise<void> {
    for (;;) {
      try {
        return await this.#turn(() => this.#recordEnd(id, attempt, end));
      } catch (error) {
        if (this.#isStopping) return;
        this.options.log.error(
          { run: id, error: String(error) },
          'the end of a run cannot be recorded; it is tried again',
        );
        await new Promise<void>((resolve) => this.options.world.timers.after(recordAgainMs, resolve));
      }
    }
  }

  async #recordEnd(id: number, attempt: Attempt, end: AttemptEnd): Promise<void> {
    const { clock } = this.options.world;
    const run = this.#runs.get(id)!;
    const { job } = attempt;
    const nowUs = clock.wallUs();
    const changes: JobChange[] = [];
    const lines = attempt.takeLines();
    if (lines.length > 0) changes.push({ kind: 'log', run: id, lines });
    const base: StoredRun = { ...run, heartbeatAtUs: nowUs, endedAtUs: nowUs, progress: attempt.progress };
    if (end.outcome === 'done' || end.outcome === 'unchanged') {
      changes.push(attemptEnded(run, nowUs, 'done', null));
      const ended = end.outcome === 'done' ? doneRun(base, end.result, end.inputs) : unchangedRun(base);
      changes.push({ kind: 'run', run: ended });
      if (isIdle(ended)) changes.push(...this.#forgetIdle(ended));
      else if (!hadNothingToDo(ended)) changes.push(...(await this.#followers(job, ended)));
    } else {
      changes.push(attemptEnded(run, nowUs, end.outcome, end.error));
      changes.push({ kind: 'run', run: this.#afterFailure(job, base, end.outcome, end.error) });
    }
    try {
      await this.#change(changes);
    } catch (error) {
      attempt.giveBack(lines);
      throw error;
    }
    this.#attempts.delete(id);
    if (end.outcome === 'failed' || end.outcome === 'timed-out') this.#logFailure(job, id, end.error);
    if (this.#attempts.size === 0) this.#stopBeats();
    const ended = changes.findLast((change) => change.kind === 'run' && change.run.id === id);
    if (ended?.kind === 'run' && isIdle(ended.run)) this.#idleRun.set(job.name, id);
    this.#watchStuck(attempt);
    await this.#closeCatchUps(run.catchUp);
    if (this.#retryDueUs.has(id)) this.#askLook();
    else this.#askFill();
  }

  /** Whoever reads only the log learns of it too. */
  #logFailure({ name }: JobDefinition, id: number, error: RunError): void {
    const fields = { job: name, run: id, error: error.message, code: error.code };
    if (this.#runs.has(id)) this.options.log.warn(fields, 'a run failed; it is tried again');
    else this.options.log.error(fields, 'a run failed');
  }

  #afterFailure(
    job: JobDefinition,
    run: StoredRun,
    outcome: 'failed' | 'timed-out' | 'cancelled' | 'lost',
    error: RunError,
  ): StoredRun {
    const { clock, random } = this.options.world;
    if (outcome === 'cancelled') return { ...run, state: 'cancelled', error };
    // Told to end because the process ends: no fault of its own.
    if (outcome === 'lost') {
      return { ...run, state: 'queued', endedAtUs: null, progress: null, maxAttempts: run.maxAttempts + 1, error };
    }
    if (run.attempts >= run.maxAttempts || hopeless.test(error.code)) return { ...run, state: 'failed', error };
    const delayMs = retryDelayMs(job.retryDelayMs, Math.max(1, run.attempts - run.lost), random.fraction());
    this.#retryDueUs.set(run.id, clock.monotonicUs() + delayMs * 1000);
    const nextAttemptAtUs = clock.wallUs() + delayMs * 1000;
    return { ...run, state: 'retrying', endedAtUs: null, progress: null, nextAttemptAtUs, error };
  }

  /** Of idle runs in a row only the newest is history. */
  #forgetIdle(run: StoredRun): JobChange[] {
    const previous = this.#idleRun.get(run.job);
    return previous === undefined || previous === run.id ? [] : [{ kind: 'forget-run', run: previous }];
  }

  /** Runs of the jobs that waited for this one, made together with its end. */
  async #followers(job: JobDefinition, run: StoredRun): Promise<JobChange[]> {
    this.#idleRun.delete(job.name);
    if (run.catchUp !== null) return [];
    const changes: JobChange[] = [];
    for (const next of this.graph.following(job.name)) {
      if (next.schedule.kind !== 'after' || next.notAvailable !== undefined) continue;
      if (this.options.ownSchedules !== 'all') continue;
      if (this.#isUnderWay(next, run.partition)) continue;
      let isDue = true;
      for (const before of this.graph.before(next)) {
        const state = await this.#knowNewest(before.name, run.partition);
        if (before !== job && state !== 'done' && state !== 'skipped') isDue = false;
      }
      if (isDue) changes.push({ kind: 'run', run: this.#newRun(next, run.partition, `after ${job.name}`) });
    }
    return changes;
  }

  #watchStuck(attempt: Attempt): void {
    const { name } = attempt.job;
    let isSettled = false;
    const settled = attempt.settled.then(() => {
      isSettled = true;
    });
    // Whatever has settled already is settled a turn later at the latest.
    void Promise.resolve().then(() => {
      if (isSettled) return;
      this.#stuck.set(name, (this.#stuck.get(name) ?? 0) + 1);
      void settled.then(() => {
        this.#stuck.set(name, (this.#stuck.get(name) ?? 1) - 1);
        this.#askFill();
      });
    });
  }

  /** A catch-up is done when none of its runs is left. */
  async #closeCatchUps(only?: number | null): Promise<void> {
    if (only === null) return;
    const changes: JobChange[] = [];
    for (const catchUp of this.#catchUps.values()) {
      if ((only ?? catchUp.id) === catchUp.id && !this.#leftOf.has(catchUp.id)) {
        changes.push({ kind: 'catch-up', catchUp: { ...catchUp, state: 'done' } });
      }
    }
    await this.#change(changes);
  }

  #cancelled(run: StoredRun): StoredRun {
    const error = { code: 'cancelled', message: 'it was cancelled' };
    return { ...run, state: 'cancelled', endedAtUs: this.options.world.clock.wallUs(), nextAttemptAtUs: null, error };
  }

  #startBeats(): void {
    if (this.#cancelBeats.length > 0 || this.#isStopping) return;
    const { timers } = this.options.world;
    const beat = (work: () => Promise<void>) => () => void this.#turn(work).catch(() => {});
    this.#cancelBeats = [
      timers.every(
        heartbeatMs,
        beat(() => this.#beat()),
      ),
      timers.every(
        flushMs,
        beat(() => this.#flush()),
      ),
    ];
  }

  #stopBeats(): void {
    for (const cancel of this.#cancelBeats.splice(0)) cancel();
  }

  async #beat(): Promise<void> {
    const heartbeatAtUs = this.options.world.clock.wallUs();
    const changes: JobChange[] = [];
    for (const [id, { progress }] of this.#attempts) {
      changes.push({ kind: 'run', run: { ...this.#runs.get(id)!, heartbeatAtUs, progress } });
    }
    await this.#change(changes).catch((error) => this.#notKept(error));
  }

  async #flush(): Promise<void> {
    for (const [id, attempt] of this.#attempts) {
      const lines = attempt.takeLines();
      if (lines.length === 0) continue;
      try {
        await this.#change([{ kind: 'log', run: id, lines }]);
      } catch (error) {
        attempt.giveBack(lines);
        this.#notKept(error);
      }
    }
  }

  /** A full disk: what could not be kept is kept with the next. */
  #notKept(error: unknown): void {
    if (error instanceof TidemarkError && error.code === 'fence-lost') throw error;
  }

  #shown(run: StoredRun): StoredRun {
    const attempt = this.#attempts.get(run.id);
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

function attemptEnded(
  run: StoredRun,
  atUs: number,
  outcome: Extract<JobChange, { kind: 'attempt-ended' }>['outcome'],
  error: RunError | null,
): JobChange {
  return { kind: 'attempt-ended', run: run.id, attempt: run.attempts, atUs, outcome, error };
}

function doneRun(
  run: StoredRun,
  result: { rows?: number; bytes?: number; effect?: string; isIdle?: boolean },
  inputs: string | null,
): StoredRun {
  if (result.isIdle === true) return { ...run, state: 'skipped', effect: result.effect ?? nothingToDo };
  return {
    ...run,
    state: 'done',
    progress: 1,
    rows: result.rows ?? null,
    bytes: result.bytes ?? null,
    effect: result.effect ?? null,
    inputs,
  };
}

function unchangedRun(run: StoredRun): StoredRun {
  return { ...run, state: 'skipped', progress: null, effect: inputsUnchanged };
}

function hadNothingToDo({ state, effect }: StoredRun): boolean {
  return state === 'skipped' && effect !== inputsUnchanged;
}

/** Such as its schedule brings again and again; what somebody asked for is kept, since they look for it. */
function isIdle(run: StoredRun): boolean {
  return hadNothingToDo(run) && run.cause !== askedFor && run.partition === null;
}

function causeOf({ schedule }: JobDefinition): string {
  if (schedule.kind === 'cron') return `cron ${schedule.expression}`;
  return schedule.kind === 'interval' ? `every ${schedule.everyMs / 1000} s` : schedule.kind;
}

function keyOf(job: string, partition: string | null): string {
  return `${job} ${partition ?? ''}`;
}

function startOfUs(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) * 1000;
}

export function unknownCatchUp(id: number): TidemarkError {
  return new TidemarkError('unknown-catch-up', { doing: 'find the catch-up', what: String(id), why: 'there is none' });
}

export function unknownRun(id: number): TidemarkError {
  return new TidemarkError('unknown-run', {
    doing: 'find the run',
    what: String(id),
    why: 'there is none, or it is no longer kept',
  });
}
