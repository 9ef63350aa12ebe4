import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import { TidemarkError } from '../domain/error.ts';
import { dayUs, minuteUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { LakeProblemKind, LakeUpkeep } from '../ports/lake-upkeep.ts';
import { readSnapshot, readTable } from './iceberg/reader.test-fixture.ts';
import { btc, newLake, type Place, startUs, tradeBatch } from './parquet-lake.test-fixture.ts';
import { openLakeUpkeep } from './upkeep.ts';

const dayMs = 86_400_000;

interface Kept extends Place {
  readonly upkeep: LakeUpkeep;
  readonly path: (name: string) => string;
  commit(ids: readonly number[], atUs?: number): Promise<void>;
  names(prefix?: string): Promise<string[]>;
  close(): Promise<void>;
}

async function place(options: { keptVersions?: number; graceSeconds?: number } = {}): Promise<Kept> {
  const { keptVersions = 2, graceSeconds = 0 } = options;
  const made = await newLake(undefined, { keptVersions, graceSeconds, hasIceberg: true });
  const { folder, lake } = made;
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const rules = { keptVersions, graceUs: graceSeconds * 1e6 };
  const slots = new Slots();
  return {
    ...made,
    upkeep: openLakeUpkeep({ catalog, blobs, rules, hasIceberg: true, otherPrefixes: ['reports/'] }),
    path: (name) => join(folder, 'blobs', name),
    commit: async (ids, atUs = startUs) => {
      const batches = [tradeBatch(slots, ids, btc, atUs)];
      await lake.commit({ slots, batches, positions: [], checkpoint: Buffer.from(`checkpoint ${ids}`) });
    },
    names: async (prefix = '') => {
      const names: string[] = [];
      for await (const { name } of blobs.list(prefix)) names.push(name);
      return names;
    },
    close: async () => {
      await lake.close();
      await catalog.close();
    },
  };
}

async function filled(): Promise<Kept> {
  const kept = await place();
  for (const id of [1, 2, 3]) await kept.commit([id * 10, id * 10 + 1]);
  await kept.commit([99], startUs + 2 * dayUs);
  while (await kept.lake.compact());
  await kept.close();
  return kept;
}

/** As a disk or a careless hand does it; each must be found under its name and nothing else. */
const damages: readonly { does: string; kind: LakeProblemKind; to: (kept: Kept) => Promise<string> }[] = [
  {
    does: 'a flipped bit in a data file',
    kind: 'damaged',
    to: async (kept) => {
      const [name] = await kept.names('lake/trades/spot/2026-01-02/day/');
      const bytes = readFileSync(kept.path(name!));
      bytes[Math.floor(bytes.length / 2)]! ^= 4;
      writeFileSync(kept.path(name!), bytes);
      return name!;
    },
  },
  {
    does: 'a flipped bit in a file that only an earlier kept version has',
    kind: 'damaged',
    to: async (kept) => {
      const [name] = await kept.names('lake/trades/spot/2026-01-02/minute/');
      const bytes = readFileSync(kept.path(name!));
      bytes[9]! ^= 1;
      writeFileSync(kept.path(name!), bytes);
      return name!;
    },
  },
  {
    does: 'a data file that is gone',
    kind: 'missing',
    to: async (kept) => {
      const [name] = await kept.names('lake/trades/spot/2026-01-04/');
      rmSync(kept.path(name!));
      return name!;
    },
  },
  {
    does: 'a data file that was cut off',
    kind: 'wrong-size',
    to: async (kept) => {
      const [name] = await kept.names('lake/trades/spot/2026-01-04/');
      truncateSync(kept.path(name!), 50);
      return name!;
    },
  },
  {
    does: 'a file of others beside the lake',
    kind: 'foreign',
    to: async (kept) => {
      writeFileSync(kept.path('holiday.jpg'), 'a picture');
      return 'holiday.jpg';
    },
  },
  {
    does: 'a file of others with the name of a lake file',
    kind: 'foreign',
    to: async (kept) => {
      const name = `lake/trades/spot/2026-01-02/day/${'0'.repeat(40)}.parquet`;
      writeFileSync(kept.path(name), 'rows of somebody else');
      utimesSync(kept.path(name), new Date(0), new Date(0));
      return name;
    },
  },
  {
    does: 'a file of others among the Iceberg metadata',
    kind: 'foreign',
    to: async (kept) => {
      const name = 'iceberg/trades/metadata/notes.txt';
      writeFileSync(kept.path(name), 'mine');
      return name;
    },
  },
  {
    does: 'a checkpoint that is gone',
    kind: 'checkpoint-missing',
    to: async (kept) => {
      const name = await checkpointOf(kept);
      rmSync(kept.path(name));
      return name;
    },
  },
  {
    does: 'a checkpoint whose bytes are no longer its own',
    kind: 'checkpoint-damaged',
    to: async (kept) => {
      const name = await checkpointOf(kept);
      const other = (await kept.names('checkpoints/')).find((one) => one !== name)!;
      writeFileSync(kept.path(name), readFileSync(kept.path(other)));
      return name;
    },
  },
  {
    does: 'half a checkpoint',
    kind: 'checkpoint-damaged',
    to: async (kept) => {
      const name = await checkpointOf(kept);
      truncateSync(kept.path(name), 10);
      return name;
    },
  },
  {
    does: 'an Iceberg metadata file that is no JSON',
    kind: 'iceberg-damaged',
    to: async (kept) => {
      const name = await newestMetadata(kept);
      appendFileSync(kept.path(name), '}');
      return name;
    },
  },
  {
    does: 'a flipped bit in an Iceberg manifest',
    kind: 'iceberg-damaged',
    to: async (kept) => {
      const { manifests } = await readTable(openFolderBlobs(join(kept.folder, 'blobs')), 'trades');
      const bytes = readFileSync(kept.path(manifests[0]!));
      bytes[bytes.length - 3]! ^= 8;
      writeFileSync(kept.path(manifests[0]!), bytes);
      return newestMetadata(kept);
    },
  },
  {
    does: 'Iceberg metadata of an earlier time as the newest',
    kind: 'iceberg-differs',
    to: async (kept) => {
      const [first] = (await kept.names('iceberg/trades/metadata/v1.')).map((name) => kept.path(name));
      const name = 'iceberg/trades/metadata/v999.metadata.json';
      const text = readFileSync(first!, 'utf8').replace(/"tidemark.catalog-version":"\d+"/, '"tidemark.catalog-version":"5"');
      writeFileSync(kept.path(name), text);
      return name;
    },
  },
]; // biome-ignore format: a list

async function checkpointOf(kept: Kept): Promise<string> {
  const catalog = await openSqliteCatalog(join(kept.folder, 'catalog.db'));
  const { checkpoint } = await catalog.state();
  await catalog.close();
  return checkpoint!;
}

async function newestMetadata(kept: Kept): Promise<string> {
  const n = readFileSync(kept.path('iceberg/trades/metadata/version-hint.text'), 'utf8');
  return `iceberg/trades/metadata/v${n}.metadata.json`;
}

async function verifyAgain({ folder }: Kept, otherPrefixes = ['reports/']) {
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const rules = { keptVersions: 2, graceUs: 0 };
  const found = await openLakeUpkeep({ catalog, blobs, rules, hasIceberg: true, otherPrefixes }).verify();
  await catalog.close();
  return found;
}

test('a whole lake is found whole, to the last byte of every version that is kept', async () => {
  const kept = await filled();
  mkdirSync(kept.path('reports'));
  writeFileSync(kept.path('reports/one.html'), 'a report');
  const found = await verifyAgain(kept);
  assert.deepEqual(found.problems, []);
  const stored = await kept.names('lake/');
  assert.equal(found.files, stored.length);
  assert.equal(found.bytes, stored.reduce((sum, name) => sum + readFileSync(kept.path(name)).length, 0));
  assert.equal(found.icebergTables, 1);
  assert.ok(found.checkpoints >= 1);
}); // biome-ignore format: short

for (const { does, kind, to } of damages) {
  test(`${does} is found as ${kind}`, async () => {
    const kept = await filled();
    const name = await to(kept);
    const { problems } = await verifyAgain(kept);
    assert.deepEqual(
      problems.map((problem) => [problem.kind, problem.name]),
      [[kind, name]],
      JSON.stringify(problems),
    );
  });
}

test('beside a writer that commits, merges, replaces and sweeps nothing is called wrong', async () => {
  const kept = await place({ keptVersions: 2, graceSeconds: 0 });
  await kept.commit([0]);
  let isOver = false;
  const writing = (async () => {
    for (let turn = 1; !isOver; turn++) {
      await kept.commit([turn * 2, turn * 2 + 1], startUs + turn * 40 * minuteUs);
      if (turn % 2 === 0) await kept.lake.compact();
      await kept.lake.sweep();
    }
  })();
  const versions = new Set<number>();
  let progress = 0;
  try {
    while (versions.size < 6) {
      const found = await kept.upkeep.verify({ onProgress: () => progress++ });
      versions.add(found.version);
      assert.deepEqual(found.problems, []);
    }
  } finally {
    isOver = true;
    await writing;
  }
  assert.ok(progress > 0);
  await kept.close();
});

test('a file that the disk does not give is told, and a disk that gives nothing ends the verification', async () => {
  const kept = await filled();
  const stored = openFolderBlobs(join(kept.folder, 'blobs'));
  const verify = async (fails: (name: string) => boolean) => {
    const catalog = await openSqliteCatalog(join(kept.folder, 'catalog.db'));
    const blobs: BlobStore = Object.assign(Object.create(stored) as BlobStore, {
      get: (name: string) => stored.get(name),
      list: (prefix: string) => stored.list(prefix),
      location: (name: string) => stored.location(name),
      async *stream(name: string) {
        if (fails(name)) throw new TidemarkError('blob-unreadable', { doing: 'read the blob', what: name, why: 'EIO' });
        yield* stored.stream(name);
      },
    });
    const rules = { keptVersions: 64, graceUs: 0 };
    return openLakeUpkeep({ catalog, blobs, rules, hasIceberg: true }).verify().finally(() => catalog.close());
  };
  const [name] = await kept.names('lake/trades/spot/2026-01-04/');
  const { problems } = await verify((one) => one === name);
  assert.deepEqual(problems, [{ kind: 'unreadable', name, detail: 'EIO' }]);
  const many = await place({ keptVersions: 64 });
  for (let id = 0; id < 12; id++) await many.commit([id]);
  await many.close();
  Object.assign(kept, { folder: many.folder });
  await assert.rejects(verify(() => true), { code: 'blob-unreadable' });
}); // biome-ignore format: a call

test('metadata that is damaged keeps its own folder from being swept, and nothing else', async () => {
  const kept = await place({ keptVersions: 1 });
  for (let id = 0; id < 6; id++) await kept.commit([id]);
  await kept.lake.sweep();
  await kept.commit([100]);
  await kept.commit([101], startUs + 2 * dayUs);
  assert.ok(await kept.lake.compact());
  for (let id = 102; id < 104; id++) await kept.commit([id], startUs + 2 * dayUs);
  await kept.close();
  const name = await newestMetadata(kept);
  writeFileSync(kept.path(name), 'half');
  const garbage = async () => {
    const catalog = await openSqliteCatalog(join(kept.folder, 'catalog.db'));
    const blobs = openFolderBlobs(join(kept.folder, 'blobs'));
    const rules = { keptVersions: 1, graceUs: 0 };
    const found = await openLakeUpkeep({ catalog, blobs, rules, hasIceberg: true }).garbage();
    await catalog.close();
    return found.map((one) => one.name);
  };
  const named = await garbage();
  assert.ok(named.some((one) => one.startsWith('lake/')));
  assert.deepEqual(named.filter((one) => one.endsWith('.avro')), []);
  // The next writer publishes anew, and then the damaged file is as superseded as any.
  const again = await newLake(kept.folder, { keptVersions: 1, hasIceberg: true });
  await again.lake.sweep();
  await again.lake.sweep();
  assert.ok(!(await kept.names()).includes(name));
  assert.deepEqual((await verifyAgain(kept)).problems, []);
  await again.lake.close();
}); // biome-ignore format: short

test('a verification can be ended', async () => {
  const kept = await place();
  await kept.commit([1]);
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(kept.upkeep.verify({ signal }), /enough/);
  await kept.close();
});

test('what was replaced less than the grace period ago stays, however many versions came since', async () => {
  const kept = await place({ keptVersions: 2, graceSeconds: 3600 });
  for (let id = 0; id < 8; id++) await kept.commit([id]);
  await kept.commit([99], startUs + 2 * dayUs);
  while (await kept.lake.compact());
  for (let id = 100; id < 105; id++) await kept.commit([id], startUs + 2 * dayUs);
  // It first lets what is being published come to its end.
  assert.equal(await kept.lake.sweep(), 0);
  const before = await kept.names();
  assert.deepEqual(await kept.upkeep.garbage(), []);
  assert.equal(await kept.lake.sweep(), 0);
  assert.deepEqual(await kept.names(), before);
  assert.equal((await kept.upkeep.info()).oldestVersion, 0);
  await kept.close();
});

test('a leftover stays until it is as old as the grace period', async () => {
  const kept = await place({ graceSeconds: 3600 });
  await kept.commit([1]);
  const leftovers = [`lake/trades/spot/2026-01-02/minute/${'a'.repeat(40)}.parquet`, `checkpoints/${'b'.repeat(40)}.zst`, 'iceberg/trades/metadata/7-m0.avro']; // biome-ignore format: a list
  for (const name of leftovers) {
    mkdirSync(dirname(kept.path(name)), { recursive: true });
    writeFileSync(kept.path(name), 'left');
  }
  assert.deepEqual(await kept.upkeep.garbage(), []);
  for (const name of leftovers) utimesSync(kept.path(name), new Date(Date.now() - dayMs), new Date(Date.now() - dayMs));
  const garbage = await kept.upkeep.garbage();
  assert.deepEqual(garbage.map(({ name }) => name).sort(), leftovers.toSorted());
  assert.deepEqual(new Set(garbage.map(({ why }) => why)), new Set(['unnamed']));
  assert.equal(await kept.lake.sweep(), 3);
  assert.deepEqual((await verifyAgain(kept)).problems, []);
  await kept.close();
});

test('a dry run names exactly what a sweep then removes, and what stays can all be read', async () => {
  const kept = await place({ keptVersions: 3, graceSeconds: 0 });
  for (let id = 0; id < 12; id++) await kept.commit([id * 3, id * 3 + 1], startUs + id * 50 * minuteUs);
  await kept.commit([999], startUs + 2 * dayUs);
  while (await kept.lake.compact());
  for (let id = 500; id < 505; id++) await kept.commit([id], startUs + 2 * dayUs);
  await kept.lake.close();
  const before = await kept.names();
  const named = (await kept.upkeep.garbage()).map(({ name }) => name).sort();
  const again = await newLake(kept.folder, { keptVersions: 3, hasIceberg: true });
  assert.equal(await again.lake.sweep(), named.length);
  const after = await kept.names();
  assert.deepEqual(before.filter((name) => !after.includes(name)).sort(), named);
  assert.ok(named.some((name) => name.startsWith('lake/')) && named.some((name) => name.startsWith('checkpoints/')));
  assert.ok(named.some((name) => name.endsWith('.avro')) && named.some((name) => name.endsWith('.metadata.json')));
  const blobs = openFolderBlobs(join(kept.folder, 'blobs'));
  const { metadata } = await readTable(blobs, 'trades');
  for (const snapshot of metadata['snapshots'] as { 'manifest-list': string }[]) {
    await readSnapshot(blobs, snapshot['manifest-list']);
  }
  assert.deepEqual((await verifyAgain(kept)).problems, []);
  assert.ok(readdirSync(kept.path('iceberg/trades/metadata')).length < 30);
  await again.lake.close();
});

test('the state of a lake says which tables there are, how large, and how they are published', async () => {
  const kept = await place();
  for (const id of [1, 2, 3]) await kept.commit([id * 10, id * 10 + 1]);
  await kept.close();
  const catalog = await openSqliteCatalog(join(kept.folder, 'catalog.db'));
  const blobs = openFolderBlobs(join(kept.folder, 'blobs'));
  const upkeep = openLakeUpkeep({ catalog, blobs, hasIceberg: true });
  const { version, tables } = await upkeep.info();
  assert.equal(version, 3);
  const [{ bytes, ...trades }] = tables as [(typeof tables)[number]];
  assert.ok(bytes > 1000);
  assert.deepEqual(trades, {
    table: 'trades', files: 3, rows: 6, firstDate: '2026-01-02', lastDate: '2026-01-02', icebergVersion: 3, isIcebergCurrent: true,
  }); // biome-ignore format: one row
  await catalog.close();
});
