import { TidemarkError } from '../domain/error.ts';
import type { JournalReader } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';
import type { Layout } from './layout.ts';

/**
 * A lake continues where its catalog says that the journals were read to. Where the journals end before that, they are not
 * those that it came from: looked at before the turn is taken, so that the engine that writes is not pushed out.
 */
export async function refuseForeignJournals(
  lake: Lake,
  readers: readonly JournalReader[],
  layout: Layout,
): Promise<void> {
  const { version, positions } = await lake.state();
  for (const reader of readers) {
    const known = positions.find(({ writer }) => writer === reader.writer);
    if (known === undefined) continue;
    const end = await reader.syncedEnd();
    if (end.segment > known.segment || (end.segment === known.segment && end.offset >= known.offset)) continue;
    throw new TidemarkError('journal-behind', {
      doing: 'continue the lake from the journals in',
      what: layout.dataDir,
      why: `catalog version ${version} comes from what ${reader.writer} wrote up to segment ${known.segment} offset ${known.offset}, and the journal here ends at segment ${end.segment} offset ${end.offset}`,
      now: 'if this machine lost its disk, bring its journals back with tidemark restore; for another recording name another catalog.schema',
    });
  }
}
