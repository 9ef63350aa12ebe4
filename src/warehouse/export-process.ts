// A process that writes one file of rows: reads a request, answers, ends. The engine can kill it.
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DuckDBInstance } from '@duckdb/node-api';
import { sqlName, sqlText } from '../domain/table-sql.ts';
import type { ExportedRows, TableExport } from '../ports/table-exporter.ts';

/** One line of JSON each way. */
export interface ExportProcessRequest {
  readonly request: TableExport;
  /** For what does not fit in memory. */
  readonly spillFolder: string;
  readonly memoryMb: number;
}

export type ExportProcessReply = ExportedRows | { readonly why: string };

const lines = createInterface({ input: process.stdin });
let isAsked = false;
lines.on('line', (line) => {
  if (isAsked) return;
  isAsked = true;
  void answer(JSON.parse(line) as ExportProcessRequest).then((reply) => {
    process.stdout.write(`${JSON.stringify(reply)}\n`, () => process.exit(0));
  });
});
// The engine is gone or has given up: so do we.
lines.on('close', () => process.exit(1));

async function answer({ request, spillFolder, memoryMb }: ExportProcessRequest): Promise<ExportProcessReply> {
  try {
    const instance = await DuckDBInstance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      // The same rows in the same order make the same bytes only from one thread.
      threads: '1',
      memory_limit: `${memoryMb}MiB`,
      temp_directory: spillFolder,
    });
    const connection = await instance.connect();
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    const rows = selectOf(request);
    const described = await connection.runAndReadAll(`DESCRIBE ${rows}`);
    const columns = described.getRows().map(([name, type]) => ({ name: String(name), type: String(type) }));
    const isCsv = request.format === 'csv';
    const how = isCsv
      ? "FORMAT csv, HEADER true, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ', DATEFORMAT '%Y-%m-%d'"
      : 'FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2';
    const written = await connection.runAndReadAll(`COPY (${rows}) TO ${sqlText(request.localPath)} (${how})`);
    const count = Number(written.getRows()[0]![0]);
    instance.closeSync();
    const descriptor = openSync(request.localPath, 'r+');
    fsyncSync(descriptor);
    closeSync(descriptor);
    return { rows: count, columns, ...(await hashOf(request.localPath)) };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

function selectOf({ paths, market, symbol, timeColumn, fromUs, toUs, order }: TableExport): string {
  const where: string[] = [];
  if (market !== undefined) where.push(`market = ${sqlText(market)}`);
  if (symbol !== undefined) where.push(`symbol = ${sqlText(symbol)}`);
  if (timeColumn !== undefined) {
    if (fromUs !== undefined) where.push(`${sqlName(timeColumn)} >= make_timestamptz(${Math.trunc(fromUs)}::BIGINT)`);
    if (toUs !== undefined) where.push(`${sqlName(timeColumn)} < make_timestamptz(${Math.trunc(toUs)}::BIGINT)`);
  }
  const condition = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
  const sorted = ['market', 'symbol', ...order].map(sqlName).join(', ');
  return `SELECT * FROM read_parquet([${paths.map(sqlText).join(', ')}], hive_partitioning = false) ${condition} ORDER BY ${sorted}`;
}

async function hashOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(path)) {
    hash.update(part as Buffer);
    bytes += (part as Buffer).byteLength;
  }
  return { bytes, sha256: hash.digest('hex') };
}
