import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { openFolderBlobs } from '../../blobs/folder.ts';
import { openSqliteCatalog } from '../../catalog/sqlite.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import type { Catalog, DataFile } from '../../ports/catalog.ts';
import { IcebergPublisher } from './publisher.ts';
import { readSnapshot, readTable, readVersion } from './reader.test-fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-iceberg-'));
after(() => rmSync(root, { recursive: true, force: true }));
let places = 0;

class Crash extends Error {}

/** A lake without rows: catalog, store and publisher, as the lake uses them. */
class Place {
  readonly folder = join(root, `folder ${places++} with 100 %ä`);
  readonly blobs: BlobStore = openFolderBlobs(join(this.folder, 'blobs'));
  catalog!: Catalog;
  publisher!: IcebergPublisher;
  fence = 0;
  files = 0;
  /** Asked before each write of the publisher that is opened next. */
  beforeWrite: (name: string) => Promise<void> = async () => {};
  /** Writes of the publisher before everything of it fails, as when its process died. */
  writesLeft = Number.POSITIVE_INFINITY;
  readonly keptVersions: number;
  readonly retryDelayMs: number;

  constructor(keptVersions = 8, retryDelayMs = 1_000_000) {
    this.keptVersions = keptVersions;
    this.retryDelayMs = retryDelayMs;
  }

  async open(): Promise<this> {
    this.catalog ??= await openSqliteCatalog(join(this.folder, 'catalog.db'));
    this.writesLeft = Number.POSITIVE_INFINITY;
    const { beforeWrite } = this;
    const write = async <T>(name: string, what: () => Promise<T>): Promise<T> => {
      await beforeWrite(name);
      if (this.writesLeft-- <= 0) throw new Crash('the process is gone');
      return what();
    };
    const { blobs } = this;
    const failing: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
      put: (name: string, bytes: Uint8Array) => write(name, () => blobs.put(name, bytes)),
      replace: (name: string, bytes: Uint8Array) => write(name, () => blobs.replace(name, bytes)),
      get: (name: string) => blobs.get(name),
      list: (prefix: string) => blobs.list(prefix),
      location: (name: string) => blobs.location(name),
    });
    this.publisher = new IcebergPublisher({
      catalog: this.catalog,
      blobs: failing,
      keptVersions: this.keptVersions,
      retryDelayMs: this.retryDelayMs,
    });
    this.fence = await this.catalog.takeFence();
    this.publisher.start(this.fence, await this.catalog.state(), async () => ({
      columns: [
        { name: 'market', sqlType: 'VARCHAR' },
        { name: 'date', sqlType: 'DATE' },
        { name: 'total', sqlType: 'DECIMAL(38,8)' },
      ],
      statistics: [],
    }));
    await this.publisher.idle();
    return this;
  }

  file(table: string, market: string, day: number, level: DataFile['level']): DataFile {
    const hash = String(this.files++).padStart(40, '0');
    const date = `2026-01-0${day}`;
    return {
      name: `lake/${table}/${market}/${date}/${level}/${hash}.parquet`,
      table, market, date, level, rows: 1 + this.files, bytes: 100 + this.files, minTimeUs: day, maxTimeUs: day, sha256: hash,
    }; // biome-ignore format: a row
  }

  async commit(added: readonly DataFile[], removed: readonly string[] = [], isMerge = false): Promise<number> {
    const version = await this.catalog.commit(this.fence, { addFiles: added, removeFiles: removed });
    this.publisher.changed({ version, added, removed, isMerge });
    await this.publisher.idle();
    return version;
  }

  /** Fails unless every table's newest metadata has the catalog's files, of the version that it names and of the newest. */
  async check(): Promise<void> {
    const newest = await this.catalog.state();
    const plain = (files: readonly { name: string; rows: number; bytes: number }[]) =>
      files.map(({ name, rows, bytes }) => ({ name, rows, bytes })).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const table of new Set(newest.files.map((file) => file.table))) {
      const read = await readTable(this.blobs, table);
      const at = await this.catalog.state(read.catalogVersion);
      const of = (files: readonly DataFile[]) => plain(files.filter((file) => file.table === table));
      assert.deepEqual(plain(read.files), of(at.files), `${table} at ${read.catalogVersion}`);
      assert.deepEqual(plain(read.files), of(newest.files), `${table} now`);
    }
    assert.deepEqual(this.publisher.status(), {
      publishedVersion: newest.version,
      newestVersion: newest.version,
      failures: {},
    });
  }
}

