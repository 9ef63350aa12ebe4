import type { DatabaseSync } from 'node:sqlite';
import { TidemarkError } from '../domain/error.ts';
import type {
  Catalog,
  CatalogChange,
  CatalogState,
  CatalogVersion,
  ComputedDay,
  RowsChange,
} from '../ports/catalog.ts';
import {
  type ChangedFileRow,
  type DayRow,
  dayOf,
  type FileRow,
  mergedPositions,
  stateAfter,
  stateOf,
  type VersionRow,
} from './rows.ts';
import { inTransaction, isConstraint, openSqliteFile } from './sqlite-file.ts';

const content = { code: 'catalog', name: 'the catalog' };
const formatVersion = 3;

const schema = `
CREATE TABLE turn (one INTEGER PRIMARY KEY CHECK (one = 1), fence INTEGER NOT NULL) STRICT;
INSERT INTO turn VALUES (1, 0);
CREATE TABLE versions (
  version INTEGER PRIMARY KEY, fence INTEGER NOT NULL, positions TEXT NOT NULL, checkpoint TEXT
) STRICT;
INSERT INTO versions VALUES (0, 0, '[]', NULL);
CREATE TABLE files (
  name TEXT NOT NULL, table_name TEXT NOT NULL, market TEXT NOT NULL, date TEXT NOT NULL, level TEXT NOT NULL,
  row_count INTEGER NOT NULL, bytes INTEGER NOT NULL, min_time_us INTEGER NOT NULL, max_time_us INTEGER NOT NULL,
  sha256 TEXT NOT NULL, added_version INTEGER NOT NULL, removed_version INTEGER,
  PRIMARY KEY (name, added_version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX live_files ON files (name) WHERE removed_version IS NULL;
CREATE INDEX removed_files ON files (removed_version) WHERE removed_version IS NOT NULL;
`;

/** Format 2: when versions were committed, which rows they changed, and what computed tables come from. */
const secondSchema = `
ALTER TABLE versions ADD COLUMN committed_at_us INTEGER NOT NULL DEFAULT 0;
CREATE TABLE rows_changed (
  version INTEGER NOT NULL, table_name TEXT NOT NULL, market TEXT NOT NULL, symbol TEXT NOT NULL, date TEXT NOT NULL,
  min_time_us INTEGER NOT NULL, max_time_us INTEGER NOT NULL,
  PRIMARY KEY (version, table_name, market, symbol, date)
) STRICT, WITHOUT ROWID;
CREATE TABLE computed_days (
  table_name TEXT NOT NULL, market TEXT NOT NULL, symbol TEXT NOT NULL, date TEXT NOT NULL,
  input_version INTEGER NOT NULL, code_hash TEXT NOT NULL,
  PRIMARY KEY (table_name, market, symbol, date)
) STRICT, WITHOUT ROWID;
`;

/** Format 3: what changed since a version is found without reading all files. */
const thirdSchema = 'CREATE INDEX added_files ON files (added_version);';

/** The catalog in one SQLite file. A commit is one transaction, synced before it returns. */
export async function openSqliteCatalog(path: string): Promise<Catalog> {
  const database = openSqliteFile({
    ...content,
    path,
    pragmas: 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;',
    formatVersion,
    upgrade: (opened, found) => {
      if (found < 1) opened.exec(schema);
      if (found < 2) opened.exec(secondSchema);
      opened.exec(thirdSchema);
    },
  });
  return new SqliteCatalog(database);
}

