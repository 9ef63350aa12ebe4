import type { CatchUpRow, RunState } from '../../../src/protocol/jobs.ts';
import type { CatchUpWish } from './jobs-api.ts';

type Day = CatchUpRow['days'][number];

/** Worst first: of days that share a cell the one that needs somebody most is seen. */
const worst: readonly RunState[] = ['failed', 'held', 'retrying', 'running', 'queued', 'cancelled', 'done', 'skipped'];

export interface CatchUpGrid {
  /** First and last day of each column; one day each where there is room. */
  readonly columns: readonly { readonly from: string; readonly to: string }[];
  readonly stateOf: (job: string, column: number) => RunState | undefined;
  readonly daysOf: (job: string, column: number) => readonly Day[];
}

const dayMs = 86_400_000;

function dateOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

/** Jobs by days, in at most `mostColumns` columns. */
export function catchUpGrid(catchUp: CatchUpRow, mostColumns: number): CatchUpGrid {
  const firstMs = Date.parse(catchUp.fromDate);
  const count = Math.max(1, Math.round((Date.parse(catchUp.toDate) - firstMs) / dayMs) + 1);
  const each = Math.ceil(count / Math.max(1, mostColumns));
  const columns = Array.from({ length: Math.ceil(count / each) }, (_, at) => ({
    from: dateOf(firstMs + at * each * dayMs),
    to: dateOf(firstMs + Math.min(count - 1, (at + 1) * each - 1) * dayMs),
  }));
  const cells = new Map<string, Day[]>();
  for (const day of catchUp.days) {
    const key = `${day.job} ${Math.floor((Date.parse(day.date) - firstMs) / dayMs / each)}`;
    cells.set(key, [...(cells.get(key) ?? []), day]);
  }
  const daysOf = (job: string, column: number): readonly Day[] =>
    [...(cells.get(`${job} ${column}`) ?? [])].sort((a, b) => worst.indexOf(a.state) - worst.indexOf(b.state));
  return { columns, daysOf, stateOf: (job, column) => daysOf(job, column)[0]?.state };
}

export function countDays(catchUp: CatchUpRow): Record<RunState, number> {
  const counts = Object.fromEntries(worst.map((state) => [state, 0])) as Record<RunState, number>;
  for (const day of catchUp.days) counts[day.state]++;
  return counts;
}

export function catchUpCommand(wish: CatchUpWish): string {
  return [
    `tidemark jobs catch-up ${wish.job} --from ${wish.from} --to ${wish.to}`,
    ...(wish.atOnce === 1 ? [] : [`--at-once ${wish.atOnce}`]),
    ...(wish.order === 'oldest-first' ? [] : [`--order ${wish.order}`]),
    ...(wish.withFollowing ? ['--with-following'] : []),
  ].join(' ');
}
