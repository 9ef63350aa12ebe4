import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { openCachedBlobs } from '../../src/blobs/cached.ts';
import { openFolderBlobs } from '../../src/blobs/folder.ts';
import { openS3Blobs } from '../../src/blobs/s3.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { hintName, metadataName } from '../../src/lake/iceberg/names.ts';
import { openLakeUpkeep } from '../../src/lake/upkeep.ts';
import type { BlobStore } from '../../src/ports/blob-store.ts';
import { startTestServer } from '../support/running-server.ts';
import { type ChangingLake, openChangingLake, type Sums } from './support/changing-lake.ts';
import { duckdbIceberg, pyiceberg } from './support/iceberg-readers.ts';
import { seaweedfs } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';
import { trino } from './support/trino.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-iceberg-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Looks at every table in turn while the lake changes; each reader goes round so often at least. */
const rounds = 3;
const stepsMax = 400;

type Look = (table: string, summed: readonly string[]) => Promise<void>;

async function lookWhileItChanges(lake: ChangingLake, readers: readonly Look[]): Promise<void> {
  // Some of everything is there before the first look.
  for (let step = 0; step < 6; step++) await lake.step();
  await lake.publisher.idle();
  let readersLeft = readers.length;
  let failure: unknown;
  const looking = readers.map(async (look) => {
    try {
      for (let round = 0; round < rounds; round++) {
        for (const { name, summed } of lake.tables) {
          if (failure !== undefined) return;
          await look(name, summed);
        }
      }
    } catch (error) {
      failure ??= error;
    } finally {
      readersLeft--;
    }
  });
  const before = lake.counts.commits;
  for (let step = 0; readersLeft > 0 || step < 40; step++) {
    assert.ok(step < stepsMax, 'the readers end before the writer has to');
    await lake.step();
    await sleep(20);
  }
  await Promise.all(looking);
  if (failure !== undefined) throw failure;
  await lake.publisher.idle();
  for (const { name, summed } of lake.tables) for (const look of readers) await look(name, summed);
  const { commits, corrections, merges, swept } = lake.counts;
  assert.ok(commits - before >= 40, `${commits} commits`);
  assert.ok(corrections > 10 && merges > 5, `${corrections} corrections, ${merges} merges`);
  assert.ok(swept > 0 || commits < 60, `${swept} blobs were swept`);
  assert.deepEqual(lake.publisher.status().failures, {});
}

function same(found: Sums, expected: Sums, what: string): void {
  assert.deepEqual({ count: found.count, sums: { ...found.sums } }, { count: expected.count, sums: { ...expected.sums } }, what);
} // biome-ignore format: short

/** A reader that does not say what it saw saw the table as it was at some time between the question and the answer. */
async function sawOneOf(
  lake: ChangingLake,
  table: string,
  look: () => Promise<Sums>,
  seenFrom: () => Promise<number> = () => lake.published(table),
): Promise<void> {
  const from = await seenFrom();
  const found = await look();
  const to = await lake.published(table);
  const candidates = lake.between(table, from, to).map((one) => JSON.stringify([one.count, one.sums]));
  const seen = JSON.stringify([found.count, found.sums]);
  assert.ok(candidates.includes(seen), `${table} from ${from} to ${to}: ${seen} is none of ${candidates.join(' ')}`);
}

const versionOf = ({ snapshots }: { snapshots: { summary: Record<string, string> }[] }): number =>
  Number(snapshots.at(-1)!.summary['tidemark.catalog-version']);

/** Where the pointer in a folder leads: it is written after the metadata, so that a moment long it leads to those before. */
function pointedVersion(folder: string, table: string): number {
  const blob = (name: string) => readFileSync(join(folder, 'blobs', name), 'utf8');
  return versionOf(JSON.parse(blob(metadataName(table, Number(blob(hintName(table)))))));
}

async function newestMetadata(lake: ChangingLake, table: string): Promise<{ location: string; version: number }> {
  const { metadataLocation, metadata } = (await lake.publisher.newest(table))!;
  return { location: metadataLocation, version: versionOf(metadata as never) };
}

engineSuite('Iceberg in a folder', { python: pyiceberg, duckdb: duckdbIceberg }, ({ python, duckdb }) => {
  test('pyiceberg and DuckDB count and sum every table exactly while commits, corrections and merges go on', async () => {
    const folder = join(root, 'folder');
    const lake = await openChangingLake(folder, openFolderBlobs(join(folder, 'blobs')));
    await lookWhileItChanges(lake, [
      async (table, summed) => {
        const { location } = await newestMetadata(lake, table);
        const { version, total_records, ...found } = await python.look({ metadata: location, summed });
        same(found, lake.at(table, version), `pyiceberg: ${table} at ${version}`);
        assert.equal(total_records, found.count);
      },
      async (table, summed) => {
        const { location, version } = await newestMetadata(lake, table);
        same(await duckdb.look(`iceberg_scan('${location}')`, summed), lake.at(table, version), `DuckDB: ${table} at ${version}`);
      },
      // By the folder alone, as the pointer leads.
      (table, summed) =>
        sawOneOf(
          lake,
          table,
          () => duckdb.look(`iceberg_scan('${join(folder, 'blobs', 'iceberg', table)}')`, summed),
          async () => pointedVersion(folder, table),
        ),
    ]);
    await lake.close();
  }); // biome-ignore format: long calls
});

