import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Batch } from '../domain/batch.ts';
import { dayUs, hourUs, minuteUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import type { trades } from '../domain/tables/index.ts';
import type { DataFile } from '../ports/catalog.ts';
import { compactPartition, nextCompaction } from './compaction.ts';
import { describeParquet, type WrittenFile } from './parquet-files.ts';
import { btc, emptyCommit, localPaths, newLake, startUs, tradeBatch } from './parquet-lake.test-fixture.ts';
import { SqlSession } from './sql-session.ts';

const midnightUs = Math.floor(startUs / dayUs) * dayUs;

function file(change: Partial<DataFile> & { minTimeUs: number }): DataFile {
  return {
    name: `lake/trades/${change.level ?? 'minute'}/${change.minTimeUs}`,
    table: 'trades',
    market: 'spot',
    date: new Date(change.minTimeUs / 1000).toISOString().slice(0, 10),
    level: 'minute',
    rows: 10,
    bytes: 1000,
    maxTimeUs: change.minTimeUs + minuteUs - 1,
    sha256: '',
    ...change,
  };
}

/** Files of a recorder that commits once a minute, with every compaction that falls due done at once. */
function simulate(minutes: number, each: (files: readonly DataFile[]) => void): DataFile[] {
  let files: DataFile[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    files.push(file({ minTimeUs: midnightUs + minute * minuteUs }));
    for (let work = nextCompaction(files); work !== undefined; work = nextCompaction(files)) {
      const merged = new Set(work.files);
      const minTimeUs = Math.min(...work.files.map((one) => one.minTimeUs));
      files = files.filter((one) => !merged.has(one));
      files.push(
        file({ minTimeUs, maxTimeUs: Math.max(...[...merged].map((one) => one.maxTimeUs)), level: work.level }),
      );
    }
    each(files);
  }
  return files;
}

test('a recorder that commits every minute for three days never has 90 files that are not of a day', () => {
  let most = 0;
  const files = simulate(3 * 1440, (now) => {
    most = Math.max(most, now.filter((one) => one.level === 'minute').length);
    assert.ok(now.filter((one) => one.level !== 'day').length < 100);
  });
  assert.ok(most > 50 && most < 90, `${most} minute files`);
  assert.equal(files.filter((one) => one.level === 'day').length, 2);
});

test('many small files over many days are merged before there are 90', () => {
  const files = Array.from({ length: 80 }, (_, at) => file({ minTimeUs: midnightUs + (at % 2) * 1000 + at }));
  assert.ok((nextCompaction(files)?.files.length ?? 0) > 1);
});

test('an hour that is not over is left alone', () => {
  const files = [0, 1, 2].map((minute) => file({ minTimeUs: midnightUs + minute * minuteUs }));
  assert.equal(nextCompaction(files), undefined);
  assert.equal(nextCompaction([...files, file({ minTimeUs: midnightUs + hourUs + 10 * minuteUs })])?.level, 'hour');
});

test('late files of a finished day wait until there are many, or no more come', () => {
  const day = file({ minTimeUs: midnightUs, level: 'day' });
  const late = file({ minTimeUs: midnightUs + hourUs });
  const now = file({ minTimeUs: midnightUs + 2 * dayUs });
  assert.equal(nextCompaction([day, late, now]), undefined);
  assert.equal(nextCompaction([day, late, now], () => true)?.level, 'day');
  const many = Array.from({ length: 16 }, (_, at) => file({ minTimeUs: midnightUs + at * minuteUs }));
  assert.equal(nextCompaction([day, ...many, now])?.files.length, 17);
});

test('compaction keeps every row once, in fewer and sorted files, and its content hashes', async () => {
  const { lake } = await newLake();
  const slots = new Slots();
  const other = { ...btc, symbol: 'ETHUSDT' };
  for (let commit = 0; commit < 12; commit++) {
    const ids = Array.from({ length: 10 }, (_, at) => commit * 10 + at);
    const batch = tradeBatch(slots, ids, commit % 2 === 0 ? btc : other, midnightUs);
    await lake.commit({ ...emptyCommit, slots, batches: [batch] });
  }
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1000], btc, midnightUs + dayUs + hourUs)] });
  const before = await lake.contentHashes(['trades']);
  assert.equal(await lake.compact(), true);
  assert.equal(await lake.compact(), false);
  assert.deepEqual(await lake.contentHashes(['trades']), before);
  assert.equal((await localPaths(lake, 'trades')).length, 2);
  const { batch } = await lake.read({ table: 'trades', market: 'spot', symbol: 'ETHUSDT' });
  const ids = [
    ...(batch.columns as unknown as Batch<typeof trades.columns>['columns']).trade_id.subarray(0, batch.length),
  ];
  assert.equal(ids.length, 60);
  assert.deepEqual(
    ids,
    [...new Set(ids)].sort((a, b) => a - b),
  );
  await lake.close();
});

