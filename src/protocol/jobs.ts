// Jobs as the API gives them. Instants are integer µs since 1970 UTC.
import type { AttemptRow, CatchUpRow, JobRow, RunLogLine, RunRow, RunState } from '../domain/job.ts';

export type {
  AttemptOutcome,
  AttemptRow,
  CatchUpOrder,
  CatchUpRow,
  CatchUpState,
  JobRow,
  JobSchedule,
  LogLevel,
  RunLogLine,
  RunRow,
  RunState,
  ScheduleKind,
} from '../domain/job.ts';
export { attemptOutcomes, catchUpOrders, catchUpStates, logLevels, runStates, scheduleKinds } from '../domain/job.ts';

/** GET /api/v1/jobs */
export interface JobsAnswer {
  readonly nowUs: number;
  readonly jobs: readonly JobRow[];
  /** Runs that may be under way at once, and are. */
  readonly slots: { readonly all: number; readonly used: number };
  readonly counts: Readonly<Record<RunState, number>>;
  readonly doneLastDay: number;
  readonly catchUps: readonly CatchUpRow[];
  /** REST weight of the venue that repair and backfill spend, where the engine runs. */
  readonly weight: { readonly usedPerMinute: number; readonly limitPerMinute: number } | null;
}

/** GET /api/v1/runs?job&state&cause&before&limit, newest first. */
export interface RunsAnswer {
  readonly runs: readonly RunRow[];
  /** Pass as `before` for the next page; null at the end. */
  readonly before: number | null;
  readonly kept: number;
}

/** GET /api/v1/runs/{id} */
export interface RunAnswer {
  readonly run: RunRow;
  readonly attempts: readonly AttemptRow[];
  /** The command that does the same by hand. */
  readonly command: string;
  /** What remains true if it dies now. */
  readonly ifItDies: string;
}

/** GET /api/v1/runs/{id}/log?after&limit&level */
export interface RunLogAnswer {
  readonly lines: readonly RunLogLine[];
  readonly isEnded: boolean;
}

/** GET /api/v1/jobs/timeline?from&to: every attempt that touches the range, with the waiting before it. */
export interface TimelineAnswer {
  readonly fromUs: number;
  readonly toUs: number;
  readonly spans: readonly {
    readonly job: string;
    readonly run: number;
    readonly kind: 'waiting' | 'running' | 'done' | 'failed';
    readonly fromUs: number;
    readonly toUs: number;
  }[];
}

// POST /api/v1/jobs/{name}/runs {partition?} → 202 RunRow
// POST /api/v1/jobs/{name}/pause | resume → JobRow
// POST /api/v1/runs/{id}/cancel | retry → RunRow
// POST /api/v1/jobs/{name}/catch-ups {from, to, atOnce?, order?, withFollowing?} → 202 CatchUpRow
// POST /api/v1/catch-ups/{id}/pause | resume | cancel → CatchUpRow
