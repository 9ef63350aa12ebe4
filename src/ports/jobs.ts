import type {
  AttemptRow,
  CatchUpOrder,
  CatchUpRow,
  JobRow,
  LogLevel,
  RunLogLine,
  RunRow,
  RunState,
} from '../domain/job.ts';

export interface RunRequest {
  /** A UTC day, of a job with one run a day. */
  readonly partition?: string;
  readonly arguments?: Readonly<Record<string, string>>;
  /** Held until its day is settled, instead of running on what is there. */
  readonly whenSettled?: boolean;
  /** Instead of the job's own number: 1 where whoever asks tries again by itself. */
  readonly attempts?: number;
}

export interface CatchUpRequest {
  /** UTC days, both inclusive. */
  readonly from: string;
  readonly to: string;
  readonly atOnce?: number;
  readonly order?: CatchUpOrder;
  /** Also the jobs after it, day by day. */
  readonly withFollowing?: boolean;
}

export interface RunsFilter {
  readonly job?: string;
  readonly states?: readonly RunState[];
  readonly cause?: string;
  readonly before?: number;
  readonly limit: number;
}

export interface RunSpan {
  readonly job: string;
  readonly run: number;
  readonly kind: 'waiting' | 'running' | 'done' | 'failed';
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * Jobs as server and command line see them. Methods reject with TidemarkError: `unknown-job`, `unknown-run`,
 * `unknown-catch-up`, `bad-run` (wrong partition or arguments), `not-available`, `job-conflict` (not in this state).
 */
export interface Jobs {
  overview(): Promise<{
    readonly nowUs: number;
    readonly jobs: readonly JobRow[];
    readonly slots: { readonly all: number; readonly used: number };
    readonly counts: Readonly<Record<RunState, number>>;
    readonly doneLastDay: number;
    /** Those that go on, and the newest; each holds all its days. */
    readonly catchUps: readonly CatchUpRow[];
  }>;
  job(name: string): Promise<JobRow>;
  /** Newest first. */
  runs(
    filter: RunsFilter,
  ): Promise<{ readonly runs: readonly RunRow[]; readonly before: number | null; readonly kept: number }>;
  run(id: number): Promise<{
    readonly run: RunRow;
    readonly attempts: readonly AttemptRow[];
    readonly command: string;
    readonly ifItDies: string;
  }>;
  /** Lines after `after`, of this level or above. `isEnded`: no further line will come after these. */
  log(
    run: number,
    options: { after: number; limit: number; level: LogLevel },
  ): Promise<{ readonly lines: readonly RunLogLine[]; readonly isEnded: boolean }>;
  timeline(fromUs: number, toUs: number): Promise<readonly RunSpan[]>;
  start(name: string, request: RunRequest): Promise<RunRow>;
  cancel(run: number): Promise<RunRow>;
  /** Further attempts of a run that failed or was cancelled. */
  retry(run: number): Promise<RunRow>;
  /** Its schedule makes no runs and starts none; what is under way goes on. */
  pause(name: string): Promise<JobRow>;
  resume(name: string): Promise<JobRow>;
  catchUp(name: string, request: CatchUpRequest): Promise<CatchUpRow>;
  oneCatchUp(id: number): Promise<CatchUpRow>;
  changeCatchUp(id: number, change: 'pause' | 'resume' | 'cancel'): Promise<CatchUpRow>;
}
