import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TidemarkError } from '../domain/error.ts';

/** What a database file holds, as its errors say it. */
export interface SqliteContent {
  /** The first word of its error codes: `catalog` in `catalog-too-new`. */
  readonly code: string;
  /** `the catalog` */
  readonly name: string;
}

export interface SqliteFileOptions extends SqliteContent {
  readonly path: string;
  readonly pragmas: string;
  readonly formatVersion: number;
  /** Brings a file of an older format, 0 when it is new, to `formatVersion`. */
  readonly upgrade: (database: DatabaseSync, found: number) => void;
}

/**
 * A database file of the newest format.
 * @throws `…-unreadable` when it will never be readable again, `…-failed` when that may pass, `…-too-new`.
 */
export function openSqliteFile({ path, pragmas, formatVersion, upgrade, ...content }: SqliteFileOptions): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path, { timeout: 5000 });
    database.exec(pragmas);
  } catch (cause) {
    // SQLITE_CORRUPT and SQLITE_NOTADB.
    const isDamaged = [11, 26].includes(errorNumber(cause));
    throw new TidemarkError(`${content.code}-${isDamaged ? 'unreadable' : 'failed'}`, {
      doing: `open ${content.name}`,
      what: path,
      why: reasonOf(cause),
      retry: isDamaged ? 'never' : 'later',
      cause,
    });
  }
  inTransaction(database, content, () => {
    const { user_version: found } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (found === formatVersion) return;
    if (found > formatVersion) {
      throw new TidemarkError(`${content.code}-too-new`, {
        doing: `open ${content.name}`,
        what: path,
        why: `its format is ${found}, this program knows ${formatVersion}`,
        now: 'use the program that wrote it, or a newer one',
      });
    }
    upgrade(database, found);
    database.exec(`PRAGMA user_version = ${formatVersion}`);
  });
  return database;
}

export function inTransaction<T>(
  database: DatabaseSync,
  content: SqliteContent,
  work: () => T,
  mode: 'IMMEDIATE' | 'DEFERRED' = 'IMMEDIATE',
): T {
  try {
    database.exec(`BEGIN ${mode}`);
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (cause) {
    if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
    if (cause instanceof TidemarkError) throw cause;
    const isFull = errorNumber(cause) === 13;
    throw new TidemarkError(isFull ? 'disk-full' : `${content.code}-failed`, {
      doing: `use ${content.name}`,
      why: reasonOf(cause),
      retry: 'later',
      cause,
    });
  }
}

/** Whether a row is refused for what it says: SQLITE_CONSTRAINT. */
export function isConstraint(cause: unknown): boolean {
  return errorNumber(cause) === 19;
}

/** Without what its extended form adds. */
function errorNumber(cause: unknown): number {
  return ((cause as { errcode?: number }).errcode ?? 0) & 0xff;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
