import { TidemarkError } from '../domain/error.ts';
import { type RunningJobs, startJobs } from '../jobs/index.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import { DaySettling } from '../pipeline/settled-days.ts';
import type { Logger } from '../ports/log.ts';
import { type JobParts, jobDefinitions } from './job-parts.ts';
import { openJobStore } from './lake-catalog.ts';

/** The jobs of a running engine, which holds the turns that they need. */
export async function startEngineJobs(
  parts: JobParts & { readonly view: MarketView; readonly log: Logger },
): Promise<RunningJobs> {
  const { config, layout, world, upkeep, view, log } = parts;
  const jobs = await jobDefinitions(parts);
  const store = await openJobStore(layout, { settings: config, log });
  const settling = new DaySettling();
  try {
    const running = await startJobs({
      world,
      store,
      jobs,
      slots: config.jobs.slots,
      schedules: config.jobs.schedules,
      ownSchedules: config.jobs.scheduler === 'own' ? 'all' : 'upkeep',
      keep: { days: config.jobs.keepDays, runs: config.jobs.keepRuns },
      settledDays: async () => settling.look(view.ledger(), view.status().nowUs, await upkeep.state()),
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