type Step =
  | { readonly kind: 'append'; readonly tables: readonly string[]; readonly day: number }
  | { readonly kind: 'correct'; readonly pick: number }
  | { readonly kind: 'merge'; readonly table: string; readonly level: 'hour' | 'day' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'crash'; readonly after: number };

const tables = ['trades', 'candles', 'computed'];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), tables: fc.subarray(tables, { minLength: 1 }), day: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('correct' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('merge' as const), table: fc.constantFrom(...tables), level: fc.constantFrom('hour' as const, 'day' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), after: fc.nat({ max: 14 }) }) },
); // biome-ignore format: a list

async function apply(place: Place, one: Step): Promise<void> {
  const { files } = await place.catalog.state();
  switch (one.kind) {
    case 'append':
      await place.commit(
        one.tables.map((table) => place.file(table, one.day % 2 ? 'spot' : 'usdm', one.day, 'minute')),
      );
      break;
    case 'correct': {
      const old = files[one.pick % Math.max(1, files.length)];
      if (old === undefined) return;
      const fresh = place.file(old.table, old.market, Number(old.date.slice(-1)), old.level);
      await place.commit([fresh], [old.name]);
      break;
    }
    case 'merge': {
      const some = files.filter((file) => file.table === one.table && file.level !== 'day');
      if (some.length === 0) return;
      const { market, date } = some[0]!;
      const ofDay = some.filter((file) => file.market === market && file.date === date);
      const fresh = place.file(one.table, market, Number(date.slice(-1)), one.level);
      await place.commit([fresh], ofDay.map(({ name }) => name), true); // biome-ignore format: a call
      break;
    }
    case 'restart':
      await place.publisher.close();
      await place.open();
      break;
    case 'crash':
      // The commit is in; of its publication so many writes are.
      place.writesLeft = one.after;
      await place.commit([place.file('trades', 'spot', 1, 'minute'), place.file('candles', 'spot', 1, 'minute')]);
      await place.open();
  }
}

test('the newest metadata has the files of its catalog version after any commits, merges, restarts and crashes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const place = await new Place().open();
      for (const one of steps) {
        await apply(place, one);
        await place.check();
      }
      await place.publisher.close();
      await place.catalog.close();
    }),
    { numRuns: 15 },
  );
});

test('a crash at each write of a publication leaves the state before or the one after, and the next writer heals it', async () => {
  for (let writes = 0; writes <= 5; writes++) {
    const place = await new Place().open();
    const first = place.file('trades', 'spot', 1, 'minute');
    await place.commit([first]);
    const before = await readTable(place.blobs, 'trades');
    place.writesLeft = writes;
    const second = place.file('trades', 'spot', 1, 'minute');
    const version = await place.commit([second], [first.name]);
    const seen = await readTable(place.blobs, 'trades');
    const isThere = writes >= 4;
    assert.deepEqual(
      seen.files.map(({ name }) => name),
      [isThere ? second.name : first.name],
      `${writes} writes`,
    );
    assert.equal(seen.catalogVersion, isThere ? version : before.catalogVersion);
    await place.open();
    await place.check();
    await place.catalog.close();
  }
});

test('a failure is told, holds up nobody, and is tried again with the next change', async () => {
  const place = await new Place().open();
  place.writesLeft = 0;
  const version = await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  assert.deepEqual(place.publisher.status(), {
    publishedVersion: version - 1,
    newestVersion: version,
    failures: { trades: 'the process is gone' },
  });
  place.writesLeft = Number.POSITIVE_INFINITY;
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  await place.check();
  assert.equal((await readTable(place.blobs, 'trades')).files.length, 2);
});

