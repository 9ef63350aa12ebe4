import { TidemarkError } from '../../domain/error.ts';
import type { LakeUpkeep } from '../../ports/lake-upkeep.ts';
import type { JobDefinition } from '../definition.ts';
import { cron } from '../schedule.ts';
import { usualDefaults } from './defaults.ts';

const shownProblems = 100;

/** Reads the lake back from its store, to the last byte. */
export function lakeVerifyJob(lake: Pick<LakeUpkeep, 'verify'>): JobDefinition {
  return {
    ...usualDefaults,
    name: 'lake-verify',
    description: 'reads every file of the lake back and compares it with the catalog',
    schedule: cron('30 4 * * *'),
    priority: -5,
    // What is damaged stays damaged: looking again at once tells nothing new.
    maxAttempts: 2,
    retryDelayMs: 60_000,
    timeoutMs: 12 * 3_600_000,
    ifItDies: 'it changes nothing: the next one begins anew',
    work: async ({ log, progress, signal }) => {
      const found = await lake.verify({
        signal,
        onProgress: ({ bytesDone, bytes }) => progress(bytesDone / Math.max(1, bytes)),
      });
      for (const note of found.notes) log('info', note);
      for (const { kind, name, detail } of found.problems.slice(0, shownProblems)) {
        log('error', `${kind}: ${name}: ${detail}`);
      }
      const counts = `${found.files} files, ${found.checkpoints} checkpoints, ${found.icebergTables} Iceberg tables`;
      log('info', `catalog version ${found.version}: ${counts}, ${found.bytes} bytes read`);
      if (found.problems.length > 0) {
        const [first] = found.problems;
        throw new TidemarkError('lake-damaged', {
          doing: 'verify the lake',
          what: first!.name,
          why: `${first!.kind}${found.problems.length > 1 ? `, and ${found.problems.length - 1} more problems` : ''}`,
          now: 'see the log of this run; tidemark rebuild makes the lake anew from the journals',
        });
      }
      return { bytes: found.bytes, effect: `${found.files} files as they were written` };
    },
  };
}
