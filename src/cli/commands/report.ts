import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import { dateOf } from '../../domain/interval.ts';
import type { Problem } from '../../protocol/api.ts';
import type { RunRow } from '../../protocol/jobs.ts';
import { type ReportRow, type ReportsAnswer, reportKinds } from '../../protocol/reports.ts';
import type { ReportWish } from '../../reports/index.ts';
import type { LoadedConfig } from '../config.ts';
import { layoutOf, refuseUnrecorded } from '../layout.ts';
import { openLog } from '../log.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { openStores, openWorld, runningEngineUrl } from '../wire.ts';

interface MakeCommand {
  readonly subject: string;
  readonly day?: string;
  readonly week?: string;
  readonly from?: string;
  readonly to?: string;
  readonly out?: string;
}

const examples = `
Examples:
  tidemark report make --day 2026-03-18
  tidemark report make --subject binance:spot:BTCUSDT --from 2026-03-18T09:00Z --to 2026-03-18T17:00Z --out ./report
  tidemark report list --kind daily
  tidemark report show daily-2026-03-18-market-r90217`;

export function registerReport(program: Command): void {
  const report = program
    .command('report')
    .description('reports of a day, a week or any range: a page, a PDF, and the data as Parquet and CSV')
    .addHelpText('after', examples);

  report
    .command('make')
    .description('makes a report; a running engine is asked, else what is committed is read')
    .option('--subject <subject>', 'market, or an instrument like binance:spot:BTCUSDT', 'market')
    .option('--day <date>', 'a UTC day, like 2026-03-18')
    .option('--week <date>', 'the week, from Monday, that holds a day')
    .option('--from <time>', 'start of a range, in ISO 8601; UTC where no zone is named')
    .option('--to <time>', 'its end, exclusive')
    .option('--out <folder>', 'also copy the files there')
    .addHelpText('after', examples)
    .action(async (options: MakeCommand, command: Command) => {
      const wish = await wishOf(options);
      const loaded = configOf(command);
      const { report: made, isNew } = await makeThere(loaded, wish);
      if (options.out !== undefined) await copyFiles(loaded, made, options.out);
      const folder = options.out === undefined ? {} : { folder: path.resolve(options.out) };
      const warnings = made.pdfAbsence === null ? [] : [`no PDF: ${made.pdfAbsence}`];
      print(
        'report make',
        globalOptions(command),
        { report: made, isNew, ...folder },
        () => [isNew ? 'made:' : 'there already, and nothing has changed since:', ...describe(made)].join('\n'),
        warnings,
      );
    });

  report
    .command('list')
    .description('stored reports, newest first')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices([...reportKinds]))
    .option('--subject <subject>', 'only of this subject')
    .option('--all', 'also those that a later one replaced')
    .action(async (options: { kind?: string; subject?: string; all?: boolean }, command: Command) => {
      const all = await stored(configOf(command));
      const reports = all.filter(
        (row) =>
          (options.kind ?? row.kind) === row.kind &&
          (options.subject ?? row.subject) === row.subject &&
          (options.all === true || !row.isSuperseded),
      );
      const text = () => {
        if (reports.length === 0) return 'no reports';
        const header = ['id', 'subject', 'from', 'state', 'data', 'made', 'sent'];
        const at = (us: number | null) => (us === null ? null : `${new Date(us / 1000).toISOString().slice(0, 19)}Z`);
        return textTable(
          header,
          reports.map((row) => [
            row.id,
            row.subject,
            dateOf(row.fromUs),
            row.isSuperseded ? `${row.state}, replaced` : row.state,
            row.dataKind,
            at(row.madeAtUs),
            at(row.sentAtUs),
          ]),
        );
      };
      print('report list', globalOptions(command), { reports }, text);
    });

  report
    .command('show')
    .description('what a stored report is and which files it has')
    .argument('<id>', 'its id, as tidemark report list gives it')
    .option('--out <folder>', 'copy the files there')
    .action(async (id: string, options: { out?: string }, command: Command) => {
      const loaded = configOf(command);
      const row = (await stored(loaded)).find((candidate) => candidate.id === id);
      if (row === undefined) {
        throw new TidemarkError('not-found', {
          doing: 'find the report',
          what: id,
          now: 'tidemark report list --all names all there are',
        });
      }
      if (options.out !== undefined) await copyFiles(loaded, row, options.out);
      print('report show', globalOptions(command), { report: row }, () => describe(row).join('\n'));
    });
}

