import type { CatalogState } from '../ports/catalog.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';

/** What keeps lake and journals small. Each may run at any time beside the commits, one at a time. */
export interface Upkeep {
  /** Compresses closed journal segments whose records are all committed; how many. */
  compress(): Promise<number>;
  /** Merges small files, once, if it is due. */
  compact(): Promise<boolean>;
  /** Removes files that nobody reads any more; how many. */
  sweep(): Promise<number>;
  state(): Promise<CatalogState>;
}

export interface UpkeepParts {
  readonly lake: Lake;
  /** Compresses the closed segments of a journal that lie wholly before one; how many. */
  readonly compressBefore: (writer: string, segment: number) => Promise<number>;
  /** Up to where journals are committed; asked of the lake where nobody else knows it. */
  readonly committedPositions?: () => readonly JournalPosition[];
  /** Told of the lake's files whenever they were read. */
  readonly noteFiles?: (files: CatalogState['files']) => void;
}

export function upkeepOf({ lake, compressBefore, committedPositions, noteFiles }: UpkeepParts): Upkeep {
  const state = async () => {
    const known = await lake.state();
    noteFiles?.(known.files);
    return known;
  };
  return {
    compress: async () => {
      let compressed = 0;
      for (const { writer, segment } of committedPositions?.() ?? (await lake.state()).positions) {
        compressed += await compressBefore(writer, segment);
      }
      return compressed;
    },
    compact: () => lake.compact(),
    sweep: () => lake.sweep(),
    state,
  };
}
