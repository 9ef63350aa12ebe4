import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Upkeep } from '../../pipeline/upkeep.ts';
import type { CatalogState } from '../../ports/catalog.ts';
import type { LakeVerification } from '../../ports/lake-upkeep.ts';
import type { Timers } from '../../ports/world.ts';
import type { GapRow, LedgerRow, StatusAnswer } from '../../protocol/api.ts';
import type { JobDefinition } from '../definition.ts';
import { simulatedJobs } from '../scheduler.test-fixture.ts';
import { compactJob } from './compact.ts';
import { compressJob } from './compress.ts';
import { lakeVerifyJob } from './lake-verify.ts';
import { repairJob } from './repair.ts';
import { sweepJob } from './sweep.ts';
import { unavailableJobs } from './unavailable.ts';

type Jobs = Awaited<ReturnType<typeof simulatedJobs>>;

/** The run of a job that was asked for, when it has ended, with what it said. */
async function runOf(jobs: Jobs, name: string) {
  const { id } = await jobs.desk.start(name, {});
  await jobs.advance(5 * 60_000);
  const { run } = await jobs.desk.run(id);
  const { lines } = await jobs.desk.log(id, { after: 0, limit: 1000, level: 'debug' });
  return { ...run, texts: lines.map(({ text }) => text) };
}

async function once(t: TestContext, job: JobDefinition) {
  const jobs = await simulatedJobs(t, { jobs: [job], ownSchedules: 'none' });
  return runOf(jobs, job.name);
}

function upkeep(change: Partial<Upkeep>): Upkeep {
  return {
    compress: async () => 0,
    compact: async () => false,
    sweep: async () => 0,
    state: async () => ({ files: [] }) as unknown as CatalogState,
    ...change,
  };
}

const noGarbage = { garbage: async () => [] };

test('upkeep that finds nothing is idle; what it did is its effect', async (t) => {
  for (const job of [
    compactJob(upkeep({}), 1000),
    sweepJob(upkeep({}), noGarbage, 1000),
    compressJob(upkeep({}), 1000),
  ]) {
    const run = await once(t, job);
    assert.deepEqual([run.state, run.effect], ['skipped', 'nothing to do'], job.name);
  }
  let files = 7;
  const state = async () => ({ files: new Array(files) }) as unknown as CatalogState;
  const compact = async () => {
    if (files === 4) return false;
    files -= 1;
    return true;
  };
  assert.equal((await once(t, compactJob(upkeep({ state, compact }), 1000))).effect, '7 files to 4');
  assert.equal((await once(t, sweepJob(upkeep({ sweep: async () => 3 }), noGarbage, 1000))).effect, '3 files removed');
  const compress = async () => 2;
  assert.equal((await once(t, compressJob(upkeep({ compress }), 1000))).effect, '2 segments compressed');
});

test('a dry run of the sweep names what would go and removes nothing', async (t) => {
  let sweeps = 0;
  const sweep = async () => ++sweeps;
  const garbage = async () => [{ name: 'lake/trades/x.parquet', bytes: 12, why: 'superseded' } as const];
  const jobs = await simulatedJobs(t, { jobs: [sweepJob(upkeep({ sweep }), { garbage }, 1000)], ownSchedules: 'none' });
  const { id } = await jobs.desk.start('sweep', { arguments: { 'dry-run': 'true' } });
  await jobs.advance(1000);
  const { run, command } = await jobs.desk.run(id);
  assert.deepEqual([run.state, run.effect, sweeps], ['done', '1 files would go', 0]);
  assert.equal(command, 'tidemark jobs run sweep --argument dry-run=true');
  const { lines } = await jobs.desk.log(id, { after: 0, limit: 9, level: 'info' });
  assert.equal(lines[0]?.text, 'lake/trades/x.parquet: 12 bytes, superseded');
});

