import type { RunState } from '../domain/job.ts';
import type { StoredRun } from '../ports/job-store.ts';

const endedStates: ReadonlySet<RunState> = new Set(['done', 'skipped', 'failed', 'cancelled']);

/** The runs that have not ended, by number, by job and partition, and counted by catch-up. */
export class ActiveRuns {
  readonly #runs = new Map<number, StoredRun>();
  readonly #byPartition = new Map<string, Set<number>>();
  readonly #leftOf = new Map<number, number>();
  #endedRuns = 0;

  [Symbol.iterator](): Iterator<StoredRun> {
    return this.#runs.values();
  }

  get(id: number): StoredRun | undefined {
    return this.#runs.get(id);
  }

  /** Of one job and partition. */
  *of(job: string, partition: string | null): Generator<StoredRun> {
    for (const id of this.#byPartition.get(partitionKey(job, partition)) ?? []) yield this.#runs.get(id)!;
  }

  isAnyLeftOf(catchUp: number): boolean {
    return this.#leftOf.has(catchUp);
  }

  /** Grows with every run that ends. */
  get endedRuns(): number {
    return this.#endedRuns;
  }

  /** By the states that a run can leave. */
  counts(): Readonly<Record<'queued' | 'held' | 'running' | 'retrying', number>> {
    const counts = { queued: 0, held: 0, running: 0, retrying: 0 };
    for (const { state } of this.#runs.values()) if (state in counts) counts[state as keyof typeof counts] += 1;
    return counts;
  }

  /** Takes the run as it is now; returns it as it was. */
  put(run: StoredRun): StoredRun | undefined {
    const before = this.#runs.get(run.id);
    const key = partitionKey(run.job, run.partition);
    const ofKey = this.#byPartition.get(key) ?? new Set<number>();
    const hasEnded = endedStates.has(run.state);
    if (hasEnded) {
      this.#endedRuns += 1;
      this.#runs.delete(run.id);
      ofKey.delete(run.id);
    } else {
      this.#runs.set(run.id, run);
      ofKey.add(run.id);
    }
    if (ofKey.size === 0) this.#byPartition.delete(key);
    else this.#byPartition.set(key, ofKey);
    this.#countLeft(before?.catchUp, -1);
    this.#countLeft(hasEnded ? null : run.catchUp, 1);
    return before;
  }

  #countLeft(catchUp: number | null | undefined, change: number): void {
    if (catchUp === null || catchUp === undefined) return;
    const left = (this.#leftOf.get(catchUp) ?? 0) + change;
    if (left === 0) this.#leftOf.delete(catchUp);
    else this.#leftOf.set(catchUp, left);
  }
}

export function partitionKey(job: string, partition: string | null): string {
  return `${job} ${partition ?? ''}`;
}
