import { instantUs, isNumeric, kindOf } from './cells.ts';

export interface SeriesChoice {
  readonly name: string;
  readonly column: number;
}

type Columns = readonly { readonly name: string; readonly type: string }[];

/** The column that gives the time, and those that can be drawn over it, measures before counts; undefined where there is no such pair. */
export function chartable(
  columns: Columns,
): { readonly time: number; readonly values: readonly SeriesChoice[] } | undefined {
  const kinds = columns.map(({ type }) => kindOf(type));
  const time = kinds.indexOf('time') >= 0 ? kinds.indexOf('time') : kinds.indexOf('date');
  if (time < 0) return undefined;
  const values = columns
    .map(({ name }, column) => ({ name, column }))
    .filter(({ column, name }) => isNumeric(kinds[column]!) && !/(^|_)id$/.test(name));
  const rank = ({ column }: SeriesChoice): number => ['float', 'decimal', 'integer'].indexOf(kinds[column]!);
  return values.length === 0 ? undefined : { time, values: values.sort((a, b) => rank(a) - rank(b)) };
}

const mostGroups = 200;

/** Where rows of several symbols are mixed, a line over all of them would join what has nothing to do with each other. */
export function symbolsOf(
  columns: Columns,
  rows: readonly (readonly (string | null)[])[],
): { readonly column: number; readonly symbols: readonly string[] } | undefined {
  const column = columns.findIndex(({ name }) => name === 'symbol');
  if (column < 0) return undefined;
  const symbols = [...new Set(rows.map((row) => row[column] ?? ''))].slice(0, mostGroups);
  return symbols.length < 2 ? undefined : { column, symbols };
}

export interface SeriesPoint {
  readonly atUs: number;
  /** A coordinate; the exact value is the row's text. */
  readonly value: number;
  readonly row: number;
}

/** Runs of points that may be joined by a line: where times are regular, an absent one breaks it. */
export function seriesOf(
  rows: readonly (readonly (string | null)[])[],
  time: number,
  column: number,
  only?: { readonly column: number; readonly value: string },
): readonly (readonly SeriesPoint[])[] {
  const points: SeriesPoint[] = [];
  for (const [row, cells] of rows.entries()) {
    if (only !== undefined && (cells[only.column] ?? '') !== only.value) continue;
    const atUs = instantUs(cells[time] ?? null);
    const text = cells[column] ?? null;
    const value = text === null ? Number.NaN : Number(text);
    if (atUs !== undefined && Number.isFinite(value)) points.push({ atUs, value, row });
  }
  points.sort((a, b) => a.atUs - b.atUs);
  const steps = points.slice(1).map((point, at) => point.atUs - points[at]!.atUs);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const isRegular = usual > 0 && steps.filter((step) => step === usual).length >= steps.length * 0.6;
  const runs: SeriesPoint[][] = [];
  for (const [at, point] of points.entries()) {
    if (at === 0 || (isRegular && steps[at - 1]! > usual * 1.5)) runs.push([]);
    runs.at(-1)!.push(point);
  }
  return runs;
}
