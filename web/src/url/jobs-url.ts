import { type RunState, runStates } from '../../../src/protocol/jobs.ts';

/** What a link to the Jobs page says: the run that is looked at, and which runs are listed. */
export interface JobsSearch {
  readonly run?: number;
  readonly state?: RunState;
  readonly job?: string;
  readonly cause?: string;
}

/** Keys and values that mean nothing here are left out. */
export function readJobsSearch(search: Readonly<Record<string, unknown>>): JobsSearch {
  const run = Number(search['run']);
  const state = runStates.find((word) => word === search['state']);
  const text = (name: string): string | undefined => {
    const value = search[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [job, cause] = [text('job'), text('cause')];
  return {
    ...(Number.isSafeInteger(run) && run > 0 ? { run } : {}),
    ...(state === undefined ? {} : { state }),
    ...(job === undefined ? {} : { job }),
    ...(cause === undefined ? {} : { cause }),
  };
}
