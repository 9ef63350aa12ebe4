import type { Upkeep } from '../../pipeline/upkeep.ts';
import type { JobDefinition } from '../definition.ts';
import { upkeepDefaults } from './defaults.ts';

/** Merges small files of the lake: minutes to hours, hours to days. */
export function compactJob(upkeep: Upkeep, everyMs: number): JobDefinition {
  return {
    ...upkeepDefaults,
    name: 'compact',
    description: 'merges small files of the lake: minutes to hours, hours to days',
    schedule: { kind: 'interval', everyMs },
    ifItDies: 'each merge is one commit: it is there whole or not at all',
    work: async ({ log, signal }) => {
      let merges = 0;
      let before: number | undefined;
      for (;;) {
        signal.throwIfAborted();
        before ??= (await upkeep.state()).files.length;
        if (!(await upkeep.compact())) break;
        merges += 1;
        log('debug', `merge ${merges}`);
      }
      if (merges === 0) return { isIdle: true };
      const after = (await upkeep.state()).files.length;
      log('info', `catalog: ${before} files before, ${after} now`);
      return { effect: `${before} files to ${after}` };
    },
  };
}
