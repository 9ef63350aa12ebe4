import type { LogLevel } from '../domain/job.ts';
import type { Schedule } from './schedule.ts';

/** What a job's work is given. It may be told to end at any time; whatever it has published by then must be whole. */
export interface RunContext {
  readonly run: number;
  readonly attempt: number;
  /** A UTC day, of a job with one run a day. */
  readonly partition: string | undefined;
  readonly arguments: Readonly<Record<string, string>>;
  /** Aborted when the run is cancelled, times out, or the process ends. */
  readonly signal: AbortSignal;
  log(level: LogLevel, text: string): void;
  /** In [0, 1]. */
  progress(fraction: number): void;
}

export interface RunResult {
  readonly rows?: number;
  readonly bytes?: number;
  /** One line of what it changed. */
  readonly effect?: string;
  /** There was nothing to do. Of such runs in a row only the newest is kept. */
  readonly isIdle?: boolean;
}

/** A named unit of work. Its work can run twice: the second time changes nothing. */
export interface JobDefinition {
  readonly name: string;
  readonly description: string;
  readonly schedule: Schedule;
  /** Jobs that have to be done before, for the same partition. */
  readonly after: readonly string[];
  readonly partitioning: 'none' | 'day';
  /** Why it cannot run here. */
  readonly notAvailable?: string;
  /** Keeps the lake in order: goes on where other schedules are switched off. */
  readonly isUpkeep?: boolean;
  /** Larger goes first. */
  readonly priority: number;
  /** Its runs that may be under way at once. */
  readonly concurrency: number;
  /** One run at a time of all jobs that name the same group. */
  readonly group?: string;
  /** At most so many starts in so long. */
  readonly rate?: { readonly runs: number; readonly perMs: number };
  readonly maxAttempts: number;
  /** Before the second attempt; doubles from there, with jitter. */
  readonly retryDelayMs: number;
  readonly timeoutMs: number;
  /** What remains true if it dies. */
  readonly ifItDies: string;
  /** Names and shapes of the arguments that a run may be given. */
  readonly arguments?: Readonly<Record<string, RegExp>>;
  /** Fingerprint of all that the work would read: a run whose inputs are those of the last one done is skipped. */
  inputs?(context: Pick<RunContext, 'partition' | 'arguments'>): Promise<string | undefined>;
  work(context: RunContext): Promise<RunResult>;
}
