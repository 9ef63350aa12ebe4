// What is known of jobs and their runs. Instants are integer µs since 1970 UTC.

/**
 * `queued` waits for a slot or a limit (`waitsFor` says which), `retrying` for its next attempt; `held` for data that are
 * not settled or not whole. `skipped`: its inputs are those of the last run that is done.
 */
export const runStates = ['queued', 'held', 'running', 'retrying', 'done', 'skipped', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];

export const scheduleKinds = ['cron', 'interval', 'settled', 'after', 'asked'] as const;
export type ScheduleKind = (typeof scheduleKinds)[number];

export interface JobSchedule {
  /** `settled`: once a UTC day is settled; `after`: when the jobs in `after` are done; `asked`: only when asked for. */
  readonly kind: ScheduleKind;
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

/** `lost`: its process ended under it. */
export const attemptOutcomes = ['running', 'done', 'failed', 'lost', 'timed-out', 'cancelled'] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

export interface AttemptRow {
  readonly attempt: number;
  readonly startedAtUs: number;
  readonly endedAtUs: number | null;
  readonly outcome: AttemptOutcome;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface RunLogLine {
  /** Counts from 1 within the run. */
  readonly sequence: number;
  readonly atUs: number;
  readonly level: LogLevel;
  readonly text: string;
}

export const catchUpOrders = ['oldest-first', 'newest-first'] as const;
export type CatchUpOrder = (typeof catchUpOrders)[number];

export const catchUpStates = ['running', 'paused', 'done', 'cancelled'] as const;
export type CatchUpState = (typeof catchUpStates)[number];

export interface CatchUpRow {
  readonly id: number;
  readonly job: string;
  /** The jobs that run for each day: the asked one and, where wished, those after it. */
  readonly jobs: readonly string[];
  readonly fromDate: string;
  /** Inclusive. */
  readonly toDate: string;
  readonly atOnce: number;
  readonly order: CatchUpOrder;
  readonly state: CatchUpState;
  readonly days: readonly {
    readonly job: string;
    readonly date: string;
    readonly state: RunState;
    readonly run: number | null;
  }[];
}