test('what failed is tried again without anybody asking', async () => {
  const place = await new Place(8, 1).open();
  place.writesLeft = 0;
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  assert.notDeepEqual(place.publisher.status().failures, {});
  place.writesLeft = Number.POSITIVE_INFINITY;
  while (place.publisher.status().failures['trades'] !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 1));
  await place.publisher.idle();
  await place.check();
});

test('a commit that the publisher was never told of is in the next publication', async () => {
  const place = await new Place().open();
  await place.commit([place.file('trades', 'spot', 1, 'minute'), place.file('candles', 'spot', 1, 'minute')]);
  const untold = [place.file('trades', 'spot', 1, 'minute'), place.file('candles', 'spot', 1, 'minute')];
  await place.catalog.commit(place.fence, { addFiles: untold, removeFiles: [] });
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  await place.check();
});

test('a catalog that was set back takes its tables back, and no snapshot of a version that never was is left', async () => {
  const place = await new Place().open();
  for (let count = 0; count < 5; count++) await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  await place.catalog.close();
  place.catalog = await openSqliteCatalog(join(place.folder, 'restored.db'));
  const fence = await place.catalog.takeFence();
  await place.catalog.commit(fence, { addFiles: [place.file('trades', 'spot', 2, 'minute')], removeFiles: [] });
  await place.open();
  await place.check();
  const { metadata } = await readTable(place.blobs, 'trades');
  const versions = (metadata['snapshots'] as { summary: Record<string, string> }[]).map(({ summary }) => summary['tidemark.catalog-version']);
  assert.deepEqual(versions, ['1', '1']);
}); // biome-ignore format: a long line

test('a writer whose turn is over publishes nothing, and the new one finds all that was committed', async () => {
  const place = await new Place().open();
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  const { publisher: old, fence: oldFence } = place;
  const added = [place.file('trades', 'spot', 1, 'minute')];
  const version = await place.catalog.commit(oldFence, { addFiles: added, removeFiles: [] });
  // It committed, then another took over before it published.
  await place.open();
  const n = (await place.publisher.newest('trades'))!.metadataLocation;
  old.changed({ version, added, removed: [], isMerge: false });
  await old.idle();
  assert.equal((await place.publisher.newest('trades'))!.metadataLocation, n);
  await place.check();
  await assert.rejects(place.blobs.get('iceberg/trades/metadata/v3.metadata.json'), { code: 'blob-missing' });
});

for (const held of ['v2.metadata.json', 'version-hint.text']) {
  test(`a writer that was held up before it wrote ${held} undoes nothing of the next one`, async () => {
    const place = new Place();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let holds = false;
    let isHeld = (): void => {};
    const reached = new Promise<void>((resolve) => {
      isHeld = resolve;
    });
    place.beforeWrite = async (name) => {
      if (!holds || held === 'version-hint.text' || !name.endsWith(held)) return;
      isHeld();
      await released;
    };
    await place.open();
    await place.commit([place.file('trades', 'spot', 1, 'minute')]);
    const { publisher: old, fence } = place;
    holds = true;
    const added = [place.file('trades', 'spot', 1, 'minute')];
    const version = await place.catalog.commit(fence, { addFiles: added, removeFiles: [] });
    old.changed({ version, added, removed: [], isMerge: false });
    if (held === 'version-hint.text') {
      // It looks at the fence once more before the pointer: it is held in front of that look.
      const { currentFence } = place.catalog;
      let looks = 0;
      place.catalog.currentFence = async () => {
        if (++looks > 1) {
          isHeld();
          await released;
        }
        return currentFence.call(place.catalog);
      };
    }
    await reached;
    place.beforeWrite = async () => {};
    const catalog = await openSqliteCatalog(join(place.folder, 'catalog.db'));
    const taken = Object.assign(new Place(), { folder: place.folder, blobs: place.blobs, catalog, files: place.files });
    await taken.open();
    await taken.commit([taken.file('trades', 'spot', 1, 'minute')]);
    release();
    await old.idle();
    await taken.check();
    assert.equal((await readTable(taken.blobs, 'trades')).files.length, 3);
    await catalog.close();
  });
}

