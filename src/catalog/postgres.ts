import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import pg from 'pg';
import { TidemarkError } from '../domain/error.ts';
import type {
  Catalog,
  CatalogChange,
  CatalogState,
  CatalogVersion,
  ComputedDay,
  DataFile,
  RowsChange,
} from '../ports/catalog.ts';
import { openSchema, type PostgresSchemaOptions } from './postgres-format.ts';
import { integer, type PostgresSession, type Row, type Run } from './postgres-session.ts';
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

/** By the server's clock: those who commit and read may have others. */
const nowUs = 'floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

const fileColumns =
  'name, table_name, market, date, level, row_count, bytes, min_time_us, max_time_us, sha256, added_version';
const fileTypes = ['text', 'text', 'text', 'text', 'text', 'bigint', 'bigint', 'bigint', 'bigint', 'text', 'bigint'];
const versionColumns = 'version, positions, checkpoint, committed_at_us';
const fileOrder = 'table_name, market, date, min_time_us, name';

/** The catalog in a schema of a PostgreSQL database, for writers and readers on several machines. */
export async function openPostgresCatalog(options: PostgresSchemaOptions = {}): Promise<Catalog> {
  const { session, schema } = await openSchema(options);
  return new PostgresCatalog(session, schema);
}

class PostgresCatalog implements Catalog {
  readonly #session: PostgresSession;
  readonly #schema: string;
  /** One commit at a time: a writer's row in the catalog keeps the token of its last one only. */
  #lastCommit: Promise<unknown> = Promise.resolve();
  /** By the fences taken here: what the writer's row in the catalog may hold, the last commit or one whose outcome is not known. */
  readonly #tokens = new Map<number, Set<string>>();
  /** As it was last read. */
  #newest: CatalogState | undefined;

  constructor(session: PostgresSession, schema: string) {
    this.#session = session;
    this.#schema = schema;
  }

