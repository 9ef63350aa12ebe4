import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { openCachedBlobs } from '../src/blobs/cached.ts';
import { openFolderBlobs } from '../src/blobs/folder.ts';
import { openS3Blobs } from '../src/blobs/s3.ts';
import { openSqliteCatalog } from '../src/catalog/sqlite.ts';
import { Slots } from '../src/domain/slots.ts';
import { tradeBatch } from '../src/lake/parquet-lake.test-fixture.ts';
import { openParquetLake } from '../src/lake/parquet-lake.ts';
import type { BlobStore } from '../src/ports/blob-store.ts';
import { type S3Server, seaweedfs, versitygw } from '../test/engines/support/s3-servers.ts';
import { NotToBeHad } from '../test/engines/support/suite.ts';
import { type Bench, type BenchContext, median } from './bench.ts';

/** What compaction leaves of a busy day, and what the commits of some minutes leave. */
const sizes = [...Array.from({ length: 4 }, () => 32 * 1024 * 1024), ...Array.from({ length: 200 }, () => 200 * 1024)];
const atOnce = 8;
const mebibyte = 1024 * 1024;

/** Bytes that nothing along the way makes smaller. */
function noise(bytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = seed + 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}

async function inLanes<T>(work: readonly T[], one: (item: T, at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < work.length) {
      const at = next++;
      await one(work[at]!, at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

const seconds = async (work: () => Promise<void>): Promise<number> => {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
};

/** Throughput of files, by the store and by a plain client, in turns. */
async function throughput(context: BenchContext, server: S3Server, folder: string) {
  const source = join(folder, 'source');
  mkdirSync(source);
  for (const [at, bytes] of sizes.entries()) writeFileSync(join(source, String(at)), noise(bytes, at));
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0) / mebibyte;
  const names = sizes.map((_, at) => String(at));
  const plain = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
  });
  const ours: Record<'commit' | 'read', number[]> = { commit: [], read: [] };
  const theirs: Record<'commit' | 'read', number[]> = { commit: [], read: [] };
  await context.sample(5, async () => {
    const bucket = await server.newBucket();
    const { endpoint, region, accessKeyId, secretAccessKey } = server;
    const address = { bucket, endpoint, region, credentials: { accessKeyId, secretAccessKey } };

    theirs.commit.push(
      await seconds(() =>
        inLanes(names, async (name) => {
          const Body = await readFile(join(source, name));
          await plain.send(new PutObjectCommand({ Bucket: bucket, Key: `plain/${name}`, Body }));
        }),
      ),
    );
    const writer = openCachedBlobs(openS3Blobs({ ...address, prefix: 'ours' }), {
      folder: join(folder, 'written'),
      maxBytes: 1e12,
    });
    const given = join(folder, 'given');
    mkdirSync(given);
    for (const name of names) copyFileSync(join(source, name), join(given, name));
    ours.commit.push(await seconds(() => inLanes(names, (name) => writer.putFile(name, join(given, name)))));
    await writer.close();

    const fetched = join(folder, 'fetched');
    mkdirSync(fetched);
    theirs.read.push(
      await seconds(() =>
        inLanes(names, async (name) => {
          const { Body } = await plain.send(new GetObjectCommand({ Bucket: bucket, Key: `plain/${name}` }));
          writeFileSync(join(fetched, name), await Body!.transformToByteArray());
        }),
      ),
    );
    const reader = openCachedBlobs(openS3Blobs({ ...address, prefix: 'ours' }), {
      folder: join(folder, 'read'),
      maxBytes: 1e12,
    });
    ours.read.push(await seconds(() => inLanes(names, (name) => reader.localPath(name))));
    await reader.close();
    for (const used of ['written', 'given', 'fetched', 'read']) rmSync(join(folder, used), { recursive: true });
    return 0;
  });
  plain.destroy();
  const rate = (figures: readonly number[]) => figures.slice(1).map((figure) => total / figure);
  return { ours, theirs, rate };
}

const commitRows = 50_000;

/** Milliseconds that each of some commits of one table takes. */
async function commitMs(blobs: BlobStore, folder: string, afterEach: () => void = () => {}): Promise<number[]> {
  mkdirSync(folder);
  const catalog = await openSqliteCatalog(join(folder, 'catalog.sqlite'));
  const lake = await openParquetLake({ catalog, blobs, scratchFolder: join(folder, 'scratch') });
  await lake.open();
  const slots = new Slots();
  const taken: number[] = [];
  for (let at = 0; at < 6; at++) {
    const ids = Array.from({ length: commitRows }, (_, row) => at * commitRows + row);
    const batches = [tradeBatch(slots, ids)];
    const checkpoint = new TextEncoder().encode(String(at));
    taken.push(1000 * (await seconds(() => lake.commit({ slots, batches, positions: [], checkpoint }).then(() => {}))));
    afterEach();
  }
  await lake.close();
  await blobs.close();
  await catalog.close();
  return taken.slice(1);
}

/** Whole commits, on the bucket and on a folder, and how many requests each makes. */
async function commits(server: S3Server, folder: string) {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const bucket = await server.newBucket();
  const remote = openS3Blobs({ bucket, endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const cached = openCachedBlobs(remote, { folder: join(folder, 'cache'), maxBytes: 1e12 });
  const sent: number[] = [];
  const onBucket = await commitMs(cached, join(folder, 'bucket'), () => sent.push(remote.requests));
  const onFolder = await commitMs(openFolderBlobs(join(folder, 'blobs')), join(folder, 'folder'));
  return { onBucket, onFolder, requests: sent.slice(1).map((count, at) => count - sent[at]!) };
}

/** The one that does least itself; where it cannot be built, the other. */
async function startServer(context: BenchContext): Promise<{ name: string; server: S3Server }> {
  const reasons: string[] = [];
  for (const engine of [versitygw, seaweedfs]) {
    try {
      return { name: engine.name, server: await engine.start() };
    } catch (error) {
      if (!(error instanceof NotToBeHad)) throw error;
      reasons.push(error.message);
    }
  }
  context.log(reasons.join('\n'));
  throw new Error('no S3 server could be had');
}

const bench: Bench = {
  name: 's3',
  question: 'How fast do files go into a bucket and come back, each written once, checked and kept as a local copy?',
  data: '4 files of 32 MiB and 200 of 200 KiB, 8 at once, over loopback',
  async run(context) {
    const { name, server } = await startServer(context);
    context.log(`on ${name}`);
    try {
      const { ours, theirs, rate } = await throughput(context, server, context.scratch());
      const { onBucket, onFolder, requests } = await commits(server, context.scratch());
      return [
        context.result({
          name: 'commit',
          unit: `MiB/s of files put, on ${name}; against PutObject of the plain client`,
          samples: rate(ours.commit),
          against: median(rate(theirs.commit)),
          goal: 'ratio >= 0.7',
        }),
        context.result({
          name: 'read',
          unit: 'MiB/s of files fetched; against GetObject of the plain client into files',
          samples: rate(ours.read),
          against: median(rate(theirs.read)),
          goal: 'ratio >= 0.7',
        }),
        context.result({
          name: 'lake commit',
          unit: `ms for ${commitRows.toLocaleString('en')} trades, written and visible; against the same on a folder`,
          samples: onBucket,
          against: median(onFolder),
        }),
        context.result({
          name: 'requests a commit',
          unit: 'requests, for one file and the checkpoint',
          samples: requests,
          goal: 'value <= 2',
        }),
      ];
    } finally {
      await server.stop();
    }
  },
};

export default bench;
