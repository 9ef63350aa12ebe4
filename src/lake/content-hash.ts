import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import type { Column, TableSpec } from '../domain/table.ts';
import { sqlName } from '../domain/table-sql.ts';
import type { ContentHash } from '../ports/lake.ts';
import { parquetRelation } from './parquet-files.ts';
import { rowsOf } from './sql-session.ts';

/** Rows whose text is hashed at once. Part of the hash's definition: never change it. */
const blockRows = 10_000;

/** One text per value: decimals without trailing zeros, times in µs, text with its length before it, absent values apart. */
function canonicalText(name: string, column: Column): string {
  const value = sqlName(name);
  const text = () => {
    switch (column.type) {
      case 'time':
        return `epoch_us(${value})::VARCHAR`;
      case 'price':
      case 'quantity':
      case 'sum':
      case 'product':
      case 'wide':
        return `rtrim(rtrim(${value}::VARCHAR, '0'), '.')`;
      case 'flag':
        return `CASE WHEN ${value} THEN '1' ELSE '0' END`;
      case 'text':
        return `length(${value})::VARCHAR || ':' || ${value}`;
      default:
        return `${value}::VARCHAR`;
    }
  };
  return `coalesce(${text()}, '~')`;
}

/**
 * SHA-256 per market, symbol and day: over the lines of the content columns in the order of the key, in blocks of
 * 10,000 rows, then over the blocks' hashes. Depends on no file, row group, receive time or decision of ours.
 */
export async function contentHashes(
  connection: DuckDBConnection,
  spec: TableSpec,
  paths: readonly string[],
): Promise<ContentHash[]> {
  const content = Object.entries(spec.columns).filter(([, column]) => column.content);
  const line = content.map(([name, column]) => canonicalText(name, column)).join(` || '|' || `);
  const keys = spec.key.map(sqlName);
  const isTwin = keys.map((key) => `${key} IS NOT DISTINCT FROM lag(${key}) OVER identity`).join(' AND ');
  const rows = await rowsOf(
    connection,
    `WITH lines AS (
       SELECT market, symbol, date, ${line} AS line, row_number() OVER identity AS n,
              (${isTwin}) AS is_twin
       FROM ${parquetRelation(spec, paths)}
       WINDOW identity AS (PARTITION BY market, symbol, date ORDER BY ${keys.join(', ')})
     ), blocks AS (
       SELECT market, symbol, date, (n - 1) // ${blockRows} AS block, count(*) AS row_count,
              count(*) FILTER (is_twin) AS twins, sha256(string_agg(line, chr(10) ORDER BY n)) AS hash
       FROM lines GROUP BY ALL
     )
     SELECT market, symbol, date::VARCHAR, sum(row_count)::DOUBLE, sum(twins)::DOUBLE,
            sha256(string_agg(hash, '' ORDER BY block))
     FROM blocks GROUP BY market, symbol, date ORDER BY market, symbol, date`,
  );
  return rows.map((row) => {
    const [market, symbol, date, count, twins, sha256] = row as [string, string, string, number, number, string];
    if (twins > 0) throw duplicateRows(spec, `${market}:${symbol} ${date}`, twins);
    return { table: spec.name, market, symbol, date, rows: count, sha256 };
  });
}

/** Rows whose identity another row of the table has too, whatever the day. */
export async function refuseTwins(
  connection: DuckDBConnection,
  spec: TableSpec,
  paths: readonly string[],
): Promise<void> {
  const keys = ['market', 'symbol', ...spec.key.map(sqlName)].join(', ');
  const [[twins]] = (await rowsOf(
    connection,
    `SELECT coalesce(sum(copies - 1), 0)::DOUBLE FROM
       (SELECT count(*) AS copies FROM ${parquetRelation(spec, paths)} GROUP BY ${keys} HAVING count(*) > 1)`,
  )) as [[number]];
  if (twins > 0) throw duplicateRows(spec, 'all days', twins);
}

function duplicateRows(spec: TableSpec, where: string, count: number): TidemarkError {
  return new TidemarkError('duplicate-rows', {
    doing: 'hash the content of',
    what: `${spec.name} ${where}`,
    why: `${count} rows have the identity of another (${spec.key.join(', ')})`,
  });
}
