import { tableNamed } from '../domain/tables/index.ts';
import type { FailedTest, StepOutcome } from '../ports/model-runner.ts';
import { stepsOf } from './plan.ts';
import { readProject } from './project.ts';
import type { ModelsOptions } from './run.ts';
import { refuseNoDay, selected } from './selection.ts';

export interface TestedModels {
  /** Published days of models that were tested. */
  readonly days: number;
  readonly tests: number;
  readonly failed: readonly FailedTest[];
  /** Days whose rows could not be read. */
  readonly errors: readonly {
    readonly model: string;
    readonly market: string;
    readonly date: string;
    readonly why: string;
  }[];
}

/** Runs the tests on what is published, and changes nothing. */
export async function testModels(
  options: Pick<
    ModelsOptions,
    'lake' | 'blobs' | 'runner' | 'files' | 'folder' | 'scratchFolder' | 'select' | 'day' | 'signal'
  >,
): Promise<TestedModels> {
  const { lake, blobs, runner, files, folder, scratchFolder, select, day, signal } = options;
  const project = readProject(files, folder);
  const [problem] = project.problems.values();
  if (problem !== undefined) throw problem;
  if (day !== undefined) refuseNoDay(day);
  const wanted = selected(project, select);
  const state = await lake.state();
  const modelFiles = state.files.filter((file) => tableNamed(file.table) === undefined);
  const published = modelFiles.filter((file) => wanted.has(file.table) && (day === undefined || file.date === day));
  const partitions = Map.groupBy(published, ({ market, date }) => `${market} ${date}`);
  const failed: FailedTest[] = [];
  const errors: TestedModels['errors'][number][] = [];
  let tests = 0;
  files.makeFolder(scratchFolder);
  const session = runner.open(signal);
  try {
    for (const [, ofPartition] of [...partitions].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { market, date } = ofPartition[0]!;
      const steps = await stepsOf({
        market,
        date,
        models: project.models,
        due: [],
        tested: new Set(ofPartition.map((file) => file.table)),
        sourceFiles: state.files.filter((file) => tableNamed(file.table) !== undefined),
        modelFiles,
        pathOf: (file) => blobs.localPath(file.name),
        outPath: (model) => `${scratchFolder}/${model}-tested.parquet`,
        isAfresh: false,
      });
      const outcomes: readonly StepOutcome[] = await session.run({ market, date, steps });
      for (const { model, failedTests, error } of outcomes) {
        failed.push(...failedTests);
        if (error !== undefined) errors.push({ model, market, date, why: error.why });
      }
      tests += steps.reduce((sum, step) => sum + step.tests.length, 0);
    }
  } finally {
    session.close();
  }
  return { days: published.length, tests, failed, errors };
}
