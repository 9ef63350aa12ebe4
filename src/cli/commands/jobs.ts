import path from 'node:path';
import type { Command } from 'commander';
import { Argument, InvalidArgumentError, Option } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import { catchUpOrders, type LogLevel, logLevels, type RunRow, type RunState, runStates } from '../../domain/job.ts';
import type { CatchUpRequest, Jobs } from '../../ports/jobs.ts';
import type { CatchUpRow } from '../../protocol/jobs.ts';
import { createNodeWorld } from '../../world/node/index.ts';
import type { Config } from '../config.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import { httpJobs } from '../http-jobs.ts';
import { catchUpText, jobRowText, jobsText, logLine, runsText } from '../job-text.ts';
import { layoutOf } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { runningEngineUrl } from '../wire.ts';
import { integerArgument } from './serve.ts';

const followMs = 300;
const ended: ReadonlySet<RunState> = new Set(['done', 'skipped', 'failed', 'cancelled']);
const noEngine = 'no engine runs on this data folder: what is shown is recorded';

interface Reached {
  readonly jobs: Jobs;
  /** Runs are done in this process. */
  readonly isHere: boolean;
  readonly warnings: readonly string[];
}

/** The running engine's jobs; with none, the record, or for changes the work itself. */
async function withJobs<T>(
  config: Config,
  does: 'read' | 'change',
  work: (reached: Reached) => Promise<T>,
): Promise<T> {
  const url = await runningEngineUrl(layoutOf(config.dataDir, process.cwd()), createNodeWorld());
  if (url !== undefined) return work({ jobs: httpJobs(url), isHere: false, warnings: [] });
  const { openRecordedJobs, startAloneJobs } = await import('../alone-jobs.ts');
  if (does === 'read') {
    const recorded = await openRecordedJobs(config);
    try {
      return await work({ jobs: recorded.jobs, isHere: false, warnings: [noEngine] });
    } finally {
      await recorded.close();
    }
  }
  const running = await startAloneJobs(config);
  try {
    return await Promise.race([work({ jobs: running.jobs, isHere: true, warnings: [] }), running.done]);
  } finally {
    await running.stop();
  }
}

