import type { JobDefinition } from '../definition.ts';
import { usualDefaults } from './defaults.ts';

function unavailable(name: string, description: string, why: string): JobDefinition {
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

/** Known by name so that whoever looks for them learns why they do not run. */
export const unavailableJobs: readonly JobDefinition[] = [
  unavailable('backfill', 'past days from the venue’s archive', 'the venue’s archive is not read yet'),
  unavailable('reconcile', 'rows here against the venue’s archive', 'the venue’s archive is not read yet'),
];
