// What becomes of a run when an attempt of it ends, or when it is told to end.

import type { JobChange, StoredRun } from '../ports/job-store.ts';
import type { Random } from '../ports/world.ts';
import type { RunError } from './attempt.ts';
import { retryDelayMs } from './back-off.ts';
import type { RunResult } from './definition.ts';

/** A run that dies with its process again and again most likely ends it. */
const mostLost = 10;
const lostDelayMs = 1000;
const nothingToDo = 'nothing to do';
const inputsUnchanged = 'inputs unchanged';
/** The cause of a run that somebody asked for. */
export const askedFor = 'asked for';

/** The next attempt would meet the same. */
const hopeless = /^(bad-|unknown-|config-|not-found$|not-recorded$|not-available$|fence-lost$|permission)/;

export function attemptEnded(
  run: StoredRun,
  atUs: number,
  outcome: Extract<JobChange, { kind: 'attempt-ended' }>['outcome'],
  error: RunError | null,
): JobChange {
  return { kind: 'attempt-ended', run: run.id, attempt: run.attempts, atUs, outcome, error };
}

export function doneRun(run: StoredRun, result: RunResult, inputs: string | null): StoredRun {
  if (result.isIdle === true) return { ...run, state: 'skipped', effect: result.effect ?? nothingToDo };
  return {
    ...run,
    state: 'done',
    progress: 1,
    rows: result.rows ?? null,
    bytes: result.bytes ?? null,
    effect: result.effect ?? null,
    inputs,
  };
}

export function unchangedRun(run: StoredRun): StoredRun {
  return { ...run, state: 'skipped', progress: null, effect: inputsUnchanged };
}

export function cancelledRun(run: StoredRun, endedAtUs: number): StoredRun {
  const error = { code: 'cancelled', message: 'it was cancelled' };
  return { ...run, state: 'cancelled', endedAtUs, nextAttemptAtUs: null, error };
}

/** Told to end because the process ends: no fault of its own. */
export function stoppedRun(run: StoredRun, error: RunError): StoredRun {
  return { ...run, state: 'queued', endedAtUs: null, progress: null, maxAttempts: run.maxAttempts + 1, error };
}

export function isTriedAgain(run: StoredRun, error: RunError): boolean {
  return run.attempts < run.maxAttempts && !hopeless.test(error.code);
}

/** Of a run whose process is gone. */
export function lostRun(run: StoredRun, nowUs: number, random: Random): readonly JobChange[] {
  // Its heartbeat is the last that is known of it.
  const endedAtUs = Math.max(run.startedAtUs ?? 0, Math.min(nowUs, run.heartbeatAtUs ?? nowUs));
  const error = { code: 'lost', message: 'its process ended under it' };
  const lost = run.lost + 1;
  const ended = attemptEnded(run, endedAtUs, 'lost', error);
  if (lost >= mostLost) {
    const why = { code: 'lost', message: `its process ended under it ${lost} times` };
    return [ended, { kind: 'run', run: { ...run, state: 'failed', lost, endedAtUs: nowUs, error: why } }];
  }
  const again: StoredRun = { ...run, lost, progress: null, maxAttempts: run.maxAttempts + 1, error };
  if (lost === 1) return [ended, { kind: 'run', run: { ...again, state: 'queued' } }];
  const delayMs = retryDelayMs(lostDelayMs, lost - 1, random.fraction());
  return [ended, { kind: 'run', run: { ...again, state: 'retrying', nextAttemptAtUs: nowUs + delayMs * 1000 } }];
}

export function hadNothingToDo({ state, effect }: StoredRun): boolean {
  return state === 'skipped' && effect !== inputsUnchanged;
}

/** Such as its schedule brings again and again; what somebody asked for is kept, since they look for it. */
export function isIdle(run: StoredRun): boolean {
  return hadNothingToDo(run) && run.cause !== askedFor && run.partition === null;
}
