// Jobs as the API gives them. Instants are integer µs since 1970 UTC.

/**
 * `queued` waits for a slot or a limit (`waitsFor` says which), `retrying` for its next attempt; `held` for data that are
 * not settled or not whole. `skipped`: its inputs are those of the last run that is done.
 */
export const runStates = ['queued', 'held', 'running', 'retrying', 'done', 'skipped', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];

export const scheduleKinds = ['cron', 'interval', 'settled', 'after', 'asked'] as const;

export interface JobSchedule {
  /** `settled`: once a UTC day is settled; `after`: when the jobs in `after` are done; `asked`: only when asked for. */
  readonly kind: (typeof scheduleKinds)[number];
  /** As people write it: `52 * * * *`, `every 20 s`, `when a day is settled`, `after liquidity`. */
  readonly text: string;
  /** IANA zone of a cron expression. */
  readonly zone: string | null;
}

export interface JobRow {
  readonly name: string;
  readonly description: string;
  readonly schedule: JobSchedule;
  /** Jobs that have to be done before, for the same partition. */
  readonly after: readonly string[];
  /** `day`: one run a UTC day. */
  readonly partitioning: 'none' | 'day';
  readonly isPaused: boolean;
  /** Null where it can run; else why it cannot here (what it needs does not exist yet). */
  readonly notAvailable: string | null;
  readonly priority: number;
  readonly concurrency: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly latest: RunRow | null;
  readonly nextAtUs: number | null;
}

export interface RunRow {
  readonly id: number;
  readonly job: string;
  /** A UTC day `YYYY-MM-DD`, or null. */
  readonly partition: string | null;
  readonly state: RunState;
  /** Why it exists: `cron 52 * * * *`, `after liquidity`, `catch-up 311`, `asked for`, `gap opened 14:55`. */
  readonly cause: string;
  readonly priority: number;
  /** Attempts begun. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly queuedAtUs: number;
  readonly startedAtUs: number | null;
  readonly endedAtUs: number | null;
  /** Of a `retrying` run. */
  readonly nextAttemptAtUs: number | null;
  readonly heartbeatAtUs: number | null;
  readonly waitsFor: string | null;
  /** In [0, 1], where the work can tell. */
  readonly progress: number | null;
  readonly rows: number | null;
  readonly bytes: number | null;
  /** One line of what it changed: `equal to the last digit`, `96 files to 20`, `97.50 → 99.07 %`. */
  readonly effect: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly catchUp: number | null;
}

export interface AttemptRow {
  readonly attempt: number;
  readonly startedAtUs: number;
  readonly endedAtUs: number | null;
  /** `lost`: its process ended, or its heartbeat did. */
  readonly outcome: 'running' | 'done' | 'failed' | 'lost' | 'timed-out' | 'cancelled';
  readonly error: { readonly code: string; readonly message: string } | null;
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

export interface RunLogLine {
  /** Counts from 1 within the run. */
  readonly sequence: number;
  readonly atUs: number;
  readonly level: (typeof logLevels)[number];
  readonly text: string;
}

export interface CatchUpRow {
  readonly id: number;
  readonly job: string;
  /** The jobs that run for each day: the asked one and, where wished, those after it. */
  readonly jobs: readonly string[];
  readonly fromDate: string;
  /** Inclusive. */
  readonly toDate: string;
  readonly atOnce: number;
  readonly order: 'oldest-first' | 'newest-first';
  readonly state: 'running' | 'paused' | 'done' | 'cancelled';
  readonly days: readonly {
    readonly job: string;
    readonly date: string;
    readonly state: RunState;
    readonly run: number | null;
  }[];
}

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
