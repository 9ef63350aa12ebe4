import type { QueryLimits, QueryTables, ResultColumn } from '../ports/warehouse.ts';

/** What the engine writes to a query process: one line of JSON. Its standard input then stays open; its end ends the process. */
export interface QueryRequest {
  readonly sql: string;
  readonly tables: QueryTables;
  readonly limits: QueryLimits;
  readonly threads: number;
  readonly maxResultBytes: number;
}

/** What the process answers: one line of JSON. */
export type QueryReply =
  | {
      readonly columns: readonly ResultColumn[];
      readonly rows: readonly (string | null)[][];
      readonly truncated: boolean;
    }
  | {
      readonly error: {
        readonly code: 'sql-refused' | 'sql-failed' | 'sql-timeout';
        readonly why: string;
        readonly now?: string;
      };
    };
