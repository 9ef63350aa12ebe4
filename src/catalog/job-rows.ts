import { TidemarkError } from '../domain/error.ts';
import type { AttemptRow, CatchUpState, RunState } from '../domain/job.ts';
import type { RunWait, StoredCatchUp, StoredRun } from '../ports/job-store.ts';

/** Rows as both databases give them; their columns have the same names. */
export interface TurnRow {
  fence: number;
  last_run: number;
  last_catch_up: number;
}

interface ErrorColumns {
  error_code: string | null;
  error_message: string | null;
}

export interface RunColumns extends ErrorColumns {
  id: number;
  job: string;
  partition: string | null;
  state: RunState;
  cause: string;
  priority: number;
  attempts: number;
  max_attempts: number;
  queued_at_us: number;
  started_at_us: number | null;
  ended_at_us: number | null;
  next_attempt_at_us: number | null;
  heartbeat_at_us: number | null;
  progress: number | null;
  row_count: number | null;
  bytes: number | null;
  effect: string | null;
  catch_up: number | null;
  arguments: string;
  waits: string;
  lost: number;
  inputs: string | null;
}

export interface AttemptColumns extends ErrorColumns {
  run: number;
  attempt: number;
  started_at_us: number;
  ended_at_us: number | null;
  outcome: AttemptRow['outcome'];
}

export interface CatchUpColumns {
  id: number;
  job: string;
  jobs: string;
  from_date: string;
  to_date: string;
  at_once: number;
  day_order: StoredCatchUp['order'];
  state: CatchUpState;
  asked_at_us: number;
}

export function errorOf({ error_code: code, error_message: message }: ErrorColumns): AttemptRow['error'] {
  return code === null ? null : { code, message: message ?? '' };
}

export function storedRun(row: RunColumns): StoredRun {
  return {
    id: row.id,
    job: row.job,
    partition: row.partition,
    state: row.state,
    cause: row.cause,
    priority: row.priority,
    attempts: row.attempts,
    maxAttempts: row.max_attempts,
    queuedAtUs: row.queued_at_us,
    startedAtUs: row.started_at_us,
    endedAtUs: row.ended_at_us,
    nextAttemptAtUs: row.next_attempt_at_us,
    heartbeatAtUs: row.heartbeat_at_us,
    waitsFor: null,
    progress: row.progress,
    rows: row.row_count,
    bytes: row.bytes,
    effect: row.effect,
    error: errorOf(row),
    catchUp: row.catch_up,
    arguments: JSON.parse(row.arguments) as Record<string, string>,
    waits: row.waits === '' ? [] : (row.waits.split(' ') as RunWait[]),
    lost: row.lost,
    inputs: row.inputs,
  };
}

export function storedCatchUp(row: CatchUpColumns): StoredCatchUp {
  return {
    id: row.id,
    job: row.job,
    jobs: JSON.parse(row.jobs) as string[],
    fromDate: row.from_date,
    toDate: row.to_date,
    atOnce: row.at_once,
    order: row.day_order,
    state: row.state,
    askedAtUs: row.asked_at_us,
  };
}

export function jobConflict(what: string, why: string): TidemarkError {
  return new TidemarkError('job-conflict', { doing: 'record', what, why });
}
