import type { RunWait, StoredRun } from '../ports/job-store.ts';
import type { Clock } from '../ports/world.ts';
import type { JobDefinition } from './definition.ts';
import type { JobRecord } from './record.ts';
import type { Settlement } from './settled-days.ts';

export interface NewRunOptions {
  readonly arguments?: Readonly<Record<string, string>>;
  readonly waits?: readonly RunWait[];
  readonly catchUp?: number;
  readonly priority?: number;
  readonly maxAttempts?: number;
}

/** Runs before their first attempt, each with a number of its own. */
export class NewRuns {
  readonly #record: JobRecord;
  readonly #settlement: Settlement;
  readonly #clock: Clock;

  constructor(record: JobRecord, settlement: Settlement, clock: Clock) {
    this.#record = record;
    this.#settlement = settlement;
    this.#clock = clock;
  }

  make(job: JobDefinition, partition: string | null, cause: string, options: NewRunOptions = {}): StoredRun {
    const waits = options.waits ?? ['day', 'before'];
    return {
      id: this.#record.nextRun(),
      job: job.name,
      partition,
      state: waits.includes('day') && !this.#settlement.isSettled(partition) ? 'held' : 'queued',
      cause,
      priority: options.priority ?? job.priority,
      attempts: 0,
      maxAttempts: options.maxAttempts ?? job.maxAttempts,
      queuedAtUs: this.#clock.wallUs(),
      startedAtUs: null,
      endedAtUs: null,
      nextAttemptAtUs: null,
      heartbeatAtUs: null,
      waitsFor: null,
      progress: null,
      rows: null,
      bytes: null,
      effect: null,
      error: null,
      catchUp: options.catchUp ?? null,
      arguments: options.arguments ?? {},
      waits,
      lost: 0,
      inputs: null,
    };
  }
}
