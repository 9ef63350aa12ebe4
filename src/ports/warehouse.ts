/** One column of an answer. `type` is the SQL type. */
export interface ResultColumn {
  readonly name: string;
  readonly type: string;
}

export interface QueryResult {
  readonly columns: readonly ResultColumn[];
  /** Cells as text that loses nothing (decimals and integers with all digits, times in ISO 8601 UTC), or null. */
  readonly rows: readonly (string | null)[][];
  /** More rows existed than the limit let through. */
  readonly truncated: boolean;
  readonly catalogVersion: number;
  /** Files of the lake that could hold what was asked for, and their bytes: no other one was opened. */
  readonly lakeFiles: number;
  readonly lakeBytes: number;
}

export interface QueryLimits {
  readonly maxRows: number;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

/** What all rows of a file have in common. */
export interface FileSpan {
  readonly market: string;
  /** UTC day, `YYYY-MM-DD`: their `date`. */
  readonly date: string;
  /** Smallest and largest value of the table's time column, µs. */
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
}

/** A file of the lake: opened, and fetched where it is not here, only when the statement can need one of its rows. */
export interface LakeFile extends FileSpan {
  readonly bytes: number;
  localPath(): Promise<string>;
}

/** What a query sees: files per table, all cut at one catalog version and its tail. */
export interface QueryTables {
  readonly catalogVersion: number;
  /**
   * Table name → Parquet files: of the lake, then others by their local path, which are always read. Declared tables without
   * files appear with none or not at all; computed ones have files.
   */
  readonly files: Readonly<Record<string, readonly (LakeFile | string)[]>>;
  /** `state` tables whose tail rows replace committed rows of the same key: their tail paths, apart. */
  readonly replacing: Readonly<Record<string, string>>;
}

/**
 * SQL over the lake: one SELECT or EXPLAIN, in a process of its own that is ended at the limits. Every declared table is
 * there, typed, with files or without; an answer shows the version asked for, whatever is committed meanwhile. Refuses with
 * `sql-refused` before anything runs; fails with `sql-failed`, `sql-timeout` or, once it is cancelled, `sql-cancelled`, and spoils
 * no other query.
 */
export interface Warehouse {
  query(sql: string, tables: QueryTables, limits: QueryLimits, cancelled?: AbortSignal): Promise<QueryResult>;
}
