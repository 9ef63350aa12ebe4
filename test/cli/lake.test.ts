// `tidemark lake …` beside a running engine and without one, on what a simulated venue sent.
import assert from 'node:assert/strict';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import type { Garbage, LakeInfo, LakeVerification } from '../../src/ports/lake-upkeep.ts';
import { getJson, until } from '../support/processes.ts';
import { RecordedMarket } from '../support/recorded-market.ts';

let market: RecordedMarket;

const leftover = `checkpoints/${'0'.repeat(40)}.zst`;
const foreign = 'lake/holiday.jpg';

before(async () => {
  const config = { lake: { commitSeconds: 1, maintenanceSeconds: 1, graceSeconds: 3600 } };
  market = await RecordedMarket.start('cli-lake', { seed: 5, config });
  await until(async () => (await market.status()).lake.catalogVersion > 3, 'commits', 60_000);
});

after(() => market?.stop());

async function lake<T>(...args: string[]): Promise<{ code: number | null; data: T; error?: { code: string } }> {
  const { code, stdout } = await market.run('--json', 'lake', ...args);
  return { code, ...(JSON.parse(stdout) as { data: T; error?: { code: string } }) };
}

test('beside a running engine the lake is whole at every look, and what it holds is told', async () => {
  const versions = new Set<number>();
  for (let look = 0; look < 3; look++) {
    const { code, data } = await lake<LakeVerification>('verify');
    assert.deepEqual([code, data.problems], [0, []]);
    assert.ok(data.files > 0 && data.checkpoints > 0 && data.icebergTables > 0);
    versions.add(data.version);
  }
  assert.ok(versions.size > 1, 'the engine went on meanwhile');
  const { data } = await lake<LakeInfo>('info');
  const trades = data.tables.find(({ table }) => table === 'trades');
  assert.ok(trades !== undefined && trades.rows > 0 && trades.icebergVersion !== null);
});

test('a running engine offers its tables to other engines as its newest commit left them', async () => {
  const catalog = `${market.url}/iceberg/v1/namespaces/tidemark/tables`;
  const { identifiers } = await getJson<{ identifiers: { name: string }[] }>(catalog);
  assert.ok(identifiers.some(({ name }) => name === 'trades'));
  const { 'metadata-location': location, metadata } = await getJson<{ 'metadata-location': string; metadata: object }>(
    `${catalog}/trades`,
  );
  assert.deepEqual(JSON.parse(readFileSync(new URL(location), 'utf8')), metadata);
  const { iceberg } = (await market.status()).lake;
  assert.ok(iceberg !== null && iceberg.publishedVersion > 0);
  assert.deepEqual(iceberg.failures, {});
});

test('garbage can be named beside a running engine, and is removed only without one', async () => {
  for (const name of [leftover, foreign]) {
    const path = join(market.folder.dataDir, 'lake', name);
    writeFileSync(path, 'nobody names this');
    utimesSync(path, new Date(0), new Date(0));
  }
  const named = await lake<{ blobs: Garbage[] }>('gc', '--dry-run');
  assert.deepEqual([named.code, named.data.blobs.map(({ name }) => name)], [0, [leftover]]);
  const refused = await lake('gc');
  assert.deepEqual([refused.code, refused.error?.code], [5, 'lake-locked']);
});

test('without an engine garbage goes, and a flipped bit is a line and an exit code', async () => {
  await market.engine.kill('SIGTERM');
  const collected = await lake<{ blobs: Garbage[] }>('gc');
  assert.deepEqual([collected.code, collected.data.blobs.map(({ name }) => name)], [0, [leftover]]);
  assert.deepEqual((await lake<{ blobs: Garbage[] }>('gc', '--dry-run')).data.blobs, []);
  assert.equal(readFileSync(join(market.folder.dataDir, 'lake', foreign), 'utf8'), 'nobody names this', 'files of others stay');
  const { code, data } = await lake<LakeInfo>('info');
  assert.deepEqual([code, data.tables.filter(({ isIcebergCurrent }) => !isIcebergCurrent)], [0, []]);
  const catalog = await openSqliteCatalog(join(market.folder.dataDir, 'catalog.sqlite'));
  const { name } = (await catalog.state()).files[0]!;
  await catalog.close();
  const path = join(market.folder.dataDir, 'lake', name);
  const bytes = readFileSync(path);
  bytes[100]! ^= 16;
  writeFileSync(path, bytes);
  const found = await market.run('lake', 'verify');
  assert.equal(found.code, 8);
  assert.match(found.stdout, new RegExp(`^damaged: ${name}: its bytes hash to [0-9a-f]{12}…, not to [0-9a-f]{12}…$`, 'm'));
  assert.match(found.stdout, new RegExp(`^foreign: ${foreign}: `, 'm'));
  assert.doesNotMatch(found.stderr, /%/, 'no progress where there is no terminal');
}); // biome-ignore format: a pattern
