import { useCallback, useEffect, useRef, useState } from 'react';
import type { Coverage, SqlAnswer } from '../../../src/protocol/api.ts';
import { ApiError } from '../live/api.ts';
import { remember } from './kept-texts.ts';
import { getCoverage, runSql, type SqlLimits } from './sql-api.ts';

export interface Asked {
  /** As written, with parameters. */
  readonly written: string;
  /** As sent. */
  readonly sql: string;
  /** What the answer is about, where parameters say it. */
  readonly about: { readonly instrument: string; readonly fromUs: number; readonly toUs: number } | undefined;
}

export interface QueryRun {
  readonly status: 'idle' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly asked: Asked | undefined;
  readonly startedAtMs: number;
  readonly tookMs: number;
  readonly failure: ApiError | undefined;
  /** The newest answer; while another one is on its way, the one before. */
  readonly answer: SqlAnswer | undefined;
  readonly coverage: Coverage | undefined;
}

const idle: QueryRun = {
  status: 'idle',
  asked: undefined,
  startedAtMs: 0,
  tookMs: 0,
  failure: undefined,
  answer: undefined,
  coverage: undefined,
};

export function useQueryRun(): {
  readonly run: QueryRun;
  readonly ask: (asked: Asked, limits: SqlLimits) => Promise<QueryRun['status']>;
  readonly cancel: () => void;
} {
  const [run, setRun] = useState(idle);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const ask = useCallback(async (asked: Asked, limits: SqlLimits): Promise<QueryRun['status']> => {
    abort.current?.abort();
    const own = new AbortController();
    abort.current = own;
    const startedAtMs = performance.now();
    setRun((held) => ({ ...held, status: 'running', asked, startedAtMs, failure: undefined }));
    const end = (rows: number | null, failure: string | null): number => {
      const elapsedMs = performance.now() - startedAtMs;
      remember({ sql: asked.written, atMs: Date.now(), elapsedMs, rows, failure });
      return elapsedMs;
    };
    try {
      const answer = await runSql(asked.sql, limits, own.signal);
      const tookMs = end(answer.rows.length, null);
      setRun((held) => ({ ...held, status: 'done', tookMs, answer, coverage: undefined }));
      // What is held is known of now, not of an earlier version.
      if (asked.about !== undefined && answer.hasTail) {
        const { instrument, fromUs, toUs } = asked.about;
        getCoverage(instrument, fromUs, toUs, own.signal).then(
          (coverage) => setRun((held) => (held.answer === answer ? { ...held, coverage } : held)),
          // The rows stand without it.
          () => {},
        );
      }
      return 'done';
    } catch (error) {
      if (own.signal.aborted) {
        if (abort.current === own) setRun((held) => ({ ...held, status: 'cancelled', tookMs: end(null, 'cancelled') }));
        return 'cancelled';
      }
      const failure = error instanceof ApiError ? error : new ApiError('unexpected', 0, String(error));
      const tookMs = end(null, failure.message);
      setRun((held) => ({ ...held, status: 'failed', tookMs, failure }));
      return 'failed';
    }
  }, []);
  const cancel = useCallback(() => abort.current?.abort(), []);
  return { run, ask, cancel };
}
