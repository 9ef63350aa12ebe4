import { dayUs } from '../domain/interval.ts';
import { openJournalSegments } from '../journal/kept-segments.ts';
import { openShippedJournal } from '../journal/shipped-journal.ts';
import { type RetentionResult, removeOldSegments } from '../pipeline/retention.ts';
import type { Upkeep } from '../pipeline/upkeep.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { World } from '../ports/world.ts';
import type { Config } from './config.ts';
import type { Layout } from './layout.ts';
import { journalsOf, openShippingStore } from './shipped.ts';

/** By the setting `journal.keepDays`; without it nothing goes. */
export async function removeOldJournals(
  config: Pick<Config, 'journal' | 'shipping' | 'lake'>,
  layout: Layout,
  world: World,
  upkeep: Pick<Upkeep, 'state'>,
  isDryRun: boolean,
): Promise<RetentionResult> {
  const { keepDays } = config.journal;
  if (keepDays === undefined) return { removed: [], kept: [] };
  return removeOldSegments({
    journals: journalsOf(layout).map((journal) => openJournalSegments(world.files, journal)),
    beforeUs: world.clock.wallUs() - keepDays * dayUs,
    committed: (await upkeep.state()).positions,
    shipped: await shippedPositions(config, layout),
    isDryRun,
  });
}

/** As the store has them now; undefined where journals are not shipped. */
async function shippedPositions(
  config: Pick<Config, 'shipping' | 'lake'>,
  layout: Layout,
): Promise<readonly JournalPosition[] | undefined> {
  const blobs = await openShippingStore(config, layout);
  if (blobs === undefined) return undefined;
  try {
    const ends = await Promise.all(journalsOf(layout).map(({ writer }) => openShippedJournal(blobs, writer).end()));
    return ends.filter((end) => end !== undefined);
  } finally {
    await blobs.close();
  }
}
