// A process for one query: reads a request, says which files it needs, answers, ends. Nothing of it outlives the query, and
// the engine can kill it.
import { createInterface } from 'node:readline';
import { type DuckDBConnection, DuckDBInstance, StatementType } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { sqlText } from '../domain/table-sql.ts';
import { cellText } from './cell-text.ts';
import type { QueryFailure, QueryNeeds, QueryPaths, QueryReply, QueryRequest } from './query-request.ts';
import { QueryScopes } from './query-scope.ts';
import { queryPaths, viewStatements } from './query-views.ts';
import { readSqlFault } from './sql-fault.ts';
import { guardStatement, refuse } from './statement-guard.ts';

const lines = createInterface({ input: process.stdin });
let request: QueryRequest | undefined;
let judgedSql = '';
let isPathsGiven = false;
lines.on('line', (line) => {
  if (request === undefined) {
    request = JSON.parse(line) as QueryRequest;
    void judge(request).then(say);
  } else if (!isPathsGiven) {
    isPathsGiven = true;
    void answer(request, JSON.parse(line) as QueryPaths).then((reply) => say(reply, () => process.exit(0)));
  }
});
// The engine is gone or has given up: so do we.
lines.on('close', () => process.exit(1));

function say(reply: QueryNeeds | QueryReply, then?: () => void): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`, then);
}

/** On a database of its own, which has no tables and opens no file. */
async function judge({ sql, spans, computed, limits }: QueryRequest): Promise<QueryNeeds> {
  try {
    const connection = await openDatabase(1, limits.memoryMb);
    await lock(connection, []);
    const judged = await guardStatement(connection, sql, computed);
    judgedSql = judged.sql;
    const scopes = await QueryScopes.of(connection, judged.tree);
    const needs = Object.entries(spans).map(([table, all]) => [
      table,
      [...all.keys()].filter((at) => scopes.needs(table, all[at]!)),
    ]);
    return { needs: Object.fromEntries(needs) };
  } catch (error) {
    return failure(error, sql, sql, undefined, limits);
  }
}

async function answer(asked: QueryRequest, paths: QueryPaths): Promise<QueryReply> {
  let isLate = false;
  try {
    const connection = await openDatabase(asked.threads, asked.limits.memoryMb);
    for (const statement of viewStatements(paths)) await connection.run(statement);
    await lock(connection, queryPaths(paths));
    // An empty line says that the query begins.
    process.stdout.write('\n');
    const timer = setTimeout(() => {
      isLate = true;
      connection.interrupt();
    }, asked.limits.timeoutMs);
    try {
      return await run(connection, judgedSql, asked, paths, () => isLate);
    } finally {
      clearTimeout(timer);
    }
  } catch (error) {
    if (isLate) return { error: { code: 'sql-timeout', why: `it took longer than ${asked.limits.timeoutMs} ms` } };
    return failure(error, asked.sql, judgedSql, paths, asked.limits);
  }
}

function failure(
  error: unknown,
  sql: string,
  ranSql: string,
  paths: QueryPaths | undefined,
  { memoryMb }: QueryRequest['limits'],
): QueryFailure {
  if (error instanceof TidemarkError && error.code === 'sql-refused') {
    return {
      error: {
        code: 'sql-refused',
        why: withoutPaths(error.why ?? '', paths),
        ...(error.hint === undefined ? {} : { now: error.hint }),
      },
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  const fault = readSqlFault(message, sql, ranSql);
  const isMemory = fault.kind === 'Out of Memory' || message.startsWith('Out of Memory');
  const why = isMemory ? `it needs more than ${memoryMb} MB of memory` : withoutPaths(fault.text, paths);
  return { error: { code: 'sql-failed', why } };
}

async function openDatabase(threads: number, memoryMb: number): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    threads: String(threads),
    memory_limit: `${memoryMb}MiB`,
    temp_directory: '',
  });
  const connection = await instance.connect();
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
  return connection;
}

/** From here on nothing but these files can be opened, and nothing can be changed any more. */
async function lock(connection: DuckDBConnection, paths: readonly string[]): Promise<void> {
  if (paths.length > 0) await connection.run(`SET allowed_paths = [${paths.map(sqlText).join(', ')}]`);
  await connection.run('SET errors_as_json = true');
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

async function run(
  connection: DuckDBConnection,
  sql: string,
  { limits, maxResultBytes }: QueryRequest,
  paths: QueryPaths,
  isLate: () => boolean,
): Promise<QueryReply> {
  const statement = await connection.prepare(sql);
  const { statementType } = statement;
  if (statementType !== StatementType.SELECT && statementType !== StatementType.EXPLAIN)
    throw refuse('it is not a SELECT');
  const isExplain = statementType === StatementType.EXPLAIN;
  const result = await statement.stream();
  const columns = result.columnNames().map((name, at) => ({ name, type: String(result.columnType(at)) }));
  const rows: (string | null)[][] = [];
  let bytes = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const row of chunk.getRows()) {
      if (rows.length === limits.maxRows || bytes > maxResultBytes) return { columns, rows, truncated: true };
      const cells = row.map((value) => {
        const text = cellText(value);
        return isExplain && text !== null ? withoutPaths(text, paths) : text;
      });
      for (const cell of cells) bytes += 4 + (cell?.length ?? 0);
      rows.push(cells);
    }
    if (isLate()) throw new Error('interrupted');
  }
  return { columns, rows, truncated: false };
}

/** Messages of DuckDB name files; where they lie is nobody's business. */
function withoutPaths(text: string, paths: QueryPaths | undefined): string {
  let clean = text;
  for (const path of paths === undefined ? [] : queryPaths(paths)) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    if (folder.length > 1) clean = clean.replaceAll(folder, '');
  }
  return clean.trim();
}
