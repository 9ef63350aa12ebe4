import { failureOf, type ModelsOptions, runModels } from '../../models/run.ts';
import type { JobDefinition, RunContext, RunResult } from '../definition.ts';
import { usualDefaults } from './defaults.ts';

export type ModelParts = Pick<
  ModelsOptions,
  'lake' | 'catalog' | 'blobs' | 'runner' | 'files' | 'folder' | 'scratchFolder'
>;

const modelDefaults = {
  ...usualDefaults,
  group: 'models',
  maxAttempts: 3,
  retryDelayMs: 30_000,
  timeoutMs: 6 * 3_600_000,
  ifItDies: 'what is published is whole; the next one computes what is left',
};

/** Whatever changed since, and nothing else; and the same for one settled day, so that a range can be caught up. */
export function modelJobs(parts: ModelParts, everyMs: number): readonly JobDefinition[] {
  return [
    {
      ...modelDefaults,
      name: 'models',
      description: 'computes what changed of the SQL models, tests it and publishes it',
      schedule: { kind: 'interval', everyMs },
      work: (context) => work(parts, context, undefined),
    },
    {
      ...modelDefaults,
      name: 'models-day',
      description: 'the SQL models of one day, when no more rows of it are expected',
      schedule: { kind: 'settled' },
      partitioning: 'day',
      work: (context) => work(parts, context, context.partition),
    },
  ];
}

async function work(parts: ModelParts, context: RunContext, day: string | undefined): Promise<RunResult> {
  const { log, progress, signal } = context;
  const result = await runModels({ ...parts, day, signal, log, onProgress: progress });
  const written = result.partitions.filter(({ state }) => state === 'written');
  const failure = failureOf(result);
  if (failure !== undefined) throw failure;
  if (result.partitions.length === 0 && day === undefined) return { isIdle: true };
  const effect =
    written.length === 0
      ? 'equal to what was published'
      : `${written.length} partitions in catalog version ${result.catalogVersion}`;
  return { rows: result.rows, bytes: result.bytes, effect };
}