function namedArgument(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write it like name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function registerJobs(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('scheduled and asked-for work: repair, models, verification, reports, exports, upkeep')
    .addHelpText(
      'after',
      '\nExamples:\n  tidemark jobs\n  tidemark jobs run models-day --day 2026-03-09 --wait\n  tidemark jobs catch-up models-day --from 2026-03-01 --to 2026-03-09\n  tidemark jobs export airflow --out dags',
    );

  jobs
    .command('list', { isDefault: true })
    .description('every job with its schedule, its latest run and the next')
    .action(async (_: object, command: Command) => {
      const { config } = configOf(command);
      await withJobs(config, 'read', async ({ jobs: reached, warnings }) => {
        const overview = await reached.overview();
        print('jobs list', globalOptions(command), overview, () => jobsText(overview), warnings);
      });
    });

  jobs
    .command('show')
    .description('one job, its latest runs and what it is for')
    .argument('<job>')
    .action(async (name: string, _: object, command: Command) => {
      const { config } = configOf(command);
      await withJobs(config, 'read', async ({ jobs: reached, warnings }) => {
        const job = await reached.job(name);
        const { runs } = await reached.runs({ job: name, limit: 10 });
        print(
          'jobs show',
          globalOptions(command),
          { job, runs },
          () => `${jobRowText(job)}\n\n${runsText(runs)}`,
          warnings,
        );
      });
    });

  jobs
    .command('runs')
    .description('runs, newest first')
    .option('--job <job>', 'only of this job')
    .addOption(new Option('--state <state>', 'only in this state').choices([...runStates]))
    .option('--limit <number>', 'how many', integerArgument, 20)
    .option('--before <run>', 'only runs with a smaller number', integerArgument)
    .action(async (options: { job?: string; state?: RunState; limit: number; before?: number }, command: Command) => {
      const { config } = configOf(command);
      const { job, state, before, limit } = options;
      await withJobs(config, 'read', async ({ jobs: reached, warnings }) => {
        const answer = await reached.runs({
          limit,
          ...(job === undefined ? {} : { job }),
          ...(state === undefined ? {} : { states: [state] }),
          ...(before === undefined ? {} : { before }),
        });
        print('jobs runs', globalOptions(command), answer, () => runsText(answer.runs), warnings);
      });
    });

  jobs
    .command('run')
    .description(
      'ask for a run; with no engine running, do the work here. Its exit code is that of the run it waited for',
    )
    .argument('<job>')
    .option('--day <day>', 'its UTC day, of a job with one run a day')
    .option('--argument <name=value>', 'for what the job takes; may be repeated', namedArgument)
    .option('--when-settled', 'hold it until its day is settled')
    .option('--attempts <number>', 'how often it is tried, instead of what the job says', integerArgument)
    .option('--wait', 'follow its log until it ends')
    .action(
      async (
        name: string,
        options: {
          day?: string;
          argument?: Record<string, string>;
          whenSettled?: boolean;
          attempts?: number;
          wait?: boolean;
        },
        command: Command,
      ) => {
        const { config } = configOf(command);
        await withJobs(config, 'change', async ({ jobs: reached, isHere }) => {
          if (isHere && options.whenSettled) throw needsEngine('hold the run until its day is settled');
          const run = await reached.start(name, {
            ...(options.day === undefined ? {} : { partition: options.day }),
            ...(options.argument === undefined ? {} : { arguments: options.argument }),
            ...(options.whenSettled ? { whenSettled: true } : {}),
            ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
          });
          if (!isHere && options.wait !== true) {
            print('jobs run', globalOptions(command), run, () => runsText([run]));
            return;
          }
          const last = await follow(reached, run, { isHere });
          print('jobs run', globalOptions(command), last, () => runsText([last]));
          process.exitCode = exitCodeOfRun(last);
        });
      },
    );

  jobs
    .command('logs')
    .description('the log of a run')
    .argument('<run>', 'its number', integerArgument)
    .option('-f, --follow', 'go on until it ends')
    .addOption(new Option('--level <level>', 'this level and above').choices([...logLevels]).default('debug'))
    .action(async (id: number, options: { follow?: boolean; level: LogLevel }, command: Command) => {
      const { config } = configOf(command);
      await withJobs(config, 'read', async ({ jobs: reached, warnings }) => {
        const isJson = globalOptions(command).json === true;
        const lines: unknown[] = [];
        let after = 0;
        for (;;) {
          const answer = await reached.log(id, { after, limit: 1000, level: options.level });
          for (const line of answer.lines) {
            after = line.sequence;
            if (isJson) lines.push(line);
            else process.stdout.write(`${logLine(line)}\n`);
          }
          if (answer.isEnded || (answer.lines.length < 1000 && options.follow !== true)) break;
          if (answer.lines.length < 1000) await pause(followMs);
        }
        print('jobs logs', globalOptions(command), { run: id, lines }, () => '', warnings);
      });
    });

  jobs
    .command('wait')
    .description('follow a run until it ends; exits with its exit code')
    .argument('<run>', 'its number', integerArgument)
    .action(async (id: number, _: object, command: Command) => {
      const { config } = configOf(command);
      await withJobs(config, 'read', async ({ jobs: reached }) => {
        const { run } = await reached.run(id);
        const last = await follow(reached, run, { isHere: false });
        print('jobs wait', globalOptions(command), last, () => runsText([last]));
        process.exitCode = exitCodeOfRun(last);
      });
    });

  for (const action of ['cancel', 'retry'] as const) {
    jobs
      .command(action)
      .description(
        action === 'cancel'
          ? 'tell a run to end; what it has published stays'
          : 'further attempts of a run that failed or was cancelled',
      )
      .argument('<run>', 'its number', integerArgument)
      .action(async (id: number, _: object, command: Command) => {
        const { config } = configOf(command);
        await withJobs(config, 'change', async ({ jobs: reached, isHere }) => {
          let run = await reached[action](id);
          if (isHere && action === 'retry') {
            run = await follow(reached, run, { isHere });
            process.exitCode = exitCodeOfRun(run);
          }
          const { ifItDies } = await reached.run(id);
          print(
            `jobs ${action}`,
            globalOptions(command),
            run,
            () => runsText([run]),
            action === 'cancel' ? [ifItDies] : [],
          );
        });
      });
  }

  for (const action of ['pause', 'resume'] as const) {
    jobs
      .command(action)
      .description(action === 'pause' ? 'its schedule starts nothing from now on' : 'its schedule goes on')
      .argument('<job>')
      .action(async (name: string, _: object, command: Command) => {
        const { config } = configOf(command);
        await withJobs(config, 'change', async ({ jobs: reached }) => {
          const job = await reached[action](name);
          print(`jobs ${action}`, globalOptions(command), job, () => jobRowText(job));
        });
      });
  }

  jobs
    .command('catch-up')
    .description('one run for each day of a range')
    .argument('<job>')
    .requiredOption('--from <day>', 'first UTC day')
    .requiredOption('--to <day>', 'last UTC day, inclusive')
    .option('--at-once <number>', 'days at once', integerArgument, 1)
    .addOption(new Option('--order <order>').choices([...catchUpOrders]).default('oldest-first'))
    .option('--with-following', 'also the jobs after it, day by day')
    .option('--wait', 'until all of it has ended')
    .action(async (name: string, options: CatchUpRequest & { wait?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const { wait, ...request } = options;
      await withJobs(config, 'change', async ({ jobs: reached, isHere }) => {
        if (isHere) throw needsEngine('catch up');
        let catchUp = await reached.catchUp(name, request);
        if (wait === true) catchUp = await followCatchUp(reached, catchUp);
        print('jobs catch-up', globalOptions(command), catchUp, () => catchUpText(catchUp));
        const failed = catchUp.days.filter(({ state }) => state === 'failed' || state === 'cancelled');
        if (wait === true && failed.length > 0) process.exitCode = exitCodes.partly;
      });
    });

  jobs
    .command('export')
    .description('these jobs as a file for an orchestrator, which then calls this command')
    .addArgument(new Argument('<orchestrator>').choices(['airflow', 'prefect']))
    .requiredOption('--out <folder>', 'where the file goes: the folder of DAGs or flows')
    .option('--command <command>', 'what tidemark is where the orchestrator runs, instead of this very program')
    .action(
      async (orchestrator: 'airflow' | 'prefect', options: { out: string; command?: string }, command: Command) => {
        const { config } = configOf(command);
        const { definedJobs } = await import('../alone-jobs.ts');
        const { airflowFile, prefectFile } = await import('../../jobs/index.ts');
        const definitions = await definedJobs(config);
        const words = options.command?.trim().split(/\s+/) ?? thisProgram(command);
        const [name, text] =
          orchestrator === 'airflow'
            ? ['tidemark_dags.py', airflowFile(definitions, words)]
            : ['tidemark_flows.py', prefectFile(definitions, words)];
        const file = path.resolve(options.out, name);
        const { files } = createNodeWorld();
        files.makeFolder(path.dirname(file));
        files.writeAtomic(file, new TextEncoder().encode(text));
        const isOurs = config.jobs.scheduler === 'own';
        const warnings = isOurs ? ['set jobs.scheduler to external, or the engine runs these jobs as well'] : [];
        print('jobs export', globalOptions(command), { file }, () => file, warnings);
      },
    );

  const catchUps = jobs
    .command('catch-ups')
    .description('catch-ups that go on, and the newest; show, pause, resume or cancel one');
  catchUps.command('list', { isDefault: true }).action(async (_: object, command: Command) => {
    const { config } = configOf(command);
    await withJobs(config, 'read', async ({ jobs: reached, warnings }) => {
      const { catchUps: known } = await reached.overview();
      const text = () => (known.length === 0 ? 'no catch-ups' : known.map(catchUpText).join('\n'));
      print('jobs catch-ups', globalOptions(command), known, text, warnings);
    });
  });
  catchUps
    .command('show')
    .description('one catch-up, day by day')
    .argument('<catch-up>', 'its number', integerArgument)
    .action(async (id: number, _: object, command: Command) => {
      const { config } = configOf(command);
      await withJobs(config, 'read', async ({ jobs: reached, warnings }) => {
        const catchUp = await reached.oneCatchUp(id);
        const days = () => catchUp.days.map(({ job, date, state, run }) => [date, job, state, String(run ?? '–')]);
        const text = () => `${catchUpText(catchUp)}\n${textTable(['day', 'job', 'state', 'run'], days())}`;
        print('jobs catch-ups show', globalOptions(command), catchUp, text, warnings);
      });
    });
  for (const action of ['pause', 'resume', 'cancel'] as const) {
    catchUps
      .command(action)
      .argument('<catch-up>', 'its number', integerArgument)
      .action(async (id: number, _: object, command: Command) => {
        const { config } = configOf(command);
        await withJobs(config, 'change', async ({ jobs: reached }) => {
          const catchUp = await reached.changeCatchUp(id, action);
          print(`jobs catch-ups ${action}`, globalOptions(command), catchUp, () => catchUpText(catchUp));
        });
      });
  }
}

/** Word by word, with the same settings, from whatever folder it is called. */
function thisProgram(command: Command): string[] {
  const { config, dataDir } = globalOptions(command);
  const settings = config ?? process.env['TIDEMARK_CONFIG'];
  return [
    process.execPath,
    path.resolve(process.argv[1]!),
    ...(settings === undefined ? [] : ['--config', path.resolve(settings)]),
    ...(dataDir === undefined ? [] : ['--data-dir', path.resolve(dataDir)]),
  ];
}

function needsEngine(doing: string): TidemarkError {
  return new TidemarkError('not-ready', {
    doing,
    why: 'no engine runs on this data folder',
    now: 'start tidemark up first',
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Its log on stderr until it ends. Ctrl-C cancels what runs here, and only stops following what the engine runs; SIGTERM, as
 * of an orchestrator that gives up, cancels both.
 */
async function follow(jobs: Jobs, begun: RunRow, { isHere }: { isHere: boolean }): Promise<RunRow> {
  let isInterrupted = false;
  const interrupt = () => {
    isInterrupted = true;
  };
  let isTerminated = false;
  const terminate = () => {
    isTerminated = true;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', terminate);
  try {
    let after = 0;
    let said = '';
    for (;;) {
      const { lines, isEnded } = await jobs.log(begun.id, { after, limit: 1000, level: 'info' });
      for (const line of lines) {
        after = line.sequence;
        process.stderr.write(`${logLine(line)}\n`);
      }
      const { run } = await jobs.run(begun.id);
      if (isEnded && ended.has(run.state)) return run;
      const waits = run.waitsFor === null ? '' : `${run.state}, waits for ${run.waitsFor}`;
      if (waits !== said && waits !== '') process.stderr.write(`run ${run.id}: ${waits}\n`);
      said = waits;
      if (isTerminated || (isInterrupted && isHere)) {
        isInterrupted = false;
        isTerminated = false;
        await jobs.cancel(begun.id).catch(() => undefined);
      } else if (isInterrupted) {
        process.stderr.write(`run ${begun.id} goes on; tidemark jobs cancel ${begun.id} ends it\n`);
        process.exitCode = exitCodes.interrupted;
        return run;
      }
      if (lines.length < 1000) await pause(followMs);
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', terminate);
  }
}

/** Until all has ended, or until what is left waits for a run that failed. */
async function followCatchUp(jobs: Jobs, begun: CatchUpRow): Promise<CatchUpRow> {
  let said = '';
  let looksStuck = 0;
  for (;;) {
    const now = await jobs.oneCatchUp(begun.id);
    const has = (...states: RunState[]) => now.days.some(({ state }) => states.includes(state));
    const text = `catch-up ${now.id}: ${now.days.filter(({ state }) => ended.has(state)).length} of ${now.days.length} runs ended`;
    if (text !== said) process.stderr.write(`${text}\n`);
    said = text;
    looksStuck = has('failed', 'cancelled') && !has('running', 'retrying', 'held') ? looksStuck + 1 : 0;
    if (now.state === 'done' || now.state === 'cancelled' || looksStuck > 3) return now;
    await pause(1000);
  }
}

/** Done and skipped are success; a failed run ends as its error would have ended this command. */
function exitCodeOfRun(run: RunRow): number {
  if (run.state === 'done' || run.state === 'skipped') return exitCodes.success;
  if (!ended.has(run.state)) return exitCodes.interrupted;
  if (run.state === 'cancelled') return exitCodes.interrupted;
  return run.error === null ? exitCodes.unexpected : exitCodeOf(new TidemarkError(run.error.code, { doing: 'run' }));
}
