import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Batch } from '../domain/batch.ts';
import { assert, TidemarkError } from '../domain/error.ts';
import { secondUs } from '../domain/interval.ts';
import type { Slots } from '../domain/slots.ts';
import type { TableSpec } from '../domain/table.ts';
import { sqlName, sqlText } from '../domain/table-sql.ts';
import { tableNamed, tables } from '../domain/tables/index.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog, CatalogChange, CatalogState, ComputedDay, DataFile } from '../ports/catalog.ts';
import type {
  AsOf,
  ContentHash,
  Lake,
  LakeCommit,
  LakeFiles,
  LakeQuery,
  LakeRows,
  LakeState,
  ReplacedDay,
} from '../ports/lake.ts';
import { type CompactionWork, compactPartition, nextCompaction } from './compaction.ts';
import { contentHashes, refuseTwins } from './content-hash.ts';
import { type FileOrder, fileOrder } from './file-order.ts';
import { defaultRules, type GarbageRules, planGarbage, stillGarbage } from './garbage.ts';
import type { FileFacts, IcebergPublisher } from './iceberg/publisher.ts';
import type { KnownLists } from './iceberg/superseded-metadata.ts';
import {
  describeParquet,
  footerOf,
  hashOfFile,
  identityList,
  parquetRelation,
  type WrittenFile,
  writeParquet,
} from './parquet-files.ts';
import { stateAsOf } from './past-version.ts';
import { PublishedFile } from './published-file.ts';
import { readRows } from './read-rows.ts';
import { rowsChanged } from './rows-changed.ts';
import { rowsOf, SqlSession, sqlError } from './sql-session.ts';
import { isBulk, ownRows, stageBatch, stagedPartitions, stageInOrder, stageSlots } from './staging.ts';
import { Turns } from './turns.ts';

export interface ParquetLakeOptions {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  /** A folder of this lake alone, for files being written; on the file system of the blobs, so that they move. Emptied at open. */
  readonly scratchFolder: string;
  readonly threads?: number;
  readonly memoryMb?: number;
  /** Versions whose files stay readable after newer ones replaced them. */
  readonly keptVersions?: number;
  /** And at least so long after they were replaced; what no version names stays so long, too. */
  readonly graceSeconds?: number;
  /** Told of every change of the files, so that other engines find them; nothing waits for it. */
  readonly iceberg?: IcebergPublisher;
  /** A reader only: takes no fence, leaves the scratch folder alone, and cannot commit. */
  readonly isReadOnly?: boolean;
}

/** Looks by `compact` that found the same late files of a finished day, after which it counts as finished again. */
const quietLooks = 30;

/** Blobs that a sweep removes in one turn, while commits wait. */
const removedAtOnce = 64;

/** A `state` file that holds rows being replaced is merged into the commit's file up to this size, else rewritten by itself. */
const mergedRowsMax = 20_000;

export async function openParquetLake(options: ParquetLakeOptions): Promise<Lake> {
  if (!options.isReadOnly) await rm(options.scratchFolder, { recursive: true, force: true });
  await mkdir(options.scratchFolder, { recursive: true });
  const session = await SqlSession.open({
    threads: options.threads ?? 2,
    memoryMb: options.memoryMb ?? 1024,
    spillFolder: join(options.scratchFolder, 'spill'),
  });
  return new ParquetLake(options, session);
}

class ParquetLake implements Lake {
  readonly #catalog: Catalog;
  readonly #blobs: BlobStore;
  readonly #scratch: string;
  readonly #session: SqlSession;
  readonly #rules: GarbageRules;
  readonly #isReadOnly: boolean;
  readonly #iceberg: IcebergPublisher | undefined;
  /** Commits, compactions and sweeps change the file list: one after the other. */
  readonly #turns = new Turns();
  #fence: number | undefined;
  /** Paths given out in the current turn. */
  readonly #scratchPaths: string[] = [];
  /** When a sweep last listed the store. */
  #lookedEverywhereUs = Number.NEGATIVE_INFINITY;
  readonly #knownLists: KnownLists = new Map();

  /** Per finished day with late files: which, and how many looks found just these. */
  readonly #late = new Map<string, { files: string; looks: number }>();

