import type { Upkeep } from '../../pipeline/upkeep.ts';
import type { JobDefinition } from '../definition.ts';
import { upkeepDefaults } from './defaults.ts';

/** Closed journal segments shrink to a fifth; they stay readable as they are. */
export function compressJob(upkeep: Upkeep, everyMs: number): JobDefinition {
  return {
    ...upkeepDefaults,
    name: 'compress',
    description: 'compresses closed journal segments whose records are all in the lake',
    schedule: { kind: 'interval', everyMs },
    ifItDies: 'a segment is replaced only by its whole compressed copy',
    work: async ({ log }) => {
      const compressed = await upkeep.compress();
      if (compressed === 0) return { isIdle: true };
      log('info', `${compressed} segments compressed`);
      return { effect: `${compressed} segments compressed` };
    },
  };
}
