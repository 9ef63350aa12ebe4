import type { JobDefinition } from '../definition.ts';
import { cron } from '../schedule.ts';
import { upkeepDefaults } from './defaults.ts';

/** The record of jobs itself does not grow for ever. */
export function historyJob(forget: () => Promise<number>): JobDefinition {
  return {
    ...upkeepDefaults,
    name: 'history',
    description: 'forgets runs that are older, or more, than are kept',
    schedule: cron('40 3 * * *'),
    ifItDies: 'the rest is forgotten by the next one',
    work: async () => {
      const forgotten = await forget();
      return forgotten === 0 ? { isIdle: true } : { effect: `${forgotten} runs forgotten` };
    },
  };
}