class SqliteCatalog implements Catalog {
  readonly #database: DatabaseSync;
  /** As it was last read. */
  #newest: CatalogState | undefined;
  #isClosed = false;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async takeFence(): Promise<number> {
    return inTransaction(this.#database, content, () => {
      this.#database.exec('UPDATE turn SET fence = fence + 1');
      return this.#fence();
    });
  }

  async currentFence(): Promise<number> {
    return this.#fence();
  }

  async state(version?: number): Promise<CatalogState> {
    // One transaction, so that another process's commit cannot come between the reads.
    return inTransaction(
      this.#database,
      content,
      () => {
        if (version !== undefined) return this.#stateAt(version);
        this.#newest = this.#stateSince(this.#newest) ?? this.#stateAt();
        return this.#newest;
      },
      'DEFERRED',
    );
  }

  #stateAt(version?: number): CatalogState {
    const row = version === undefined ? this.#newestVersion() : this.#version(version);
    if (row === undefined) {
      throw new TidemarkError('no-such-version', { doing: 'read the catalog', what: `version ${version}` });
    }
    const files = this.#database
      .prepare(
        `SELECT * FROM files WHERE added_version <= ?1 AND (removed_version IS NULL OR removed_version > ?1)
         ORDER BY table_name, market, date, min_time_us, name`,
      )
      .all(row.version) as unknown as FileRow[];
    return stateOf(row, files);
  }

  /** Undefined when the known version was forgotten since. */
  #stateSince(known: CatalogState | undefined): CatalogState | undefined {
    if (known === undefined || this.#version(known.version)?.committed_at_us !== known.committedAtUs) return undefined;
    const changed = this.#database
      .prepare('SELECT * FROM files WHERE added_version > ?1 OR removed_version > ?1')
      .all(known.version) as unknown as ChangedFileRow[];
    return stateAfter(known, this.#newestVersion()!, changed);
  }

  #version(version: number): VersionRow | undefined {
    const found = this.#database.prepare('SELECT * FROM versions WHERE version = ?').get(version);
    return found as VersionRow | undefined;
  }

  #newestVersion(): VersionRow | undefined {
    const found = this.#database.prepare('SELECT * FROM versions ORDER BY version DESC LIMIT 1').get();
    return found as VersionRow | undefined;
  }

  async commit(fence: number, change: CatalogChange): Promise<number> {
    return inTransaction(this.#database, content, () => {
      const current = this.#fence();
      if (current !== fence) {
        throw new TidemarkError('fence-lost', {
          doing: 'commit to the catalog',
          why: `another writer took over (fence ${current}, ours ${fence})`,
          now: 'stop this writer; the other one continues where it left off',
        });
      }
      const last = this.#newestVersion()!;
      const version = last.version + 1;
      const remove = this.#database.prepare(
        'UPDATE files SET removed_version = ? WHERE name = ? AND removed_version IS NULL',
      );
      for (const name of change.removeFiles) {
        if (remove.run(version, name).changes !== 1) {
          throw new TidemarkError('catalog-conflict', {
            doing: 'replace the file',
            what: name,
            why: 'the newest version does not hold it',
          });
        }
      }
      const add = this.#database.prepare('INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)');
      for (const file of change.addFiles) {
        try {
          add.run(
            file.name, file.table, file.market, file.date, file.level, file.rows, file.bytes,
            file.minTimeUs, file.maxTimeUs, file.sha256, version,
          ); // biome-ignore format: in the order of the columns
        } catch (cause) {
          if (!isConstraint(cause)) throw cause;
          throw new TidemarkError('catalog-conflict', {
            doing: 'add the file',
            what: file.name,
            why: 'the newest version holds it already: these rows were committed before',
            cause,
          });
        }
      }
      const positions =
        change.positions === undefined ? last.positions : mergedPositions(last.positions, change.positions);
      this.#database
        .prepare('INSERT INTO versions VALUES (?, ?, ?, ?, ?)')
        .run(version, fence, positions, change.checkpoint ?? last.checkpoint, Date.now() * 1000);
      const changed = this.#database.prepare('INSERT INTO rows_changed VALUES (?, ?, ?, ?, ?, ?, ?)');
      for (const { table, market, symbol, date, minTimeUs, maxTimeUs } of change.rowsChanged ?? []) {
        changed.run(version, table, market, symbol, date, minTimeUs, maxTimeUs);
      }
      const computed = this.#database.prepare('INSERT OR REPLACE INTO computed_days VALUES (?, ?, ?, ?, ?, ?)');
      for (const { table, market, symbol, date, inputVersion, codeHash } of change.computed ?? []) {
        computed.run(table, market, symbol, date, inputVersion, codeHash);
      }
      return version;
    });
  }

  async superseded(beforeVersion: number): Promise<readonly string[]> {
    const rows = this.#database
      .prepare(
        `SELECT DISTINCT name FROM files WHERE removed_version <= ?1 AND name NOT IN
           (SELECT name FROM files WHERE removed_version IS NULL OR removed_version > ?1) ORDER BY name`,
      )
      .all(beforeVersion) as { name: string }[];
    return rows.map((row) => row.name);
  }

  async checkpointsSince(version: number): Promise<readonly string[]> {
    const rows = this.#database
      .prepare('SELECT DISTINCT checkpoint FROM versions WHERE version >= ? AND checkpoint IS NOT NULL')
      .all(version) as { checkpoint: string }[];
    return rows.map((row) => row.checkpoint);
  }

  async fileNames(): Promise<readonly string[]> {
    const rows = this.#database.prepare('SELECT DISTINCT name FROM files').all() as { name: string }[];
    return rows.map((row) => row.name);
  }

  async forget(fence: number, beforeVersion: number): Promise<void> {
    inTransaction(this.#database, content, () => {
      if (this.#fence() !== fence) return;
      this.#database.prepare('DELETE FROM files WHERE removed_version <= ?').run(beforeVersion);
      this.#database.prepare('DELETE FROM versions WHERE version < ?').run(beforeVersion);
      // Of versions that nobody can ask for by number, what they changed is kept as one row a symbol and day.
      this.#database
        .prepare(
          `INSERT OR REPLACE INTO rows_changed
           SELECT max(version), table_name, market, symbol, date, min(min_time_us), max(max_time_us)
           FROM rows_changed WHERE version < ?1 GROUP BY table_name, market, symbol, date HAVING count(*) > 1`,
        )
        .run(beforeVersion);
      this.#database
        .prepare(
          `DELETE FROM rows_changed AS old WHERE version < ?1 AND EXISTS (
             SELECT 1 FROM rows_changed AS later WHERE later.version < ?1 AND later.version > old.version
             AND later.table_name = old.table_name AND later.market = old.market
             AND later.symbol = old.symbol AND later.date = old.date)`,
        )
        .run(beforeVersion);
    });
  }

  async rowsChangedAfter(version: number): Promise<readonly RowsChange[]> {
    const rows = this.#database
      .prepare(
        `SELECT table_name, market, symbol, date, min(min_time_us) AS min_time_us, max(max_time_us) AS max_time_us
         FROM rows_changed WHERE version > ? GROUP BY table_name, market, symbol, date
         ORDER BY table_name, market, symbol, date`,
      )
      .all(version) as unknown as (DayRow & { min_time_us: number; max_time_us: number })[];
    return rows.map((row) => ({ ...dayOf(row), minTimeUs: row.min_time_us, maxTimeUs: row.max_time_us }));
  }

  async computedDays(): Promise<readonly ComputedDay[]> {
    const rows = this.#database
      .prepare('SELECT * FROM computed_days ORDER BY table_name, market, symbol, date')
      .all() as unknown as (DayRow & { input_version: number; code_hash: string })[];
    return rows.map((row) => ({ ...dayOf(row), inputVersion: row.input_version, codeHash: row.code_hash }));
  }

  async versions(): Promise<readonly CatalogVersion[]> {
    const rows = this.#database
      .prepare('SELECT version, fence, committed_at_us FROM versions ORDER BY version')
      .all() as unknown as VersionRow[];
    return rows.map((row) => ({ version: row.version, fence: row.fence, committedAtUs: row.committed_at_us }));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#database.close();
  }

  #fence(): number {
    return (this.#database.prepare('SELECT fence FROM turn').get() as { fence: number }).fence;
  }
}
