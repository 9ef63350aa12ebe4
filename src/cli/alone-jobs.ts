import { existsSync, mkdirSync } from 'node:fs';
import { TidemarkError } from '../domain/error.ts';
import { type JobDefinition, type RunningJobs, recordedJobs, startJobs, withSchedules } from '../jobs/index.ts';
import { openJournalReader } from '../journal/reader.ts';
import { upkeepOf } from '../pipeline/upkeep.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { JournalReader } from '../ports/journal.ts';
import { silentLog } from '../ports/log.ts';
import { compressorOf } from './compressor.ts';
import type { Config } from './config.ts';
import { refuseForeignJournals } from './foreign-journals.ts';
import { type JobParts, jobDefinitions } from './job-parts.ts';
import { lockJournal } from './journal-locks.ts';
import { openJobStore } from './lake-catalog.ts';
import { layoutOf, refuseUnrecorded } from './layout.ts';
import { openReportWorkshop, reportParts } from './report-workshop.ts';
import { modelParts, openStores, openWorld, type Stores } from './wire.ts';

async function partsOf(config: Config, isReadOnly: boolean): Promise<JobParts & { readonly stores: Stores }> {
  const layout = layoutOf(config.dataDir, process.cwd());
  if (config.catalog.kind !== 'postgres') refuseUnrecorded(layout);
  const world = openWorld(config);
  const stores = await openStores(layout, { isReadOnly, settings: config });
  const upkeep = upkeepOf({ lake: stores.lake, compressBefore: compressorOf(layout, world) });
  const cwd = process.cwd();
  try {
    const workshop = await openReportWorkshop(config, cwd, layout, stores, world, silentLog);
    const models = await modelParts(config, cwd, layout, stores, world);
    const reports = await reportParts(workshop, config, stores, world);
    return { config, cwd, layout, world, stores, upkeep, models, reports };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

/**
 * Jobs where no engine runs: what is asked here is done in this process, under the locks that the engine would hold. What
 * others asked for waits for the engine.
 */
export async function startAloneJobs(config: Config): Promise<RunningJobs> {
  const layout = layoutOf(config.dataDir, process.cwd());
  const lock = lockJournal(layout.engineJournal, 'tidemark jobs');
  const closing: (() => Promise<unknown> | undefined)[] = [async () => lock?.release()];
  const close = async () => {
    for (const one of closing.reverse()) await one();
  };
  try {
    const parts = await partsOf(config, false);
    closing.push(() => parts.stores.close());
    await refuseOtherMachine(parts);
    await parts.stores.lake.open();
    mkdirSync(layout.scratch, { recursive: true });
    const store = await openJobStore(layout, { settings: config });
    closing.push(() => store.close());
    const running = await startJobs({
      world: parts.world,
      store,
      jobs: await jobDefinitions(parts),
      slots: config.jobs.slots,
      schedules: config.jobs.schedules,
      ownSchedules: 'none',
      isAlone: true,
      keep: { days: config.jobs.keepDays, runs: config.jobs.keepRuns },
      // Nothing derives here: which days are settled is not known, and what is asked for does not wait for it.
      settledDays: async () => ({ days: [], through: null, why: 'no engine runs' }),
      log: silentLog,
    });
    closing.push(() => running.stop());
    return { ...running, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** With a shared catalog the engine may run elsewhere; taking its turn would push it out. Where the journals are, it is not. */
async function refuseOtherMachine({ stores, layout, world }: JobParts): Promise<void> {
  const journals = [
    { folder: layout.recorderJournal, writer: 'recorder' },
    { folder: layout.engineJournal, writer: 'engine' },
  ];
  if (!existsSync(layout.engineJournal)) {
    throw new TidemarkError('not-ready', {
      doing: 'do the work of a job here',
      why: 'no engine runs on this data folder, and the journals of the lake are not in it',
      now: 'ask on the machine where the engine runs',
    });
  }
  const readers: JournalReader[] = [];
  try {
    for (const { folder, writer } of journals) {
      if (existsSync(folder)) readers.push(await openJournalReader(world, { folder, writer }));
    }
    await refuseForeignJournals(stores.lake, readers, layout);
  } finally {
    for (const reader of readers) await reader.close();
  }
}

/** What is recorded, where no engine runs and nothing is to be changed. */
export async function openRecordedJobs(config: Config): Promise<{ readonly jobs: Jobs; close(): Promise<void> }> {
  const parts = await partsOf(config, true);
  const store = await openJobStore(parts.layout, { settings: config, isReadOnly: true });
  const jobs = await jobDefinitions(parts);
  return {
    jobs: recordedJobs({ store, jobs, schedules: config.jobs.schedules, world: parts.world }),
    close: async () => {
      await store.close();
      await parts.stores.close();
    },
  };
}

/** Every job with the schedule that the settings give it. */
export async function definedJobs(config: Config): Promise<readonly JobDefinition[]> {
  const parts = await partsOf(config, true);
  try {
    return withSchedules(await jobDefinitions(parts), config.jobs.schedules);
  } finally {
    await parts.stores.close();
  }
}
