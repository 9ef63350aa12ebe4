import type { Batch } from '../domain/batch.ts';
import type { Slots } from '../domain/slots.ts';
import type { CatalogState, ComputedDay, RowsChange } from './catalog.ts';
import type { JournalPosition } from './journal.ts';
import type { LakeFile } from './warehouse.ts';

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

/** Content of one table, symbol and day, independent of files, receive times and our decisions. */
export interface ContentHash {
  readonly table: string;
  readonly market: string;
  readonly symbol: string;
  readonly date: string;
  readonly rows: number;
  /** SHA-256 over the content columns of the sorted rows, hex. */
  readonly sha256: string;
}

/** Rows of one symbol, in the table's order or, with `newestFirst`, the other way round. */
export interface LakeQuery {
  readonly table: string;
  readonly market: string;
  readonly symbol: string;
  /** Range of the table's time column, [fromUs, toUs). */
  readonly fromUs?: number;
  readonly toUs?: number;
  /** Only rows of this interval, in tables that have one. */
  readonly interval?: string;
  /** Only rows whose `idColumn` is below `beforeId`. */
  readonly idColumn?: string;
  readonly beforeId?: number;
  readonly limit?: number;
  readonly newestFirst?: boolean;
}

/** Rows read back. Each row's slot says its scales: 8 where the value fits there, else fewer, always exact. */
export interface LakeRows {
  readonly batch: Batch;
  readonly slots: Slots;
}

/** A catalog version by its number, or the one that was the newest at an instant. */
export type AsOf = { readonly version: number } | { readonly atUs: number };

/**
 * The files of one catalog version, as a `Warehouse` takes them: none is touched before it is asked for. Whatever replaces
 * them, they stay readable as they were for as many later versions as the lake keeps and at least for the grace period, then
 * a sweep takes them.
 */
export interface LakeFiles {
  readonly catalogVersion: number;
  /** Every declared table, and each computed one that has files. */
  readonly files: Readonly<Record<string, readonly LakeFile[]>>;
}

/** A computed table's rows of one market and day, all symbols, as one finished Parquet file; without a path it has none now. */
export interface ReplacedDay {
  readonly table: string;
  readonly market: string;
  readonly date: string;
  /** Taken in (moved or copied). */
  readonly localPath: string | undefined;
  readonly rows: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  /** Which of its symbols have other rows than before, and when. */
  readonly rowsChanged: readonly RowsChange[];
}

/**
 * Batches in, immutable Parquet files out; rows, offsets and checkpoint become visible in one transaction. Readers, in
 * this process or another, see each commit whole or not at all, and none waits for another. Whoever opens it for writing
 * takes the turn: every change by the writer before fails with `fence-lost` from then on and leaves no trace.
 */
export interface Lake {
  /** The newest version. It may be called again; a writer then takes a new turn. */
  open(): Promise<LakeState>;
  /**
   * Rows are durable and visible when it resolves; the catalog version. On rejection nothing is visible, and the same
   * commit may be made again. Commits asked for at once are made in the order asked.
   */
  commit(commit: LakeCommit): Promise<number>;
  /**
   * Computed tables (models): each day takes the place of what the lake holds of the same table, market and day, all in one
   * catalog version, with what they were computed from. Refuses a declared table with `no-computed-table`.
   */
  replaceDays(days: readonly ReplacedDay[], computed?: readonly ComputedDay[]): Promise<number>;
  /** The newest version; touches no file. */
  state(): Promise<CatalogState>;
  /**
   * Merges small files (minute → hour → day) where that is due. Commits only when row count, key range and content agree;
   * positions and checkpoint stay. True when something changed.
   */
  compact(): Promise<boolean>;
  /**
   * Removes files that no kept version names, and leftovers of failed commits, once they are older than the grace period; how
   * many. A writer whose turn is over removes nothing.
   */
  sweep(): Promise<number>;
  /** Writes the rows as one Parquet file of the table's layout outside the catalog: the tail that queries read beside it. */
  writeTail(batch: Batch, slots: Slots, localPath: string): Promise<void>;
  /** Committed rows of one symbol. */
  read(query: LakeQuery): Promise<LakeRows>;
  /** Of the newest version, or of an earlier one that is still kept; else fails with `no-such-version`. */
  files(asOf?: AsOf): Promise<LakeFiles>;
  /**
   * Equal for the same rows, however these came to lie in commits, files and scales. Fails with `duplicate-rows` when a
   * row identity is there twice.
   */
  contentHashes(tables: readonly string[]): Promise<readonly ContentHash[]>;
  close(): Promise<void>;
}