test('of two that publish the same number the first holds, and the other goes on from what is there', async () => {
  const place = await new Place().open();
  const other = await new Place().open();
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  await other.commit([place.file('trades', 'spot', 2, 'minute')]);
  // As if this writer's answer had been lost: the number is taken.
  await place.blobs.put('iceberg/trades/metadata/v2.metadata.json', await place.blobs.get('iceberg/trades/metadata/v1.metadata.json'));
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  assert.match(place.publisher.status().failures['trades'] ?? '', /v2/);
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  await place.check();
  assert.equal((await readVersion(place.blobs, 'trades', 3)).files.length, 3);
}); // biome-ignore format: long names

test('an append leaves the manifests that are there, and a removal those without the file', async () => {
  const place = await new Place().open();
  const files = [1, 2, 3].map((day) => place.file('trades', 'spot', day, 'day'));
  for (const file of files) await place.commit([file]);
  const before = await readTable(place.blobs, 'trades');
  assert.equal(before.manifests.length, 3);
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  const appended = await readTable(place.blobs, 'trades');
  assert.deepEqual(before.manifests.filter((name) => !appended.manifests.includes(name)), []);
  await place.commit([place.file('trades', 'spot', 2, 'day')], [files[1]!.name]);
  const corrected = await readTable(place.blobs, 'trades');
  assert.equal(appended.manifests.filter((name) => !corrected.manifests.includes(name)).length, 1);
  assert.equal(corrected.operation, 'overwrite');
}); // biome-ignore format: long names

test('manifests stay few, and each file is written a few times only', async () => {
  const place = await new Place(4).open();
  const commits = 240;
  for (let count = 1; count <= commits; count++) {
    await place.commit([place.file('trades', 'spot', 1 + (count % 3), count % 3 === 0 ? 'day' : 'minute')]);
    if (count % 40 !== 0) continue;
    const { manifests, files } = await readTable(place.blobs, 'trades');
    assert.ok(manifests.length <= 48, `${manifests.length} manifests`);
    assert.equal(files.length, count);
  }
  let written = 0;
  for await (const { name } of place.blobs.list('iceberg/trades/')) if (/-m\d+\.avro$/.test(name)) written++;
  assert.ok(written < commits * 1.2, `${written} manifests were written`);
});

test('snapshots go with the catalog versions that are kept, and each that is listed can be read', async () => {
  const place = await new Place(5).open();
  const committed = new Map<number, string[]>();
  let live: string[] = [];
  for (let count = 0; count < 20; count++) {
    const file = place.file('trades', 'spot', 1, 'minute');
    const removed = count % 4 === 3 ? live.slice(0, 3) : [];
    live = [...live.filter((name) => !removed.includes(name)), file.name];
    committed.set(await place.commit([file], removed), [...live].sort());
  }
  const { metadata } = await readTable(place.blobs, 'trades');
  const snapshots = metadata['snapshots'] as { 'manifest-list': string; summary: Record<string, string> }[];
  assert.equal(snapshots.length, 6);
  for (const { 'manifest-list': list, summary } of snapshots) {
    const { files } = await readSnapshot(place.blobs, list);
    assert.deepEqual(files.map(({ name }) => name).sort(), committed.get(Number(summary['tidemark.catalog-version'])));
  }
});

test('metadata that is damaged, or of a folder that was moved, is written anew under the next number', async () => {
  const place = await new Place().open();
  await place.commit([place.file('trades', 'spot', 1, 'minute')]);
  const uuid = (await readTable(place.blobs, 'trades')).metadata['table-uuid'];
  const name = 'iceberg/trades/metadata/v1.metadata.json';
  const text = Buffer.from(await place.blobs.get(name)).toString('utf8');
  await place.blobs.replace(name, Buffer.from(text.replaceAll('/blobs/', '/elsewhere/')));
  await place.open();
  await place.check();
  assert.equal((await readTable(place.blobs, 'trades')).metadata['table-uuid'], uuid);
  const { manifests } = await readTable(place.blobs, 'trades');
  await place.blobs.remove(manifests[0]!);
  await place.open();
  await place.check();
  await place.blobs.replace('iceberg/trades/metadata/v3.metadata.json', Buffer.from('{'));
  await place.open();
  await place.check();
  assert.equal((await readVersion(place.blobs, 'trades', 4)).files.length, 1);
});
