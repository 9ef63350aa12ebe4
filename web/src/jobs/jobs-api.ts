import type {
  CatchUpRow,
  JobRow,
  JobsAnswer,
  RunAnswer,
  RunLogAnswer,
  RunRow,
  RunsAnswer,
  TimelineAnswer,
} from '../../../src/protocol/jobs.ts';
import { getJson, postJson } from '../live/api.ts';
import type { JobsSearch } from '../url/jobs-url.ts';

export const runsPage = 200;
export const logPage = 1_000;

export function getJobs(signal: AbortSignal): Promise<JobsAnswer> {
  return getJson('jobs', {}, signal);
}

export function getRuns(filter: JobsSearch, before: number | undefined, signal?: AbortSignal): Promise<RunsAnswer> {
  const { job, state, cause } = filter;
  return getJson('runs', { job, state, cause, before, limit: runsPage }, signal);
}

export function getRun(id: number, signal?: AbortSignal): Promise<RunAnswer> {
  return getJson(`runs/${id}`, {}, signal);
}

export function getLog(id: number, after: number, signal: AbortSignal): Promise<RunLogAnswer> {
  return getJson(`runs/${id}/log`, { after, limit: logPage, level: 'debug' }, signal);
}

export function getTimeline(fromUs: number, toUs: number, signal: AbortSignal): Promise<TimelineAnswer> {
  return getJson('jobs/timeline', { from: fromUs, to: toUs }, signal);
}

export function runNow(job: string, partition: string | undefined): Promise<RunRow> {
  return postJson(`jobs/${encodeURIComponent(job)}/runs`, partition === undefined ? {} : { partition });
}

export function changeJob(job: string, action: 'pause' | 'resume'): Promise<JobRow> {
  return postJson(`jobs/${encodeURIComponent(job)}/${action}`, {});
}

export function changeRun(id: number, action: 'cancel' | 'retry'): Promise<RunRow> {
  return postJson(`runs/${id}/${action}`, {});
}

export function changeCatchUp(id: number, action: 'pause' | 'resume' | 'cancel'): Promise<CatchUpRow> {
  return postJson(`catch-ups/${id}/${action}`, {});
}

/** A wish to run a job for each day of a range. */
export interface CatchUpWish {
  readonly job: string;
  readonly from: string;
  readonly to: string;
  readonly atOnce: number;
  readonly order: CatchUpRow['order'];
  readonly withFollowing: boolean;
}

export function startCatchUp({ job, ...wish }: CatchUpWish): Promise<CatchUpRow> {
  return postJson(`jobs/${encodeURIComponent(job)}/catch-ups`, wish);
}
