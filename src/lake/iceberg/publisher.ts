import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../../domain/error.ts';
import { tableNamed } from '../../domain/tables/index.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { Catalog, CatalogState, DataFile } from '../../ports/catalog.ts';
import type { IcebergStatus, IcebergTable, IcebergTables } from '../../ports/iceberg.ts';
import { type Logger, silentLog } from '../../ports/log.ts';
import { defaultRules } from '../garbage.ts';
import { type Bound, boundsFrom, type ColumnStatistics, valueBytes } from './bounds.ts';
import { fieldId } from './field-id.ts';
import type { Addresses } from './manifest.ts';
import { addressesOf, hintName, metadataName } from './names.ts';
import { difference, loadPublished, merged, newestNumbers } from './published-table.ts';
import { computedShape, declaredShape, publishedShape, type SqlColumn, type TableShape } from './schema.ts';
import { type Published, publication, type TableChange } from './table-history.ts';

/** What a Parquet file says of itself. */
export interface FileFacts {
  readonly columns: readonly SqlColumn[];
  readonly statistics: readonly ColumnStatistics[];
}

export interface PublisherOptions {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  /** Snapshots of so many catalog versions can be asked for by readers. */
  readonly keptVersions?: number;
  readonly log?: Logger;
  readonly retryDelayMs?: number;
}

/** One catalog version's change of the files. */
export interface FilesChange {
  readonly version: number;
  readonly added: readonly DataFile[];
  readonly removed: readonly string[];
  readonly isMerge: boolean;
}

interface TableWork {
  readonly table: string;
  /** Undefined until it was read. */
  published: Published | undefined;
  /** The catalog is asked for what is not published yet: after an opening, or when somebody else published. */
  isUnknown: boolean;
  /** How often that was said: what was asked for before does not answer it. */
  timesUnknown: number;
  isHintBehind: boolean;
  readonly changes: TableChange[];
  failure: string | undefined;
}

/** Tables that are published at once. */
const tablesAtOnce = 4;
/** Files of one change whose footers are read for their bounds; a whole lake that is published at once has its times alone. */
const footersMax = 256;
const retryDelayMaxMs = 60_000;
const closingMs = 5_000;

/**
 * Publishes Iceberg metadata of every table, behind the commits: none waits for it and none fails with it. What could not be
 * published is tried again, after a crash by the next writer. A writer whose turn is over publishes nothing more.
 */
