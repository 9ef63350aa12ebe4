import type { Batch } from '../domain/batch.ts';
import type { Slots } from '../domain/slots.ts';
import type { CatalogState } from './catalog.ts';
import type { JournalPosition } from './journal.ts';

export interface LakeCommit {
  readonly slots: Slots;
  /** One batch a table at most; rows of `state` tables replace rows of the same key. Empty batches are skipped. */
  readonly batches: readonly Batch[];
  readonly positions: readonly JournalPosition[];
  readonly checkpoint: Uint8Array;
}

export interface LakeState extends CatalogState {
  readonly checkpointBytes: Uint8Array | undefined;
}

/** A stored candle row, scale-free: decimals as text, times in µs. */
export interface ContentHash {
  readonly table: string;
  readonly market: string;
  readonly symbol: string;
  readonly date: string;
  readonly rows: number;
  /** SHA-256 over the content columns of the sorted rows, hex. */
  readonly sha256: string;
}

/** Batches in, immutable Parquet files out; rows, offsets and checkpoint become visible in one transaction. */
export interface Lake {
  open(): Promise<LakeState>;
  /** Rows are durable and visible when it resolves; the catalog version. On rejection nothing is visible. */
  commit(commit: LakeCommit): Promise<number>;
  /** Merges small files (minute → hour → day) where that is due. Commits only when row count, key range and content agree. True when something changed. */
  compact(): Promise<boolean>;
  /** Removes files that no kept version names, and leftovers of interrupted commits. */
  sweep(): Promise<number>;
  /** Writes the rows as one Parquet file of the table's layout outside the catalog: the tail that queries read beside it. */
  writeTail(batch: Batch, slots: Slots, localPath: string): Promise<void>;
  contentHashes(tables: readonly string[]): Promise<readonly ContentHash[]>;
  close(): Promise<void>;
}