  async takeFence(): Promise<number> {
    const doing = 'take the turn of the writer';
    const holder = `${hostname()} process ${process.pid}`;
    const token = randomUUID();
    const taken = await this.#session.change(doing, [this.#lockTurn], async (run) => {
      const [turn] = await run(`UPDATE ${this.#schema}.turn SET fence = fence + 1 RETURNING fence`);
      const fence = turn!['fence'] as number;
      await run(`INSERT INTO ${this.#schema}.writers VALUES ($1, $2, ${nowUs}, $3, NULL)`, [fence, holder, token]);
      return fence;
    });
    this.#tokens.set(taken, new Set([token]));
    return taken;
  }

  async currentFence(): Promise<number> {
    const [rows] = await this.#session.read('read the turn', [`SELECT fence FROM ${this.#schema}.turn`]);
    return rows![0]!['fence'] as number;
  }

  async state(version?: number): Promise<CatalogState> {
    if (version !== undefined) return this.#stateAt(version);
    this.#newest = (await this.#stateSince(this.#newest)) ?? (await this.#stateAt());
    return this.#newest;
  }

  async #stateAt(version?: number): Promise<CatalogState> {
    const wanted = version === undefined ? `(SELECT max(version) FROM ${this.#schema}.versions)` : integer(version);
    const [versions, files] = await this.#session.read('read the catalog', [
      `SELECT ${versionColumns} FROM ${this.#schema}.versions WHERE version = ${wanted}`,
      `SELECT ${fileColumns} FROM ${this.#schema}.files WHERE added_version <= ${wanted}
         AND (removed_version IS NULL OR removed_version > ${wanted}) ORDER BY ${fileOrder}`,
    ]);
    const row = versions![0] as VersionRow | undefined;
    if (row === undefined) {
      throw new TidemarkError('no-such-version', { doing: 'read the catalog', what: `version ${version}` });
    }
    return stateOf(row, files as unknown as FileRow[]);
  }

  /**
   * The newest state, from what changed since a known one: a lake of years has more files than a commit should fetch.
   * Undefined when the known version was forgotten since.
   */
  async #stateSince(known: CatalogState | undefined): Promise<CatalogState | undefined> {
    if (known === undefined) return undefined;
    const [versions, still, changes] = await this.#session.read('read the catalog', [
      `SELECT ${versionColumns} FROM ${this.#schema}.versions ORDER BY version DESC LIMIT 1`,
      `SELECT 1 FROM ${this.#schema}.versions WHERE version = ${known.version} AND committed_at_us = ${known.committedAtUs}`,
      `SELECT ${fileColumns}, removed_version FROM ${this.#schema}.files
         WHERE added_version > ${known.version} OR removed_version > ${known.version}`,
    ]);
    if (still!.length === 0) return undefined;
    return stateAfter(known, versions![0] as unknown as VersionRow, changes as unknown as ChangedFileRow[]);
  }

  commit(fence: number, change: CatalogChange): Promise<number> {
    const made = this.#lastCommit.then(async () => {
      const token = randomUUID();
      const known = this.#tokens.get(fence);
      const version = await this.#commit(fence, change, token, known).catch((error: unknown) => {
        if (error instanceof TidemarkError && error.code === 'catalog-outcome-unknown') known?.add(token);
        throw error;
      });
      if (known !== undefined) this.#tokens.set(fence, new Set([token]));
      return version;
    });
    this.#lastCommit = made.catch(() => {});
    return made;
  }

  /**
   * Whoever holds the lock on the turn knows that no other transaction of a writer is under way: also not an earlier try
   * of this commit, whose connection broke. Its token is then there or it was never made. And where the writer's row holds
   * none of the tokens that it may hold, the server went back behind what it had acknowledged: to commit on top of that
   * would leave a hole.
   */
  async #commit(
    fence: number,
    change: CatalogChange,
    token: string,
    known: ReadonlySet<string> | undefined,
  ): Promise<number> {
    const schema = this.#schema;
    const opening = [
      this.#lockTurn,
      `SELECT fence, holder, since_us, token, version FROM ${schema}.writers ORDER BY fence DESC LIMIT 1`,
      `SELECT version FROM ${schema}.writers WHERE token = ${pg.escapeLiteral(token)}`,
      `SELECT token FROM ${schema}.writers WHERE fence = ${integer(fence)}`,
      `SELECT ${versionColumns} FROM ${schema}.versions ORDER BY version DESC LIMIT 1`,
    ];
    return this.#session.change('commit to the catalog', opening, async (run, [turn, newest, made, own, versions]) => {
      if (made!.length > 0) return made![0]!['version'] as number;
      const current = turn![0]!['fence'] as number;
      if (current > fence) throw fenceLost(fence, current, newest![0]);
      if (current < fence || (known !== undefined && !known.has(own![0]?.['token'] as string))) throw wentBack();
      const last = versions![0] as unknown as VersionRow;
      const version = last.version + 1;
      await removeFiles(run, schema, version, change.removeFiles);
      await addFiles(run, schema, version, change.addFiles);
      const positions =
        change.positions === undefined ? last.positions : mergedPositions(last.positions, change.positions);
      await run(`INSERT INTO ${schema}.versions VALUES ($1, $2, $3, $4, greatest($5, ${nowUs}))`, [
        version,
        fence,
        positions,
        change.checkpoint ?? last.checkpoint,
        last.committed_at_us,
      ]);
      await addRowsChanged(run, schema, version, change.rowsChanged ?? []);
      await addComputed(run, schema, change.computed ?? []);
      await run(`UPDATE ${schema}.writers SET token = $2, version = $3 WHERE fence = $1`, [fence, token, version]);
      return version;
    });
  }

  async superseded(beforeVersion: number): Promise<readonly string[]> {
    const version = integer(beforeVersion);
    const [rows] = await this.#session.read('read superseded files', [
      `SELECT DISTINCT name FROM ${this.#schema}.files AS old WHERE removed_version <= ${version} AND NOT EXISTS (
         SELECT 1 FROM ${this.#schema}.files AS kept WHERE kept.name = old.name
         AND (kept.removed_version IS NULL OR kept.removed_version > ${version})) ORDER BY name`,
    ]);
    return rows!.map((row) => row['name'] as string);
  }

  async checkpointsSince(version: number): Promise<readonly string[]> {
    const [rows] = await this.#session.read('read the checkpoints', [
      `SELECT DISTINCT checkpoint FROM ${this.#schema}.versions
       WHERE version >= ${integer(version)} AND checkpoint IS NOT NULL`,
    ]);
    return rows!.map((row) => row['checkpoint'] as string);
  }

  async fileNames(): Promise<readonly string[]> {
    const [rows] = await this.#session.read('read the file names', [`SELECT DISTINCT name FROM ${this.#schema}.files`]);
    return rows!.map((row) => row['name'] as string);
  }

  async forget(fence: number, beforeVersion: number): Promise<void> {
    const schema = this.#schema;
    await this.#session.change('forget old versions', [this.#lockTurn], async (run, [turn]) => {
      if (turn![0]!['fence'] !== fence) return;
      await run(`DELETE FROM ${schema}.files WHERE removed_version <= $1`, [beforeVersion]);
      await run(`DELETE FROM ${schema}.versions WHERE version < $1`, [beforeVersion]);
      // Of versions that nobody can ask for by number, what they changed is kept as one row a symbol and day.
      await run(
        `INSERT INTO ${schema}.rows_changed
         SELECT max(version), table_name, market, symbol, date, min(min_time_us), max(max_time_us)
         FROM ${schema}.rows_changed WHERE version < $1
         GROUP BY table_name, market, symbol, date HAVING count(*) > 1
         ON CONFLICT (version, table_name, market, symbol, date)
         DO UPDATE SET min_time_us = excluded.min_time_us, max_time_us = excluded.max_time_us`,
        [beforeVersion],
      );
      await run(
        `DELETE FROM ${schema}.rows_changed AS old WHERE version < $1 AND EXISTS (
           SELECT 1 FROM ${schema}.rows_changed AS later WHERE later.version < $1 AND later.version > old.version
           AND later.table_name = old.table_name AND later.market = old.market
           AND later.symbol = old.symbol AND later.date = old.date)`,
        [beforeVersion],
      );
    });
  }

  async rowsChangedAfter(version: number): Promise<readonly RowsChange[]> {
    const [rows] = await this.#session.read('read what changed', [
      `SELECT table_name, market, symbol, date, min(min_time_us) AS min_time_us, max(max_time_us) AS max_time_us
       FROM ${this.#schema}.rows_changed WHERE version > ${integer(version)} GROUP BY table_name, market, symbol, date
       ORDER BY table_name, market, symbol, date`,
    ]);
    return (rows as unknown as (DayRow & { min_time_us: number; max_time_us: number })[]).map((row) => ({
      ...dayOf(row),
      minTimeUs: row.min_time_us,
      maxTimeUs: row.max_time_us,
    }));
  }

  async computedDays(): Promise<readonly ComputedDay[]> {
    const [rows] = await this.#session.read('read the computed days', [
      `SELECT * FROM ${this.#schema}.computed_days ORDER BY table_name, market, symbol, date`,
    ]);
    return (rows as unknown as (DayRow & { input_version: number; code_hash: string })[]).map((row) => ({
      ...dayOf(row),
      inputVersion: row.input_version,
      codeHash: row.code_hash,
    }));
  }

  async versions(): Promise<readonly CatalogVersion[]> {
    const [rows] = await this.#session.read('read the versions', [
      `SELECT version, fence, committed_at_us FROM ${this.#schema}.versions ORDER BY version`,
    ]);
    return (rows as unknown as VersionRow[]).map((row) => ({
      version: row.version,
      fence: row.fence,
      committedAtUs: row.committed_at_us,
    }));
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  get #lockTurn(): string {
    return `SELECT fence FROM ${this.#schema}.turn FOR UPDATE`;
  }
}