async function wishOf({ subject, day, week, from, to }: MakeCommand): Promise<ReportWish> {
  const { askedWish, dailyWish, weeklyWish } = await import('../../reports/index.ts');
  const isRange = from !== undefined || to !== undefined;
  if (
    [day !== undefined, week !== undefined, isRange].filter(Boolean).length !== 1 ||
    (isRange && (from === undefined || to === undefined))
  ) {
    throw new TidemarkError('bad-report', {
      doing: 'make a report',
      why: 'it must be of one range',
      now: 'give --day, --week, or --from and --to',
    });
  }
  if (day !== undefined) return dailyWish(subject, day);
  if (week !== undefined) return weeklyWish(subject, week);
  const { parseTime } = await import('../../server/query.ts');
  const now = () => {
    throw new TidemarkError('bad-time', {
      doing: 'read the time',
      why: 'a report needs times that stay',
      now: 'write them in ISO 8601',
    });
  };
  return askedWish(subject, parseTime('from', from!, now), parseTime('to', to!, now));
}

async function makeThere(loaded: LoadedConfig, wish: ReportWish): Promise<{ report: ReportRow; isNew: boolean }> {
  const layout = layoutOf(loaded.config.dataDir, process.cwd());
  const url = await runningEngineUrl(layout, openWorld(loaded.config));
  if (url !== undefined) return askEngine(url, wish);
  return withWorkshop(loaded, ({ make }) => make(wish, { onProgress: showProgress }));
}

function showProgress(share: number, doing: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(share >= 1 ? '\r\u001b[K' : `\r\u001b[K${Math.round(share * 100)} % ${doing}`);
}

const lookMs = 300;

async function askEngine(
  url: string,
  { subject, fromUs, toUs, kind }: ReportWish,
): Promise<{ report: ReportRow; isNew: boolean }> {
  const before = new Set((await fromEngine<ReportsAnswer>(url, '/api/v1/reports')).reports.map(({ id }) => id));
  let run = await fromEngine<RunRow>(url, '/api/v1/reports', { subject, from: String(fromUs), to: String(toUs) });
  while (!['done', 'skipped', 'failed', 'cancelled'].includes(run.state)) {
    showProgress(run.progress ?? 0, run.waitsFor === null ? run.state : `waits for ${run.waitsFor}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    run = (await fromEngine<{ run: RunRow }>(url, `/api/v1/runs/${run.id}`)).run;
  }
  showProgress(1, '');
  if (run.state !== 'done') {
    throw new TidemarkError(run.error?.code ?? 'report-failed', {
      doing: 'make the report',
      what: `run ${run.id}`,
      why: run.error?.message ?? run.state,
    });
  }
  const { reports } = await fromEngine<ReportsAnswer>(
    url,
    `/api/v1/reports?kind=${kind}&subject=${encodeURIComponent(subject)}`,
  );
  const report = reports.find((row) => row.fromUs === fromUs && row.toUs === toUs && !row.isSuperseded);
  if (report === undefined)
    throw new TidemarkError('not-found', { doing: 'find the report', what: `of run ${run.id}` });
  return { report, isNew: !before.has(report.id) };
}

async function fromEngine<T>(url: string, address: string, body?: object): Promise<T> {
  const response = await fetch(
    `${url}${address}`,
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  );
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json()) as Problem;
  throw new TidemarkError(problem.code, { doing: 'ask the engine for', what: address, why: problem.detail });
}

type Workshop = Awaited<ReturnType<typeof import('../report-workshop.ts').openReportWorkshop>>;

/** With no engine running: what is committed is read, and the report stored beside it. */
async function withWorkshop<T>({ config }: LoadedConfig, work: (workshop: Workshop) => Promise<T>): Promise<T> {
  const cwd = process.cwd();
  const layout = layoutOf(config.dataDir, cwd);
  if (config.catalog.kind !== 'postgres') refuseUnrecorded(layout);
  const { openReportWorkshop } = await import('../report-workshop.ts');
  const stores = await openStores(layout, { settings: config, isReadOnly: true });
  try {
    return await work(
      await openReportWorkshop(config, cwd, layout, stores, openWorld(config), openLog('warn', 'report')),
    );
  } finally {
    await stores.close();
  }
}

/** The store itself is asked, whether or not an engine runs. */
function stored(loaded: LoadedConfig): Promise<readonly ReportRow[]> {
  return withWorkshop(loaded, ({ shelf }) => shelf.list());
}

function copyFiles(loaded: LoadedConfig, report: ReportRow, folder: string): Promise<void> {
  return withWorkshop(loaded, async ({ shelf }) => {
    const target = path.resolve(folder);
    mkdirSync(target, { recursive: true });
    for (const { name } of report.files)
      writeFileSync(path.join(target, name), (await shelf.file(report.id, name)).bytes);
  });
}

function describe(report: ReportRow): string[] {
  const files = report.files.map(({ name, bytes }) => [name, String(bytes)]);
  return [
    report.title,
    `id      ${report.id}`,
    `state   ${report.state}${report.isSuperseded ? ', replaced by a later one' : ''}`,
    `data    ${report.dataKind}`,
    ...(report.heldIds === null ? [] : [`held    ${report.heldIds} of ${report.expectedIds} ids`]),
    ...(report.sentAtUs === null ? [] : [`sent    ${new Date(report.sentAtUs / 1000).toISOString()}`]),
    textTable(['file', 'bytes'], files),
  ];
}
