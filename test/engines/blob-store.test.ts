import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { openCachedBlobs } from '../../src/blobs/cached.ts';
import { openS3Blobs } from '../../src/blobs/s3.ts';
import { s3FaultGrid } from '../../src/blobs/s3-faults.test-fixture.ts';
import type { S3Options } from '../../src/blobs/s3-requests.ts';
import { blobStoreContract } from '../../src/ports/blob-store.contract.ts';
import { HttpFaultProxy } from '../support/http-fault-proxy.ts';
import { type S3Server, s3Engines } from './support/s3-servers.ts';
import { engineSuite } from './support/suite.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-s3-'));
after(() => rmSync(root, { recursive: true, force: true }));
let opened = 0;
const bytes = new TextEncoder().encode('the bytes of a blob');
/** The smallest part that AWS takes, and so do the servers. */
const partBytes = 5 * 1024 * 1024;

function optionsOf(server: S3Server, bucket: string, prefix = ''): S3Options {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return { bucket, prefix, endpoint, region, credentials: { accessKeyId, secretAccessKey }, patienceMs: 5_000 };
}

async function heldIn({ client }: S3Server, Bucket: string, Key: string): Promise<Uint8Array | undefined> {
  try {
    return await (await client.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToByteArray();
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return undefined;
    throw error;
  }
}

for (const engine of s3Engines) {
  engineSuite(engine.name, { server: engine }, async ({ server }) => {
    const bucket = await server.newBucket();

    blobStoreContract(`S3 on ${engine.name}`, async () => {
      const place = `place-${opened++}`;
      let files = 0;
      const open = (folder: string) =>
        openCachedBlobs(openS3Blobs(optionsOf(server, bucket, place)), { folder: join(root, folder), maxBytes: 1e9 });
      return {
        store: open(place),
        reopen: () => open(`${place}-again`),
        localFile: async (content) => {
          const path = join(root, `${place}-local-${files++}`);
          await writeFile(path, content);
          return path;
        },
      };
    });

    s3FaultGrid(`S3 on ${engine.name}`, partBytes, async () => {
      const proxy = await HttpFaultProxy.start(Number(new URL(server.endpoint).port));
      const Bucket = await server.newBucket();
      return {
        proxy,
        options: { ...optionsOf(server, Bucket), endpoint: proxy.endpoint },
        held: (name) => heldIn(server, Bucket, name),
        unfinishedUploads: async () =>
          (await server.client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.length ?? 0,
        close: () => proxy.stop(),
      };
    });

    test(`${engine.name}: of 20 writers of one name, small or in parts, one is first and all others are told`, async () => {
      const file = join(root, `large-${opened++}`);
      await writeFile(file, new Uint8Array(2 * partBytes + 1));
      const store = () => openS3Blobs({ ...optionsOf(server, bucket, `race-${opened}`), partBytes });
      const puts = Array.from({ length: 20 }, (_, at) =>
        at === 0 ? store().putFile('name', file) : store().put('name', new Uint8Array([at])),
      );
      const settled = await Promise.allSettled(puts);
      assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const one of settled) {
        if (one.status === 'rejected') assert.equal((one.reason as { code?: string }).code, 'blob-conflict');
      }
    });

    test(`${engine.name}: wrong keys and a missing bucket are told as what they are`, async () => {
      const wrong = { accessKeyId: server.accessKeyId, secretAccessKey: 'wrong' };
      const unknown = { accessKeyId: 'nobody', secretAccessKey: 'wrong' };
      for (const credentials of [wrong, unknown]) {
        const store = openS3Blobs({ ...optionsOf(server, bucket), credentials });
        await assert.rejects(store.get('nothing'), { code: 'store-refused' });
        await assert.rejects(store.put('a', bytes), { code: 'store-refused' });
        await assert.rejects(store.claim({ storeId: 'a', known: async () => [] }), { code: 'store-refused' });
      }
      const store = openS3Blobs(optionsOf(server, 'no-such-bucket'));
      await assert.rejects(store.get('nothing'), { code: 'store-missing' });
      await assert.rejects(store.put('a', bytes), { code: 'store-missing' });
      await assert.rejects(store.claim({ storeId: 'a', known: async () => [] }), { code: 'store-missing' });
    });

    test(`${engine.name}: a place is claimed once, and a bucket full of foreign files not at all`, async () => {
      const claim = (prefix: string, storeId: string) =>
        openS3Blobs(optionsOf(server, bucket, prefix)).claim({ storeId, known: async () => [] });
      assert.equal(await claim('claimed', 'a'), 'a');
      assert.equal(await claim('claimed', 'a'), 'a');
      await assert.rejects(claim('claimed', 'b'), { code: 'store-taken' });
      await server.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'foreign/x y.csv', Body: 'x' }));
      await assert.rejects(claim('foreign', 'a'), { code: 'store-foreign' });
    });

    test(`${engine.name}: a server that is killed and started again costs time, and no call`, async () => {
      const store = openS3Blobs({ ...optionsOf(server, bucket, 'restarted'), patienceMs: 60_000 });
      await store.put('before', bytes);
      await server.kill();
      const waiting = [store.put('during', bytes), store.get('before')] as const;
      await server.restart();
      await Promise.all(waiting);
      assert.deepEqual(new Uint8Array(await store.get('during')), bytes);
    });

    test(`${engine.name}: an object that was damaged in the store is told when it is read`, async () => {
      const store = openCachedBlobs(openS3Blobs(optionsOf(server, bucket, 'damaged')), {
        folder: join(root, `damaged-${opened++}`),
        maxBytes: 1e9,
      });
      await store.put('name', bytes);
      assert.deepEqual(new Uint8Array(readFileSync(await store.localPath('name'))), bytes);
      const { Metadata } = await server.client.send(new GetObjectCommand({ Bucket: bucket, Key: 'damaged/name' }));
      const Body = new TextEncoder().encode('the bytes of a blot');
      await server.client.send(
        new PutObjectCommand({ Bucket: bucket, Key: 'damaged/name', Body, Metadata: Metadata! }),
      );
      await assert.rejects(store.get('name'), { code: 'blob-damaged' });
    });

    test(`${engine.name}: a bucket that keeps old versions holds each name once; a name that was removed can be put again or is refused as what it is`, async () => {
      const Bucket = await server.newBucket();
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await server.client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
      const store = openS3Blobs(optionsOf(server, Bucket));
      assert.equal(await store.claim({ storeId: 'a', known: async () => [] }), 'a');
      await store.put('name', bytes);
      await assert.rejects(store.put('name', bytes.subarray(1)), { code: 'blob-conflict' });
      await store.remove('name');
      await assert.rejects(store.get('name'), { code: 'blob-missing' });
      if (engine.name === 'versitygw') await assert.rejects(store.put('name', bytes), { code: 'store-unable' });
      else await store.put('name', bytes);
      await store.replace('pointer', bytes);
      await store.replace('pointer', bytes.subarray(2));
      const names: string[] = [];
      for await (const { name } of store.list('')) names.push(name);
      assert.deepEqual(names, engine.name === 'versitygw' ? ['pointer'] : ['name', 'pointer']);
      assert.deepEqual(new Uint8Array(await store.get('pointer')), bytes.subarray(2));
    });

    const { reader } = server;
    if (reader !== undefined) {
      test(`${engine.name}: who may only read does so, and is told at the first write`, async () => {
        const Bucket = await server.newBucket();
        await openS3Blobs(optionsOf(server, Bucket)).put('name', bytes);
        const store = openS3Blobs({ ...optionsOf(server, Bucket), credentials: reader });
        assert.deepEqual(new Uint8Array(await store.get('name')), bytes);
        for (const write of [
          () => store.put('a', bytes),
          () => store.replace('name', bytes),
          () => store.remove('name'),
        ]) {
          await assert.rejects(write(), { code: 'store-refused', why: 'AccessDenied (HTTP 403)' });
        }
        await assert.rejects(store.claim({ storeId: 'a', known: async () => ['name'] }), { code: 'store-refused' });
        assert.deepEqual(new Uint8Array(await store.get('name')), bytes);
      });
    }
  });
}