async function removeFiles(run: Run, schema: string, version: number, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const removed = await run(
    `UPDATE ${schema}.files SET removed_version = $1 WHERE name = ANY($2::text[]) AND removed_version IS NULL RETURNING name`,
    [version, names],
  );
  const known = new Set(removed.map((row) => row['name'] as string));
  for (const name of names) {
    // Each counts once: a name that is given twice is not there the second time.
    if (known.delete(name)) continue;
    throw new TidemarkError('catalog-conflict', {
      doing: 'replace the file',
      what: name,
      why: 'the newest version does not hold it',
    });
  }
}

async function addFiles(run: Run, schema: string, version: number, files: readonly DataFile[]): Promise<void> {
  if (files.length === 0) return;
  const added = await run(
    `INSERT INTO ${schema}.files (${fileColumns}) SELECT * FROM ${unnested(fileTypes)} ON CONFLICT DO NOTHING RETURNING name`,
    columnsOf(files, (file) => [
      file.name, file.table, file.market, file.date, file.level, file.rows, file.bytes,
      file.minTimeUs, file.maxTimeUs, file.sha256, version,
    ]), // biome-ignore format: in the order of the columns
  );
  const known = new Set(added.map((row) => row['name'] as string));
  for (const { name } of files) {
    if (known.delete(name)) continue;
    throw new TidemarkError('catalog-conflict', {
      doing: 'add the file',
      what: name,
      why: 'the newest version holds it already: these rows were committed before',
    });
  }
}

