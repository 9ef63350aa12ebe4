import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../../domain/error.ts';
import type { ReportRow } from '../../protocol/reports.ts';
import type { ReportWish } from '../../reports/index.ts';
import type { JobDefinition, RunContext } from '../definition.ts';
import { type ReportParts, reportJobs } from './reports.ts';

function partsWith(others: Partial<ReportParts> = {}): ReportParts & { readonly made: ReportWish[] } {
  const made: ReportWish[] = [];
  return {
    made,
    make: async (wish) => {
      if (wish.subject === 'binance:spot:GONE') throw new TidemarkError('not-recorded', { doing: 'make' });
      made.push(wish);
      const report = {
        id: `${wish.kind}-${wish.subject}`,
        title: 'a report',
        state: 'final',
        files: [{ name: 'report.html', bytes: 10, sha256: '' }],
        sentAtUs: null,
      } as unknown as ReportRow;
      return { report, isNew: true };
    },
    subjects: ['market', 'binance:spot:GONE', 'binance:spot:BTCUSDT'],
    mailed: ['market'],
    send: undefined,
    toRenew: async () => [],
    version: async () => 7,
    nowUs: () => 0,
    keepDays: undefined,
    list: async () => [],
    remove: async () => undefined,
    ...others,
  };
}

function jobNamed(parts: ReportParts, name: string): JobDefinition {
  return reportJobs(parts).find((job) => job.name === name)!;
}

function contextOf(others: Partial<RunContext>): RunContext & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    run: 1,
    attempt: 1,
    partition: undefined,
    arguments: {},
    signal: new AbortController().signal,
    lines,
    log: (_level, text) => lines.push(text),
    progress: () => undefined,
    ...others,
  };
}

test('a settled day makes a report of each subject that is held, and sends those that are to be sent, once', async () => {
  const sent: string[] = [];
  const parts = partsWith({ send: async (id) => ({ isNew: sent.push(id) > 0, to: ['desk@example.org'] }) });
  const context = contextOf({ partition: '2026-03-18' });
  const result = await jobNamed(parts, 'daily-reports').work(context);
  assert.deepEqual(
    parts.made.map(({ kind, subject }) => `${kind} ${subject}`),
    ['daily market', 'daily binance:spot:BTCUSDT'],
  );
  assert.deepEqual(sent, ['daily-market']);
  assert.equal(result.bytes, 20);
  assert.ok(context.lines.includes('binance:spot:GONE: nothing of it is held'));
});

test('a letter that cannot be sent fails the run, so that it is tried again; one that was sent is not', async () => {
  const refusing = partsWith({
    send: async () => {
      throw new TidemarkError('mail-failed', { doing: 'send', retry: 'later' });
    },
  });
  await assert.rejects(jobNamed(refusing, 'daily-reports').work(contextOf({ partition: '2026-03-18' })), {
    code: 'mail-failed',
  });
  const sentBefore = partsWith({
    send: async () => {
      throw new Error('a second letter');
    },
  });
  const { make } = sentBefore;
  const known = {
    ...sentBefore,
    make: async (...args: Parameters<typeof make>) => {
      const { report } = await make(...args);
      return { report: { ...report, sentAtUs: 5 }, isNew: false };
    },
  };
  assert.deepEqual(await jobNamed(known, 'daily-reports').work(contextOf({ partition: '2026-03-18' })), {
    bytes: 0,
    effect: 'nothing new to say',
    isIdle: true,
  });
});

test('reports go once they were made longer ago than is kept, and a dry run removes none', async () => {
  const day = 86_400e6;
  const files = [{ name: 'report.html', bytes: 10, sha256: '' }];
  let kept = [1, 9, 10, 11].map((daysAgo) => ({ id: `r${daysAgo}`, madeAtUs: -daysAgo * day, files }));
  const parts = partsWith({
    keepDays: 9,
    list: async () => kept,
    remove: async (id) => {
      kept = kept.filter((report) => report.id !== id);
    },
  });
  const job = jobNamed(parts, 'report-retention');
  assert.equal(job.notAvailable, undefined);
  const dry = await job.work(contextOf({ arguments: { 'dry-run': 'true' } }));
  assert.deepEqual([dry.effect, dry.bytes, kept.length], ['2 reports would go', 20, 4]);
  assert.equal((await job.work(contextOf({}))).effect, '2 reports removed');
  assert.deepEqual(kept.map(({ id }) => id), ['r1', 'r9']); // biome-ignore format: one question
  assert.equal((await job.work(contextOf({}))).isIdle, true);
  assert.match(jobNamed(partsWith(), 'report-retention').notAvailable ?? '', /reports\.keepDays is not set/);
});

test('a week is reported when its Sunday is settled, and on no other day', async () => {
  const parts = partsWith({ subjects: ['market'] });
  const weekly = jobNamed(parts, 'weekly-reports');
  assert.deepEqual(weekly.after, ['daily-reports']);
  for (const partition of ['2026-03-16', '2026-03-18', '2026-03-21']) {
    assert.equal((await weekly.work(contextOf({ partition }))).isIdle, true);
  }
  assert.deepEqual(parts.made, []);
  await weekly.work(contextOf({ partition: '2026-03-22' }));
  assert.deepEqual(
    parts.made.map(({ kind, fromUs }) => [kind, fromUs]),
    [['weekly', Date.UTC(2026, 2, 16) * 1000]],
  );
});

test('a report that says the same as before is not looked at again until rows change', async () => {
  const asked: (number | undefined)[] = [];
  const wish: ReportWish = { kind: 'daily', subject: 'market', fromUs: 0, toUs: 86_400_000_000 };
  const parts = partsWith({
    toRenew: async (_sinceUs, lookedAt) => {
      asked.push(lookedAt.get('x'));
      return [{ id: 'x', wish }];
    },
  });
  const renew = jobNamed(parts, 'renew-reports');
  await renew.work(contextOf({}));
  await renew.work(contextOf({}));
  assert.deepEqual(asked, [undefined, 7]);
});

test('an aborted run begins no further report', async () => {
  const stop = new AbortController();
  const parts = partsWith();
  const making = {
    ...parts,
    make: async (...args: Parameters<typeof parts.make>) => {
      stop.abort(new Error('cancelled'));
      return parts.make(...args);
    },
  };
  await assert.rejects(
    jobNamed(making, 'daily-reports').work(contextOf({ partition: '2026-03-18', signal: stop.signal })),
    { message: 'cancelled' },
  );
  assert.equal(parts.made.length, 1);
});
