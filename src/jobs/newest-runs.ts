import type { RunState } from '../domain/job.ts';
import type { JobStore, StoredRun } from '../ports/job-store.ts';
import { partitionKey } from './active-runs.ts';
import type { JobDefinition } from './definition.ts';
import type { JobGraph } from './graph.ts';

/** What the newest run of a job and partition has come to, where another job waits for it. */
export class NewestRuns {
  readonly #store: JobStore;
  readonly #graph: JobGraph;
  /** Number 0 where the store has none. */
  readonly #newest = new Map<string, { readonly id: number; readonly state: RunState }>();

  constructor(store: JobStore, graph: JobGraph) {
    this.#store = store;
    this.#graph = graph;
  }

  /** Undefined where there is none, or nobody asked yet. */
  state(job: string, partition: string | null): RunState | undefined {
    const newest = this.#newest.get(partitionKey(job, partition));
    return newest === undefined || newest.id === 0 ? undefined : newest.state;
  }

  put(run: StoredRun, isNew: boolean): void {
    if (this.#graph.following(run.job).length === 0) return;
    const key = partitionKey(run.job, run.partition);
    const newest = this.#newest.get(key);
    if (newest === undefined ? isNew : newest.id <= run.id) this.#newest.set(key, { id: run.id, state: run.state });
  }

  /** Reads once from the store what the jobs before it have come to; from then on it is kept here. */
  async learnBefore(job: JobDefinition, partitions: readonly (string | null)[]): Promise<void> {
    for (const before of this.#graph.before(job)) {
      for (const partition of partitions) await this.learn(before.name, partition);
    }
  }

  async learn(job: string, partition: string | null): Promise<RunState | undefined> {
    const key = partitionKey(job, partition);
    if (!this.#newest.has(key)) {
      const [run] = await this.#store.runs({ job, partition, limit: 1 });
      this.#newest.set(key, run === undefined ? { id: 0, state: 'cancelled' } : { id: run.id, state: run.state });
    }
    return this.state(job, partition);
  }

  clear(): void {
    this.#newest.clear();
  }
}
