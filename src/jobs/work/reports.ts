import { TidemarkError } from '../../domain/error.ts';
import { dayUs } from '../../domain/interval.ts';
import type { ReportRow } from '../../protocol/reports.ts';
import type { MadeReport, MakeOptions, ReportWish, SentReport } from '../../reports/index.ts';
import { askedWish, dailyWish, marketSubject, weeklyWish } from '../../reports/index.ts';
import type { JobDefinition, RunContext, RunResult } from '../definition.ts';
import { cron } from '../schedule.ts';
import { usualDefaults } from './defaults.ts';

/** What the jobs that make reports work with. */
export interface ReportParts {
  make(wish: ReportWish, options: MakeOptions): Promise<MadeReport>;
  /** Subjects of the reports that are made by themselves. */
  readonly subjects: readonly string[];
  /** Those of them that are sent. */
  readonly mailed: readonly string[];
  /** Where mail is configured. */
  readonly send: ((id: string, signal: AbortSignal) => Promise<SentReport>) | undefined;
  /** Reports of which rows changed since; `lookedAt` is the version up to which one was looked at again. */
  toRenew(
    sinceUs: number,
    lookedAt: ReadonlyMap<string, number>,
  ): Promise<readonly { readonly id: string; readonly wish: ReportWish }[]>;
  version(): Promise<number>;
  nowUs(): number;
  /** Days after which a report goes; undefined: all stay. */
  readonly keepDays: number | undefined;
  /** What is stored, superseded revisions as well. */
  list(): Promise<readonly Pick<ReportRow, 'id' | 'madeAtUs' | 'files'>[]>;
  remove(id: string): Promise<void>;
}

const ifItDies = 'reports that are listed are whole; the next attempt makes the others';
const defaults = { ...usualDefaults, group: 'reports', ifItDies } as const;
/** So far back a repair makes a new report. */
const renewedUs = 35 * dayUs;

export function reportJobs(parts: ReportParts): readonly JobDefinition[] {
  const lookedAt = new Map<string, number>();
  return [
    {
      ...defaults,
      name: 'report',
      description: 'a report of a range, for the market or an instrument',
      schedule: { kind: 'asked' },
      priority: 5,
      arguments: { subject: /^[^\s]{1,64}$/, from: /^\d{1,16}$/, to: /^\d{1,16}$/ },
      work: async (context) => {
        const { subject = marketSubject, from = '', to = '' } = context.arguments;
        const made = await parts.make(askedWish(subject, Number(from), Number(to)), optionsOf(context, 0, 1));
        return resultOf([made]);
      },
    },
    {
      ...defaults,
      name: 'daily-reports',
      description: `the day's reports: ${subjectsText(parts.subjects)}`,
      schedule: { kind: 'settled' },
      partitioning: 'day',
      work: (context) => makeAll(parts, context, (subject) => dailyWish(subject, context.partition!)),
    },
    {
      ...defaults,
      name: 'weekly-reports',
      description: `the week's reports, when its Sunday is settled: ${subjectsText(parts.subjects)}`,
      schedule: { kind: 'after' },
      after: ['daily-reports'],
      partitioning: 'day',
      work: async (context) => {
        const date = context.partition!;
        const isSunday = new Date(`${date}T00:00:00Z`).getUTCDay() === 0;
        if (!isSunday) return { isIdle: true, effect: `${date} ends no week` };
        return makeAll(parts, context, (subject) => weeklyWish(subject, date));
      },
    },
    {
      ...defaults,
      name: 'renew-reports',
      description: 'daily and weekly reports anew of which rows were repaired or came late',
      schedule: { kind: 'interval', everyMs: 3_600_000 },
      work: async (context) => {
        const version = await parts.version();
        const stale = await parts.toRenew(parts.nowUs() - renewedUs, lookedAt);
        const made: MadeReport[] = [];
        for (const [at, { id, wish }] of stale.entries()) {
          made.push(await parts.make(wish, optionsOf(context, at, stale.length)));
          lookedAt.set(id, version);
          context.log('info', `${id}: ${made.at(-1)!.isNew ? 'replaced' : 'says the same'}`);
        }
        return made.length === 0 ? { isIdle: true } : resultOf(made);
      },
    },
    retention(parts),
  ];
}

function retention(parts: ReportParts): JobDefinition {
  const { keepDays } = parts;
  return {
    ...defaults,
    name: 'report-retention',
    description: 'removes reports that were made more than reports.keepDays ago',
    schedule: cron('40 5 * * *'),
    ...(keepDays === undefined ? { notAvailable: 'the setting reports.keepDays is not set: reports stay' } : {}),
    arguments: { 'dry-run': /^(true|false)$/ },
    work: async ({ log, signal, arguments: given }) => {
      const isDryRun = given['dry-run'] === 'true';
      const old = (await parts.list()).filter(({ madeAtUs }) => madeAtUs < parts.nowUs() - keepDays! * dayUs);
      let bytes = 0;
      for (const { id, files } of old) {
        signal.throwIfAborted();
        if (!isDryRun) await parts.remove(id);
        for (const file of files) bytes += file.bytes;
        log('info', `${id} ${isDryRun ? 'would go' : 'removed'}`);
      }
      if (old.length === 0) return { isIdle: true };
      return { bytes, effect: `${old.length} reports ${isDryRun ? 'would go' : 'removed'}` };
    },
  };
}

async function makeAll(
  parts: ReportParts,
  context: RunContext,
  wishOf: (subject: string) => ReportWish,
): Promise<RunResult> {
  const made: MadeReport[] = [];
  for (const [at, subject] of parts.subjects.entries()) {
    context.signal.throwIfAborted();
    try {
      const one = await parts.make(wishOf(subject), optionsOf(context, at, parts.subjects.length));
      made.push(one);
      context.log(
        'info',
        `${one.report.id}: ${one.isNew ? `${one.report.state}, ${one.report.files.length} files` : 'is there already'}`,
      );
      if (parts.send !== undefined && parts.mailed.includes(subject)) await sendOnce(parts.send, one.report, context);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'not-recorded') throw error;
      context.log('info', `${subject}: nothing of it is held`);
    }
  }
  return resultOf(made);
}

async function sendOnce(send: NonNullable<ReportParts['send']>, report: ReportRow, context: RunContext): Promise<void> {
  if (report.sentAtUs !== null) return;
  const { isNew, to } = await send(report.id, context.signal);
  if (isNew) context.log('info', `${report.id}: sent to ${to.join(', ')}`);
}

function optionsOf(context: RunContext, at: number, of: number): MakeOptions {
  return { signal: context.signal, onProgress: (share) => context.progress((at + share) / of) };
}

function resultOf(made: readonly MadeReport[]): RunResult {
  const fresh = made.filter(({ isNew }) => isNew);
  const bytes = fresh.reduce((sum, { report }) => sum + report.files.reduce((all, file) => all + file.bytes, 0), 0);
  const states = [...new Set(fresh.map(({ report }) => report.state))];
  const effect =
    fresh.length === 0
      ? 'nothing new to say'
      : `${fresh.length === 1 ? fresh[0]!.report.title : `${fresh.length} reports`}, ${states.join(' and ')}`;
  return { bytes, effect, ...(fresh.length === 0 ? { isIdle: true } : {}) };
}

function subjectsText(subjects: readonly string[]): string {
  return subjects.length > 4
    ? `${subjects.slice(0, 3).join(', ')} and ${subjects.length - 3} more`
    : subjects.join(', ');
}
