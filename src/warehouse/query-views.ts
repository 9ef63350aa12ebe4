import type { TableSpec } from '../domain/table.ts';
import { sqlColumns, sqlName, sqlText } from '../domain/table-sql.ts';
import { tableNamed, tables } from '../domain/tables/index.ts';
import type { QueryPaths } from './query-request.ts';

/** Absent where it exceeds its type: one absurd row must not fail every question about the table. */
const quoteQuantity = 'TRY((price * quantity)::DECIMAL(38,16)) AS quote_quantity';

/** Columns that follow from others and are therefore not stored. */
const derivedColumns: Readonly<Record<string, readonly string[]>> = {
  trades: [quoteQuantity],
  agg_trades: [quoteQuantity],
};

/** One statement a table: a view over its files, a typed empty one where it has none. */
export function viewStatements(asked: QueryPaths): string[] {
  const computed = computedNames(asked).map(
    (name) => `CREATE VIEW ${sqlName(name)} AS SELECT * FROM ${parquetFiles(asked.files[name]!)}`,
  );
  const declared = tables.map((spec) => {
    const tail = asked.replacing[spec.name];
    const committed = relation(spec, asked.files[spec.name] ?? []);
    const keys = ['market', 'symbol', ...spec.key].map(sqlName).join(', ');
    const columns = sqlColumns(spec).map((column) => sqlName(column.name));
    const list = columns.join(', ');
    const rows =
      tail === undefined
        ? committed
        : `(SELECT ${list} FROM ${committed} AS committed ANTI JOIN ${relation(spec, [tail])} AS tail USING (${keys})
            UNION ALL SELECT ${list} FROM ${relation(spec, [tail])})`;
    const shown = [...columns, ...(derivedColumns[spec.name] ?? [])].join(', ');
    return `CREATE VIEW ${sqlName(spec.name)} AS SELECT ${shown} FROM ${rows} AS rows`;
  });
  return [...declared, ...computed];
}

/** Tables that are known by their files alone. */
export function computedNames(asked: QueryPaths): string[] {
  return Object.keys(asked.files).filter((name) => tableNamed(name) === undefined && asked.files[name]!.length > 0);
}

/** Every file that the query may open. */
export function queryPaths(asked: QueryPaths): string[] {
  return [...new Set([...Object.values(asked.files).flat(), ...Object.values(asked.replacing)])];
}

function relation(spec: TableSpec, paths: readonly string[]): string {
  if (paths.length > 0) return parquetFiles(paths);
  const columns = sqlColumns(spec).map((column) => `NULL::${column.sqlType} AS ${sqlName(column.name)}`);
  return `(SELECT ${columns.join(', ')} WHERE false)`;
}

function parquetFiles(paths: readonly string[]): string {
  return `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false)`;
}
