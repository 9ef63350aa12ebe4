import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader, type DuckDBValue } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';

export interface SqlSessionOptions {
  readonly threads: number;
  readonly memoryMb: number;
  /** Where sorts larger than the memory spill. */
  readonly spillFolder: string;
}

/** The lake's own DuckDB, in memory and without extensions from elsewhere. */
export class SqlSession {
  readonly #instance: DuckDBInstance;
  readonly #threads: number;

  private constructor(instance: DuckDBInstance, threads: number) {
    this.#instance = instance;
    this.#threads = threads;
  }

  static async open(options: SqlSessionOptions): Promise<SqlSession> {
    return new SqlSession(
      await DuckDBInstance.create(':memory:', {
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
        threads: String(options.threads),
        memory_limit: `${options.memoryMb}MiB`,
        temp_directory: options.spillFolder,
        preserve_insertion_order: 'true',
        // It would keep every file that is read back after it was written, up to the memory limit; most are soon merged and gone.
        enable_external_file_cache: 'false',
      }),
      options.threads,
    );
  }

  /**
   * Runs `work` on a connection of its own, whose temporary tables end with it; on one processor where it `isGentle`. The
   * instance has one number of threads, so what begins meanwhile can change it: that costs speed, never rows.
   */
  async use<T>(work: (connection: DuckDBConnection) => Promise<T>, isGentle = false): Promise<T> {
    const connection = await this.#instance.connect();
    try {
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(`SET threads = ${isGentle ? 1 : this.#threads}`);
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  }

  /** For a look that takes a moment: leaves the number of processors as it is, which a commit may have chosen. */
  async glance<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const connection = await this.#instance.connect();
    try {
      await connection.run("SET TimeZone = 'UTC'");
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}

export async function rowsOf(
  connection: DuckDBConnection,
  sql: string,
  values?: DuckDBValue[],
): Promise<DuckDBValue[][]> {
  const reader: DuckDBResultReader = await connection.runAndReadAll(sql, values);
  return reader.getRows();
}

/** An error of DuckDB as ours: a full disk is told apart, because waiting can help. */
export function sqlError(doing: string, what: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const isFull = /No space left on device|Disk quota exceeded/i.test(message);
  return new TidemarkError(isFull ? 'disk-full' : 'lake-failed', {
    doing,
    what,
    why: isFull ? 'the disk is full' : message.split('\n')[0]!,
    ...(isFull ? { now: 'free space on it; nothing was made visible', retry: 'later' as const } : {}),
    cause,
  });
}
