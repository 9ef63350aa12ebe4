import type { ResultColumn } from './warehouse.ts';

export interface TableExport {
  readonly table: string;
  /** Local Parquet files that hold the rows. */
  readonly paths: readonly string[];
  readonly market?: string;
  readonly symbol?: string;
  /** Rows whose `timeColumn` lies in [fromUs, toUs). */
  readonly timeColumn?: string;
  readonly fromUs?: number;
  readonly toUs?: number;
  /** Columns that the rows are sorted by. */
  readonly order: readonly string[];
  readonly format: 'parquet' | 'csv';
  /** Written anew; its folder exists. */
  readonly localPath: string;
}

export interface ExportedRows {
  readonly rows: number;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly columns: readonly ResultColumn[];
}

/**
 * Rows of a table as one file, durable when it resolves; the same rows make the same bytes. Fails with `disk-full` or
 * `export-failed`, and then leaves no file.
 */
export interface TableExporter {
  write(request: TableExport, signal?: AbortSignal): Promise<ExportedRows>;
}
