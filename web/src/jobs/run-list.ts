import type { RunRow, RunsAnswer } from '../../../src/protocol/jobs.ts';
import { isOver } from './run-words.ts';

/** Runs of one filter, newest first: the head is asked for again and again, what is older only when it is scrolled to. */
export class RunList {
  readonly #byId = new Map<number, RunRow>();
  #rows: readonly RunRow[] = [];
  #head = new Set<number>();
  /** Where the next older page begins; null at the end, undefined before the first answer. */
  before: number | null | undefined;

  get rows(): readonly RunRow[] {
    return this.#rows;
  }

  /** The newest runs as they are now. */
  takeHead(answer: RunsAnswer): void {
    const oldest = answer.runs.at(-1)?.id;
    const newestHeld = this.#rows[0]?.id;
    // So many new runs that the head no longer reaches what is here: there would be a hole between the two.
    if (oldest === undefined || newestHeld === undefined || oldest > newestHeld) {
      this.#byId.clear();
      this.before = answer.before;
    } else {
      // Of the stretch that the head covers, what it does not name is no longer of this filter.
      for (const run of this.#rows) if (run.id >= oldest) this.#byId.delete(run.id);
    }
    this.#head = new Set(answer.runs.map((run) => run.id));
    for (const run of answer.runs) this.#byId.set(run.id, run);
    this.#sort();
  }

  takeOlder(answer: RunsAnswer): void {
    for (const run of answer.runs) this.#byId.set(run.id, run);
    this.before = answer.before;
    this.#sort();
  }

  takeOne(run: RunRow): void {
    if (!this.#byId.has(run.id)) return;
    this.#byId.set(run.id, run);
    this.#sort();
  }

  /** Runs beyond the head that are not over: they change without being told of. */
  unfinished(most: number): readonly number[] {
    return this.#rows
      .filter((run) => !this.#head.has(run.id) && !isOver(run))
      .slice(0, most)
      .map((run) => run.id);
  }

  #sort(): void {
    this.#rows = [...this.#byId.values()].sort((a, b) => b.id - a.id);
  }
}
