import type { JobChange, StoredRun } from '../ports/job-store.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import { Attempt, type AttemptEnd, type RunError } from './attempt.ts';
import type { Attempts } from './attempts.ts';
import { retryDelayMs } from './back-off.ts';
import type { CatchUps } from './catch-ups.ts';
import type { JobDefinition } from './definition.ts';
import type { DueRuns } from './due.ts';
import { Heartbeat } from './heartbeat.ts';
import type { IdleRuns } from './idle-runs.ts';
import type { JobRecord } from './record.ts';
import { attemptEnded, doneRun, hadNothingToDo, isIdle, isTriedAgain, stoppedRun, unchangedRun } from './run-end.ts';
import type { StartRates } from './start-rates.ts';
import type { Turns } from './turns.ts';

const recordAgainMs = 2000;
const linesAtOnce = 5000;

export interface RunnerOptions {
  readonly world: Pick<World, 'clock' | 'timers' | 'random'>;
  readonly log: Logger;
  readonly turns: Turns;
  readonly attempts: Attempts;
  readonly rates: StartRates;
  readonly idle: IdleRuns;
  readonly due: DueRuns;
  readonly catchUps: CatchUps;
}

/** Begins attempts, and records how each of them ended and what follows from it. */
export class Runner {
  readonly #record: JobRecord;
  readonly #options: RunnerOptions;
  readonly #heartbeat: Heartbeat;
  readonly #recording = new Set<Promise<void>>();

  constructor(record: JobRecord, options: RunnerOptions) {
    this.#record = record;
    this.#options = options;
    this.#heartbeat = new Heartbeat(record, options);
  }

  async begin(queued: StoredRun): Promise<void> {
    const { world, turns, rates, attempts } = this.#options;
    const { graph, store } = this.#record;
    const job = graph.job(queued.job);
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
    await this.#record.change([
      { kind: 'run', run },
      { kind: 'attempt-begun', run: run.id, attempt: run.attempts, atUs: nowUs },
    ]);
    if (job.rate !== undefined) {
      rates.add(job);
      turns.askLook();
    }
    const attempt = new Attempt(job, run, {
      world,
      lines: run.attempts === 1 ? 0 : await this.#linesOf(run.id),
      lastInputs: async () => {
        const [last] = await store.runs({ job: job.name, partition: run.partition, states: ['done'], limit: 1 });
        return last?.inputs ?? null;
      },
    });
    attempts.add(run.id, attempt);
    this.#heartbeat.start();
    const recording = attempt.ended.then((end) => this.#ended(run.id, attempt, end));
    this.#recording.add(recording);
    void recording.then(() => this.#recording.delete(recording));
  }

  /** Writes the lines that the store does not have yet. */
  flush(): Promise<void> {
    return this.#heartbeat.flush();
  }

  /** Tells what is under way to end. */
  stop(): void {
    this.#heartbeat.stop();
    this.#options.attempts.stop();
  }

  /** The ends of all that was begun are recorded. */
  async recorded(): Promise<void> {
    await Promise.all(this.#recording);
  }

  async #linesOf(run: number): Promise<number> {
    let after = 0;
    for (;;) {
      const lines = await this.#record.store.log(run, { after, limit: linesAtOnce });
      if (lines.length === 0) return after;
      after = lines.at(-1)!.sequence;
    }
  }

  /** The record of an end is tried until it is kept: the work is done, and nothing else may say otherwise. */
  async #ended(id: number, attempt: Attempt, end: AttemptEnd): Promise<void> {
    const { turns, log, world } = this.#options;
    for (;;) {
      try {
        return await turns.take(() => this.#recordEnd(id, attempt, end));
      } catch (error) {
        if (turns.isStopping) return;
        log.error({ run: id, error: String(error) }, 'the end of a run cannot be recorded; it is tried again');
        await new Promise<void>((resolve) => world.timers.after(recordAgainMs, resolve));
      }
    }
  }

  async #recordEnd(id: number, attempt: Attempt, end: AttemptEnd): Promise<void> {
    const { world, turns, attempts, idle, catchUps } = this.#options;
    const run = this.#record.runs.get(id)!;
    const { job } = attempt;
    const nowUs = world.clock.wallUs();
    const lines = attempt.takeLines();
    const error = 'error' in end ? end.error : null;
    const outcome = end.outcome === 'unchanged' ? 'done' : end.outcome;
    const ended = this.#afterEnd(
      job,
      { ...run, heartbeatAtUs: nowUs, endedAtUs: nowUs, progress: attempt.progress },
      end,
    );
    const changes: JobChange[] = [attemptEnded(run, nowUs, outcome, error), { kind: 'run', run: ended }];
    if (lines.length > 0) changes.unshift({ kind: 'log', run: id, lines });
    try {
      if (error === null) changes.push(...(await this.#afterSuccess(job, ended)));
      await this.#record.change(changes);
    } catch (notKept) {
      attempt.giveBack(lines);
      throw notKept;
    }
    attempts.remove(id);
    if (end.outcome === 'failed' || end.outcome === 'timed-out') this.#logFailure(job, id, end.error);
    if (attempts.size === 0) this.#heartbeat.stop();
    idle.put(ended);
    attempts.watch(attempt, () => turns.askFill());
    if (run.catchUp !== null) await catchUps.close(run.catchUp);
    if (this.#record.waiting.waitsForRetry(id)) turns.askLook();
    else turns.askFill();
  }

  #afterEnd(job: JobDefinition, run: StoredRun, end: AttemptEnd): StoredRun {
    switch (end.outcome) {
      case 'done':
        return doneRun(run, end.result, end.inputs);
      case 'unchanged':
        return unchangedRun(run);
      case 'cancelled':
        return { ...run, state: 'cancelled', error: end.error };
      case 'lost':
        return stoppedRun(run, end.error);
      default:
        return isTriedAgain(run, end.error)
          ? this.#retrying(job, run, end.error)
          : { ...run, state: 'failed', error: end.error };
    }
  }

  #retrying(job: JobDefinition, run: StoredRun, error: RunError): StoredRun {
    const { clock, random } = this.#options.world;
    const delayMs = retryDelayMs(job.retryDelayMs, Math.max(1, run.attempts - run.lost), random.fraction());
    this.#record.waiting.retryAt(run.id, clock.monotonicUs() + delayMs * 1000);
    const nextAttemptAtUs = clock.wallUs() + delayMs * 1000;
    return { ...run, state: 'retrying', endedAtUs: null, progress: null, nextAttemptAtUs, error };
  }

  async #afterSuccess(job: JobDefinition, run: StoredRun): Promise<readonly JobChange[]> {
    const { idle, due } = this.#options;
    if (isIdle(run)) return idle.forgetBefore(run);
    if (hadNothingToDo(run)) return [];
    idle.endRow(job.name);
    return due.followers(job, run);
  }

  /** Whoever reads only the log learns of it too. */
  #logFailure({ name }: JobDefinition, id: number, error: RunError): void {
    const fields = { job: name, run: id, error: error.message, code: error.code };
    if (this.#record.runs.get(id) !== undefined) this.#options.log.warn(fields, 'a run failed; it is tried again');
    else this.#options.log.error(fields, 'a run failed');
  }
}
