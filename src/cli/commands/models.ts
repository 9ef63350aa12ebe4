import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import { tableNamed } from '../../domain/tables/index.ts';
import { nodeJournalHost } from '../../journal/node-host.ts';
import type { ModelProject } from '../../models/model.ts';
import { failureOf, type ModelsPartition, type ModelsResult, rangeText } from '../../models/run.ts';
import type { DataFile } from '../../ports/catalog.ts';
import type { Config } from '../config.ts';
import { writeDbtSources } from '../dbt-sources.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Layout, layoutOf, refuseUnrecorded } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { version } from '../version.ts';
import { modelFolder, modelParts, openStores, openWorld, runningEngineUrl } from '../wire.ts';

interface RunOptions {
  readonly select?: readonly string[];
  readonly day?: string;
  readonly fullRefresh?: boolean;
  readonly dryRun?: boolean;
}

export function registerModels(program: Command): void {
  const models = program
    .command('models')
    .description('SQL models: list, compute, test and document them')
    .addHelpText('after', '\nExamples:\n  tidemark models\n  tidemark models run --dry-run\n  tidemark models test');
  models
    .command('list', { isDefault: true })
    .description('the models of the folder, what each refers to, and what is published of it')
    .action(async (_options: object, command: Command) => {
      const { config } = configOf(command);
      const { project, files } = await inspect(config);
      const rows = project.models.map((model) => row(model.name, model, files));
      const problems = [...project.problems].map(([name, error]) => ({
        name,
        code: error.code,
        message: error.message,
      }));
      const orphans = [...new Set(files.map((file) => file.table))].filter(
        (table) => !project.models.some((model) => model.name === table) && !project.problems.has(table),
      );
      const warnings = [
        ...problems.map(({ name, message }) => `${name}: ${message}`),
        ...orphans.map((table) => `${table} is published and has no file any more`),
      ];
      const header = ['model', 'refers to', 'tests', 'days', 'rows', 'newest day'];
      const cells = () =>
        rows.map((one) => [
          one.model,
          one.refersTo.join(' '),
          String(one.tests),
          String(one.days),
          String(one.rows),
          one.newestDay ?? '–',
        ]);
      print(
        'models list',
        globalOptions(command),
        { models: rows, problems, orphans },
        () => textTable(header, cells()),
        warnings,
      );
      if (problems.length > 0) process.exitCode = exitCodes.checkFailed;
    });
  models
    .command('run')
    .description(
      'compute what is due and publish what passes its tests; where an engine runs, ask it: tidemark jobs run models',
    )
    .option('--select <name...>', 'only these and what they refer to; name+ with all that refer to it')
    .option('--day <day>', 'only this UTC day, and what it depends on')
    .option('--full-refresh', 'all of it anew; columns may then change')
    .option('--dry-run', 'say what is due')
    .addHelpText(
      'after',
      '\nExamples:\n  tidemark models run --dry-run\n  tidemark models run --select candles_1m+ --day 2026-01-31',
    )
    .action(async (options: RunOptions, command: Command) => {
      const { config } = configOf(command);
      const result = await run(config, options);
      const failure = failureOf(result);
      const warnings = failure === undefined ? [] : [failure.message];
      const data = {
        ...result,
        problems: [...result.problems].map(([name, error]) => ({ name, code: error.code, message: error.message })),
      };
      print('models run', globalOptions(command), data, () => runText(result), warnings);
      if (failure !== undefined) process.exitCode = exitCodes.checkFailed;
    });
  models
    .command('test')
    .description('run the tests on what is published; changes nothing')
    .option('--select <name...>', 'only these models')
    .option('--day <day>', 'only this UTC day')
    .action(async (options: RunOptions, command: Command) => {
      const { config } = configOf(command);
      const { testModels } = await import('../../models/test-models.ts');
      const tested = await reading(config, (parts) =>
        testModels({ ...parts, select: options.select, day: options.day }),
      );
      const lines = () => [
        ...tested.failed.map((one) =>
          [
            `${one.severity}: ${one.model} ${one.market} ${one.date}: ${one.test}: ${one.count} wrong rows`,
            ...one.rows,
          ].join('\n  '),
        ),
        ...tested.errors.map((one) => `error: ${one.model} ${one.market} ${one.date}: ${one.why}`),
        `${tested.tests} tests on ${tested.days} days: ${tested.failed.length + tested.errors.length === 0 ? 'all pass' : `${tested.failed.length + tested.errors.length} fail`}`,
      ];
      print('models test', globalOptions(command), tested, () => lines().join('\n'));
      const isWrong = tested.errors.length > 0 || tested.failed.some(({ severity }) => severity === 'error');
      if (isWrong) process.exitCode = exitCodes.checkFailed;
    });
  models
    .command('docs')
    .description('write the models as one page: lineage, columns, tests, SQL')
    .argument('[file]', 'the page', 'models.html')
    .action(async (file: string, _options: object, command: Command) => {
      const { config } = configOf(command);
      const { documentModels } = await import('../../models/document.ts');
      const { project, files } = await inspect(config);
      writeFileSync(file, documentModels(project, files));
      print('models docs', globalOptions(command), { file: path.resolve(file) }, () => path.resolve(file));
    });
  models
    .command('dbt-sources')
    .description('put the files of the newest version where dbt finds them, with a profile; prints the command')
    .argument('<folder>', 'a new folder, or one that this command made')
    .action(async (folder: string, _options: object, command: Command) => {
      const { config } = configOf(command);
      const place = path.resolve(folder);
      mkdirSync(place, { recursive: true });
      const written = await reading(config, (parts) => writeDbtSources(parts, place, parts.folder));
      print('models dbt-sources', globalOptions(command), written, () => written.command);
    });
}

