import type { StoredRun } from '../ports/job-store.ts';
import type { Attempts } from './attempts.ts';
import type { JobDefinition } from './definition.ts';
import { isBefore, type Lane } from './lanes.ts';
import type { JobRecord } from './record.ts';
import type { StartRates } from './start-rates.ts';

/** Which run may start now, and what holds another back: slots, limits, and the jobs before it. */
export class Admission {
  readonly #record: JobRecord;
  readonly #attempts: Attempts;
  readonly #rates: StartRates;
  readonly #slots: number;
  readonly #isAlone: boolean;

  constructor(
    record: JobRecord,
    options: {
      readonly attempts: Attempts;
      readonly rates: StartRates;
      readonly slots: number;
      /** What waited in the record before is left to others. */
      readonly isAlone: boolean;
    },
  ) {
    this.#record = record;
    this.#attempts = options.attempts;
    this.#rates = options.rates;
    this.#slots = options.slots;
    this.#isAlone = options.isAlone;
  }

  next(): StoredRun | undefined {
    let best: StoredRun | undefined;
    for (const lane of this.#record.waiting.lanes) {
      if (best !== undefined && isBefore(best, lane.runs[0]!)) continue;
      if (!this.#hasSlot(this.#record.graph.job(lane.job)) || this.#laneBlock(lane) !== undefined) continue;
      const run = lane.runs.find((one) => this.#runBlock(one) === undefined);
      if (run !== undefined && (best === undefined || isBefore(run, best))) best = run;
    }
    return best;
  }

  /** What holds back a run that could start by its state; null when nothing does. */
  waitsFor(run: StoredRun): string | null {
    const blocked = this.#laneBlock(run) ?? this.#runBlock(run);
    if (blocked !== undefined) return blocked;
    return this.#hasSlot(this.#record.graph.job(run.job)) ? null : 'a slot';
  }

  #hasSlot(job: JobDefinition): boolean {
    return job.isUpkeep === true || this.#attempts.usedSlots < this.#slots;
  }

  /** The same for all runs of a job, or of a job in a catch-up. */
  #laneBlock(lane: Pick<Lane, 'job' | 'catchUp'>): string | undefined {
    const job = this.#record.graph.job(lane.job);
    if (job.notAvailable !== undefined) return job.notAvailable;
    if (lane.catchUp !== null) {
      const blocked = this.#catchUpBlock(lane.catchUp);
      if (blocked !== undefined) return blocked;
    }
    let ofJob = this.#attempts.stuck(job.name);
    for (const [, attempt] of this.#attempts) {
      if (attempt.job === job) ofJob += 1;
      else if (job.group !== undefined && attempt.job.group === job.group) {
        return `${attempt.job.name}: one at a time of ${job.group}`;
      }
    }
    if (ofJob >= job.concurrency) return `its turn: ${job.concurrency} at once of ${job.name}`;
    if (job.rate !== undefined && this.#rates.isUsedUp(job)) {
      return `its rate: ${job.rate.runs} in ${job.rate.perMs / 1000} s`;
    }
    return undefined;
  }

  #catchUpBlock(id: number): string | undefined {
    const catchUp = this.#record.catchUp(id);
    if (catchUp === undefined) return undefined;
    if (catchUp.state === 'paused') return `catch-up ${id}, which is paused`;
    let atOnce = 0;
    for (const [run] of this.#attempts) if (this.#record.runs.get(run)?.catchUp === id) atOnce += 1;
    return atOnce < catchUp.atOnce ? undefined : `its turn: catch-up ${id} runs ${catchUp.atOnce} at once`;
  }

  #runBlock(run: StoredRun): string | undefined {
    const { graph, newest } = this.#record;
    if (this.#isAlone && this.#record.isOfOthers(run)) return 'the engine';
    if (!run.waits.includes('before')) return undefined;
    if (run.catchUp === null && this.#record.isPaused(run.job)) return 'its job, which is paused';
    const catchUp = run.catchUp === null ? undefined : this.#record.catchUp(run.catchUp);
    for (const before of graph.before(graph.job(run.job))) {
      // A catch-up orders its own jobs; what it leaves out is as it is.
      if (run.catchUp !== null && catchUp?.jobs.includes(before.name) !== true) continue;
      const state = newest.state(before.name, run.partition);
      if (state === 'done' || state === 'skipped') continue;
      const isOver = state === 'failed' || state === 'cancelled';
      return isOver ? `${before.name}, which is ${state}` : before.name;
    }
    return undefined;
  }
}
