import type {
  BookView,
  CandlesAnswer,
  GapRow,
  InstrumentRow,
  Interval,
  Problem,
  TradesAnswer,
} from '../../../src/protocol/api.ts';

/** An answer that was no answer: what failed, in words, with the code to look for. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, detail: string) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

async function ask<T>(path: string, options: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, options);
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new ApiError('unreachable', 0, 'The server was not reached.');
  }
  if (response.ok) return (await response.json()) as T;
  let problem: Partial<Problem> = {};
  try {
    problem = (await response.json()) as Partial<Problem>;
  } catch {
    // Not a problem document: the status has to do.
  }
  throw new ApiError(
    problem.code ?? `http-${response.status}`,
    response.status,
    problem.detail ?? problem.title ?? `The server answered ${response.status}.`,
  );
}

export function getJson<T>(
  path: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
  signal?: AbortSignal,
): Promise<T> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return ask(`${path}${text === '' ? '' : `?${text}`}`, signal === undefined ? {} : { signal });
}

export function postJson<T>(path: string, body: object, signal?: AbortSignal): Promise<T> {
  return ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

export interface CandlesQuery {
  readonly instrument: string;
  readonly interval: Interval;
  readonly fromUs?: number | undefined;
  readonly toUs?: number | undefined;
  readonly limit: number;
}

export function candlesPath(query: CandlesQuery): string {
  const parameters = new URLSearchParams({ instrument: query.instrument, interval: query.interval });
  if (query.fromUs !== undefined) parameters.set('from', String(query.fromUs));
  if (query.toUs !== undefined) parameters.set('to', String(query.toUs));
  parameters.set('limit', String(query.limit));
  return `/api/v1/candles?${parameters}`;
}

export function getCandles(query: CandlesQuery, signal?: AbortSignal): Promise<CandlesAnswer> {
  return getJson(
    'candles',
    {
      instrument: query.instrument,
      interval: query.interval,
      from: query.fromUs,
      to: query.toUs,
      limit: query.limit,
    },
    signal,
  );
}

export function getTrades(instrument: string, limit: number, signal?: AbortSignal): Promise<TradesAnswer> {
  return getJson('trades', { instrument, limit }, signal);
}

export function getBook(instrument: string, levels: number, signal?: AbortSignal): Promise<BookView> {
  return getJson('book', { instrument, levels }, signal);
}

/** The list stands alone or under a name, as the server's version has it. */
function listOf<T>(answer: unknown, name: string): T[] {
  return (Array.isArray(answer) ? answer : ((answer as Record<string, T[]>)[name] ?? [])) as T[];
}

export async function getInstruments(signal?: AbortSignal): Promise<InstrumentRow[]> {
  return listOf<InstrumentRow>(await getJson<unknown>('instruments', {}, signal), 'instruments');
}

export async function getGaps(instrument: string, signal?: AbortSignal): Promise<GapRow[]> {
  return listOf<GapRow>(await getJson<unknown>('gaps', { instrument }, signal), 'gaps');
}
