import { Gauge, type Registry } from 'prom-client';
import type { RunRow } from '../domain/job.ts';
import type { Jobs } from '../ports/jobs.ts';

/** Prometheus metrics of jobs; the result reads them anew, all from one overview. */
export function jobMetrics(registry: Registry, jobs: Jobs): () => Promise<void> {
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `tidemark_job_${name}`, help, labelNames, registers });
  const isUp = gauge('record_up', '1 while the record of jobs can be read');
  const slots = gauge('slots', 'Runs that may go on at once');
  const slotsUsed = gauge('slots_used', 'Runs that go on');
  const runs = gauge('runs', 'Runs in the record, by state', ['state']);
  const failing = gauge('failing', '1 while the newest run of the job failed, or tries again', ['job']);
  const paused = gauge('paused', '1 while the job is paused', ['job']);
  const ended = gauge('latest_ended_timestamp_seconds', 'When the newest run of the job ended', ['job']);
  const next = gauge('next_timestamp_seconds', 'When the schedule next makes a run of the job', ['job']);
  const all = [isUp, slots, slotsUsed, runs, failing, paused, ended, next];
  return async () => {
    for (const metric of all) metric.reset();
    const overview = await jobs.overview().catch(() => undefined);
    isUp.set(overview === undefined ? 0 : 1);
    if (overview === undefined) return;
    slots.set(overview.slots.all);
    slotsUsed.set(overview.slots.used);
    for (const [state, count] of Object.entries(overview.counts)) runs.set({ state }, count);
    for (const { name: job, latest, isPaused, nextAtUs, notAvailable } of overview.jobs) {
      if (notAvailable !== null) continue;
      failing.set({ job }, isFailing(latest) ? 1 : 0);
      paused.set({ job }, isPaused ? 1 : 0);
      if (latest?.endedAtUs != null) ended.set({ job }, latest.endedAtUs / 1e6);
      if (nextAtUs !== null) next.set({ job }, nextAtUs / 1e6);
    }
  };
}

function isFailing(run: RunRow | null): boolean {
  return run !== null && (run.state === 'failed' || run.state === 'retrying');
}
