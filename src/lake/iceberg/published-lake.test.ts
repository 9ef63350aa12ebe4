// The lake's own files behind the metadata: what the manifests say of a file is held to what DuckDB reads in it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { openFolderBlobs } from '../../blobs/folder.ts';
import { openSqliteCatalog } from '../../catalog/sqlite.ts';
import type { Batch } from '../../domain/batch.ts';
import { dayUs, minuteUs } from '../../domain/interval.ts';
import { Slots } from '../../domain/slots.ts';
import { tables } from '../../domain/tables/index.ts';
import type { BlobStore } from '../../ports/blob-store.ts';
import { gapOf } from '../../ports/gap-batch.contract.ts';
import { btc, emptyCommit, newLake, startUs, tradeBatch } from '../parquet-lake.test-fixture.ts';
import { openParquetLake } from '../parquet-lake.ts';
import { fieldId } from './field-id.ts';
import { IcebergPublisher } from './publisher.ts';
import { readContainer, readTable } from './reader.test-fixture.ts';

const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
await duckdb.run("SET TimeZone = 'UTC'");
after(() => duckdb.closeSync());
const rowsOf = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRows();

interface Bounds {
  readonly path: string;
  readonly rows: number;
  readonly lower: ReadonlyMap<number, Buffer>;
  readonly upper: ReadonlyMap<number, Buffer>;
}

async function boundsOf(blobs: BlobStore, table: string): Promise<Bounds[]> {
  const { manifests } = await readTable(blobs, table);
  const found: Bounds[] = [];
  for (const manifest of manifests) {
    const { records } = await readContainer(await blobs.get(manifest));
    for (const { status, data_file: file } of records as { status: number; data_file: Record<string, unknown> }[]) {
      if (status === 2) continue;
      const mapOf = (name: string) =>
        new Map((file[name] as { key: number; value: Buffer }[]).map(({ key, value }) => [key, value]));
      const path = new URL(file['file_path'] as string).pathname;
      const rows = file['record_count'] as number;
      found.push({ path, rows, lower: mapOf('lower_bounds'), upper: mapOf('upper_bounds') });
    }
  }
  return found;
}

test('rows, ids of columns and bounds in the metadata are those of the files, through commits, corrections and merges', async () => {
  const { folder, lake } = await newLake(undefined, { hasIceberg: true });
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const slots = new Slots();
  for (let turn = 0; turn < 6; turn++) {
    const atUs = startUs + turn * 20 * minuteUs + (turn > 4 ? 2 * dayUs : 0);
    const symbols = ['BTCUSDT', '币安人生USDT', 'Z'.repeat(30)].slice(0, 1 + (turn % 3));
    const ids = [turn * 100 + 7, turn * 100 + 1, turn * 100 + 5];
    const batches: Batch[] = [gapOf(slots, startUs, 1, turn === 5 ? 'repaired' : 'open')];
    if (turn % 3 === 0) batches.push(tradeBatch(slots, ids, btc, atUs));
    await lake.commit({ ...emptyCommit, slots, batches });
    for (const symbol of symbols) {
      await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, ids.map((id) => id + 50), { ...btc, symbol }, atUs)] });
    }
    if (turn === 3) await lake.compact();
  }
  while (await lake.compact());
  await lake.close();
  const long = (bytes: Buffer | undefined) => bytes?.readBigInt64LE();
  for (const [table, idColumn, timeColumn] of [['trades', 'trade_id', 'traded_at'], ['gaps', 'from_id', 'opened_at']] as const) {
    const files = await boundsOf(blobs, table);
    assert.ok(files.length > 0);
    for (const { path, rows, lower, upper } of files) {
      const [found] = await rowsOf(
        `SELECT count(*)::INTEGER, min(symbol), max(symbol), min("${idColumn}"), max("${idColumn}"),
           epoch_us(min("${timeColumn}")), epoch_us(max("${timeColumn}")) FROM read_parquet('${path}')`,
      );
      const text = (bytes: Buffer | undefined) => bytes?.toString('utf8');
      assert.deepEqual(
        [rows, text(lower.get(fieldId('symbol'))), text(upper.get(fieldId('symbol'))),
          long(lower.get(fieldId(idColumn))), long(upper.get(fieldId(idColumn))),
          long(lower.get(fieldId(timeColumn))), long(upper.get(fieldId(timeColumn)))],
        found,
      );
      const ids = await rowsOf(`SELECT name, field_id::INTEGER FROM parquet_schema('${path}') WHERE type IS NOT NULL`);
      for (const [name, id] of ids) assert.equal(id, fieldId(name as string), `${table}.${name}`);
    }
  }
}); // biome-ignore format: long calls

