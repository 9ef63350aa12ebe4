import type { JobChange, JobMemory, JobStore, StoredCatchUp, StoredRun } from '../ports/job-store.ts';
import type { Clock } from '../ports/world.ts';
import { ActiveRuns } from './active-runs.ts';
import type { JobGraph } from './graph.ts';
import { NewestRuns } from './newest-runs.ts';
import { WaitingRuns } from './waiting-runs.ts';

const mostCatchUps = 10_000;

/** What is known of jobs and their runs: the store's record, changed here only after the store has the change. */
export class JobRecord {
  readonly store: JobStore;
  readonly graph: JobGraph;
  readonly runs = new ActiveRuns();
  readonly newest: NewestRuns;
  readonly waiting: WaitingRuns;
  readonly #memory = new Map<string, JobMemory>();
  readonly #catchUps = new Map<number, StoredCatchUp>();
  #fence = 0;
  /** Given to a run; made known by the store. */
  #lastRun = 0;
  #lastApplied = 0;
  #lastOfOthers = 0;
  #lastCatchUp = 0;

  constructor(store: JobStore, graph: JobGraph, clock: Clock) {
    this.store = store;
    this.graph = graph;
    this.newest = new NewestRuns(store, graph);
    this.waiting = new WaitingRuns(this.runs, clock);
  }

  /** Takes the turn at the store, and reads what it knows of jobs and catch-ups. */
  async takeTurn(): Promise<void> {
    const { fence, lastRun, lastCatchUp } = await this.store.takeTurn();
    this.#fence = fence;
    this.#lastRun = lastRun;
    this.#lastApplied = lastRun;
    this.#lastOfOthers = lastRun;
    this.#lastCatchUp = lastCatchUp;
    for (const job of await this.store.jobs()) this.#memory.set(job.name, job);
    for (const catchUp of await this.store.catchUps({ states: ['running', 'paused'], limit: mostCatchUps })) {
      this.#catchUps.set(catchUp.id, catchUp);
    }
  }

  /** The store first, then what is known here. */
  async change(changes: readonly JobChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.store.change(this.#fence, changes);
    for (const change of changes) this.#apply(change);
  }

  /** A run as the store has it. */
  know(run: StoredRun): void {
    const isNew = run.id > this.#lastApplied;
    this.#lastApplied = Math.max(this.#lastApplied, run.id);
    const before = this.runs.put(run);
    this.newest.put(run, isNew);
    this.waiting.put(before, run);
  }

  /** Forgets ended runs; how many. */
  forget(options: { readonly endedBeforeUs: number; readonly keep: number; readonly limit: number }): Promise<number> {
    return this.store.forget(this.#fence, options);
  }

  isPaused(job: string): boolean {
    return this.#memory.get(job)?.isPaused ?? false;
  }

  /** How far its schedule has come; null before the first run of it. */
  cursorUs(job: string): number | null {
    return this.#memory.get(job)?.cursorUs ?? null;
  }

  /** One that is running or paused. */
  catchUp(id: number): StoredCatchUp | undefined {
    return this.#catchUps.get(id);
  }

  get catchUps(): Iterable<StoredCatchUp> {
    return this.#catchUps.values();
  }

  nextRun(): number {
    this.#lastRun += 1;
    return this.#lastRun;
  }

  get nextCatchUp(): number {
    return this.#lastCatchUp + 1;
  }

  /** It was in the record before this turn. */
  isOfOthers(run: StoredRun): boolean {
    return run.id <= this.#lastOfOthers;
  }

  #apply(change: JobChange): void {
    if (change.kind === 'job') {
      this.#memory.set(change.job.name, change.job);
    } else if (change.kind === 'catch-up') {
      const { catchUp } = change;
      this.#lastCatchUp = Math.max(this.#lastCatchUp, catchUp.id);
      if (catchUp.state === 'running' || catchUp.state === 'paused') this.#catchUps.set(catchUp.id, catchUp);
      else this.#catchUps.delete(catchUp.id);
    } else if (change.kind === 'run') {
      this.know(change.run);
    }
  }
}
