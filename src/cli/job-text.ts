import type { CatchUpRow, JobRow, RunLogLine, RunRow } from '../domain/job.ts';
import type { Jobs } from '../ports/jobs.ts';
import { textTable } from './output.ts';

const none = '–';

/** `2026-03-09 19:02:58Z` */
function instant(atUs: number | null): string {
  return atUs === null ? none : `${new Date(atUs / 1000).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

function took(run: RunRow): string {
  if (run.startedAtUs === null) return none;
  const endUs = run.endedAtUs ?? run.heartbeatAtUs ?? run.startedAtUs;
  const seconds = Math.max(0, endUs - run.startedAtUs) / 1e6;
  return seconds < 60
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')} min`;
}

function schedule({ schedule: { kind, text, zone }, isPaused, notAvailable }: JobRow): string {
  if (notAvailable !== null) return `not available: ${notAvailable}`;
  const zoned = kind === 'cron' ? `${text} ${zone}` : text;
  return isPaused ? `${zoned} (paused)` : zoned;
}

export function jobsText({ jobs, slots, counts }: Awaited<ReturnType<Jobs['overview']>>): string {
  const rows = jobs.map((job) => [
    job.name,
    schedule(job),
    job.latest === null ? none : job.latest.state,
    job.latest === null ? none : instant(job.latest.endedAtUs ?? job.latest.startedAtUs ?? job.latest.queuedAtUs),
    instant(job.nextAtUs),
  ]);
  const table = textTable(['job', 'schedule', 'latest run', 'at', 'next'], rows);
  return `${table}\n\n${counts.running} running, ${counts.queued} queued, ${counts.retrying} retrying, ${counts.held} held; ${slots.used} of ${slots.all} slots`;
}

export function jobRowText(job: JobRow): string {
  const { name, description, after, partitioning, priority, concurrency, maxAttempts, timeoutMs, nextAtUs } = job;
  return [
    `${name}: ${description}`,
    `schedule   ${schedule(job)}`,
    `after      ${after.length === 0 ? none : after.join(', ')}`,
    `partition  ${partitioning === 'day' ? 'one run a day' : none}`,
    `limits     ${concurrency} at once, priority ${priority}, ${maxAttempts} attempts, ${timeoutMs / 60_000} min`,
    `next       ${instant(nextAtUs)}`,
  ].join('\n');
}

export function runsText(runs: readonly RunRow[]): string {
  if (runs.length === 0) return 'no runs';
  return textTable(
    ['run', 'job', 'part', 'state', 'cause', 'started', 'took', 'tries', 'effect'],
    runs.map((run) => [
      String(run.id),
      run.job,
      run.partition ?? none,
      run.progress !== null && run.state === 'running' ? `running ${Math.floor(run.progress * 100)} %` : run.state,
      run.cause,
      instant(run.startedAtUs),
      took(run),
      String(run.attempts),
      run.error?.message ?? run.effect ?? (run.waitsFor === null ? none : `waits for ${run.waitsFor}`),
    ]),
  );
}

export function logLine({ atUs, level, text }: RunLogLine): string {
  return `${new Date(atUs / 1000).toISOString()} ${level.padEnd(5)} ${text}`;
}

export function catchUpText(catchUp: CatchUpRow): string {
  const counts = new Map<string, number>();
  for (const { state } of catchUp.days) counts.set(state, (counts.get(state) ?? 0) + 1);
  const states = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  return `catch-up ${catchUp.id} of ${catchUp.jobs.join(', ')}, ${catchUp.fromDate} to ${catchUp.toDate}: ${catchUp.state}; ${states}`;
}
