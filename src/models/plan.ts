import { dateOf, dayUs } from '../domain/interval.ts';
import { sqlColumns } from '../domain/table-sql.ts';
import { tableNamed } from '../domain/tables/index.ts';
import type { DataFile } from '../ports/catalog.ts';
import type { ModelInput, ModelStep, ModelTest, TimeCut } from '../ports/model-runner.ts';
import { type DueDay, startOf } from './due.ts';
import { withAncestors } from './graph.ts';
import { lookbackOf, type Model } from './model.ts';

/** What a partition's steps are made of. */
export interface PartitionParts {
  readonly market: string;
  readonly date: string;
  /** All models, in order. */
  readonly models: readonly Model[];
  readonly due: readonly DueDay[];
  /** Models whose published rows are tested as they are. */
  readonly tested?: ReadonlySet<string>;
  /** Files of declared tables, at the version that is computed from. */
  readonly sourceFiles: readonly DataFile[];
  /** Published files of models as they are now. */
  readonly modelFiles: readonly DataFile[];
  readonly pathOf: (file: DataFile) => Promise<string>;
  readonly outPath: (model: string) => string;
  /** Computes as if nothing were published; then other columns are no mistake. */
  readonly isAfresh: boolean;
}

/** The due models of a market and day, with those that they and their tests refer to, as steps. */
export async function stepsOf(parts: PartitionParts): Promise<ModelStep[]> {
  const due = new Map(parts.due.map((one) => [one.model.name, one]));
  const isTested = (model: Model) => due.has(model.name) || parts.tested?.has(model.name) === true;
  const named = parts.models
    .filter(isTested)
    .flatMap((model) => [model.name, ...model.checks.flatMap((check) => check.refs)]);
  const needed = withAncestors(parts.models, new Set(named));
  const steps: ModelStep[] = [];
  for (const model of parts.models) {
    if (needed.has(model.name)) steps.push(await stepOf(parts, model, due.get(model.name)));
  }
  return steps;
}

async function stepOf(parts: PartitionParts, model: Model, due: DueDay | undefined): Promise<ModelStep> {
  const { market, date } = parts;
  const ofModel = parts.modelFiles.filter((file) => file.table === model.name);
  const published = ofModel.find((file) => file.market === market && file.date === date);
  const work = due !== undefined ? 'compute' : published !== undefined ? 'load' : 'empty';
  const cuts = due?.cuts ?? [];
  const path = async (file: DataFile | undefined) => (file === undefined ? undefined : await parts.pathOf(file));
  const inputs: ModelInput[] = [];
  for (const name of work === 'load' ? [] : [...model.sources, ...model.refs]) {
    inputs.push(await inputOf(parts, model, name, cuts));
  }
  const isKept = due === undefined || !parts.isAfresh;
  return {
    model: model.name,
    sql: model.sql,
    refs: model.refs,
    inputs,
    work,
    cuts,
    timeColumn: model.reach.timeColumn,
    key: model.reach.key,
    existing: isKept ? await path(published) : undefined,
    sample: isKept && due !== undefined ? await path(published ?? ofModel.at(-1)) : undefined,
    columnTypes: Object.fromEntries(
      model.columns.flatMap(({ name, type }) => (type === undefined ? [] : [[name, type]])),
    ),
    tests: due !== undefined || parts.tested?.has(model.name) ? await testsOf(parts, model) : [],
    outPath: parts.outPath(model.name),
  };
}

/** An input as far as the model's rows in `cuts` depend on it. */
async function inputOf(
  parts: PartitionParts,
  model: Model,
  name: string,
  own: readonly TimeCut[],
): Promise<ModelInput> {
  const { market, date } = parts;
  const lookbackUs = lookbackOf(model.reach, name);
  const spec = tableNamed(name);
  const cuts = own.map(({ symbols, fromUs, toUs }) => ({
    symbols: model.reach.scope === 'market' ? undefined : symbols,
    fromUs: fromUs - lookbackUs,
    toUs,
  }));
  const isInside = (file: DataFile) =>
    cuts.some(
      ({ fromUs, toUs }) =>
        file.date >= dateOf(fromUs) &&
        file.date <= dateOf(toUs - 1) &&
        // Times of rows, except where rows are known by their day.
        (file.maxTimeUs >= fromUs || file.minTimeUs === startOf(file.date)) &&
        file.minTimeUs < toUs,
    );
  const candidates = spec === undefined ? parts.modelFiles : parts.sourceFiles;
  const files = candidates.filter(
    (file) =>
      file.table === name && file.market === market && isInside(file) && (spec !== undefined || file.date !== date),
  );
  return {
    name,
    paths: await Promise.all(files.map(parts.pathOf)),
    columns: spec === undefined ? undefined : sqlColumns(spec),
    timeColumn: spec?.timeColumn ?? parts.models.find((one) => one.name === name)?.reach.timeColumn,
    cuts,
  };
}

async function testsOf(parts: PartitionParts, model: Model): Promise<ModelTest[]> {
  const fromUs = startOf(parts.date);
  const whole = [{ symbols: undefined, fromUs, toUs: fromUs + dayUs }];
  return Promise.all(
    model.checks.map(async (check) => ({
      name: check.name,
      sql: check.sql,
      severity: check.severity,
      inputs: await Promise.all(
        check.sources.map(async (name) => {
          const spec = tableNamed(name)!;
          const files = parts.sourceFiles.filter(
            (file) => file.table === name && file.market === parts.market && file.date === parts.date,
          );
          return {
            name,
            paths: await Promise.all(files.map(parts.pathOf)),
            columns: sqlColumns(spec),
            timeColumn: spec.timeColumn,
            cuts: whole,
          };
        }),
      ),
    })),
  );
}
