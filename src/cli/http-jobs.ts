import { TidemarkError } from '../domain/error.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Problem } from '../protocol/api.ts';
import type { RunsAnswer, TimelineAnswer } from '../protocol/jobs.ts';

const doing = 'ask the engine';

/** The jobs of a running engine, over its API. */
export function httpJobs(url: string): Jobs {
  const ask = async <T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> => {
    let response: Response;
    try {
      response = await fetch(`${url}/api/v1/${path}`, {
        method,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new TidemarkError('network', {
        doing,
        what: url,
        why: 'it does not answer',
        now: 'see whether it still runs',
        retry: 'later',
        cause,
      });
    }
    if (response.ok) return (await response.json()) as T;
    const problem = (await response.json()) as Problem;
    // Its words say the rest.
    throw new TidemarkError(problem.code, { doing, why: problem.detail.replace(/^cannot /, 'it cannot ') });
  };
  const query = (values: Readonly<Record<string, string | number | undefined>>) => {
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    return given.length === 0
      ? ''
      : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)] as [string, string]))}`;
  };
  const at = (name: string) => `jobs/${encodeURIComponent(name)}`;
  return {
    overview: () => ask('GET', 'jobs'),
    job: async (name) => {
      const { jobs } = await ask<Awaited<ReturnType<Jobs['overview']>>>('GET', 'jobs');
      const job = jobs.find((one) => one.name === name);
      if (job !== undefined) return job;
      throw new TidemarkError('unknown-job', {
        doing: 'find the job',
        what: JSON.stringify(name),
        why: 'there is none of that name',
        now: 'tidemark jobs list shows them',
      });
    },
    runs: async ({ states, ...filter }) => ask<RunsAnswer>('GET', `runs${query({ ...filter, state: states?.[0] })}`),
    run: (id) => ask('GET', `runs/${id}`),
    log: (id, options) => ask('GET', `runs/${id}/log${query({ ...options })}`),
    timeline: async (from, to) => (await ask<TimelineAnswer>('GET', `jobs/timeline${query({ from, to })}`)).spans,
    start: (name, request) => ask('POST', `${at(name)}/runs`, request),
    cancel: (id) => ask('POST', `runs/${id}/cancel`, {}),
    retry: (id) => ask('POST', `runs/${id}/retry`, {}),
    pause: (name) => ask('POST', `${at(name)}/pause`, {}),
    resume: (name) => ask('POST', `${at(name)}/resume`, {}),
    catchUp: (name, request) => ask('POST', `${at(name)}/catch-ups`, request),
    oneCatchUp: (id) => ask('GET', `catch-ups/${id}`),
    changeCatchUp: (id, change) => ask('POST', `catch-ups/${id}/${change}`, {}),
  };
}
