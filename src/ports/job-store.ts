import type {
  AttemptOutcome,
  AttemptRow,
  CatchUpRow,
  CatchUpState,
  LogLevel,
  RunLogLine,
  RunRow,
  RunState,
} from '../domain/job.ts';

/** What a run waits for besides a slot: its day to be settled, the jobs before it to be done. */
export type RunWait = 'day' | 'before';

/** A run as it is kept. `waitsFor` is null: whoever schedules knows it, nobody else can. */
export interface StoredRun extends RunRow {
  readonly arguments: Readonly<Record<string, string>>;
  readonly waits: readonly RunWait[];
  /** Attempts that ended with their process. */
  readonly lost: number;
  /** Fingerprint of what it read, where its job knows one. */
  readonly inputs: string | null;
}

/** What is kept of a job itself. */
export interface JobMemory {
  readonly name: string;
  readonly isPaused: boolean;
  /** The last instant, or the start of the last day, for which its schedule made a run; null before the first. */
  readonly cursorUs: number | null;
}

export interface StoredCatchUp extends Omit<CatchUpRow, 'days'> {
  readonly askedAtUs: number;
}

export type JobChange =
  /** A new run, or a known one as it is now. */
  | { readonly kind: 'run'; readonly run: StoredRun }
  | { readonly kind: 'attempt-begun'; readonly run: number; readonly attempt: number; readonly atUs: number }
  | {
      readonly kind: 'attempt-ended';
      readonly run: number;
      readonly attempt: number;
      readonly atUs: number;
      readonly outcome: Exclude<AttemptOutcome, 'running'>;
      readonly error: AttemptRow['error'];
    }
  | { readonly kind: 'log'; readonly run: number; readonly lines: readonly RunLogLine[] }
  | { readonly kind: 'job'; readonly job: JobMemory }
  | { readonly kind: 'catch-up'; readonly catchUp: StoredCatchUp }
  /** With its attempts and log. */
  | { readonly kind: 'forget-run'; readonly run: number };

export interface JobTurn {
  readonly fence: number;
  /** Largest number ever given to a run and to a catch-up; 0 before the first. Numbers are never given twice. */
  readonly lastRun: number;
  readonly lastCatchUp: number;
}

export interface RunFilter {
  readonly job?: string;
  readonly partition?: string | null;
  readonly states?: readonly RunState[];
  /** Part of the cause. */
  readonly cause?: string;
  readonly catchUp?: number;
  /** Only runs with a smaller number. */
  readonly before?: number;
  readonly limit: number;
}

export interface AttemptSpan {
  readonly job: string;
  readonly run: number;
  readonly attempt: number;
  /** When the run was queued. */
  readonly queuedAtUs: number;
  /** When the attempt before ended; null for the first. */
  readonly previousEndedAtUs: number | null;
  readonly startedAtUs: number;
  readonly endedAtUs: number | null;
  readonly outcome: AttemptOutcome;
}

/**
 * The record of jobs, runs, attempts and logs. One scheduler writes at a time: whoever takes the turn gets a larger fence
 * than any before, and every change of the writer before fails with `fence-lost` from then on. Readers need no turn.
 */
export interface JobStore {
  takeTurn(): Promise<JobTurn>;
  /**
   * All of the changes, in their order, or none. Fails with `fence-lost` when a newer writer took over, with `job-conflict`
   * when an attempt begins that began before, or ends that is not under way.
   */
  change(fence: number, changes: readonly JobChange[]): Promise<void>;
  run(id: number): Promise<StoredRun | undefined>;
  /** Newest first. */
  runs(filter: RunFilter): Promise<readonly StoredRun[]>;
  /** Every run that has not ended, oldest first. */
  activeRuns(): Promise<readonly StoredRun[]>;
  /** The newest run of each job. */
  latestRuns(): Promise<readonly StoredRun[]>;
  attempts(run: number): Promise<readonly AttemptRow[]>;
  /** Attempts that touch [fromUs, toUs), the newest `limit` of them, by their start. */
  spans(fromUs: number, toUs: number, limit: number): Promise<readonly AttemptSpan[]>;
  /** Lines after `after`, in order; only of these levels, if given. */
  log(
    run: number,
    options: { after: number; limit: number; levels?: readonly LogLevel[] },
  ): Promise<readonly RunLogLine[]>;
  counts(): Promise<{ readonly byState: Readonly<Record<RunState, number>>; readonly kept: number }>;
  /** Runs that ended so since. */
  endedSince(state: RunState, sinceUs: number): Promise<number>;
  jobs(): Promise<readonly JobMemory[]>;
  /** Newest first. */
  catchUps(filter: { states?: readonly CatchUpState[]; limit: number }): Promise<readonly StoredCatchUp[]>;
  catchUp(id: number): Promise<StoredCatchUp | undefined>;
  /** What a catch-up made, by job and day: for each the newest of its runs. */
  catchUpDays(id: number): Promise<CatchUpRow['days']>;
  /**
   * Removes at most `limit` runs that ended before `endedBeforeUs` or are not among the newest `keep`, oldest first, with
   * attempts and logs; how many. The newest run of each job stays, and what has not ended.
   */
  forget(fence: number, options: { endedBeforeUs: number; keep: number; limit: number }): Promise<number>;
  close(): Promise<void>;
}
