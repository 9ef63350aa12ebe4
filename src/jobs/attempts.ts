import type { Attempt } from './attempt.ts';

/** The attempts under way, and the work that did not end when it was told to. */
export class Attempts {
  readonly #attempts = new Map<number, Attempt>();
  /** By job. */
  readonly #stuck = new Map<string, number>();

  [Symbol.iterator](): Iterator<[run: number, attempt: Attempt]> {
    return this.#attempts.entries();
  }

  of(run: number): Attempt | undefined {
    return this.#attempts.get(run);
  }

  add(run: number, attempt: Attempt): void {
    this.#attempts.set(run, attempt);
  }

  remove(run: number): void {
    this.#attempts.delete(run);
  }

  get size(): number {
    return this.#attempts.size;
  }

  /** Jobs of upkeep run beside the slots. */
  get usedSlots(): number {
    let used = 0;
    for (const attempt of this.#attempts.values()) if (!attempt.job.isUpkeep) used += 1;
    return used;
  }

  /** How much work of the job goes on though its attempt counts as ended. */
  stuck(job: string): number {
    return this.#stuck.get(job) ?? 0;
  }

  /** Of an attempt that counts as ended: its work takes up room until it has ended too. */
  watch(attempt: Attempt, onFreed: () => void): void {
    const { name } = attempt.job;
    let isSettled = false;
    const settled = attempt.settled.then(() => {
      isSettled = true;
    });
    // Whatever has settled already is settled a turn later at the latest.
    void Promise.resolve().then(() => {
      if (isSettled) return;
      this.#stuck.set(name, this.stuck(name) + 1);
      void settled.then(() => {
        this.#stuck.set(name, this.stuck(name) - 1);
        onFreed();
      });
    });
  }

  /** Tells all work to end. */
  stop(): void {
    for (const attempt of this.#attempts.values()) attempt.end('stopped');
  }
}
