// A process for one query: reads a request, answers, ends. Nothing of it outlives the query, and the engine can kill it.
import { createInterface } from 'node:readline';
import { type DuckDBConnection, DuckDBInstance, StatementType } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { sqlText } from '../domain/table-sql.ts';
import { cellText } from './cell-text.ts';
import type { QueryReply, QueryRequest } from './query-request.ts';
import { computedNames, queryPaths, viewStatements } from './query-views.ts';
import { readSqlFault } from './sql-fault.ts';
import { guardStatement, refuse } from './statement-guard.ts';

const lines = createInterface({ input: process.stdin });
let isAsked = false;
lines.on('line', (line) => {
  if (isAsked) return;
  isAsked = true;
  void answer(JSON.parse(line) as QueryRequest).then((reply) => {
    process.stdout.write(`${JSON.stringify(reply)}\n`, () => process.exit(0));
  });
});
// The engine is gone or has given up: so do we.
lines.on('close', () => process.exit(1));

async function answer(request: QueryRequest): Promise<QueryReply> {
  let isLate = false;
  let ranSql = request.sql;
  try {
    const connection = await openLocked(request);
    // An empty line says that the query begins.
    process.stdout.write('\n');
    const timer = setTimeout(() => {
      isLate = true;
      connection.interrupt();
    }, request.limits.timeoutMs);
    try {
      ranSql = await guardStatement(connection, request.sql, computedNames(request.tables));
      return await run(connection, ranSql, request, () => isLate);
    } finally {
      clearTimeout(timer);
    }
  } catch (error) {
    if (isLate) return { error: { code: 'sql-timeout', why: `it took longer than ${request.limits.timeoutMs} ms` } };
    if (error instanceof TidemarkError && error.code === 'sql-refused') {
      return {
        error: {
          code: 'sql-refused',
          why: withoutPaths(error.why ?? '', request),
          ...(error.hint === undefined ? {} : { now: error.hint }),
        },
      };
    }
    const message = error instanceof Error ? error.message : String(error);
    const fault = readSqlFault(message, request.sql, ranSql);
    const isMemory = fault.kind === 'Out of Memory' || message.startsWith('Out of Memory');
    const why = isMemory
      ? `it needs more than ${request.limits.memoryMb} MB of memory`
      : withoutPaths(fault.text, request);
    return { error: { code: 'sql-failed', why } };
  }
}

/** Views first, then nothing but their files can be opened, then nothing can be changed any more. */
async function openLocked(request: QueryRequest): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    threads: String(request.threads),
    memory_limit: `${request.limits.memoryMb}MiB`,
    temp_directory: '',
  });
  const connection = await instance.connect();
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
  for (const statement of viewStatements(request.tables)) await connection.run(statement);
  await connection.run(`SET allowed_paths = [${queryPaths(request.tables).map(sqlText).join(', ')}]`);
  await connection.run('SET errors_as_json = true');
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
  return connection;
}

async function run(
  connection: DuckDBConnection,
  sql: string,
  request: QueryRequest,
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
      if (rows.length === request.limits.maxRows || bytes > request.maxResultBytes)
        return { columns, rows, truncated: true };
      const cells = row.map((value) => {
        const text = cellText(value);
        return isExplain && text !== null ? withoutPaths(text, request) : text;
      });
      for (const cell of cells) bytes += 4 + (cell?.length ?? 0);
      rows.push(cells);
    }
    if (isLate()) throw new Error('interrupted');
  }
  return { columns, rows, truncated: false };
}

/** Messages of DuckDB name files; where they lie is nobody's business. */
function withoutPaths(text: string, request: QueryRequest): string {
  let clean = text;
  for (const path of queryPaths(request.tables)) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    if (folder.length > 1) clean = clean.replaceAll(folder, '');
  }
  return clean.trim();
}
