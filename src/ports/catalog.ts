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

/** Rows of one symbol and day that a version added or replaced: these times may read differently now. */
export interface RowsChange {
  readonly table: string;
  readonly market: string;
  readonly symbol: string;
  readonly date: string;
  /** Smallest and largest `timeColumn` among them, µs. */
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
}

/** What one symbol's day of a computed table (a model) was computed from. */
export interface ComputedDay {
  readonly table: string;
  readonly market: string;
  readonly symbol: string;
  readonly date: string;
  /** Catalog version that its inputs were read at. */
  readonly inputVersion: number;
  /** Hash of the SQL that computed it and of all that this refers to, hex. */
  readonly codeHash: string;
}

export interface CatalogVersion {
  readonly version: number;
  readonly fence: number;
  /** By the catalog's own clock, µs. */
  readonly committedAtUs: number;
}

export interface CatalogState {
  readonly version: number;
  /** By the catalog's own clock, µs; 0 for version 0. */
  readonly committedAtUs: number;
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
  /** Not given by changes that leave every row as it is, such as a compaction. */
  readonly rowsChanged?: readonly RowsChange[];
  /** Replaces what was known of the same table, symbol and day. */
  readonly computed?: readonly ComputedDay[];
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
  /** Changes that versions after `version` made, one a table, symbol and day; forgotten versions' are told too widely, never too narrowly. */
  rowsChangedAfter(version: number): Promise<readonly RowsChange[]>;
  computedDays(): Promise<readonly ComputedDay[]>;
  /** Kept versions, oldest first. */
  versions(): Promise<readonly CatalogVersion[]>;
  close(): Promise<void>;
}
