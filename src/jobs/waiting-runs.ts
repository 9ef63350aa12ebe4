import type { StoredRun } from '../ports/job-store.ts';
import type { Clock } from '../ports/world.ts';
import type { ActiveRuns } from './active-runs.ts';
import { type Lane, Lanes } from './lanes.ts';

/** No back-off is longer. */
const longestDelayUs = 3_600_000_000;

/** Runs that wait: for a slot in their lane, or for the time of their next attempt. */
export class WaitingRuns {
  readonly #runs: ActiveRuns;
  readonly #clock: Clock;
  readonly #lanes = new Lanes();
  /** By the monotonic clock. */
  readonly #retryDueUs = new Map<number, number>();

  constructor(runs: ActiveRuns, clock: Clock) {
    this.#runs = runs;
    this.#clock = clock;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes;
  }

  /** Its next attempt comes at this instant of the monotonic clock. */
  retryAt(id: number, dueUs: number): void {
    this.#retryDueUs.set(id, dueUs);
  }

  waitsForRetry(id: number): boolean {
    return this.#retryDueUs.has(id);
  }

  /** Of the monotonic clock; infinite where no run waits for its next attempt. */
  get nextRetryUs(): number {
    let dueUs = Number.POSITIVE_INFINITY;
    for (const atUs of this.#retryDueUs.values()) dueUs = Math.min(dueUs, atUs);
    return dueUs;
  }

  put(before: StoredRun | undefined, run: StoredRun): void {
    if (before !== undefined) this.#lanes.remove(before);
    if (run.state === 'queued') this.#lanes.add(run);
    if (run.state !== 'retrying') {
      this.#retryDueUs.delete(run.id);
    } else if (!this.#retryDueUs.has(run.id)) {
      const waitUs = Math.max(0, (run.nextAttemptAtUs ?? 0) - this.#clock.wallUs());
      // From the wall clock only across a restart, and then never longer than any back-off is.
      this.#retryDueUs.set(run.id, this.#clock.monotonicUs() + Math.min(waitUs, longestDelayUs));
    }
  }

  /** Runs whose next attempt is due wait for a slot from now on. */
  releaseRetries(): void {
    const nowUs = this.#clock.monotonicUs();
    for (const [id, dueUs] of this.#retryDueUs) {
      if (dueUs > nowUs) continue;
      this.#retryDueUs.delete(id);
      this.#lanes.add(this.#runs.get(id)!);
    }
  }
}
