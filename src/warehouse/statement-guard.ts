import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { tables } from '../domain/tables/index.ts';

/** Table functions that make rows out of nothing but their arguments. All others may read files or tell of the system. */
const tableFunctions = new Set([
  'range',
  'generate_series',
  'unnest',
  'repeat',
  'repeat_row',
  'json_each',
  'json_tree',
]);
/** Scalar functions that read files, run text as SQL, or tell of the process; and families of them. */
const refusedFunctions = new Set([
  'query',
  'query_table',
  'getenv',
  'current_setting',
  'glob',
  'getvariable',
  'which_secret',
]);
const refusedFamilies =
  /^(read_|parquet_|duckdb_|pragma_|pg_|sniff_|icu_|json_execute|write_|enable_|disable_|sqlite_|postgres_|mysql_|iceberg_|delta_|checkpoint|force_)/;
const shownNames = new Set(['"tables"', '__show_tables_expanded']);

const blank = String.raw`(?:\s|--[^\n]*(?:\n|$)|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)*`;
const explainHead = new RegExp(`^${blank}explain(?![a-z0-9_$])${blank}(analyze(?![a-z0-9_$]))?${blank}`, 'i');

export function refuse(why: string, now = 'write one SELECT over the tables, or EXPLAIN of one'): TidemarkError {
  return new TidemarkError('sql-refused', { doing: 'run the query', why, now });
}

/**
 * Lets one SELECT (or EXPLAIN of one) over the lake's tables through and gives the text to run. Judged by DuckDB's own
 * parse tree, not by the text: what cannot be shown as the tree of a SELECT is refused. Call it after the configuration
 * is locked.
 */
export async function guardStatement(connection: DuckDBConnection, sql: string): Promise<string> {
  const statements = await connection.extractStatements(sql).catch((cause: Error) => {
    // Of text without any statement the binding says only "Error in native callback".
    throw refuse(cause.message.includes('native callback') ? 'it has no statement' : cause.message);
  });
  if (statements.count !== 1) throw refuse(`it has ${statements.count} statements`);
  const explain = explainHead.exec(sql);
  const inner = explain === null ? sql : sql.slice(explain[0].length);
  guardTree(await treeOf(connection, inner));
  // Put together anew: what runs is what was judged.
  return explain === null ? sql : `EXPLAIN ${explain[1] === undefined ? '' : 'ANALYZE '}${inner}`;
}

async function treeOf(connection: DuckDBConnection, sql: string): Promise<unknown> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql(?::VARCHAR)', [sql]);
  const tree = JSON.parse(String(reader.getRows()[0]![0])) as {
    error: boolean;
    error_message?: string;
    error_type?: string;
    statements?: unknown[];
  };
  if (tree.error) {
    throw refuse(tree.error_type === 'parser' ? String(tree.error_message) : 'it is not a SELECT or EXPLAIN of one');
  }
  if (tree.statements?.length !== 1) throw refuse(`it has ${tree.statements?.length} statements`);
  return tree.statements[0];
}

type Node = Record<string, unknown>;

function guardTree(tree: unknown): void {
  const named = new Set(tables.map((table) => table.name));
  visit(tree, (node) => {
    const entries = (node['cte_map'] as { map?: { key: string }[] } | undefined)?.map ?? [];
    for (const { key } of entries) named.add(key.toLowerCase());
    if (node['type'] === 'RECURSIVE_CTE_NODE' && typeof node['cte_name'] === 'string')
      named.add(node['cte_name'].toLowerCase());
  });
  visit(tree, (node) => {
    switch (node['type']) {
      case 'BASE_TABLE': {
        const name = String(node['table_name']);
        const schema = `${node['catalog_name']}.${node['schema_name']}`.toLowerCase();
        if (!['.', '.main', 'memory.main', 'memory.'].includes(schema) || !named.has(name.toLowerCase())) {
          throw refuse(
            `there is no table ${JSON.stringify(name)}`,
            `the tables are ${tables.map((table) => table.name).join(', ')}`,
          );
        }
        break;
      }
      case 'TABLE_FUNCTION': {
        const name = String((node['function'] as Node | undefined)?.['function_name']).toLowerCase();
        if (!tableFunctions.has(name)) throw refuse(`the table function ${name} is not allowed`);
        break;
      }
      case 'SHOW_REF':
        if (node['query'] === null && !shownNames.has(String(node['table_name'])))
          throw refuse('only SHOW TABLES is allowed');
        break;
    }
    const name = node['function_name'];
    if (typeof name !== 'string') return;
    const lower = name.toLowerCase();
    if (refusedFunctions.has(lower) || refusedFamilies.test(lower))
      throw refuse(`the function ${lower} is not allowed`);
  });
}

function visit(value: unknown, look: (node: Node) => void): void {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (Array.isArray(next)) waiting.push(...next);
    else if (next !== null && typeof next === 'object') {
      look(next as Node);
      waiting.push(...Object.values(next));
    }
  }
}
