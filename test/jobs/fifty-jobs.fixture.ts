// A process that runs a graph of fifty jobs, each with a real effect on files, until all are done or somebody kills it.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteJobs } from '../../src/catalog/sqlite-jobs.ts';
import { type JobDefinition, startJobs } from '../../src/jobs/index.ts';
import { silentLog } from '../../src/ports/log.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';

export const jobCount = 50;
const layers = 10;
const perLayer = jobCount / layers;

export function nameOf(at: number): string {
  return `job-${String(at).padStart(2, '0')}`;
}

/** Ten layers of five: each job comes after two of the layer before. */
export function beforeOf(at: number): readonly number[] {
  const layer = Math.floor(at / perLayer);
  if (layer === 0) return [];
  const first = (layer - 1) * perLayer;
  return [...new Set([first + (at % perLayer), first + ((at * 3 + 1) % perLayer)])].sort((a, b) => a - b);
}

/** What a job leaves: its name and the effects of those before it, so that one missing or done too early shows in all after. */
export function effectOf(at: number, read: (at: number) => string): string {
  return `${nameOf(at)}(${beforeOf(at).map(read).join(',')})`;
}

export function effectPath(folder: string, at: number): string {
  return join(folder, `${nameOf(at)}.txt`);
}

function writeWhole(path: string, text: string): void {
  const descriptor = openSync(`${path}.partial`, 'w');
  writeSync(descriptor, text);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(`${path}.partial`, path);
}

/** Every start of a piece of work, so that the test can count how often each really ran. */
function note(folder: string, line: string): void {
  const descriptor = openSync(join(folder, 'starts.log'), 'a');
  writeSync(descriptor, `${line}\n`);
  closeSync(descriptor);
}

function definitions(folder: string, workMs: number): JobDefinition[] {
  return Array.from({ length: jobCount }, (_, at) => ({
    name: nameOf(at),
    description: 'writes its effect',
    schedule: beforeOf(at).length === 0 ? ({ kind: 'asked' } as const) : ({ kind: 'after' } as const),
    after: beforeOf(at).map(nameOf),
    partitioning: 'none' as const,
    priority: 0,
    concurrency: 1,
    // With three, one graph in a hundred would have a job that fails by itself each time, and ends all that wait for it.
    maxAttempts: 10,
    retryDelayMs: 20,
    timeoutMs: 30_000,
    ifItDies: 'the effect is there whole or not at all',
    work: async ({ attempt, log, run }) => {
      note(folder, `${nameOf(at)} ${run} ${attempt}`);
      log('info', `attempt ${attempt}`);
      const pause = () => new Promise((resolve) => setTimeout(resolve, workMs * (0.5 + Math.random())));
      await pause();
      // One in fifteen fails by itself, before or after its effect is there.
      const luck = Math.random();
      if (luck < 0.03) throw new Error('failed before its effect');
      const text = effectOf(at, (before) => readFileSync(effectPath(folder, before), 'utf8'));
      const path = effectPath(folder, at);
      const isThere = existsSync(path) && readFileSync(path, 'utf8') === text;
      if (!isThere) writeWhole(path, text);
      if (luck > 0.97) throw new Error('failed after its effect');
      await pause();
      return { rows: 1, effect: isThere ? 'was there' : 'written' };
    },
  }));
}

if (import.meta.main) {
  const [folder, workMs] = [process.argv[2]!, Number(process.argv[3])];
  const store = await openSqliteJobs(join(folder, 'jobs.sqlite'));
  const world = createNodeWorld();
  const isFirst = (await store.counts()).kept === 0;
  const jobs = definitions(folder, workMs);
  const running = await startJobs({
    world,
    store,
    jobs,
    schedules: {},
    ownSchedules: 'all',
    slots: 4,
    settledDays: async () => ({ days: [], through: null, why: null }),
    keep: { days: 1, runs: 1000 },
    log: silentLog,
  });
  process.stdout.write('started\n');
  for (let at = 0; at < perLayer; at++) {
    const name = nameOf(at);
    const { runs } = await running.jobs.runs({ job: name, limit: 1 });
    if (isFirst || runs.length === 0) await running.jobs.start(name, {});
  }
  for (;;) {
    const { counts } = await running.jobs.overview();
    if (
      counts.done + counts.failed + counts.cancelled >= jobCount &&
      counts.queued + counts.running + counts.retrying === 0
    )
      break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await running.stop();
  await store.close();
  process.stdout.write('all done\n');
}
