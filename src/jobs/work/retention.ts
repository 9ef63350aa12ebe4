import type { RetentionResult } from '../../pipeline/retention.ts';
import type { JobDefinition } from '../definition.ts';
import { cron } from '../schedule.ts';
import { upkeepDefaults } from './defaults.ts';

/** Journals otherwise grow for ever. */
export function retentionJob(
  removeOldSegments: (isDryRun: boolean) => Promise<RetentionResult>,
  keepDays: number | undefined,
): JobDefinition {
  return {
    ...upkeepDefaults,
    name: 'retention',
    description:
      'removes journal segments older than journal.keepDays whose rows are committed and whose bytes are shipped',
    schedule: cron('20 5 * * *'),
    ...(keepDays === undefined ? { notAvailable: 'the setting journal.keepDays is not set: journals stay' } : {}),
    arguments: { 'dry-run': /^(true|false)$/ },
    ifItDies: 'the oldest segments are gone, and only those that may go',
    work: async ({ log, arguments: given }) => {
      const isDryRun = given['dry-run'] === 'true';
      const { removed, kept } = await removeOldSegments(isDryRun);
      for (const { writer, segment, bytes } of removed) {
        log('info', `${writer} segment ${segment}: ${bytes} bytes ${isDryRun ? 'would go' : 'removed'}`);
      }
      for (const { writer, segment, why } of kept) {
        log('warn', `${writer} segment ${segment} is old enough and stays: it is ${why.replace('-', ' ')}`);
      }
      if (removed.length === 0 && kept.length === 0) return { isIdle: true };
      const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
      return {
        bytes,
        effect: `${removed.length} segments ${isDryRun ? 'would go' : 'removed'}, ${kept.length} held back`,
      };
    },
  };
}