test('a lake with a flipped bit fails its verification, and the log names the file', async (t) => {
  const found: LakeVerification = {
    version: 8,
    files: 3,
    bytes: 1000,
    checkpoints: 1,
    icebergTables: 0,
    problems: [],
    notes: ['one file was replaced meanwhile'],
  };
  const whole = await once(t, lakeVerifyJob({ verify: async () => found }));
  assert.deepEqual([whole.state, whole.bytes, whole.effect], ['done', 1000, '3 files as they were written']);
  const problem = { kind: 'damaged', name: 'trades/x.parquet', detail: 'its hash is another' } as const;
  const damaged = await once(t, lakeVerifyJob({ verify: async () => ({ ...found, problems: [problem, problem] }) }));
  assert.deepEqual([damaged.state, damaged.attempts, damaged.error?.code], ['failed', 2, 'lake-damaged']);
  assert.match(damaged.error!.message, /trades\/x\.parquet: damaged, and 1 more problems/);
  assert.ok(damaged.texts.includes('damaged: trades/x.parquet: its hash is another'));
});

test('a repair is followed from the first gap until each is repaired or declared, with what came of it', async (t) => {
  const gap = (fromId: number, state: GapRow['state'], heldCount: number): GapRow => ({
    instrument: 'binance:spot:BTCUSDT',
    stream: 'trade',
    fromId,
    toId: fromId + 9,
    openedAtUs: fromId,
    closedAtUs: fromId + 1,
    state,
    reason: 'disconnect',
    heldCount,
    byAggregateCount: 0,
    tried: 'historicalTrades',
  });
  let gaps: GapRow[] = [];
  const view = {
    gaps: () => gaps,
    ledger: () => {
      const missingIds = gaps.reduce(
        (sum, { heldCount, state }) => sum + (state === 'repaired' ? 0 : 10 - heldCount),
        0,
      );
      return [{ heldIds: 1000 - missingIds, missingIds }] as unknown as LedgerRow[];
    },
    status: () => ({ rest: { usedWeight: 25, weightPerMinute: 6000 } }) as unknown as StatusAnswer,
  };
  const timers: Timers = {
    after: (delayMs, callback) => jobs.world.timers.after(delayMs, callback),
    every: (periodMs, callback) => jobs.world.timers.every(periodMs, callback),
  };
  const jobs = await simulatedJobs(t, { jobs: [repairJob(view, timers)], ownSchedules: 'none' });
  assert.equal((await runOf(jobs, 'repair')).state, 'skipped');

  gaps = [gap(100, 'open', 0), gap(200, 'repairing', 5)];
  const { id } = await jobs.desk.start('repair', {});
  await jobs.advance(3000);
  assert.equal((await jobs.desk.run(id)).run.state, 'running');
  gaps = [gap(100, 'repaired', 10), gap(200, 'repairing', 8)];
  await jobs.advance(3000);
  const half = (await jobs.desk.run(id)).run;
  assert.ok(half.progress! > 0.8 && half.progress! < 1, `progress ${half.progress}`);
  gaps = [gap(100, 'repaired', 10), gap(200, 'declared', 8)];
  await jobs.advance(3000);
  const { run } = await jobs.desk.run(id);
  assert.deepEqual([run.state, run.rows, run.effect], ['done', 18, '1 repaired, 1 declared, 98.50 → 99.80 %']);
  const { lines } = await jobs.desk.log(id, { after: 0, limit: 100, level: 'info' });
  assert.ok(lines.some(({ text }) => text === 'binance:spot:BTCUSDT trade 100 to 109: disconnect, 10 ids missing'));
});

test('what cannot run here is known by name and says why', async (t) => {
  const jobs = await simulatedJobs(t, { jobs: unavailableJobs });
  for (const { name } of unavailableJobs) {
    assert.match((await jobs.desk.job(name)).notAvailable!, /archive is not read yet/);
    await assert.rejects(jobs.desk.start(name, { partition: '2026-03-01' }), { code: 'not-available' });
  }
});
