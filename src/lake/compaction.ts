import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { dayUs, hourUs, minuteUs } from '../domain/interval.ts';
import type { TableSpec } from '../domain/table.ts';
import { sqlName, sqlText } from '../domain/table-sql.ts';
import type { DataFile } from '../ports/catalog.ts';
import { describeParquet, parquetRelation, type WrittenFile, writeParquet } from './parquet-files.ts';
import { rowsOf } from './sql-session.ts';

/** How long after its end an hour or a day still gets rows in the ordinary course. */
const settleUs = 5 * minuteUs;
/** Small files of one table at which some are merged early: readers open each, and the promise is fewer than 90. */
const smallFilesMax = 64;
/** Late files of a day already merged that are worth writing the day again. */
const lateFilesMax = 16;
/** A symbol with more rows in a day has files of its own. */
export const ownFileRows = 1_000_000;
const fileBytes = 256 * 1024 * 1024;

export interface CompactionWork {
  readonly table: string;
  readonly market: string;
  readonly date: string;
  readonly level: 'hour' | 'day';
  readonly files: readonly DataFile[];
}

/** The next merge that is due, judged by the times in the data alone. */
export function nextCompaction(files: readonly DataFile[], isQuiet: (work: CompactionWork) => boolean = () => false) {
  const newestUs = files.reduce((newest, file) => Math.max(newest, file.maxTimeUs), 0);
  for (const [, ofTable] of Map.groupBy(files, (file) => file.table)) {
    const partitions = [...Map.groupBy(ofTable, (file) => `${file.market} ${file.date}`).values()];
    for (const partition of partitions) {
      const work = dueIn(partition, newestUs, isQuiet);
      if (work !== undefined) return work;
    }
    const small = ofTable.filter((file) => file.level === 'minute');
    if (small.length > smallFilesMax) {
      const fullest = partitions
        .map((partition) => partition.filter((file) => file.level === 'minute'))
        .reduce((most, some) => (some.length > most.length ? some : most));
      if (fullest.length > 1) return workOn(fullest, 'hour');
    }
  }
  return undefined;
}

function dueIn(
  partition: readonly DataFile[],
  newestUs: number,
  isQuiet: (work: CompactionWork) => boolean,
): CompactionWork | undefined {
  const dayEndUs = Date.parse(`${partition[0]!.date}T00:00:00Z`) * 1000 + dayUs;
  const late = partition.filter((file) => file.level !== 'day');
  if (late.length === 0) return undefined;
  if (newestUs >= dayEndUs + settleUs) {
    const work = workOn(partition, 'day');
    return late.length === partition.length || late.length >= lateFilesMax || isQuiet(work) ? work : undefined;
  }
  const minutes = partition.filter((file) => file.level === 'minute');
  for (const [hour, ofHour] of Map.groupBy(minutes, (file) => Math.floor(file.minTimeUs / hourUs))) {
    if (ofHour.length > 1 && newestUs >= (hour + 1) * hourUs + settleUs) return workOn(ofHour, 'hour');
  }
  return undefined;
}

function workOn(files: readonly DataFile[], level: 'hour' | 'day'): CompactionWork {
  const { table, market, date } = files[0]!;
  return { table, market, date, level, files };
}

/** Writes the rows of the files as fewer, sorted ones into `written`, and fails unless they are the same rows. */
export async function compactPartition(
  connection: DuckDBConnection,
  spec: TableSpec,
  work: CompactionWork,
  paths: readonly string[],
  newPath: () => string,
  written: WrittenFile[],
  limits = { ownFileRows, fileBytes },
): Promise<void> {
  const rows = parquetRelation(spec, paths);
  const bytes = work.files.reduce((sum, file) => sum + file.bytes, 0);
  for (const part of await parts(connection, spec, rows, work, bytes, limits)) {
    const localPath = newPath();
    // Named before it is written, so that a failure leaves nothing behind.
    await writeParquet(connection, spec, `SELECT * FROM ${rows} WHERE ${part}`, localPath, work.level);
    written.push(await describeParquet(connection, spec, localPath, work.level));
  }
  const before = await fingerprint(connection, spec, rows);
  const after = await fingerprint(
    connection,
    spec,
    parquetRelation(
      spec,
      written.map(({ localPath }) => localPath),
    ),
  );
  if (before === after) return;
  throw new TidemarkError('compaction-mismatch', {
    doing: 'compact',
    what: `${work.table} of ${work.market} ${work.date}`,
    why: `the merged rows differ from the ones before (${before} became ${after})`,
    now: 'the old files stay; please report this',
  });
}

