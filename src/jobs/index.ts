import type { Jobs } from '../ports/jobs.ts';
import type { JobDefinition } from './definition.ts';
import { Desk } from './desk.ts';
import { unknownJob } from './graph.ts';
import { parseSchedule } from './schedule.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import { historyJob } from './work/history.ts';

export type { JobDefinition, RunContext, RunResult } from './definition.ts';
export { airflowFile } from './orchestrators/airflow.ts';
export { prefectFile } from './orchestrators/prefect.ts';
export type { SettledDays } from './settled-days.ts';
export { compactJob } from './work/compact.ts';
export { compressJob } from './work/compress.ts';
export { exportJob } from './work/export.ts';
export type { ExportParts } from './work/export-table.ts';
export { lakeVerifyJob } from './work/lake-verify.ts';
export { type ModelParts, modelJobs } from './work/models.ts';
export { repairJob } from './work/repair.ts';
export { type ReportParts, reportJobs } from './work/reports.ts';
export { retentionJob } from './work/retention.ts';
export { sweepJob } from './work/sweep.ts';
export { unavailableJob, unavailableJobs } from './work/unavailable.ts';

export interface RunningJobs {
  readonly jobs: Jobs;
  /** Rejects when another scheduler took over. */
  readonly done: Promise<never>;
  /** Tells what is under way to end. */
  stop(): Promise<void>;
}

export interface JobsOptions extends SchedulerOptions {
  /** Instead of a job's own schedule, by name, as people write it. */
  readonly schedules: Readonly<Record<string, string>>;
}

/** Takes the turn at the store, tries again what died, and runs what is due. */
export async function startJobs(options: JobsOptions): Promise<RunningJobs> {
  const history = historyJob(() => scheduler.forgetHistory());
  const jobs = withSchedules([...options.jobs, history], options.schedules);
  const scheduler: Scheduler = new Scheduler({ ...options, jobs });
  await scheduler.start();
  const { store, world } = options;
  return {
    jobs: new Desk({ store, jobs, clock: world.clock, scheduler }),
    done: scheduler.done,
    stop: () => scheduler.stop(),
  };
}

/** What is recorded of jobs, where nothing runs them. */
export function recordedJobs(options: Pick<JobsOptions, 'store' | 'jobs' | 'schedules' | 'world'>): Jobs {
  const jobs = withSchedules([...options.jobs, historyJob(async () => 0)], options.schedules);
  return new Desk({ store: options.store, jobs, clock: options.world.clock });
}

/** With other schedules than their own, by name, as people write them. Fails with `unknown-job` or `bad-schedule`. */
export function withSchedules(
  jobs: readonly JobDefinition[],
  schedules: Readonly<Record<string, string>>,
): readonly JobDefinition[] {
  const changed = new Map(Object.entries(schedules).map(([name, text]) => [name, parseSchedule(text)]));
  for (const name of changed.keys()) {
    if (!jobs.some((job) => job.name === name))
      throw unknownJob(
        name,
        jobs.map((job) => job.name),
      );
  }
  return jobs.map((job) => ({ ...job, schedule: changed.get(job.name) ?? job.schedule }));
}
