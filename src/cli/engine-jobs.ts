import {
  compactJob,
  compressJob,
  type JobDefinition,
  type RunningJobs,
  startJobs,
  sweepJob,
  unavailableJobs,
} from '../jobs/index.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import { DaySettling } from '../pipeline/settled-days.ts';
import type { Upkeep } from '../pipeline/upkeep.ts';
import type { Logger } from '../ports/log.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import { openJobStore } from './lake-catalog.ts';
import type { Layout } from './layout.ts';

/** What the work of jobs is done with. */
export interface JobParts {
  readonly config: Config;
  readonly layout: Layout;
  readonly world: World;
  readonly upkeep: Upkeep;
  readonly log: Logger;
}

/** Every job of this program. */
export function jobDefinitions({ config, upkeep }: Pick<JobParts, 'config' | 'upkeep'>): readonly JobDefinition[] {
  const everyMs = config.lake.maintenanceSeconds * 1000;
  return [compactJob(upkeep, everyMs), sweepJob(upkeep, everyMs), compressJob(upkeep, everyMs), ...unavailableJobs];
}

/** The jobs of a running engine, which holds the turns that they need. */
export async function startEngineJobs(parts: JobParts, view: MarketView): Promise<RunningJobs> {
  const { config, layout, world, upkeep, log } = parts;
  const store = await openJobStore(layout, { settings: config, log });
  const settling = new DaySettling();
  const running = await startJobs({
    world,
    store,
    jobs: jobDefinitions(parts),
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
}
