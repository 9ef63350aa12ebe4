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
}

export interface QueryLimits {
  readonly maxRows: number;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

/** What a query sees: files per table, all cut at one catalog version and its tail. */
export interface QueryTables {
  readonly catalogVersion: number;
  /** Table name → local paths of Parquet files (catalog files, then tail files). Declared tables without files appear with none; computed ones have files. */
  readonly files: Readonly<Record<string, readonly string[]>>;
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
