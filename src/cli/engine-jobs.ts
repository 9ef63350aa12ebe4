import { renameSync, rmSync } from 'node:fs';
import { TidemarkError } from '../domain/error.ts';
import { type RunningJobs, type SettledDays, startJobs } from '../jobs/index.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import { DaySettling } from '../pipeline/settled-days.ts';
import type { Upkeep } from '../pipeline/upkeep.ts';
import type { JobStore } from '../ports/job-store.ts';
import type { Logger } from '../ports/log.ts';
import { type JobParts, jobDefinitions } from './job-parts.ts';
import { openJobStore } from './lake-catalog.ts';

/** The jobs of a running engine, which holds the turns that they need. */
export async function startEngineJobs(
  parts: JobParts & { readonly view: MarketView; readonly log: Logger },
): Promise<RunningJobs> {
  const { config, world, upkeep, view, log } = parts;
  const jobs = await jobDefinitions(parts);
  const store = await openRecord(parts);
  try {
    const running = await startJobs({
      world,
      store,
      jobs,
      slots: config.jobs.slots,
      schedules: config.jobs.schedules,
      ownSchedules: config.jobs.scheduler === 'own' ? 'all' : 'upkeep',
      keep: { days: config.jobs.keepDays, runs: config.jobs.keepRuns },
      settledDays: settledDaysOf(view, upkeep),
      log,
    });
    return {
      ...running,
      stop: async () => {
        await running.stop();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw asSettingError(error);
  }
}

/** A record that cannot be read is put aside: what it says may be lost, the work of the engine must go on. */
async function openRecord({ config, layout, log }: JobParts & { readonly log: Logger }): Promise<JobStore> {
  try {
    return await openJobStore(layout, { settings: config, log });
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'jobs-unreadable') throw error;
    const aside = `${layout.jobs}.unreadable`;
    renameSync(layout.jobs, aside);
    for (const suffix of ['-wal', '-shm']) rmSync(`${layout.jobs}${suffix}`, { force: true });
    log.error(
      { error: error.message, aside },
      'the record of jobs cannot be read: it is put aside, and a new one begins',
    );
    return openJobStore(layout, { settings: config, log });
  }
}

/** The lake's files are read only when another day is settled. */
function settledDaysOf(view: MarketView, upkeep: Upkeep): () => Promise<SettledDays> {
  const settling = new DaySettling();
  let known: SettledDays = { days: [], through: null, why: null };
  return async () => {
    const { nowUs, lake } = view.status();
    const { through, why } = settling.look(view.ledger(), nowUs, lake.catalogVersion);
    if (through !== null && through !== known.through) {
      const dates = new Set((await upkeep.state()).files.map(({ date }) => date));
      known = { days: [...dates].filter((date) => date <= through).sort(), through, why };
    }
    return { ...known, why };
  };
}

const bySettings: ReadonlySet<string> = new Set(['unknown-job', 'bad-schedule', 'bad-jobs']);

/** The program's own jobs fit together: what does not comes from the settings. */
function asSettingError(error: unknown): unknown {
  if (!(error instanceof TidemarkError) || !bySettings.has(error.code)) return error;
  return new TidemarkError('config-invalid', {
    doing: 'use',
    what: 'setting jobs.schedules',
    why: error.message,
    cause: error,
  });
}
