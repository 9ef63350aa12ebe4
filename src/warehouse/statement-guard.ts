import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import { tables } from '../domain/tables/index.ts';
import { placeText, readSqlFault } from './sql-fault.ts';
import { serialized, type TreeNode, visit } from './statement-tree.ts';

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
 * Lets one SELECT (or EXPLAIN of one) over the lake's tables through and gives the text to run, with its tree. Judged by DuckDB's own
 * parse tree, not by the text: what cannot be shown as the tree of a SELECT is refused. Call it after the configuration
 * is locked.
 */
export async function guardStatement(
  connection: DuckDBConnection,
  sql: string,
  computed: readonly string[] = [],
): Promise<{ readonly sql: string; readonly tree: TreeNode }> {
  const explain = explainHead.exec(sql);
  const inner = explain === null ? sql : sql.slice(explain[0].length);
  await refuseMany(connection, sql);
  const names = [...tables.map((table) => table.name), ...computed];
  const headBytes = Buffer.byteLength(sql) - Buffer.byteLength(inner);
  const tree = await treeOf(connection, inner);
  guardTree(tree, (schema, name, isCommon, position) => {
    if (ownSchemas.includes(schema) && (isCommon || names.includes(name))) return;
    const near = nearestWord(name, names);
    const meant = near === undefined ? '' : `; did you mean "${near}"?`;
    throw refuse(
      `there is no table ${JSON.stringify(name)}${meant}${placeText(sql, headBytes + position)}`,
      `the tables are ${names.join(', ')}`,
    );
  });
  // Put together anew: what runs is what was judged.
  const judged = explain === null ? sql : `EXPLAIN ${explain[1] === undefined ? '' : 'ANALYZE '}${inner}`;
  return { sql: judged, tree };
}

/** Functions whose answer depends on when or how often they are asked. */
const unsteadyFunctions = new Set([
  'random', 'setseed', 'uuid', 'uuidv4', 'uuidv7', 'gen_random_uuid', 'now', 'today', 'current_date', 'current_time',
  'get_current_time', 'get_current_timestamp', 'current_timestamp', 'current_localtime', 'current_localtimestamp',
  'transaction_timestamp', 'localtime', 'localtimestamp', 'nextval', 'currval', 'txid_current', 'version',
  'reservoir_quantile',
]); // biome-ignore format: a list

const bareClocks = new Set(['current_date', 'current_time', 'current_timestamp', 'localtime', 'localtimestamp']);

/** Lets one SELECT over `names` of `schema` through, which gives the same rows each time; the text without its last semicolon. */
export async function guardModel(
  connection: DuckDBConnection,
  sql: string,
  schema: string,
  names: readonly string[],
): Promise<string> {
  const now = 'write one SELECT over what it refers to';
  await refuseMany(connection, sql, now);
  const tree = await treeOf(connection, sql, now);
  refuseUnsteady(tree);
  guardTree(tree, (from, name, isCommon) => {
    if (isCommon && from === '.') return;
    if ([`.${schema}`, `memory.${schema}`].includes(from) && names.includes(name)) return;
    throw refuse(
      `it reads ${JSON.stringify(name)}, which it does not refer to`,
      "write ref('a_model') or source('tidemark', 'a_table')",
    );
  });
  return sql.replace(/;\s*$/, '');
}

function refuseUnsteady(tree: unknown): void {
  const refuseCall = (name: string) => {
    throw refuse(`${name} gives another answer each time`, 'compute from the rows alone');
  };
  visit(tree, (node) => {
    const name = String(node['function_name'] ?? '').toLowerCase();
    if (unsteadyFunctions.has(name)) refuseCall(name);
    // Until today, with one argument.
    if (name === 'age' && (node['children'] as unknown[] | undefined)?.length === 1) refuseCall(name);
    // Clocks may be written without brackets, and are then parsed as columns.
    const [column, ...more] = node['type'] === 'COLUMN_REF' ? (node['column_names'] as string[]) : [];
    if (column !== undefined && more.length === 0 && bareClocks.has(column.toLowerCase())) refuseCall(column);
    if (node['sample'] !== null && node['sample'] !== undefined) refuseCall('a sample');
  });
}

async function refuseMany(connection: DuckDBConnection, sql: string, now?: string): Promise<void> {
  const statements = await connection.extractStatements(sql).catch((cause: Error) => {
    // Of text without any statement the binding says only "Error in native callback".
    throw refuse(
      cause.message.includes('native callback') ? 'it has no statement' : readSqlFault(cause.message, sql).text,
      now,
    );
  });
  if (statements.count !== 1) throw refuse(`it has ${statements.count} statements`, now);
}

async function treeOf(connection: DuckDBConnection, sql: string, now?: string): Promise<TreeNode> {
  const tree = await serialized(connection, sql);
  if (tree.error) {
    throw refuse(
      tree.error_type === 'parser' ? String(tree.error_message) : 'it is not a SELECT or EXPLAIN of one',
      now,
    );
  }
  const [statement, ...more] = tree.statements ?? [];
  if (statement === undefined || more.length > 0) throw refuse(`it has ${more.length + 1} statements`, now);
  return statement;
}

/** Refuses by throwing: a table's `catalog.schema` and name, whether the statement itself names rows so, and its place in bytes. */
type TableRule = (schema: string, name: string, isCommon: boolean, position: number) => void;
const ownSchemas = ['.', '.main', 'memory.main', 'memory.'];

function guardTree(tree: unknown, table: TableRule): void {
  const common = new Set<string>();
  visit(tree, (node) => {
    const entries = (node['cte_map'] as { map?: { key: string }[] } | undefined)?.map ?? [];
    for (const { key } of entries) common.add(key.toLowerCase());
    if (node['type'] === 'RECURSIVE_CTE_NODE' && typeof node['cte_name'] === 'string')
      common.add(node['cte_name'].toLowerCase());
  });
  visit(tree, (node) => {
    switch (node['type']) {
      case 'BASE_TABLE': {
        const name = String(node['table_name']);
        const schema = `${node['catalog_name']}.${node['schema_name']}`.toLowerCase();
        table(schema, name.toLowerCase(), common.has(name.toLowerCase()), Number(node['query_location'] ?? -1));
        break;
      }
      case 'TABLE_FUNCTION': {
        const name = String((node['function'] as TreeNode | undefined)?.['function_name']).toLowerCase();
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
