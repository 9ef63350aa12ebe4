import type { DuckDBConnection } from '@duckdb/node-api';

/** A node of a statement as DuckDB's `json_serialize_sql` writes it. */
export type TreeNode = Record<string, unknown>;

/** Every node below `value`, itself included. */
export function visit(value: unknown, look: (node: TreeNode) => void): void {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (Array.isArray(next)) waiting.push(...next);
    else if (next !== null && typeof next === 'object') {
      look(next as TreeNode);
      waiting.push(...Object.values(next));
    }
  }
}

export interface SerializedStatements {
  readonly error: boolean;
  readonly error_message?: string;
  readonly error_type?: string;
  readonly statements?: TreeNode[];
}

/** Only SELECTs can be written so; others have `error`. */
export async function serialized(connection: DuckDBConnection, sql: string): Promise<SerializedStatements> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql(?::VARCHAR)', [sql]);
  return JSON.parse(String(reader.getRows()[0]![0])) as SerializedStatements;
}
