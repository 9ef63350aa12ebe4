import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { TableSpec } from '../domain/table.ts';
import { sqlColumns, sqlName, sqlText } from '../domain/table-sql.ts';
import type { DataFile } from '../ports/catalog.ts';
import { fieldId } from './iceberg/field-id.ts';
import type { FileFacts } from './iceberg/publisher.ts';
import { rowsOf } from './sql-session.ts';

/** Rows a row group: small enough that statistics prune a symbol, large enough that columns compress. */
const rowGroupRows = 122_880;

export interface WrittenFile {
  readonly localPath: string;
  readonly file: DataFile;
}

/**
 * How hard to compress. Minute files live for an hour and are written on the way; a day is written once and kept. Levels
 * of a book are read in order and never by value: without dictionaries and in large row groups they are a tenth smaller. A
 * large group is written by one thread, so minute files have small ones: 1 % larger, in half the time.
 */
function parquetOptions(spec: TableSpec, level: DataFile['level']): string {
  const isBook = spec.name === 'book_deltas' || spec.name === 'book_snapshots';
  const strength = level === 'minute' ? 1 : level === 'hour' ? 3 : 12;
  const groupRows = isBook && level !== 'minute' ? 983_040 : rowGroupRows;
  const layout = `ROW_GROUP_SIZE ${groupRows}${isBook ? ', DICTIONARY_SIZE_LIMIT 1' : ''}`;
  const ids = sqlColumns(spec).map(({ name }) => `${sqlName(name)}: ${fieldId(name)}`);
  return `FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL ${strength}, ${layout},
    FIELD_IDS {${ids.join(', ')}}`;
}

/** Columns in the order of the files. */
export function columnList(spec: TableSpec): string {
  return sqlColumns(spec)
    .map((column) => sqlName(column.name))
    .join(', ');
}

export function orderList(spec: TableSpec, descending = false): string {
  return ['symbol', ...spec.order.map(sqlName)].map((name) => (descending ? `${name} DESC` : name)).join(', ');
}

/** Name and key columns of a row's identity inside its table. */
export function identityList(spec: TableSpec): readonly string[] {
  return ['market', 'symbol', ...spec.key].map(sqlName);
}

/** Rows of `relation` as one sorted Parquet file. A relation that is sorted must name one table only: joins lose the order. */
export async function writeParquet(
  connection: DuckDBConnection,
  spec: TableSpec,
  relation: string,
  localPath: string,
  level: DataFile['level'],
  isSorted = false,
): Promise<void> {
  const order = isSorted ? '' : ` ORDER BY ${orderList(spec)}`;
  await connection.run(
    `COPY (SELECT ${columnList(spec)} FROM (${relation})${order}) TO ${sqlText(localPath)}
     (${parquetOptions(spec, level)})`,
  );
}

/** What the catalog keeps of a file, read back from the file itself. */
export async function describeParquet(
  connection: DuckDBConnection,
  spec: TableSpec,
  localPath: string,
  level: DataFile['level'],
): Promise<WrittenFile> {
  const time = sqlName(spec.timeColumn);
  const [row] = await rowsOf(
    connection,
    `SELECT count(*)::DOUBLE, min(epoch_us(${time}))::DOUBLE, max(epoch_us(${time}))::DOUBLE, min(market), min(date)::VARCHAR
     FROM read_parquet(${sqlText(localPath)}, hive_partitioning = false)`,
  );
  const [rows, minTimeUs, maxTimeUs, market, date] = row as [number, number, number, string, string];
  const sha256 = await hashOfFile(localPath);
  const { size } = await stat(localPath);
  const name = `lake/${spec.name}/${market}/${date}/${level}/${sha256.slice(0, 40)}.parquet`;
  return {
    localPath,
    file: { name, table: spec.name, market, date, level, rows, bytes: size, minTimeUs, maxTimeUs, sha256 },
  };
}

/** What the footer says: columns, and the statistics of each in each row group. */
export async function footerOf(connection: DuckDBConnection, localPath: string): Promise<FileFacts> {
  const path = sqlText(localPath);
  const columns = (await rowsOf(
    connection,
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(${path}, hive_partitioning = false))`,
  )) as [string, string][];
  const statistics = (await rowsOf(
    connection,
    `SELECT path_in_schema, stats_min_value, stats_max_value, coalesce(min_is_exact AND max_is_exact, false)
     FROM parquet_metadata(${path})`,
  )) as [string, string | null, string | null, boolean][];
  return {
    columns: columns.map(([name, sqlType]) => ({ name, sqlType })),
    statistics: statistics.map(([column, min, max, isExact]) => ({ column, min, max, isExact })),
  };
}

export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A relation over local Parquet files; with none, a typed empty one. `read_parquet([])` is an error in DuckDB. */
export function parquetRelation(spec: TableSpec, paths: readonly string[], withName = false): string {
  if (paths.length === 0) {
    const columns = sqlColumns(spec).map((column) => `NULL::${column.sqlType} AS ${sqlName(column.name)}`);
    return `(SELECT ${columns.join(', ')}${withName ? ", ''::VARCHAR AS filename" : ''} WHERE false)`;
  }
  return `read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false${withName ? ', filename = true' : ''})`;
}