export class IcebergPublisher implements IcebergTables {
  readonly #catalog: Catalog;
  readonly #blobs: BlobStore;
  readonly #addresses: Addresses;
  readonly #keptVersions: number;
  readonly #log: Logger;
  readonly #retryDelayMs: number;
  readonly #tables = new Map<string, TableWork>();
  #facts: ((file: DataFile) => Promise<FileFacts>) | undefined;
  #fence: number | undefined;
  #newest: Map<string, number> | undefined;
  #newestVersion = 0;
  #running: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(options: PublisherOptions) {
    this.#catalog = options.catalog;
    this.#blobs = options.blobs;
    this.#addresses = addressesOf(options.blobs);
    this.#keptVersions = options.keptVersions ?? defaultRules.keptVersions;
    this.#log = options.log ?? silentLog;
    this.#retryDelayMs = options.retryDelayMs ?? 1000;
  }

  /** A new turn: what the writer before left unpublished is published first. */
  start(fence: number, state: CatalogState, facts: (file: DataFile) => Promise<FileFacts>): void {
    this.#fence = fence;
    this.#facts = facts;
    this.#newestVersion = state.version;
    for (const { table } of state.files) this.#work(table);
    this.#forgetAll();
    this.#kick();
  }

  changed(change: FilesChange): void {
    if (this.#fence === undefined) return;
    // A commit whose answer was lost was never told here: the catalog knows.
    if (change.version !== this.#newestVersion + 1) this.#forgetAll();
    this.#newestVersion = change.version;
    const added = Map.groupBy(change.added, ({ table }) => table);
    const removed = Map.groupBy(change.removed, (name) => name.split('/')[1]!);
    for (const table of new Set([...added.keys(), ...removed.keys()])) {
      this.#work(table).changes.push({
        version: change.version,
        added: added.get(table) ?? [],
        removed: removed.get(table) ?? [],
        isMerge: change.isMerge,
      });
    }
    this.#kick();
  }

  /** Resolves when everything so far is published or has failed for now. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Publishes what is left, where that is soon done: a store that does not answer keeps nobody, the next writer publishes it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const ending = new AbortController();
    await Promise.race([
      this.idle(),
      sleep(closingMs, undefined, { signal: ending.signal, ref: false }).catch(() => {}),
    ]);
    ending.abort();
    this.#isClosed = true;
    clearTimeout(this.#retry);
  }

  async names(): Promise<readonly string[]> {
    await this.#known();
    return [...this.#tables.values()]
      .filter(({ published }) => published?.metadata !== undefined)
      .map(({ table }) => table)
      .sort();
  }

  async newest(table: string): Promise<IcebergTable | undefined> {
    await this.#known();
    const published = this.#tables.get(table)?.published;
    if (published?.metadata === undefined) return undefined;
    return {
      name: table,
      metadataLocation: this.#addresses.location(metadataName(table, published.n)),
      metadata: published.metadata,
    };
  }

  status(): IcebergStatus {
    const failures: Record<string, string> = {};
    let publishedVersion = this.#newestVersion;
    for (const work of this.#tables.values()) {
      if (work.failure !== undefined) failures[work.table] = work.failure;
      if (work.isUnknown) publishedVersion = 0;
      for (const { version } of work.changes) publishedVersion = Math.min(publishedVersion, version - 1);
    }
    return { publishedVersion, newestVersion: this.#newestVersion, failures };
  }

  async #known(): Promise<void> {
    if (this.#newest === undefined) await this.idle();
    if (this.#newest !== undefined && ![...this.#tables.values()].some(({ published }) => published === undefined))
      return;
    await this.idle();
    if (this.#newest !== undefined) return;
    throw new TidemarkError('not-ready', {
      doing: 'look up the tables',
      why: 'it is not known yet what was published before',
      retry: 'later',
      afterMs: 1000,
    });
  }

  #work(table: string): TableWork {
    let work = this.#tables.get(table);
    if (work === undefined) {
      work = {
        table,
        published: undefined,
        isUnknown: true,
        timesUnknown: 0,
        isHintBehind: false,
        changes: [],
        failure: undefined,
      };
      this.#tables.set(table, work);
    }
    return work;
  }

  #forgetAll(): void {
    this.#newest = undefined;
    for (const work of this.#tables.values()) forget(work);
  }

  #due(): TableWork[] {
    return [...this.#tables.values()].filter((work) => work.isUnknown || work.isHintBehind || work.changes.length > 0);
  }

  #kick(): void {
    if (this.#running !== undefined || this.#isClosed) return;
    clearTimeout(this.#retry);
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      const due = this.#due();
      if (due.length === 0 || this.#isClosed || this.#fence === undefined) return;
      // What came while the last table was on its way, or what failed.
      if (due.some(({ failure }) => failure === undefined)) return this.#kick();
      const delayMs = Math.min(retryDelayMaxMs, this.#retryDelayMs * 2 ** Math.min(this.#failures, 10));
      this.#retry = setTimeout(() => this.#kick(), delayMs).unref();
    });
  }

  /** Each table that is due, once. */
  async #run(): Promise<void> {
    const fence = this.#fence!;
    try {
      if (this.#newest === undefined) {
        const newest = await newestNumbers(this.#blobs);
        for (const table of newest.keys()) this.#work(table);
        this.#newest = newest;
      }
      const due = this.#due();
      const state = due.some(({ isUnknown }) => isUnknown) ? await this.#catalog.state() : undefined;
      await Promise.all(
        Array.from({ length: tablesAtOnce }, async () => {
          for (let work = due.pop(); work !== undefined; work = due.pop()) await this.#attempt(work, fence, state);
        }),
      );
    } catch (error) {
      this.#failed(this.#due(), error);
    }
  }

  async #attempt(work: TableWork, fence: number, state: CatalogState | undefined): Promise<void> {
    if (this.#fence !== fence) return;
    try {
      await this.#publish(work, fence, state);
      if (work.failure !== undefined) this.#log.info({ table: work.table }, 'Iceberg metadata is published again');
      work.failure = undefined;
      this.#failures = 0;
    } catch (error) {
      this.#failed([work], error);
    }
  }

  #failed(works: readonly TableWork[], error: unknown): void {
    const code = error instanceof TidemarkError ? error.code : undefined;
    if (code === 'fence-lost') {
      this.#fence = undefined;
      this.#log.info({}, 'another writer publishes the Iceberg metadata from now on');
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    this.#failures++;
    for (const work of works) {
      // Said once; the status says it until it is over.
      if (work.failure !== message) {
        this.#log.warn(
          { table: work.table, error: message },
          'Iceberg metadata cannot be published; it is tried again',
        );
      }
      work.failure = message;
      if (code === 'blob-conflict') {
        // Somebody published this number: what is there now decides.
        this.#newest = undefined;
        forget(work);
      }
    }
  }

  async #publish(work: TableWork, fence: number, state: CatalogState | undefined): Promise<void> {
    await this.#ownTurn(fence);
    const { table, timesUnknown } = work;
    const known: TableChange[] = [];
    if (work.isUnknown) {
      if (state === undefined) return;
      const n = this.#newest?.get(table) ?? 0;
      work.published = await loadPublished(this.#blobs, table, n, this.#addresses, (error) =>
        this.#log.warn({ table, error: error.message }, 'Iceberg metadata is written anew'),
      );
      const files = state.files.filter((file) => file.table === table);
      known.push(difference(work.published, files, state.version));
      // What the state holds already came with it.
      work.changes.splice(0, work.changes.filter(({ version }) => version <= state.version).length);
    }
    let published = work.published!;
    const count = work.changes.length;
    const change = merged([...known, ...work.changes.slice(0, count)]);
    if (change.added.length + change.removed.length > 0) {
      const { shape, boundsOf } = await this.#shape(table, published, change);
      const { blobs, metadata, next } = publication(published, change, {
        table,
        shape,
        fence,
        boundsOf,
        nowMs: Date.now(),
        snapshotId: 1 + randomBytes(6).readUIntBE(0, 6),
        uuid: randomUUID(),
        keptVersions: this.#keptVersions,
        addresses: this.#addresses,
      });
      await Promise.all(blobs.map(({ name, bytes }) => this.#blobs.put(name, bytes)));
      await this.#ownTurn(fence);
      await this.#blobs.put(metadata.name, metadata.bytes);
      published = next;
      work.published = next;
      work.isHintBehind = true;
    } else if (work.isUnknown && published.n > 0) work.isHintBehind = true;
    if (work.timesUnknown === timesUnknown) work.isUnknown = false;
    work.changes.splice(0, count);
    if (!work.isHintBehind) return;
    // A pointer can be put back by whoever writes last: not by a writer that was held up since.
    await this.#ownTurn(fence);
    await this.#blobs.replace(hintName(table), Buffer.from(String(published.n)));
    work.isHintBehind = false;
  }

  async #ownTurn(fence: number): Promise<void> {
    if (this.#fence === fence && (await this.#catalog.currentFence()) === fence) return;
    throw new TidemarkError('fence-lost', { doing: 'publish Iceberg metadata', why: 'another writer took over' });
  }

  async #shape(
    table: string,
    { metadata }: Published,
    { added }: TableChange,
  ): Promise<{ shape: TableShape; boundsOf: (file: DataFile) => readonly Bound[] }> {
    const facts = new Map<string, FileFacts>();
    for (const file of added.slice(-footersMax)) {
      const read = await this.#facts!(file).catch((error: unknown) => {
        this.#log.debug({ file: file.name, error: String(error) }, 'a footer cannot be read; its bounds are left out');
      });
      if (read !== undefined) facts.set(file.name, read);
    }
    const spec = tableNamed(table);
    const newest = added.findLast(({ name }) => facts.has(name));
    const schema = metadata?.schemas.find((one) => one['schema-id'] === metadata['current-schema-id']);
    const partition = metadata?.['partition-specs'].find((one) => one['spec-id'] === metadata['default-spec-id']);
    let shape: TableShape;
    if (spec !== undefined) shape = declaredShape(spec);
    else if (newest !== undefined) shape = computedShape(table, facts.get(newest.name)!.columns);
    else if (schema !== undefined && partition !== undefined) shape = publishedShape(schema.fields, partition.fields);
    else {
      throw new TidemarkError('iceberg-unreadable', {
        doing: 'publish for Iceberg',
        what: table,
        why: 'none of its files can be read for its columns',
        retry: 'later',
      });
    }
    return {
      shape,
      boundsOf: (file) => {
        const found = boundsFrom(facts.get(file.name)?.statistics ?? [], shape.bounded);
        if (found.length > 0 || spec === undefined) return found;
        const time = (us: number) => valueBytes('timestamptz', BigInt(us));
        return [{ fieldId: fieldId(spec.timeColumn), lower: time(file.minTimeUs), upper: time(file.maxTimeUs) }];
      },
    };
  }
}

function forget(work: TableWork): void {
  work.published = undefined;
  work.isUnknown = true;
  work.timesUnknown++;
}
