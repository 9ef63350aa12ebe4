import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ask, startTestServer } from '../../test/support/running-server.ts';
import { TidemarkError } from '../domain/error.ts';
import type { IcebergTable, IcebergTables } from '../ports/iceberg.ts';

const published: Record<string, IcebergTable> = {
  trades: { name: 'trades', metadataLocation: 'file:///lake/iceberg/trades/metadata/v3.metadata.json', metadata: { 'format-version': 2 } },
}; // biome-ignore format: a row
let isReady = true;
const tables: IcebergTables = {
  names: async () => Object.keys(published).sort(),
  newest: async (name) => {
    if (name === 'broken') throw new Error('/srv/secret/path is broken');
    if (isReady) return published[name];
    throw new TidemarkError('not-ready', { doing: 'look up the tables', retry: 'later' });
  },
  status: () => ({ publishedVersion: 3, newestVersion: 3, failures: {} }),
};
const clientSettings = { 's3.endpoint': 'http://127.0.0.1:9000' };
const server = await startTestServer({ iceberg: { tables, clientSettings } });
const without = await startTestServer();
after(async () => {
  await server.close();
  await without.close();
});

const v1 = '/iceberg/v1';

test('a reader finds its way from the configuration to the newest metadata of a table', async () => {
  const config = await ask(server, `${v1}/config?warehouse=lake`);
  assert.deepEqual(config.json.defaults, clientSettings);
  assert.ok(config.json.endpoints.includes('GET /v1/{prefix}/namespaces/{namespace}/tables/{table}'));
  assert.deepEqual((await ask(server, `${v1}/namespaces`)).json, { namespaces: [['tidemark']] });
  assert.deepEqual((await ask(server, `${v1}/namespaces?parent=tidemark`)).json, { namespaces: [] });
  assert.deepEqual((await ask(server, `${v1}/namespaces/tidemark`)).json.namespace, ['tidemark']);
  const listed = await ask(server, `${v1}/namespaces/tidemark/tables`);
  assert.deepEqual(listed.json.identifiers, [{ namespace: ['tidemark'], name: 'trades' }]);
  const loaded = await ask(server, `${v1}/namespaces/tidemark/tables/trades`);
  assert.equal(loaded.json['metadata-location'], published['trades']!.metadataLocation);
  assert.deepEqual(loaded.json.metadata, published['trades']!.metadata);
  assert.deepEqual(loaded.json.config, clientSettings);
  assert.deepEqual((await ask(server, `${v1}/namespaces/tidemark/views`)).json, { identifiers: [] });
});

test('whether something is there can be asked without its content', async () => {
  const head = async (path: string) => (await ask(server, `${v1}/${path}`, { method: 'HEAD' })).status;
  assert.equal(await head('namespaces/tidemark'), 204);
  assert.equal(await head('namespaces/other'), 404);
  assert.equal(await head('namespaces/tidemark/tables/trades'), 204);
  assert.equal(await head('namespaces/tidemark/tables/other'), 404);
});

test('metadata that a reader has already is not sent again until a newer one is published', async () => {
  const path = `${v1}/namespaces/tidemark/tables/trades`;
  const { headers } = await ask(server, path);
  const again = () => ask(server, path, { headers: { 'if-none-match': headers.etag! } });
  assert.equal((await again()).status, 304);
  const before = published['trades']!;
  published['trades'] = { ...before, metadataLocation: before.metadataLocation.replace('v3', 'v4') };
  assert.equal((await again()).status, 200);
  published['trades'] = before;
});

test('what is not there, not ready or not allowed is told in the words of the catalog specification', async () => {
  const refused = async (path: string, method = 'GET') => {
    const { status, json } = await ask(server, path, { method });
    assert.equal(json.error.code, status);
    return [status, json.error.type];
  };
  assert.deepEqual(await refused(`${v1}/namespaces/other/tables`), [404, 'NoSuchNamespaceException']);
  assert.deepEqual(await refused(`${v1}/namespaces/tidemark/tables/other`), [404, 'NoSuchTableException']);
  assert.deepEqual(await refused(`${v1}/namespaces/tidemark/views/any`), [404, 'NoSuchViewException']);
  assert.deepEqual(await refused(`${v1}/nothing`), [404, 'NoSuchEndpointException']);
  assert.deepEqual(await refused(`${v1}/namespaces`, 'POST'), [406, 'UnsupportedOperationException']);
  assert.deepEqual(await refused(`${v1}/namespaces/tidemark/tables/trades`, 'DELETE'), [406, 'UnsupportedOperationException']); // biome-ignore format: a call
  isReady = false;
  assert.deepEqual(await refused(`${v1}/namespaces/tidemark/tables/trades`), [503, 'ServiceUnavailableException']);
  isReady = true;
  const broken = await ask(server, `${v1}/namespaces/tidemark/tables/broken`);
  assert.equal(broken.status, 500);
  assert.doesNotMatch(broken.text, /secret/);
});

test('pages of other sites cannot use the catalog, and without publishing there is none', async () => {
  const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' };
  assert.equal((await ask(server, `${v1}/config`, { headers })).status, 403);
  assert.equal((await ask(without, `${v1}/config`)).status, 404);
});

test('the catalog is no part of the described API', async () => {
  const { json } = await ask(server, '/api/v1/openapi.json');
  assert.deepEqual(Object.keys(json.paths).filter((path) => path.startsWith('/iceberg')), []);
}); // biome-ignore format: short

test('a table that cannot be published is named by health, status and metrics', async () => {
  const failing = await startTestServer({ iceberg: { tables, clientSettings } });
  const { view } = failing;
  const status = view.status.bind(view);
  view.status = () => {
    const well = status();
    return { ...well, lake: { ...well.lake, iceberg: { publishedVersion: 41, failures: { trades: 'the disk is full' } } } };
  };
  const health = await ask(failing, '/api/v1/health');
  assert.equal(health.json.status, 'degraded');
  assert.deepEqual(health.json.reasons.map(({ code }: { code: string }) => code), ['iceberg-late']);
  assert.match(health.json.reasons[0].detail, /trades is not published.*the disk is full/);
  assert.match((await ask(failing, '/api/v1/metrics')).text, /^tidemark_iceberg_published_version 41\ntidemark_iceberg_failing 1$|^tidemark_iceberg_failing 1$/m);
  await failing.close();
}); // biome-ignore format: long patterns
