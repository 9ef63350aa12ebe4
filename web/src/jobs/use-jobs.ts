import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import type { JobsAnswer, RunLogLine, RunRow } from '../../../src/protocol/jobs.ts';
import { useSecond } from '../shell/use-connection.ts';
import type { JobsSearch } from '../url/jobs-url.ts';
import { getJobs, getLog, getRun, getRuns, getTimeline, logPage } from './jobs-api.ts';
import { RunList } from './run-list.ts';
import { isOver } from './run-words.ts';

const jobsEveryMs = 1_000;
const runsEveryMs = 2_000;
const timelineEveryMs = 10_000;
const mostUnfinished = 5;

export function useJobs() {
  return useQuery({
    queryKey: ['jobs'],
    queryFn: ({ signal }) => getJobs(signal),
    refetchInterval: jobsEveryMs,
  });
}

/** The server's clock, moved on by what passed here since it was told. */
export function useServerNowUs(answer: JobsAnswer | undefined, updatedAtMs: number): number {
  useSecond();
  return answer === undefined ? Date.now() * 1000 : answer.nowUs + Math.max(0, Date.now() - updatedAtMs) * 1000;
}

export function useTimeline(lengthUs: number, nowUs: number | undefined) {
  return useQuery({
    queryKey: ['timeline', lengthUs],
    enabled: nowUs !== undefined,
    queryFn: ({ signal }) => getTimeline(Math.floor(nowUs! - lengthUs), Math.ceil(nowUs!), signal),
    refetchInterval: timelineEveryMs,
  });
}

export function useRun(id: number | undefined) {
  return useQuery({
    queryKey: ['run', id],
    enabled: id !== undefined,
    queryFn: ({ signal }) => getRun(id!, signal),
    refetchInterval: (query) => (query.state.data !== undefined && isOver(query.state.data.run) ? 10_000 : 1_000),
  });
}

export interface ListedRuns {
  readonly rows: readonly RunRow[];
  readonly kept: number | undefined;
  readonly isLoading: boolean;
  readonly error: Error | null;
  readonly hasOlder: boolean;
  readonly loadOlder: () => void;
}

/** Runs of a filter, newest first; older pages as they are scrolled to. */
export function useRuns(filter: JobsSearch): ListedRuns {
  const { job, state, cause } = filter;
  const key = JSON.stringify([job, state, cause]);
  const [list, setList] = useState(() => ({ key, runs: new RunList() }));
  if (list.key !== key) setList({ key, runs: new RunList() });
  const { runs } = list;
  const [, setRevision] = useState(0);
  const isAsking = useRef(false);
  const head = useQuery({
    queryKey: ['runs', key],
    queryFn: async ({ signal }) => {
      const answer = await getRuns({ ...filter }, undefined, signal);
      runs.takeHead(answer);
      const unfinished = await Promise.all(runs.unfinished(mostUnfinished).map((id) => getRun(id, signal)));
      for (const { run } of unfinished) runs.takeOne(run);
      return { kept: answer.kept, atMs: Date.now() };
    },
    enabled: list.key === key,
    refetchInterval: runsEveryMs,
  });
  const loadOlder = useCallback(() => {
    if (isAsking.current || runs.before == null) return;
    isAsking.current = true;
    getRuns({ ...(JSON.parse(key) as string[]).reduce(named, {}) }, runs.before)
      .then((answer) => {
        runs.takeOlder(answer);
        setRevision((revision) => revision + 1);
      })
      // The head says that the server is away; scrolling asks again.
      .catch(() => {})
      .finally(() => {
        isAsking.current = false;
      });
  }, [runs, key]);
  return {
    rows: runs.rows,
    kept: head.data?.kept,
    // An answer that is still known from before is not yet in this list.
    isLoading: runs.before === undefined && head.error === null,
    error: head.error,
    hasOlder: runs.before != null,
    loadOlder,
  };
}

function named(filter: Record<string, string>, value: string | null, at: number): Record<string, string> {
  const name = (['job', 'state', 'cause'] as const)[at];
  return value === null || name === undefined ? filter : { ...filter, [name]: value };
}

export interface FollowedLog {
  readonly lines: readonly RunLogLine[];
  readonly isEnded: boolean;
  readonly isComplete: boolean;
}

const logEveryMs = 1_000;

/** The log of a run from its first line on, and what is added to it. */
export function useLog(id: number | undefined): FollowedLog {
  const [log, setLog] = useState<FollowedLog>({ lines: [], isEnded: false, isComplete: false });
  useEffect(() => {
    setLog({ lines: [], isEnded: false, isComplete: false });
    if (id === undefined) return;
    const abort = new AbortController();
    let lines: RunLogLine[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      let waitMs = logEveryMs;
      try {
        if (document.visibilityState === 'visible') {
          const answer = await getLog(id, lines.at(-1)?.sequence ?? 0, abort.signal);
          if (abort.signal.aborted) return;
          const isComplete = answer.lines.length < logPage;
          if (answer.lines.length > 0) lines = lines.concat(answer.lines);
          setLog({ lines, isEnded: answer.isEnded, isComplete });
          if (!isComplete) waitMs = 0;
          else if (answer.isEnded) waitMs = 5 * logEveryMs;
        }
      } catch {
        if (abort.signal.aborted) return;
        waitMs = 3 * logEveryMs;
      }
      timer = setTimeout(() => void ask(), waitMs);
    };
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return log;
}

/** An action on jobs or runs; whatever it changed is asked for at once. */
export function useAction<Wish, Answer>(act: (wish: Wish) => Promise<Answer>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () =>
      Promise.all(
        [['jobs'], ['runs'], ['run'], ['timeline']].map((queryKey) => queries.invalidateQueries({ queryKey })),
      ),
  });
}
