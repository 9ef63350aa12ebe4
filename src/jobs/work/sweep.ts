import type { Upkeep } from '../../pipeline/upkeep.ts';
import type { LakeUpkeep } from '../../ports/lake-upkeep.ts';
import type { JobDefinition } from '../definition.ts';
import { upkeepDefaults } from './defaults.ts';

/** Removes what no kept version of the catalog names. */
export function sweepJob(upkeep: Upkeep, lake: Pick<LakeUpkeep, 'garbage'>, everyMs: number): JobDefinition {
  return {
    ...upkeepDefaults,
    name: 'sweep',
    description: 'removes superseded files of the lake after their grace, and leftovers of failed commits',
    schedule: { kind: 'interval', everyMs },
    ifItDies: 'what is not removed yet is removed by the next one',
    arguments: { 'dry-run': /^(true|false)$/ },
    work: async ({ arguments: given, log }) => {
      if (given['dry-run'] === 'true') {
        const garbage = await lake.garbage();
        for (const { name, bytes, why } of garbage) log('info', `${name}: ${bytes ?? 0} bytes, ${why}`);
        return { effect: `${garbage.length} files would go` };
      }
      const removed = await upkeep.sweep();
      if (removed === 0) return { isIdle: true };
      log('info', `${removed} files removed`);
      return { effect: `${removed} files removed` };
    },
  };
}
