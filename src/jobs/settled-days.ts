import type { JobChange } from '../ports/job-store.ts';
import type { Logger } from '../ports/log.ts';
import type { Clock } from '../ports/world.ts';
import type { JobRecord } from './record.ts';

/** UTC days whose data are settled: every id of them is held or declared missing, and in the lake. */
export interface SettledDays {
  /** Days that have data and are settled. */
  readonly days: readonly string[];
  /** No day after this one is settled; null when none is. */
  readonly through: string | null;
  /** What the next day waits for. */
  readonly why: string | null;
}

const lookUs = 5_000_000;

/** Which days are settled, and the runs that are held until theirs is. */
export class Settlement {
  readonly #record: JobRecord;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ask: () => Promise<SettledDays>;
  #settled: SettledDays = { days: [], through: null, why: null };
  #lookedUs = Number.NEGATIVE_INFINITY;

  constructor(
    record: JobRecord,
    options: { readonly clock: Clock; readonly log: Logger; readonly ask: () => Promise<SettledDays> },
  ) {
    this.#record = record;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#ask = options.ask;
  }

  get days(): readonly string[] {
    return this.#settled.days;
  }

  isSettled(partition: string | null): boolean {
    return partition === null || (this.#settled.through !== null && partition <= this.#settled.through);
  }

  whyHeld(partition: string): string {
    return `${partition} to be settled${this.#settled.why === null ? '' : `: ${this.#settled.why}`}`;
  }

  /** Asks seldom unless somebody waits for the answer: it is a look over all streams. */
  async look(isAskedFor = false): Promise<void> {
    const nowUs = this.#clock.monotonicUs();
    if (!isAskedFor && nowUs - this.#lookedUs < lookUs) return;
    const { graph, runs } = this.#record;
    const isNeeded =
      graph.jobs.some(({ partitioning }) => partitioning === 'day') || [...runs].some(({ state }) => state === 'held');
    if (!isNeeded) return;
    this.#lookedUs = nowUs;
    try {
      this.#settled = await this.#ask();
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'which days are settled is not known now; it is asked again');
      return;
    }
    const changes: JobChange[] = [];
    for (const run of runs) {
      if (!run.waits.includes('day') || (run.state !== 'held' && run.state !== 'queued')) continue;
      const state = this.isSettled(run.partition) ? 'queued' : 'held';
      if (state !== run.state) changes.push({ kind: 'run', run: { ...run, state } });
    }
    await this.#record.change(changes);
  }
}
