import type { StoredRun } from '../ports/job-store.ts';

/** Runs of one job, or of one job in one catch-up, that wait for a slot: what holds one back often holds back all. */
export interface Lane {
  readonly job: string;
  readonly catchUp: number | null;
  /** Larger priority first, then by number. */
  readonly runs: readonly StoredRun[];
}

export function isBefore(a: StoredRun, b: StoredRun): boolean {
  return a.priority > b.priority || (a.priority === b.priority && a.id < b.id);
}

export class Lanes {
  readonly #lanes = new Map<string, { job: string; catchUp: number | null; runs: StoredRun[] }>();

  *[Symbol.iterator](): Generator<Lane> {
    yield* this.#lanes.values();
  }

  add(run: StoredRun): void {
    const key = keyOf(run);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { job: run.job, catchUp: run.catchUp, runs: [] };
      this.#lanes.set(key, lane);
    }
    const at = placeOf(run, lane.runs);
    if (lane.runs[at]?.id === run.id) lane.runs[at] = run;
    else lane.runs.splice(at, 0, run);
  }

  remove(run: StoredRun): void {
    const key = keyOf(run);
    const lane = this.#lanes.get(key);
    if (lane === undefined) return;
    const at = placeOf(run, lane.runs);
    if (lane.runs[at]?.id !== run.id) return;
    lane.runs.splice(at, 1);
    if (lane.runs.length === 0) this.#lanes.delete(key);
  }
}

function keyOf(run: StoredRun): string {
  return `${run.job} ${run.catchUp ?? ''}`;
}

/** Where the run is, or would be. */
function placeOf(run: StoredRun, runs: readonly StoredRun[]): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(runs[middle]!, run)) low = middle + 1;
    else high = middle;
  }
  return low;
}
