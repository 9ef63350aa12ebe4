import { sqlName, sqlText } from '../domain/table-sql.ts';
import type { ModelInput, ModelPartition, ModelStep, TimeCut } from '../ports/model-runner.ts';

/** Where a model's inputs, its rows of this computation, all rows of its day, and what tests see, are. */
export const inputsOf = (model: string) => `in_${model}`;
export const freshOf = (model: string) => `fresh.${sqlName(model)}`;
export const dayOf = (model: string) => `days.${sqlName(model)}`;
export const testSchema = 'tests';

const dateText = (atUs: number): string => new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 10);

/** Rows that the cut takes, or all when it takes a whole day of files of that day alone. */
export function isInCut(cut: TimeCut, timeColumn: string | undefined): string {
  const conditions: string[] = [];
  if (cut.symbols !== undefined) conditions.push(`symbol IN (${['', ...cut.symbols].map(sqlText).join(', ')})`);
  conditions.push(`date BETWEEN DATE '${dateText(cut.fromUs)}' AND DATE '${dateText(cut.toUs - 1)}'`);
  if (timeColumn !== undefined && !isWholeDays(cut)) {
    const time = sqlName(timeColumn);
    conditions.push(`${time} >= make_timestamptz(${cut.fromUs}::BIGINT)`);
    conditions.push(`${time} < make_timestamptz(${cut.toUs}::BIGINT)`);
  }
  return conditions.join(' AND ');
}

const dayLengthUs = 86_400_000_000;
const isWholeDays = ({ fromUs, toUs }: TimeCut): boolean => fromUs % dayLengthUs === 0 && toUs % dayLengthUs === 0;

export function isInAny(cuts: readonly TimeCut[], timeColumn: string | undefined): string {
  return cuts.length === 0 ? 'false' : cuts.map((cut) => `(${isInCut(cut, timeColumn)})`).join(' OR ');
}

export function readFiles(paths: readonly string[]): string {
  return `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false)`;
}

/** The rows of an input as a SELECT: of files, and of the session where the model is a step of it. */
export function inputRows(input: ModelInput, stepNames: ReadonlySet<string>): string {
  const parts: string[] = [];
  const sources = input.paths.length > 0 ? [readFiles(input.paths)] : [];
  if (stepNames.has(input.name)) sources.push(dayOf(input.name));
  // One SELECT a cut: files are then skipped by its times, which an OR would prevent.
  for (const source of sources) {
    for (const cut of input.cuts) {
      parts.push(`SELECT * FROM ${source} WHERE ${isInCut(cut, input.timeColumn)}`);
    }
  }
  if (parts.length > 0) return parts.join(' UNION ALL BY NAME ');
  if (sources.length > 0) return `SELECT * FROM ${sources[0]} WHERE false`;
  return `SELECT ${(input.columns ?? []).map(({ name, sqlType }) => `NULL::${sqlType} AS ${sqlName(name)}`).join(', ')} WHERE false`;
}

/** Every file that the partition's statements may open, and write. */
export function partitionPaths({ steps }: ModelPartition): string[] {
  const of = (step: ModelStep) => [
    ...step.inputs.flatMap((input) => input.paths),
    ...step.tests.flatMap((test) => test.inputs.flatMap((input) => input.paths)),
    ...(step.existing === undefined ? [] : [step.existing]),
    ...(step.sample === undefined ? [] : [step.sample]),
    step.outPath,
  ];
  return [...new Set(steps.flatMap(of))];
}
