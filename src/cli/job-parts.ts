import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type DataKind, dataKinds } from '../domain/state.ts';
import {
  compactJob,
  compressJob,
  type ExportParts,
  exportJob,
  type JobDefinition,
  lakeVerifyJob,
  type ModelParts,
  modelJobs,
  type ReportParts,
  repairJob,
  reportJobs,
  retentionJob,
  sweepJob,
  unavailableJob,
  unavailableJobs,
} from '../jobs/index.ts';
import type { MarketView } from '../pipeline/market-view.ts';
import type { Upkeep } from '../pipeline/upkeep.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Lake } from '../ports/lake.ts';
import type { LakeUpkeep } from '../ports/lake-upkeep.ts';
import type { Warehouse } from '../ports/warehouse.ts';
import type { World } from '../ports/world.ts';
import { openDuckdbExporter } from '../warehouse/table-exporter.ts';
import type { Config } from './config.ts';
import { removeOldJournals } from './journal-retention.ts';
import type { Layout } from './layout.ts';
import { version } from './version.ts';

/** What the work of jobs is done with. */
export interface JobParts {
  readonly config: Config;
  readonly cwd: string;
  readonly layout: Layout;
  readonly world: World;
  readonly stores: {
    readonly lake: Lake;
    readonly blobs: BlobStore;
    readonly warehouse: Warehouse;
    readonly upkeep: LakeUpkeep;
  };
  readonly models: ModelParts;
  readonly upkeep: Upkeep;
  /** Of a running engine. */
  readonly view?: MarketView;
  readonly reports?: ReportParts;
}

/** Every job of this program. */
export async function jobDefinitions(parts: JobParts): Promise<readonly JobDefinition[]> {
  const { config, cwd, layout, world, stores, models, upkeep, view, reports } = parts;
  const everyMs = config.lake.maintenanceSeconds * 1000;
  const { tables, format, folder } = config.jobs.export;
  return [
    compactJob(upkeep, everyMs),
    sweepJob(upkeep, stores.upkeep, everyMs),
    compressJob(upkeep, everyMs),
    retentionJob((isDryRun) => removeOldJournals(config, layout, world, upkeep, isDryRun), config.journal.keepDays),
    view === undefined
      ? unavailableJob('repair', 'follows the repair of open gaps', 'only a running engine repairs')
      : repairJob(view, world.timers),
    lakeVerifyJob(stores.upkeep),
    ...modelJobs(models, modelsEveryMs),
    ...(reports === undefined ? [] : reportJobs(reports)),
    exportJob(await exportParts(config, layout, stores, world), {
      tables,
      format,
      folder: folder === undefined ? layout.exports : path.resolve(cwd, folder),
    }),
    ...unavailableJobs,
  ];
}

const modelsEveryMs = 5 * 60_000;

/** What committed rows are exported with. */
export async function exportParts(
  config: Config,
  layout: Layout,
  stores: Pick<JobParts['stores'], 'lake' | 'blobs' | 'warehouse'>,
  world: World,
): Promise<ExportParts> {
  const { lake, blobs, warehouse } = stores;
  const exporter = openDuckdbExporter({ scratchFolder: path.join(layout.scratch, 'exports') });
  return { lake, blobs, warehouse, exporter, world, dataKind: recordedKind(config, layout), version };
}

/** What was recorded is told by the plan it was recorded by: a demo's folder is simulated whatever the settings at hand say. */
function recordedKind({ dataKind }: Config, { planFile }: Layout): DataKind {
  if (!existsSync(planFile)) return dataKind;
  const plan = JSON.parse(readFileSync(planFile, 'utf8')) as { dataKind?: DataKind };
  return dataKinds.find((kind) => kind === plan.dataKind) ?? dataKind;
}
