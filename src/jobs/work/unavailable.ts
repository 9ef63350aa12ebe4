import type { JobDefinition } from '../definition.ts';
import { usualDefaults } from './defaults.ts';

/** Known by name, so that whoever looks for it learns why it does not run. */
export function unavailableJob(name: string, description: string, why: string): JobDefinition {
  return {
    ...usualDefaults,
    name,
    description,
    schedule: { kind: 'asked' },
    partitioning: 'day',
    notAvailable: why,
    ifItDies: 'it does not run here',
    work: async () => ({}),
  };
}

export const unavailableJobs: readonly JobDefinition[] = [
  unavailableJob('backfill', 'past days from the venue’s archive', 'the venue’s archive is not read yet'),
  unavailableJob('reconcile', 'rows here against the venue’s archive', 'the venue’s archive is not read yet'),
];