test('a day divides large symbols into files of their own and into slices by id', async () => {
  const { folder, lake } = await newLake();
  const slots = new Slots();
  const ids = Array.from({ length: 3000 }, (_, at) => at);
  const few = ids.slice(0, 10);
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, ids, btc, midnightUs)] });
  for (const symbol of ['AAA', "B'B"]) {
    const batch = tradeBatch(slots, few, { ...btc, symbol }, midnightUs);
    await lake.commit({ ...emptyCommit, slots, batches: [batch] });
  }
  const paths = await localPaths(lake, 'trades');
  const session = await SqlSession.open({ threads: 1, memoryMb: 256, spillFolder: join(folder, 'spill') });
  const spec = tradeBatch(slots, []).spec;
  const written: WrittenFile[] = [];
  await session.use(async (connection) => {
    const files = await Promise.all(
      paths.map(async (path) => (await describeParquet(connection, spec, path, 'minute')).file),
    );
    const work = { table: 'trades', market: 'spot', date: files[0]!.date, level: 'day' as const, files };
    const bytes = files.reduce((sum, one) => sum + one.bytes, 0);
    let next = 0;
    await compactPartition(connection, spec, work, paths, () => join(folder, `part-${next++}.parquet`), written, {
      ownFileRows: 1000,
      fileBytes: bytes / 3,
    });
  });
  assert.deepEqual(
    written
      .map(({ file: { rows } }) => rows)
      .sort((a, b) => b - a)
      .at(-1),
    20,
  );
  assert.equal(
    written.reduce((sum, { file: { rows } }) => sum + rows, 0),
    3020,
  );
  assert.ok(written.length >= 4, `${written.length} files`);
  session.close();
  await lake.close();
});

test('a compaction that would lose a row is refused and changes nothing', async () => {
  const { folder, lake } = await newLake();
  const slots = new Slots();
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1, 2, 3], btc, midnightUs)] });
  const paths = await localPaths(lake, 'trades');
  const session = await SqlSession.open({ threads: 1, memoryMb: 256, spillFolder: join(folder, 'spill') });
  const spec = tradeBatch(slots, []).spec;
  await session.use(async (connection) => {
    const described = await describeParquet(connection, spec, paths[0]!, 'minute');
    // A part left over from elsewhere: rows that are not in the files to merge.
    await assert.rejects(
      compactPartition(
        connection,
        spec,
        { table: 'trades', market: 'spot', date: described.file.date, level: 'day', files: [described.file] },
        paths,
        () => join(folder, 'part.parquet'),
        [described],
      ),
      { code: 'compaction-mismatch' },
    );
  });
  session.close();
  await lake.close();
});

test('a sweep removes what no kept version names and nothing else', async () => {
  const { folder, lake } = await newLake(undefined, { keptVersions: 2 });
  const slots = new Slots();
  for (let commit = 0; commit < 3; commit++) {
    const batch = tradeBatch(slots, [commit], btc, midnightUs);
    await lake.commit({ slots, batches: [batch], positions: [], checkpoint: new Uint8Array([commit]) });
  }
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [9], btc, midnightUs + 2 * dayUs)] });
  const old = await localPaths(lake, 'trades');
  while (await lake.compact());
  const blobs = () =>
    readdirSync(join(folder, 'blobs', 'lake'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    ).length;
  await lake.sweep();
  assert.ok(blobs() >= old.length, 'files of kept versions stay');
  for (let commit = 0; commit < 4; commit++) await lake.commit({ ...emptyCommit, slots, batches: [] });
  await lake.sweep();
  await lake.sweep();
  assert.equal(blobs(), 2);
  assert.equal(readdirSync(join(folder, 'blobs', 'checkpoints')).length, 1);
  assert.equal(
    (await lake.contentHashes(['trades'])).reduce((sum, hash) => sum + hash.rows, 0),
    4,
  );
  await lake.close();
});
