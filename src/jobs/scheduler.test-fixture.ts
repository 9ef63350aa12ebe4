import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openSqliteJobs } from '../catalog/sqlite-jobs.ts';
import type { JobStore } from '../ports/job-store.ts';
import { silentLog } from '../ports/log.ts';
import { createSimulatedWorld } from '../world/simulated/index.ts';
import type { JobDefinition } from './definition.ts';
import { Desk } from './desk.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import type { SettledDays } from './settled-days.ts';

export const noDays: SettledDays = { days: [], through: null, why: null };

export function jobOf(name: string, change: Partial<JobDefinition> = {}): JobDefinition {
  return {
    name,
    description: name,
    schedule: { kind: 'asked' },
    after: [],
    partitioning: 'none',
    priority: 0,
    concurrency: 1,
    maxAttempts: 3,
    retryDelayMs: 1000,
    timeoutMs: 60_000,
    ifItDies: 'nothing changes',
    work: async () => ({}),
    ...change,
  };
}

/** A scheduler under virtual time on a real store, that can die and be followed by another. */
export async function simulatedJobs(
  t: TestContext,
  options: Partial<SchedulerOptions> & { jobs: readonly JobDefinition[]; startIso?: string; seed?: number },
) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-scheduler-'));
  const path = join(folder, 'jobs.sqlite');
  const world = createSimulatedWorld(options.seed ?? 1, {
    startWallUs: Date.parse(options.startIso ?? '2026-03-10T12:00:00Z') * 1000,
  });
  let stepUs = 0;
  const clock = { wallUs: () => world.clock.wallUs() + stepUs, monotonicUs: () => world.clock.monotonicUs() };
  let days = noDays;
  let life = 0;
  const opened: JobStore[] = [];
  const make = async (changed: Partial<SchedulerOptions> = {}) => {
    const store = await openSqliteJobs(path);
    const scheduler = new Scheduler({
      world: { clock, timers: world.timers, random: world.random },
      store,
      slots: 4,
      settledDays: async () => days,
      ownSchedules: 'all',
      keep: { days: 90, runs: 20_000 },
      log: silentLog,
      ...options,
      ...changed,
    });
    return { store, scheduler, desk: new Desk({ store, jobs: [], clock, scheduler }) };
  };
  let now = await make();
  await now.scheduler.start();
  t.after(async () => {
    world.agenda.clear();
    for (const store of [...opened, now.store]) await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    world,
    clock,
    /** Virtual time since the start that a test may pass to work: it settles after so long. */
    pause: (ms: number) => new Promise<void>((resolve) => world.timers.after(ms, resolve)),
    /** How many schedulers died. */
    get life() {
      return life;
    },
    get desk() {
      return now.desk;
    },
    get store() {
      return now.store;
    },
    get scheduler() {
      return now.scheduler;
    },
    nowIso: () => new Date(clock.wallUs() / 1000).toISOString(),
    settle(through: string, settled: readonly string[] = [through]) {
      days = { days: settled, through, why: 'BTCUSDT trade' };
    },
    stepClock(ms: number) {
      stepUs += ms * 1000;
    },
    async advance(ms: number) {
      // A little more, so that all that is due at that very instant has come.
      const untilUs = world.agenda.nowUs + ms * 1000 + 1;
      world.agenda.at(ms * 1000 + 1, () => {});
      await world.agenda.runUntil(() => world.agenda.nowUs >= untilUs);
    },
    settled: <T>(promise: Promise<T>) => world.agenda.settle(promise),
    /** The process is gone: no timer of it fires any more. The next one starts after a while. */
    async crash(downMs = 0, changed: Partial<SchedulerOptions> = {}) {
      // What it had begun before it died, it had begun.
      await new Promise((resolve) => setImmediate(resolve));
      life += 1;
      world.agenda.clear();
      opened.push(now.store);
      world.timers.after(downMs, () => {});
      const untilUs = world.agenda.nowUs + downMs * 1000;
      await world.agenda.runUntil(() => world.agenda.nowUs >= untilUs);
      now = await make(changed);
      await now.scheduler.start();
    },
    async runsOf(job: string) {
      return (await now.desk.runs({ job, limit: 10_000 })).runs.toReversed();
    },
  };
}
