import type { Upkeep } from '../../pipeline/upkeep.ts';
import type { JobDefinition } from '../definition.ts';
import { upkeepDefaults } from './defaults.ts';

/** Removes what no kept version of the catalog names. */
export function sweepJob(upkeep: Upkeep, everyMs: number): JobDefinition {
  return {
    ...upkeepDefaults,
    name: 'sweep',
    description: 'removes superseded files of the lake after their grace, and leftovers of failed commits',
    schedule: { kind: 'interval', everyMs },
    ifItDies: 'what is not removed yet is removed by the next one',
    work: async ({ log }) => {
      const removed = await upkeep.sweep();
      if (removed === 0) return { isIdle: true };
      log('info', `${removed} files removed`);
      return { effect: `${removed} files removed` };
    },
  };
}
