import type { JournalPosition } from '../ports/journal.ts';
import type { JournalSegments } from '../ports/shipping.ts';

export interface RetentionOptions {
  readonly journals: readonly JournalSegments[];
  /** What was received before may go, µs. */
  readonly beforeUs: number;
  /** Up to where the lake has the rows. */
  readonly committed: readonly JournalPosition[];
  /** Up to where the journals are shipped; undefined where they are not shipped at all. */
  readonly shipped: readonly Pick<JournalPosition, 'writer' | 'segment'>[] | undefined;
  readonly isDryRun: boolean;
}

export interface RetainedSegment {
  readonly writer: string;
  readonly segment: number;
  readonly bytes: number;
}

export interface RetentionResult {
  /** Of a dry run: those that would be. */
  readonly removed: readonly RetainedSegment[];
  /** Old enough, and the reason why it stays all the same; later ones of that journal stay with it. */
  readonly kept: readonly (RetainedSegment & { readonly why: 'not-committed' | 'not-shipped' })[];
}

/**
 * Removes the oldest segments of journals, one after the other as long as they are old, their rows are committed and their
 * bytes are shipped where they are shipped at all. How far back a rebuild from the folder can reach ends there.
 */
export function removeOldSegments(options: RetentionOptions): RetentionResult {
  const { journals, beforeUs, committed, shipped, isDryRun } = options;
  const removed: RetainedSegment[] = [];
  const kept: RetentionResult['kept'][number][] = [];
  for (const journal of journals) {
    const { writer } = journal;
    const isPast = (positions: readonly Pick<JournalPosition, 'writer' | 'segment'>[], segment: number) =>
      positions.some((position) => position.writer === writer && position.segment > segment);
    for (const { segment, bytes, closedAtUs } of journal.closed()) {
      if (closedAtUs > beforeUs) break;
      const isCommitted = isPast(committed, segment);
      if (!isCommitted || (shipped !== undefined && !isPast(shipped, segment))) {
        kept.push({ writer, segment, bytes, why: isCommitted ? 'not-shipped' : 'not-committed' });
        break;
      }
      if (!isDryRun) journal.remove(segment);
      removed.push({ writer, segment, bytes });
    }
  }
  return { removed, kept };
}
