import type { ResultColumn } from './warehouse.ts';

/** Rows as files that other programs read. */
export interface TableFiles {
  /** A Parquet file of these columns, typed as they say; each cell is text that its type reads without loss, or null. */
  parquet(columns: readonly ResultColumn[], rows: readonly (readonly (string | null)[])[]): Promise<Uint8Array>;
}
