import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { openS3Blobs } from '../../src/blobs/s3.ts';
import { openShippedJournal } from '../../src/journal/shipped-journal.ts';
import { shippedUnderTest } from '../../src/journal/shipped-under-test.test-fixture.ts';
import { journalContract } from '../../src/ports/journal.contract.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { compareRestored, restore } from '../crash/restored-storm.ts';
import { Storm } from '../crash/storm.ts';
import { HttpFaultProxy } from '../support/http-fault-proxy.ts';
import { until } from '../support/processes.ts';
import { s3Engines, seaweedfs } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';

const _world = createNodeWorld();
const root = mkdtempSync(path.join(tmpdir(), 'tidemark-s3-shipping-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const patienceMs = 10_000;

for (const engine of s3Engines) {
  engineSuite(`journals on ${engine.name}`, { server: engine }, async ({ server }) => {
    const bucket = await server.newBucket();
    const open = (prefix: string) => {
      const { endpoint, region, accessKeyId, secretAccessKey } = server;
      return openS3Blobs({
        bucket,
        prefix,
        endpoint,
        region,
        credentials: { accessKeyId, secretAccessKey },
        patienceMs,
      });
    };

    journalContract(`shipped to ${engine.name}`, (t) => {
      const place = `place-${count++}`;
      const blobs = open(place);
      t.after(() => blobs.close());
      return shippedUnderTest(path.join(root, place), blobs, 1 << 20);
    });
  });
}

engineSuite('a machine that lost its disk, on S3', { server: seaweedfs }, ({ server }) => {
  test('with nothing but its settings it comes back from the bucket, and holds what the venue made', async (t) => {
    const proxy = await HttpFaultProxy.start(Number(new URL(server.endpoint).port));
    t.after(() => proxy.stop());
    process.env['AWS_ACCESS_KEY_ID'] = server.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = server.secretAccessKey;
    const s3 = { bucket: await server.newBucket(), prefix: 'lost', endpoint: proxy.endpoint, pathStyle: true };
    const storm = await Storm.begin(77, { lake: { store: 's3', s3 }, shipping: { maxDelaySeconds: 0.2 } });
    t.after(() => storm.end());
    await storm.settle();
    for (let kill = 0; kill < 3; kill++) await storm.killOne(2000);
    const journals = async () => (await storm.status())?.shipping?.journals ?? [];
    const isShipped = async () => {
      const all = await journals();
      return all.length === 2 && all.every(({ shippedAtUs }) => shippedAtUs !== null);
    };
    await until(isShipped, 'shipping to go on');
    // From here on nothing is shipped any more, and the lake gets no further either.
    proxy.fate = () => ({ kind: 'refuse', status: 503, code: 'SlowDown' });
    await until(
      async () => (await journals()).some(({ writer, behindRecords }) => writer === 'recorder' && behindRecords > 200),
      'records that are not shipped',
    );
    await storm.killBoth();
    proxy.fate = () => ({ kind: 'pass' });

    const { dataDir } = storm.config;
    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir);
    const { endpoint, region, accessKeyId, secretAccessKey } = server;
    const blobs = openS3Blobs({ ...s3, endpoint, region, credentials: { accessKeyId, secretAccessKey } });
    const end = await openShippedJournal(blobs, 'recorder').end();
    await blobs.close();
    const { code, data, stderr } = await restore(storm);
    assert.equal(code, 0, stderr);
    assert.equal(data!.catalog, null);
    const { segment, offset, sequence } = end!;
    assert.deepEqual(data!.journals[0]!.shippedTo, { segment, offset, sequence });
    storm.startAgain();
    await compareRestored(t, storm, 120_000);
  });
});