test('columns of all tables have ids of their own', () => {
  for (const { name, columns } of tables) {
    const names = ['market', 'date', 'symbol', ...Object.keys(columns)];
    assert.equal(new Set(names.map(fieldId)).size, names.length, name);
  }
});

test('a computed table is published with the columns of its files, and with other ones when they change', async () => {
  const { folder, lake } = await newLake(undefined, { hasIceberg: true });
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const day = { table: 'totals', market: 'spot', date: '2026-01-02', rows: 2, minTimeUs: 1, maxTimeUs: 2, rowsChanged: [] };
  const replace = async (name: string, columns: string) => {
    const localPath = join(folder, name);
    await duckdb.run(`COPY (SELECT 'spot' AS market, DATE '2026-01-02' AS date, ${columns} FROM range(2)) TO '${localPath}' (FORMAT parquet)`);
    await lake.replaceDays([{ ...day, localPath }]);
  };
  const fields = async () => {
    const { metadata } = await readTable(blobs, 'totals');
    const schemas = metadata['schemas'] as { 'schema-id': number; fields: { name: string; type: string }[] }[];
    const current = schemas.find((one) => one['schema-id'] === metadata['current-schema-id'])!;
    return current.fields.map(({ name, type }) => `${name} ${type}`);
  };
  await replace('a', "1.5::DECIMAL(38,8) AS total, 0.5::DOUBLE AS share");
  await lake.sweep();
  assert.deepEqual(await fields(), ['market string', 'date date', 'total decimal(38, 8)', 'share double']);
  await replace('b', "1.5::DECIMAL(38,8) AS total, now() AS at, 7::BIGINT AS count");
  await lake.sweep();
  assert.deepEqual(await fields(), ['market string', 'date date', 'total decimal(38, 8)', 'at timestamptz', 'count long']);
  assert.equal((await readTable(blobs, 'totals')).files.length, 1);
  await lake.replaceDays([{ ...day, localPath: undefined, rows: 0 }]);
  await lake.sweep();
  assert.deepEqual((await readTable(blobs, 'totals')).files, []);
  await lake.close();
}); // biome-ignore format: long calls

test('a computed table whose columns Iceberg cannot have is told, and holds up no other table', async () => {
  const { folder } = await newLake();
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const iceberg = new IcebergPublisher({ catalog, blobs });
  const lake = await openParquetLake({ catalog, blobs, iceberg, scratchFolder: join(folder, 'other') });
  await lake.open();
  const localPath = join(folder, 'lists');
  await duckdb.run(`COPY (SELECT [1, 2] AS steps FROM range(2)) TO '${localPath}' (FORMAT parquet)`);
  const times = { minTimeUs: 1, maxTimeUs: 2, rowsChanged: [] };
  await lake.replaceDays([{ table: 'lists', market: 'spot', date: '2026-01-02', rows: 2, localPath, ...times }]);
  const slots = new Slots();
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [1])] });
  await iceberg.idle();
  assert.equal((await readTable(blobs, 'trades')).files.length, 1);
  const { failures } = iceberg.status();
  assert.deepEqual(Object.keys(failures), ['lists']);
  assert.match(failures['lists']!, /lists\.steps: Iceberg has no type for INTEGER\[\]/);
  await lake.close();
});

test('a publication that never ends holds up no commit, no merge and no reader', async () => {
  const { folder } = await newLake();
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const stored = openFolderBlobs(join(folder, 'blobs'));
  const stuck: BlobStore = Object.assign(Object.create(stored) as BlobStore, {
    put: () => new Promise(() => {}),
    list: (prefix: string) => stored.list(prefix),
    location: (name: string) => stored.location(name),
  });
  const iceberg = new IcebergPublisher({ catalog, blobs: stuck });
  const lake = await openParquetLake({ catalog, blobs: stored, iceberg, scratchFolder: join(folder, 'other') });
  await lake.open();
  const slots = new Slots();
  for (let id = 0; id < 3; id++) await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [id])] });
  await lake.commit({ ...emptyCommit, slots, batches: [tradeBatch(slots, [9], btc, startUs + 2 * dayUs)] });
  assert.ok(await lake.compact());
  const { batch } = await lake.read({ table: 'trades', market: 'spot', symbol: 'BTCUSDT' });
  assert.equal(batch.length, 4);
  assert.equal(iceberg.status().publishedVersion, 0);
  await catalog.close();
});