  constructor(options: ParquetLakeOptions, session: SqlSession) {
    this.#catalog = options.catalog;
    this.#blobs = options.blobs;
    this.#scratch = options.scratchFolder;
    this.#session = session;
    this.#rules = {
      keptVersions: options.keptVersions ?? defaultRules.keptVersions,
      graceUs: options.graceSeconds === undefined ? defaultRules.graceUs : options.graceSeconds * secondUs,
    };
    this.#isReadOnly = options.isReadOnly ?? false;
    this.#iceberg = this.#isReadOnly ? undefined : options.iceberg;
  }

  async open(): Promise<LakeState> {
    if (!this.#isReadOnly) this.#fence = await this.#catalog.takeFence();
    const state = await this.#catalog.state();
    const checkpoint = state.checkpoint === undefined ? undefined : await this.#blobs.get(state.checkpoint);
    if (this.#fence !== undefined) this.#iceberg?.start(this.#fence, state, (file) => this.#footer(file));
    return { ...state, checkpointBytes: checkpoint === undefined ? undefined : zstdDecompressSync(checkpoint) };
  }

  commit(commit: LakeCommit): Promise<number> {
    return this.#turns.take(async () => {
      const fence = this.#ownFence();
      const batches = commit.batches.filter((batch) => batch.length > 0);
      const written: WrittenFile[] = [];
      const removed: string[] = [];
      // On its way while the files are written; whatever comes of it is heard of below.
      const put = this.#putCheckpoint(commit.checkpoint);
      put.catch(() => undefined);
      try {
        if (batches.length > 0) {
          const { files } = await this.#catalog.state();
          await this.#session.use(async (connection) => {
            await stageSlots(connection, commit.slots, batches);
            for (const batch of batches) {
              const order = batch.spec.kind === 'events' ? fileOrder(batch, commit.slots) : undefined;
              if (order === undefined) await this.#writeBatch(connection, batch, files, written, removed);
              else await this.#writeInOrder(connection, batch, order, written);
            }
          }, !isBulk(batches));
        }
        const checkpoint = await put;
        return await this.#publish(fence, written, removed, {
          positions: commit.positions,
          checkpoint,
          rowsChanged: rowsChanged(batches, commit.slots),
        });
      } catch (cause) {
        throw sqlError('commit to the lake', batches.map((batch) => batch.spec.name).join(', '), cause);
      } finally {
        await this.#dropScratch();
      }
    });
  }

  replaceDays(days: readonly ReplacedDay[], computed: readonly ComputedDay[] = []): Promise<number> {
    return this.#turns.take(async () => {
      const fence = this.#ownFence();
      const { files } = await this.#catalog.state();
      const written: WrittenFile[] = [];
      const removed: string[] = [];
      for (const { table, market, date, localPath, rows, minTimeUs, maxTimeUs } of days) {
        if (tableNamed(table) !== undefined) {
          throw new TidemarkError('no-computed-table', {
            doing: 'replace a day of',
            what: table,
            why: 'its rows come from the journal',
          });
        }
        for (const file of files) {
          if (file.table === table && file.market === market && file.date === date) removed.push(file.name);
        }
        if (localPath === undefined) continue;
        const sha256 = await hashOfFile(localPath);
        const { size: bytes } = await stat(localPath);
        const name = `lake/${table}/${market}/${date}/day/${sha256.slice(0, 40)}.parquet`;
        const file = { name, table, market, date, level: 'day', rows, bytes, minTimeUs, maxTimeUs, sha256 } as const;
        written.push({ localPath, file });
      }
      const changed = days.flatMap((day) => day.rowsChanged);
      return this.#publish(fence, written, removed, { rowsChanged: changed, computed });
    });
  }

  state(): Promise<CatalogState> {
    return this.#catalog.state();
  }

  compact(): Promise<boolean> {
    return this.#turns.take(async () => {
      const fence = this.#ownFence();
      const work = nextCompaction((await this.#catalog.state()).files, (late) => this.#isQuiet(late));
      if (work === undefined) return false;
      const spec = knownTable(work.table);
      const written: WrittenFile[] = [];
      try {
        const paths = await this.#localPaths(work.files);
        await this.#session.use((connection) =>
          compactPartition(connection, spec, work, paths, () => this.#scratchPath(), written),
        );
        await this.#publish(
          fence,
          written,
          work.files.map((file) => file.name),
          {},
          true,
        );
        return true;
      } catch (cause) {
        throw sqlError('compact', `${work.table} of ${work.market} ${work.date}`, cause);
      } finally {
        await this.#dropScratch();
      }
    });
  }

  async sweep(): Promise<number> {
    const fence = this.#ownFence();
    await this.#iceberg?.idle();
    const nowUs = Date.now() * 1000;
    const looksEverywhere = nowUs - this.#lookedEverywhereUs >= this.#rules.graceUs;
    const plan = await planGarbage(this.#catalog, this.#blobs, this.#rules, nowUs, {
      looksEverywhere,
      knownLists: this.#knownLists,
    });
    let removed = 0;
    for (let at = 0; at < plan.garbage.length; at += removedAtOnce) {
      const some = plan.garbage.slice(at, at + removedAtOnce);
      const isDone = await this.#turns.take(async () => {
        // A newer writer may have put blobs that its first commit will name: they are not ours to judge.
        if ((await this.#catalog.currentFence()) !== fence) return false;
        const names = await stillGarbage(this.#catalog, plan, some);
        await Promise.all(names.map((name) => this.#blobs.remove(name)));
        removed += names.length;
        return true;
      });
      if (!isDone) return removed;
    }
    if (looksEverywhere) this.#lookedEverywhereUs = nowUs;
    await this.#catalog.forget(fence, plan.oldestVersion);
    return removed;
  }

  async writeTail(batch: Batch, slots: Slots, localPath: string): Promise<void> {
    try {
      await this.#session.use(async (connection) => {
        await stageSlots(connection, slots, [batch]);
        await stageBatch(connection, batch, 'staged');
        await writeParquet(connection, batch.spec, newestRows(batch.spec, 'staged'), localPath, 'minute');
      });
    } catch (cause) {
      throw sqlError('write the tail of', batch.spec.name, cause);
    }
  }

  async files(asOf?: AsOf): Promise<LakeFiles> {
    const state = await (asOf === undefined ? this.#catalog.state() : stateAsOf(this.#catalog, asOf));
    const files: Record<string, PublishedFile[]> = Object.fromEntries(tables.map(({ name }) => [name, []]));
    for (const file of state.files) {
      files[file.table] ??= [];
      files[file.table]!.push(new PublishedFile(file, this.#blobs));
    }
    return { catalogVersion: state.version, files };
  }

  async read(query: LakeQuery): Promise<LakeRows> {
    const spec = knownTable(query.table);
    const state = await this.#catalog.state();
    const { fromUs = -Infinity, toUs = Infinity } = query;
    const files = state.files.filter(
      (file) =>
        file.table === spec.name && file.market === query.market && file.maxTimeUs >= fromUs && file.minTimeUs < toUs,
    );
    // The newest rows of a long history lie in its last days: look there first, and further back only while rows lack.
    const days = [...new Set(files.map((file) => file.date))].sort().reverse();
    const isNewest = query.newestFirst === true && query.limit !== undefined;
    try {
      return await this.#session.use(async (connection) => {
        for (let count = isNewest ? 1 : days.length; ; count *= 4) {
          const looked = new Set(days.slice(0, count));
          const paths = await this.#localPaths(files.filter((file) => looked.has(file.date)));
          const rows = await readRows(connection, spec, paths, query);
          if (count >= days.length || rows.batch.length === query.limit) return rows;
        }
      });
    } catch (cause) {
      throw sqlError('read', `${query.table} of ${query.market}:${query.symbol}`, cause);
    }
  }

  async contentHashes(tables: readonly string[]): Promise<readonly ContentHash[]> {
    const state = await this.#catalog.state();
    const hashes: ContentHash[] = [];
    for (const table of tables) {
      const spec = knownTable(table);
      const files = state.files.filter((file) => file.table === table);
      // Where our clock decides the day, two copies of a row may lie in different days.
      if (!spec.columns[spec.timeColumn]!.content) {
        const paths = await this.#localPaths(files);
        await this.#session.use((connection) => refuseTwins(connection, spec, paths));
      }
      const partitions = Map.groupBy(files, (file) => `${file.market} ${file.date}`);
      for (const partition of [...partitions.keys()].sort()) {
        const paths = await this.#localPaths(partitions.get(partition)!);
        try {
          hashes.push(...(await this.#session.use((connection) => contentHashes(connection, spec, paths))));
        } catch (cause) {
          throw sqlError('hash the content of', table, cause);
        }
      }
    }
    return hashes;
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    await this.#iceberg?.close();
    this.#session.close();
    if (!this.#isReadOnly) await rm(this.#scratch, { recursive: true, force: true });
  }

  #ownFence(): number {
    if (this.#fence !== undefined) return this.#fence;
    throw new TidemarkError('lake-not-open', {
      doing: 'change the lake',
      why: this.#isReadOnly ? 'it was opened for reading' : 'open() takes the fence first',
    });
  }

  #isQuiet(work: CompactionWork): boolean {
    const day = `${work.table} ${work.market} ${work.date}`;
    const files = work.files.map((file) => file.name).join(' ');
    const known = this.#late.get(day);
    const looks = known?.files === files ? known.looks + 1 : 1;
    if (looks < quietLooks) this.#late.set(day, { files, looks });
    else this.#late.delete(day);
    return looks >= quietLooks;
  }

  /** The same for events that come in the order of their files. */
  async #writeInOrder(
    connection: DuckDBConnection,
    batch: Batch,
    order: FileOrder,
    written: WrittenFile[],
  ): Promise<void> {
    const { spec } = batch;
    const own = await stageInOrder(connection, batch, order, `staged_${spec.name}`);
    let rows = 0;
    for (const { market, date } of order.partitions) {
      const relation =
        order.partitions.length === 1
          ? own
          : `SELECT * FROM (${own}) WHERE market = ${sqlText(market)} AND date = ${sqlText(date)}::DATE`;
      const file = await this.#writeFile(connection, spec, relation, 'minute', true);
      rows += file.file.rows;
      written.push(file);
    }
    assert(rows === batch.length, `each of ${batch.length} rows is in a file (${rows} are)`);
  }

  /** Writes the files of one batch to scratch, one a market and day, with the rows of `state` files that it touches. */
  async #writeBatch(
    connection: DuckDBConnection,
    batch: Batch,
    files: readonly DataFile[],
    written: WrittenFile[],
    removed: string[],
  ): Promise<void> {
    const { spec } = batch;
    assert(tableNamed(spec.name) !== undefined, `${spec.name} is a declared table`);
    const staged = `staged_${spec.name}`;
    await stageBatch(connection, batch, staged);
    const partitions = (await rowsOf(connection, stagedPartitions(spec, staged))) as [string, string, number][];
    const rows = partitions.reduce((sum, [, , count]) => sum + count, 0);
    assert(rows === batch.length, `each of ${batch.length} staged rows has a slot (${rows} do)`);
    // Rows of a state table are looked at several times; those of an event table only go into their file.
    let own = newestRows(spec, staged);
    if (spec.kind === 'state') {
      await connection.run(`CREATE TEMP TABLE own_${spec.name} AS ${own}`);
      own = `SELECT * FROM own_${spec.name}`;
    }
    for (const [market, date] of partitions) {
      let relation =
        partitions.length === 1
          ? own
          : `SELECT * FROM (${own}) WHERE market = ${sqlText(market)} AND date = ${sqlText(date)}::DATE`;
      if (spec.kind === 'state') {
        const partition = files.filter(
          (file) => file.table === spec.name && file.market === market && file.date === date,
        );
        relation = await this.#replaceRows(connection, spec, relation, partition, written, removed);
      }
      written.push(await this.#writeFile(connection, spec, relation, 'minute'));
    }
  }

  /**
   * Takes the committed copies of the keys in `relation` out of the files that hold them. A small file is merged into the
   * new one, a large one is rewritten without these rows; either way the old file leaves the catalog in this commit.
   */
  async #replaceRows(
    connection: DuckDBConnection,
    spec: TableSpec,
    relation: string,
    files: readonly DataFile[],
    written: WrittenFile[],
    removed: string[],
  ): Promise<string> {
    const paths = await this.#localPaths(files);
    const keys = identityList(spec).join(', ');
    const holders = await rowsOf(
      connection,
      `SELECT DISTINCT filename FROM ${parquetRelation(spec, paths, true)} SEMI JOIN (${relation}) USING (${keys})`,
    );
    let merged = relation;
    for (const [path] of holders) {
      const file = files[paths.indexOf(path as string)]!;
      assert(file !== undefined, 'DuckDB names the file that it was given');
      removed.push(file.name);
      const others = `SELECT * FROM ${parquetRelation(spec, [path as string])} ANTI JOIN (${relation}) USING (${keys})`;
      if (file.rows <= mergedRowsMax && file.level === 'minute') merged += ` UNION ALL BY NAME (${others})`;
      else {
        const [[left]] = (await rowsOf(connection, `SELECT count(*)::DOUBLE FROM (${others})`)) as [[number]];
        if (left > 0) written.push(await this.#writeFile(connection, spec, others, file.level));
      }
    }
    return merged;
  }

  async #writeFile(
    connection: DuckDBConnection,
    spec: TableSpec,
    relation: string,
    level: DataFile['level'],
    isSorted = false,
  ): Promise<WrittenFile> {
    const localPath = this.#scratchPath();
    await writeParquet(connection, spec, relation, localPath, level, isSorted);
    return describeParquet(connection, spec, localPath, level);
  }

  /** Blobs first, then the one transaction that makes them visible. */
  async #publish(
    fence: number,
    written: readonly WrittenFile[],
    removed: readonly string[],
    rest: Omit<CatalogChange, 'addFiles' | 'removeFiles'>,
    isMerge = false,
  ): Promise<number> {
    // Rewriting a file to what it was already is no change.
    const files = written.map(({ file }) => file);
    const unchanged = new Set(files.filter((file) => removed.includes(file.name)).map((file) => file.name));
    const added = files.filter((file) => !unchanged.has(file.name));
    const gone = removed.filter((name) => !unchanged.has(name));
    const puts = written
      .filter(({ file }) => !unchanged.has(file.name))
      .map(({ file, localPath }) => this.#blobs.putFile(file.name, localPath));
    // Each is over before scratch is emptied, also when another one failed.
    for (const put of await Promise.allSettled(puts)) if (put.status === 'rejected') throw put.reason;
    const version = await this.#catalog.commit(fence, { addFiles: added, removeFiles: gone, ...rest });
    this.#iceberg?.changed({ version, added, removed: gone, isMerge });
    return version;
  }

  async #footer(file: DataFile): Promise<FileFacts> {
    const path = await this.#blobs.localPath(file.name);
    return this.#session.glance((connection) => footerOf(connection, path));
  }

  async #putCheckpoint(bytes: Uint8Array): Promise<string> {
    const compressed = zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    const name = `checkpoints/${createHash('sha256').update(bytes).digest('hex').slice(0, 40)}.zst`;
    await this.#blobs.put(name, compressed);
    return name;
  }

  #scratchPath(): string {
    const path = join(this.#scratch, `${randomUUID()}.parquet`);
    this.#scratchPaths.push(path);
    return path;
  }

  /** Whatever a turn wrote and did not publish, half a file on a full disk included. */
  async #dropScratch(): Promise<void> {
    const paths = this.#scratchPaths.splice(0);
    await Promise.all(paths.map((path) => rm(path, { force: true }).catch(() => undefined)));
  }

  #localPaths(files: readonly DataFile[]): Promise<string[]> {
    return Promise.all(files.map((file) => this.#blobs.localPath(file.name)));
  }
}

/** Staged rows as rows of the table; of a `state` table only the last of each key. */
function newestRows(spec: TableSpec, staged: string): string {
  if (spec.kind === 'events') return ownRows(spec, staged);
  const keys = identityList(spec).join(', ');
  return `SELECT * EXCLUDE (position) FROM (${ownRows(spec, staged, true)})
    QUALIFY row_number() OVER (PARTITION BY ${keys} ORDER BY position DESC) = 1`;
}

export function knownTable(name: string): TableSpec {
  const spec = tableNamed(name);
  if (spec !== undefined) return spec;
  throw new TidemarkError('no-such-table', { doing: 'use the table', what: sqlName(name) });
}
