import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { sqlName, sqlText } from '../domain/table-sql.ts';
import type { TableFiles } from '../ports/table-files.ts';

/** Parquet by DuckDB, by way of a file in `scratchFolder`. */
export function openTableFiles(scratchFolder: string): TableFiles {
  return {
    async parquet(columns, rows) {
      const file = path.join(scratchFolder, `${randomUUID()}.parquet`);
      await mkdir(scratchFolder, { recursive: true });
      const instance = await DuckDBInstance.create(':memory:', {
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
        threads: '1',
        memory_limit: '512MiB',
      });
      try {
        const connection = await instance.connect();
        await connection.run("SET TimeZone = 'UTC'");
        await connection.run(
          `CREATE TABLE cells (${columns.map(({ name }) => `${sqlName(name)} VARCHAR`).join(', ')})`,
        );
        const appender = await connection.createAppender('cells');
        for (const row of rows) {
          for (const cell of row) {
            if (cell === null) appender.appendNull();
            else appender.appendVarchar(cell);
          }
          appender.endRow();
        }
        appender.closeSync();
        const typed = columns.map(({ name, type }) => `CAST(${sqlName(name)} AS ${type}) AS ${sqlName(name)}`);
        await connection.run(
          `COPY (SELECT ${typed.join(', ')} FROM cells) TO ${sqlText(file)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)`,
        );
        return await readFile(file);
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        const isFull =
          /No space left on device|Disk quota exceeded/i.test(message) ||
          (cause as NodeJS.ErrnoException).code === 'ENOSPC';
        throw new TidemarkError(isFull ? 'disk-full' : 'table-file-failed', {
          doing: 'write a Parquet file',
          why: isFull ? 'the disk is full' : message.split('\n')[0]!,
          ...(isFull ? { now: 'free space on it; nothing was made visible', retry: 'later' as const } : {}),
          cause,
        });
      } finally {
        instance.closeSync();
        await rm(file, { force: true });
      }
    },
  };
}