/**
 * Row count, key range, and two sums of hashes over all columns of every row: equal for the same rows in any order and
 * any number of files, so that equal fingerprints mean equal content hashes, at a tenth of their cost.
 */
async function fingerprint(connection: DuckDBConnection, spec: TableSpec, rows: string): Promise<string> {
  const columns = ['market', 'date', 'symbol', ...Object.keys(spec.columns)].map(sqlName).join(', ');
  const key = spec.key.map(sqlName).join(', ');
  const [found] = await rowsOf(
    connection,
    `SELECT count(*)::VARCHAR, min(row(symbol, ${key}))::VARCHAR, max(row(symbol, ${key}))::VARCHAR,
            sum(hash(${columns})::HUGEINT)::VARCHAR, bit_xor(hash(${columns}, 1))::VARCHAR FROM ${rows}`,
  );
  return found!.join(' ');
}

/** Conditions that divide the rows into files. */
async function parts(
  connection: DuckDBConnection,
  spec: TableSpec,
  rows: string,
  work: CompactionWork,
  bytes: number,
  limits: { ownFileRows: number; fileBytes: number },
): Promise<string[]> {
  const symbols = (await rowsOf(
    connection,
    `SELECT symbol, count(*)::DOUBLE FROM ${rows} GROUP BY symbol ORDER BY symbol`,
  )) as [string, number][];
  const total = symbols.reduce((sum, [, count]) => sum + count, 0);
  const fileRows = Math.max(1, Math.floor((limits.fileBytes * total) / Math.max(1, bytes)));
  const conditions: string[] = [];
  let shared: string[] = [];
  let sharedRows = 0;
  const closeShared = () => {
    if (shared.length > 0) conditions.push(`symbol IN (${shared.map(sqlText).join(', ')})`);
    shared = [];
    sharedRows = 0;
  };
  for (const [symbol, count] of symbols) {
    if (work.level === 'day' && count > limits.ownFileRows) {
      conditions.push(...(await slices(connection, spec, rows, symbol, Math.ceil(count / fileRows))));
      continue;
    }
    if (sharedRows + count > fileRows) closeShared();
    shared.push(symbol);
    sharedRows += count;
  }
  closeShared();
  return conditions;
}

/** One symbol's rows in `count` ranges of the first order column. */
async function slices(
  connection: DuckDBConnection,
  spec: TableSpec,
  rows: string,
  symbol: string,
  count: number,
): Promise<string[]> {
  const ofSymbol = `symbol = ${sqlText(symbol)}`;
  if (count === 1) return [ofSymbol];
  const order = sqlName(spec.order[0]!);
  const shares = Array.from({ length: count - 1 }, (_, at) => (at + 1) / count);
  const found = (await rowsOf(
    connection,
    `SELECT DISTINCT bound FROM (SELECT unnest(quantile_disc(${order}, [${shares.join(', ')}]))::VARCHAR AS bound
       FROM ${rows} WHERE ${ofSymbol}) ORDER BY bound::${spec.columns[spec.order[0]!]!.type === 'text' ? 'VARCHAR' : spec.columns[spec.order[0]!]!.type === 'time' ? 'TIMESTAMPTZ' : 'BIGINT'}`,
  )) as [string][];
  const bounds = found.map(([bound]) => sqlText(bound));
  return [...bounds, undefined].map((upTo, at) => {
    const from = at === 0 ? '' : ` AND ${order} > ${bounds[at - 1]}`;
    return `${ofSymbol}${from}${upTo === undefined ? '' : ` AND ${order} <= ${upTo}`}`;
  });
}
