import type { FileSpan, QueryLimits, ResultColumn } from '../ports/warehouse.ts';

/**
 * What the engine writes to a query process first: one line of JSON. Its standard input then stays open; its end ends the
 * process.
 */
export interface QueryRequest {
  readonly sql: string;
  /** Of the tables that the statement may name, what the files of the lake hold. */
  readonly spans: Readonly<Record<string, readonly FileSpan[]>>;
  /** Tables that are known by their files alone. */
  readonly computed: readonly string[];
  readonly limits: QueryLimits;
  readonly threads: number;
  readonly maxResultBytes: number;
}

/** The process's first line: which of these files it can need, by their place; or that it refuses. */
export type QueryNeeds = { readonly needs: Readonly<Record<string, readonly number[]>> } | QueryFailure;

/** The engine's second line: where those files lie. */
export interface QueryPaths {
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly replacing: Readonly<Record<string, string>>;
}

export interface QueryFailure {
  readonly error: {
    readonly code: 'sql-refused' | 'sql-failed' | 'sql-timeout';
    readonly why: string;
    readonly now?: string;
  };
}

/** The process's last line, after an empty one that says that the query begins. */
export type QueryReply =
  | {
      readonly columns: readonly ResultColumn[];
      readonly rows: readonly (string | null)[][];
      readonly truncated: boolean;
    }
  | QueryFailure;
