import { TidemarkError } from '../domain/error.ts';
import type { Problem } from '../protocol/api.ts';

export interface ProblemAnswer {
  readonly problem: Problem;
  readonly retryAfterS?: number;
  /** Ours to fix: goes to the log with everything that the client is not shown. */
  readonly unexpected: boolean;
}

const titles: Record<number, string> = {
  400: 'Bad request',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request took too long',
  409: 'Conflict',
  413: 'Too large',
  414: 'Address too long',
  415: 'Unsupported content type',
  421: 'Misdirected request',
  422: 'Limit reached',
  426: 'Upgrade required',
  429: 'Too many requests',
  431: 'Headers too large',
  500: 'Internal error',
  503: 'Not available now',
};

/** Codes whose text is meant for the caller, by status. `bad-…` is 400 and `unknown-…` 404 without being listed. */
const statusByCode: Record<string, number> = {
  'query-limit': 422,
  'sql-refused': 400,
  'sql-failed': 400,
  'sql-timeout': 422,
  'sql-cancelled': 422,
  'rate-limited': 429,
  'too-many-queries': 429,
  'not-ready': 503,
  'not-found': 404,
  'no-such-version': 404,
  'job-conflict': 409,
  'not-available': 409,
};

function statusOf(error: TidemarkError): number | undefined {
  // A limit that waiting lifts is somebody else's load, not the caller's question.
  if (error.code === 'query-limit' && error.retry === 'later') return 429;
  const listed = statusByCode[error.code];
  if (listed !== undefined) return listed;
  if (error.code.startsWith('bad-')) return 400;
  if (error.code.startsWith('unknown-')) return 404;
  return undefined;
}

/** Absolute paths say where things lie on this machine: nobody's business outside. */
export function withoutPaths(text: string): string {
  return text
    .replace(
      /(^|[\s"'`([{=:,])(?:[A-Za-z]:)?[\\/](?!api\/)(?:[^\s"'`()[\]{},;:\\/]+[\\/])+[^\s"'`()[\]{},;:\\/]*/g,
      '$1<file>',
    )
    .replace(/\n\s+at .*$/gs, '');
}

export function makeProblem(status: number, code: string, detail: string): Problem {
  return { type: `urn:tidemark:error:${code}`, title: titles[status] ?? 'Error', status, detail, code };
}

/** What a client is told of an error. Nothing of an unexpected one but a number to find it by in the log. */
export function problemOf(error: unknown, logId: string): ProblemAnswer {
  if (error instanceof TidemarkError) {
    const status = statusOf(error) ?? (error.retry === 'later' ? 503 : undefined);
    if (status !== undefined) {
      const retryAfterS = error.afterMs === undefined ? undefined : Math.max(1, Math.ceil(error.afterMs / 1000));
      return {
        problem: makeProblem(status, error.code, withoutPaths(error.message)),
        ...(retryAfterS === undefined ? {} : { retryAfterS }),
        unexpected: false,
      };
    }
  }
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const code = httpCodes[status] ?? 'bad-request';
    return { problem: makeProblem(status, code, withoutPaths((error as Error).message)), unexpected: false };
  }
  return {
    problem: makeProblem(500, 'internal', `something went wrong here; the log has it under ${logId}`),
    unexpected: true,
  };
}

const httpCodes: Record<number, string> = {
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'body-too-large',
  415: 'unsupported-content-type',
  429: 'rate-limited',
};