async function addRowsChanged(
  run: Run,
  schema: string,
  version: number,
  changes: readonly RowsChange[],
): Promise<void> {
  if (changes.length === 0) return;
  await run(
    `INSERT INTO ${schema}.rows_changed SELECT * FROM ${unnested(['bigint', 'text', 'text', 'text', 'text', 'bigint', 'bigint'])}`,
    columnsOf(changes, ({ table, market, symbol, date, minTimeUs, maxTimeUs }) => [
      version, table, market, symbol, date, minTimeUs, maxTimeUs,
    ]), // biome-ignore format: in the order of the columns
  );
}

async function addComputed(run: Run, schema: string, computed: readonly ComputedDay[]): Promise<void> {
  if (computed.length === 0) return;
  // One statement cannot write a row twice; of two that name the same day the later holds.
  const newest = new Map(computed.map((one) => [`${one.table}/${one.market}/${one.symbol}/${one.date}`, one]));
  await run(
    `INSERT INTO ${schema}.computed_days SELECT * FROM ${unnested(['text', 'text', 'text', 'text', 'bigint', 'text'])}
     ON CONFLICT (table_name, market, symbol, date)
     DO UPDATE SET input_version = excluded.input_version, code_hash = excluded.code_hash`,
    columnsOf([...newest.values()], ({ table, market, symbol, date, inputVersion, codeHash }) => [
      table, market, symbol, date, inputVersion, codeHash,
    ]), // biome-ignore format: in the order of the columns
  );
}

/** Rows as one array a column, so that a statement takes any number of them. */
function columnsOf<T>(rows: readonly T[], values: (row: T) => readonly (string | number)[]): (string | number)[][] {
  const columns: (string | number)[][] = [];
  for (const row of rows) {
    for (const [at, value] of values(row).entries()) {
      columns[at] ??= [];
      columns[at].push(value);
    }
  }
  return columns;
}

function unnested(sqlTypes: readonly string[]): string {
  return `unnest(${sqlTypes.map((type, at) => `$${at + 1}::${type}[]`).join(', ')})`;
}

function fenceLost(ours: number, current: number, newest: Row | undefined): TidemarkError {
  const since = newest === undefined ? '' : `, ${newest['holder']}, since ${instant(newest['since_us'] as number)}`;
  return new TidemarkError('fence-lost', {
    doing: 'commit to the catalog',
    why: `another writer took over (fence ${current}${since}; ours ${ours})`,
    now: 'stop this writer; the other one continues where it left off',
  });
}

function wentBack(): TidemarkError {
  return new TidemarkError('catalog-went-back', {
    doing: 'commit to the catalog',
    why: 'the server no longer has what it acknowledged to this writer: it was restored, or a copy that lagged took its place',
    now: 'start again: the engine goes on from the newest version there, and the journals have the rest',
    retry: 'later',
  });
}

function instant(us: number): string {
  return new Date(us / 1000).toISOString();
}