engineSuite('The lake on S3', { s3: seaweedfs }, ({ s3 }) => {
  test('a flipped bit in the bucket is found, though the copy beside it is whole', async () => {
    const folder = join(root, 'verified');
    const Bucket = await s3.newBucket();
    const { endpoint, region, accessKeyId, secretAccessKey } = s3;
    const credentials = { accessKeyId, secretAccessKey };
    const remote = openS3Blobs({ bucket: Bucket, prefix: 'lake', endpoint, region, credentials, patienceMs: 10_000 });
    const blobs = openCachedBlobs(remote, { folder: join(folder, 'cache'), maxBytes: 1e9 });
    const lake = await openChangingLake(folder, blobs);
    for (let step = 0; step < 3; step++) await lake.step();
    await lake.publisher.idle();
    const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
    const upkeep = openLakeUpkeep({ catalog, blobs, hasIceberg: true });
    assert.deepEqual((await upkeep.verify()).problems, []);
    const { name } = (await catalog.state()).files[0]!;
    const Key = `lake/${name}`;
    const bytes = Buffer.from(await (await s3.client.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToByteArray());
    bytes[50]! ^= 2;
    await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: bytes }));
    const { problems } = await upkeep.verify();
    assert.deepEqual(problems.map((problem) => [problem.kind, problem.name]), [['damaged', name]]);
    await catalog.close();
    await lake.close();
  }); // biome-ignore format: long calls
});

engineSuite(
  'Iceberg on S3',
  { s3: seaweedfs, python: pyiceberg, duckdb: duckdbIceberg, trino },
  ({ s3, python, duckdb, trino: engine }) => {
    test('Trino, pyiceberg and DuckDB find every table through the catalog and sum it exactly while it changes', async () => {
      const folder = join(root, 's3');
      const bucket = await s3.newBucket();
      const { endpoint, region, accessKeyId, secretAccessKey } = s3;
      const credentials = { accessKeyId, secretAccessKey };
      const blobs: BlobStore = openCachedBlobs(
        openS3Blobs({ bucket, prefix: 'market/data', endpoint, region, credentials, patienceMs: 10_000 }),
        { folder: join(folder, 'cache'), maxBytes: 1e9 },
      );
      const lake = await openChangingLake(folder, blobs);
      const clientSettings = { 's3.endpoint': endpoint, 's3.region': region, 's3.path-style-access': 'true' };
      const server = await startTestServer({ iceberg: { tables: lake.publisher, clientSettings } });
      const catalog = `${server.url}/iceberg`;
      await engine.query(`CREATE CATALOG tidemark USING iceberg WITH (
        "iceberg.catalog.type" = 'rest', "iceberg.rest-catalog.uri" = '${catalog}', "fs.native-s3.enabled" = 'true',
        "s3.endpoint" = '${endpoint}', "s3.region" = '${region}', "s3.path-style-access" = 'true',
        "s3.aws-access-key" = '${accessKeyId}', "s3.aws-secret-key" = '${secretAccessKey}')`);
      const address = new URL(endpoint).host;
      await duckdb.connection.run(`CREATE SECRET (TYPE s3, KEY_ID '${accessKeyId}', SECRET '${secretAccessKey}',
        REGION '${region}', ENDPOINT '${address}', URL_STYLE 'path', USE_SSL false)`);
      await duckdb.connection.run(`ATTACH '' AS tidemark (TYPE iceberg, ENDPOINT '${catalog}', AUTHORIZATION_TYPE 'none',
        ACCESS_DELEGATION_MODE 'none')`);
      const properties = { 's3.access-key-id': accessKeyId, 's3.secret-access-key': secretAccessKey };
      await lookWhileItChanges(lake, [
        async (table, summed) => {
          const { version, total_records, ...found } = await python.look({ catalog, table, summed, properties });
          same(found, lake.at(table, version), `pyiceberg: ${table} at ${version}`);
          assert.equal(total_records, found.count);
        },
        (table, summed) => sawOneOf(lake, table, () => duckdb.look(`tidemark.tidemark."${table}"`, summed)),
        (table, summed) =>
          sawOneOf(lake, table, async () => {
            const sums = summed.map((name) => `, CAST(sum("${name}") AS varchar)`).join('');
            const [row] = await engine.query(`SELECT count(*)${sums} FROM tidemark.tidemark."${table}"`);
            return { count: Number(row![0]), sums: Object.fromEntries(summed.map((name, at) => [name, row![at + 1]!])) };
          }),
      ]);
      const [listed] = await engine.query(`SELECT count(*) FROM tidemark.information_schema.tables
        WHERE table_schema = 'tidemark'`);
      assert.deepEqual(listed, [String(lake.tables.length)]);
      await server.close();
      await lake.close();
    });
  },
); // biome-ignore format: long calls
