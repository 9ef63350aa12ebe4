import type { JobRow, RunRow } from '../../../src/protocol/jobs.ts';
import type { RunSign } from '../shell/run-state.tsx';
import { groupDigits } from '../text/number-text.ts';
import { clockText, countdownText, spanText } from '../text/time-text.ts';

/** A run that said nothing for so long has probably lost its process. */
const silentAfterUs = 30e6;
const dayUs = 86_400e6;

export function isOver(run: RunRow): boolean {
  return run.state === 'done' || run.state === 'skipped' || run.state === 'failed' || run.state === 'cancelled';
}

/** How long a running run has said nothing, when that is too long. */
export function silenceUs(run: RunRow, nowUs: number): number | undefined {
  if (run.state !== 'running') return undefined;
  const lastUs = run.heartbeatAtUs ?? run.startedAtUs;
  return lastUs !== null && nowUs - lastUs > silentAfterUs ? nowUs - lastUs : undefined;
}

export function signOf(run: RunRow, nowUs: number): RunSign {
  return silenceUs(run, nowUs) === undefined ? run.state : 'lost';
}

/** The state in a word, with how far it is. */
export function stateText(run: RunRow, nowUs: number): string {
  const silentUs = silenceUs(run, nowUs);
  if (silentUs !== undefined) return `silent ${spanText(silentUs)}`;
  if (run.state === 'running' && run.progress !== null) return `running ${percentText(run.progress)}`;
  return run.state;
}

/** Rounded down: nothing is whole before it is. */
export function percentText(progress: number): string {
  return `${Math.floor(Math.max(0, Math.min(1, progress)) * 100)} %`;
}

export function tookText(run: RunRow, nowUs: number): string {
  if (run.startedAtUs === null) return '–';
  return countdownText(Math.max(0, (run.endedAtUs ?? nowUs) - run.startedAtUs));
}

/** The clock where it is of today, else the day as well. */
export function whenText(atUs: number, nowUs: number): string {
  const isToday = Math.floor(atUs / dayUs) === Math.floor(nowUs / dayUs);
  const date = new Date(Math.floor(atUs / 1000)).toISOString();
  return isToday ? clockText(atUs) : `${date.slice(5, 10)} ${date.slice(11, 16)}`;
}

/** What a run waits for, with the time until it goes on where that is known. */
export function waitText(run: RunRow, nowUs: number): string {
  if (run.state === 'retrying') {
    const next = run.nextAttemptAtUs;
    const rest = next === null ? '' : next > nowUs ? ` in ${countdownText(next - nowUs)}` : ' now';
    return `try ${run.attempts + 1} of ${run.maxAttempts}${rest}`;
  }
  return run.waitsFor ?? run.state;
}

/** The line at the end of a run's row: what it changed, or why it did not. */
export function outcomeText(run: RunRow, nowUs: number): string {
  if (run.state === 'retrying') return `${run.error === null ? '' : `${run.error.message}; `}${waitText(run, nowUs)}`;
  if (run.state === 'queued' || run.state === 'held') return run.waitsFor ?? '–';
  if (run.error !== null && run.state !== 'running') return run.error.message;
  if (silenceUs(run, nowUs) !== undefined) return 'its heartbeat is lost; it will be tried again';
  return run.effect ?? (run.state === 'skipped' ? 'inputs unchanged, left alone' : '–');
}

export interface JobFace {
  readonly sign: RunSign;
  readonly line: string;
}

/** What a job's box in the graph says: shape and one line. `latestOf` finds the latest run of a job by name. */
export function faceOf(job: JobRow, nowUs: number, latestOf: (name: string) => RunRow | null): JobFace {
  if (job.notAvailable !== null) return { sign: 'off', line: job.notAvailable };
  const { latest } = job;
  const part = latest?.partition == null ? '' : latest.partition.slice(5);
  // What says the day by itself needs it no second time.
  const prefixed = (text: string): string => (part === '' || text.includes(part) ? text : `${part}, ${text}`);
  if (latest !== null && !isOver(latest)) {
    const sign = signOf(latest, nowUs);
    if (sign === 'lost') return { sign, line: `heartbeat lost ${spanText(silenceUs(latest, nowUs)!)} ago` };
    if (sign === 'running')
      return { sign, line: prefixed(latest.progress === null ? 'running' : percentText(latest.progress)) };
    return { sign, line: sign === 'retrying' ? waitText(latest, nowUs) : prefixed(waitText(latest, nowUs)) };
  }
  if (job.isPaused) return { sign: 'paused', line: 'paused' };
  const awaited = job.after.filter((name) => {
    const other = latestOf(name);
    return other !== null && !isOver(other) && (latest === null || other.queuedAtUs > latest.queuedAtUs);
  });
  if (awaited.length > 0 && job.schedule.kind === 'after')
    return { sign: 'waiting', line: awaited.length === 1 ? `after ${awaited[0]}` : `after ${awaited.length} jobs` };
  if (latest === null)
    return {
      sign: 'off',
      line: job.nextAtUs === null ? `${job.schedule.text}, never ran` : `first at ${whenText(job.nextAtUs, nowUs)}`,
    };
  const when = whenText(latest.endedAtUs ?? latest.queuedAtUs, nowUs);
  const what =
    latest.state === 'failed'
      ? (latest.error?.message ?? 'failed')
      : (latest.effect ?? (latest.rows === null ? latest.state : `${groupDigits(String(latest.rows))} rows`));
  return { sign: latest.state, line: latest.state === 'failed' ? prefixed(what) : `${when}, ${what}` };
}

/** Jobs whose latest run needs somebody: retrying, failed, or silent. */
export function needsLook(
  jobs: readonly JobRow[],
  nowUs: number,
): { retrying: number; failed: number; silent: number; held: number } {
  const found = { retrying: 0, failed: 0, silent: 0, held: 0 };
  for (const { latest } of jobs) {
    if (latest === null) continue;
    if (latest.state === 'retrying') found.retrying++;
    else if (latest.state === 'failed') found.failed++;
    else if (latest.state === 'held') found.held++;
    else if (silenceUs(latest, nowUs) !== undefined) found.silent++;
  }
  return found;
}
