import type { JournalPosition } from './journal.ts';

/** A data file of a table, immutable and content-named. */
export interface DataFile {
  readonly name: string;
  readonly table: string;
  readonly market: string;
  /** UTC day of the rows, `YYYY-MM-DD`. */
  readonly date: string;
  readonly level: 'minute' | 'hour' | 'day';
  readonly rows: number;
  readonly bytes: number;
  /** Smallest and largest `timeColumn`, µs. */
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  /** SHA-256 of the file's bytes, hex. */
  readonly sha256: string;
}

export interface CatalogState {
  readonly version: number;
  readonly positions: readonly JournalPosition[];
  /** Name of the blob that holds the checkpoint; undefined before the first commit. */
  readonly checkpoint: string | undefined;
  readonly files: readonly DataFile[];
}

export interface CatalogChange {
  readonly addFiles: readonly DataFile[];
  readonly removeFiles: readonly string[];
  /** Given by commits of new data, a position for each journal read; other journals' positions, and those of a compaction, stay. */
  readonly positions?: readonly JournalPosition[];
  readonly checkpoint?: string;
}

/** The transactional record of which files make up which table, with the journal offsets they reach. */
export interface Catalog {
  /** Takes the writer's turn: a larger fence than any before. Older writers' commits fail from now on. */
  takeFence(): Promise<number>;
  state(version?: number): Promise<CatalogState>;
  /** All of the change or nothing; the new version. Fails with `fence-lost` when a newer writer took over. */
  commit(fence: number, change: CatalogChange): Promise<number>;
  /** The newest writer's fence, to see whether a turn is still ours. */
  currentFence(): Promise<number>;
  /** Files that no version since `beforeVersion` names. */
  superseded(beforeVersion: number): Promise<readonly string[]>;
  /** Checkpoint blobs that a version from `version` on names. */
  checkpointsSince(version: number): Promise<readonly string[]>;
  /** Every file that any kept version names. */
  fileNames(): Promise<readonly string[]>;
  /** Drops the record of versions before `beforeVersion`, after their superseded files were removed. */
  forget(fence: number, beforeVersion: number): Promise<void>;
  close(): Promise<void>;
}