type Parts = Awaited<ReturnType<typeof modelParts>>;

/** Works on what is committed, beside a running engine or without one. */
async function reading<T>(config: Config, work: (parts: Parts) => Promise<T>): Promise<T> {
  const layout = layoutOf(config.dataDir, process.cwd());
  if (config.catalog.kind !== 'postgres') refuseUnrecorded(layout);
  const stores = await openStores(layout, { isReadOnly: true, settings: config });
  const scratchFolder = path.join(layout.scratch, `models-${process.pid}`);
  try {
    const parts = await modelParts(config, process.cwd(), layout, stores, openWorld(config));
    return await work({ ...parts, scratchFolder });
  } finally {
    await stores.close();
    rmSync(scratchFolder, { recursive: true, force: true });
  }
}

async function run(config: Config, options: RunOptions): Promise<ModelsResult> {
  const layout = layoutOf(config.dataDir, process.cwd());
  const world = openWorld(config);
  const { runModels } = await import('../../models/run.ts');
  const asked = {
    select: options.select,
    day: options.day,
    isFullRefresh: options.fullRefresh === true,
    isDryRun: options.dryRun === true,
    log: (_level: string, text: string) => void process.stderr.write(`${text}\n`),
  };
  if (asked.isDryRun) return reading(config, (parts) => runModels({ ...parts, ...asked }));
  if (config.catalog.kind !== 'postgres') refuseUnrecorded(layout);
  if ((await runningEngineUrl(layout, world)) !== undefined) throw engineRuns(layout);
  const lock = nodeJournalHost.lock(layout.engineJournal, { writer: 'models', version });
  try {
    const stores = await openStores(layout, { settings: config });
    try {
      await stores.lake.open();
      return await runModels({ ...(await modelParts(config, process.cwd(), layout, stores, world)), ...asked });
    } finally {
      await stores.close();
    }
  } finally {
    lock.release();
  }
}

function engineRuns(layout: Layout): TidemarkError {
  return new TidemarkError('lake-locked', {
    doing: 'run the models of',
    what: layout.dataDir,
    why: 'an engine runs there and is the only one that changes its lake',
    now: 'let it do so: tidemark jobs run models',
  });
}

/** The models, and their published files where something was recorded. */
async function inspect(config: Config): Promise<{ project: ModelProject; files: readonly DataFile[] }> {
  const { readProject } = await import('../../models/project.ts');
  const project = readProject(openWorld(config).files, modelFolder(config, process.cwd()));
  const layout = layoutOf(config.dataDir, process.cwd());
  if (config.catalog.kind !== 'postgres' && !existsSync(layout.catalog)) return { project, files: [] };
  const files = await reading(config, async ({ lake }) => (await lake.state()).files);
  return { project, files: files.filter((file) => tableNamed(file.table) === undefined) };
}

function row(name: string, model: ModelProject['models'][number], files: readonly DataFile[]) {
  const published = files.filter((file) => file.table === name);
  return {
    model: name,
    path: model.path,
    description: model.description,
    refersTo: [...model.sources, ...model.refs],
    tests: model.checks.length,
    days: published.length,
    rows: published.reduce((sum, file) => sum + file.rows, 0),
    newestDay:
      published
        .map((file) => file.date)
        .sort()
        .at(-1) ?? null,
  };
}

function runText(result: ModelsResult): string {
  if (result.partitions.length === 0) return 'nothing is due';
  const cells = result.partitions.map((one: ModelsPartition) => [
    one.model,
    one.market,
    one.date,
    rangeText(one),
    String(one.symbols.length),
    one.state,
    String(one.rows),
    one.why,
  ]);
  const table = textTable(['model', 'market', 'day', 'times', 'symbols', 'state', 'rows', 'why'], cells);
  const published =
    result.catalogVersion === undefined ? 'nothing was published' : `published as version ${result.catalogVersion}`;
  return `${table}\n${published}`;
}
