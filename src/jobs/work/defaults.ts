import type { JobDefinition } from '../definition.ts';

type Defaults = Pick<
  JobDefinition,
  'after' | 'partitioning' | 'priority' | 'concurrency' | 'maxAttempts' | 'retryDelayMs' | 'timeoutMs'
>;

const minuteMs = 60_000;

/** Work that a user would wait for. */
export const usualDefaults: Defaults = {
  after: [],
  partitioning: 'none',
  priority: 0,
  concurrency: 1,
  maxAttempts: 5,
  retryDelayMs: 10_000,
  timeoutMs: 60 * minuteMs,
};

/** What must go on for the lake to stay in order. Its schedule comes again soon: no need to insist. */
export const upkeepDefaults: Defaults & { readonly isUpkeep: true; readonly group: string } = {
  ...usualDefaults,
  isUpkeep: true,
  group: 'upkeep',
  priority: 10,
  maxAttempts: 3,
};
