import type { JobStore } from '../ports/job-store.ts';
import type { Clock } from '../ports/world.ts';
import type { JobDefinition } from './definition.ts';

const mostSpans = 10_000;

/** The last starts of jobs that may start only so often. */
export class StartRates {
  readonly #clock: Clock;
  /** By job; instants of the monotonic clock. */
  readonly #starts = new Map<string, readonly number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A rate counts the starts before a restart too. */
  async learn({ name, rate }: JobDefinition, store: JobStore): Promise<void> {
    if (rate === undefined) return;
    const nowUs = this.#clock.wallUs();
    const fromUs = nowUs - rate.perMs * 1000;
    const spans = await store.spans(fromUs, nowUs + 1, mostSpans);
    const starts = spans.filter(({ job, startedAtUs }) => job === name && startedAtUs > fromUs);
    this.#starts.set(
      name,
      starts.map(({ startedAtUs }) => this.#clock.monotonicUs() - (nowUs - startedAtUs)),
    );
  }

  add({ name, rate }: JobDefinition): void {
    if (rate === undefined) return;
    const starts = [...(this.#starts.get(name) ?? []), this.#clock.monotonicUs()];
    this.#starts.set(name, starts.slice(-rate.runs));
  }

  isUsedUp({ name, rate }: JobDefinition): boolean {
    if (rate === undefined) return false;
    const sinceUs = this.#clock.monotonicUs() - rate.perMs * 1000;
    return (this.#starts.get(name) ?? []).filter((atUs) => atUs > sinceUs).length >= rate.runs;
  }

  /** When a used-up rate lets one of these jobs start again, by the monotonic clock; infinite where none is. */
  nextFreeUs(jobs: readonly JobDefinition[]): number {
    const nowUs = this.#clock.monotonicUs();
    let nextUs = Number.POSITIVE_INFINITY;
    for (const { name, rate } of jobs) {
      const starts = this.#starts.get(name) ?? [];
      if (rate === undefined || starts.length < rate.runs) continue;
      const freeUs = starts[starts.length - rate.runs]! + rate.perMs * 1000;
      if (freeUs > nowUs) nextUs = Math.min(nextUs, freeUs);
    }
    return nextUs;
  }
}
