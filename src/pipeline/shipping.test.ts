import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import { compressSegment } from '../journal/compressed-segment.ts';
import { listSegments, segmentPath } from '../journal/segment-name.ts';
import { decodeShipped, parseShippedName } from '../journal/shipped-object.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import {
  appendFrames,
  FlakyStore,
  notingLog,
  openShipping,
  openWriter,
  temporaryFolder,
  world,
} from './shipping.test-fixture.ts';

const texts = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => `frame ${from + index} `.repeat(1 + ((from + index) % 40)));

/** Bytes of each segment as the store has them, and the segments that are closed there. */
async function shippedSegments(blobs: BlobStore): Promise<{ segments: Map<number, Buffer>; closed: number[] }> {
  const segments = new Map<number, Buffer>();
  const closed: number[] = [];
  const names: string[] = [];
  for await (const { name } of blobs.list('journal/recorder/')) names.push(name);
  for (const name of names.sort()) {
    const { segment, offset } = parseShippedName(name)!;
    const { plain } = decodeShipped(name, await blobs.get(name));
    const before = segments.get(segment) ?? Buffer.alloc(0);
    assert.equal(offset, before.length, `${name} follows what is before it`);
    segments.set(segment, Buffer.concat([before, plain]));
    if (plain.length === 0) closed.push(segment);
  }
  return { segments, closed };
}

/** Everything that is synced is in the store when it resolves. */
async function shipAll(
  folder: string,
  blobs: BlobStore,
  options: { maxObjectBytes?: number } = {},
): Promise<ReturnType<typeof notingLog>['noted']> {
  const { log, noted } = notingLog();
  const shipping = await openShipping(folder, blobs, { log, ...options });
  shipping.start();
  await shipping.stop(20_000);
  return noted;
}

function assertShipped(folder: string, segments: ReadonlyMap<number, Buffer>): void {
  assert.deepEqual([...segments.keys()], listSegments(world.files, folder));
  for (const [segment, bytes] of segments) {
    assert.ok(bytes.equals(readFileSync(segmentPath(folder, segment))), `segment ${segment}`);
  }
}

async function prepared(t: TestContext) {
  const root = temporaryFolder(t);
  return { folder: path.join(root, 'journal'), store: path.join(root, 'store') };
}

test('the objects of a segment, one after the other, are its bytes, and a closed one is closed in the store', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder, { segmentMaxBytes: 20_000 });
  await appendFrames(writer, texts(300));
  await writer.close();
  await shipAll(folder, blobs, { maxObjectBytes: 3000 });
  const { segments, closed } = await shippedSegments(blobs);
  assertShipped(folder, segments);
  assert.ok(segments.size > 2);
  assert.deepEqual(closed, [...segments.keys()].slice(0, -1));
});

test('a restart goes on where the store ends, also in a journal whose segments were compressed since', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const plain = new Map<number, Buffer>();
  for (let life = 0; life < 4; life++) {
    const writer = await openWriter(folder, { segmentMaxBytes: 8000 });
    await appendFrames(writer, texts(60, life * 60));
    await shipAll(folder, blobs, { maxObjectBytes: 1000 + life * 3000 });
    await appendFrames(writer, texts(10, life * 10));
    await writer.close();
    const newest = listSegments(world.files, folder).at(-1)!;
    for (const segment of listSegments(world.files, folder)) {
      if (world.files.exists(segmentPath(folder, segment)))
        plain.set(segment, readFileSync(segmentPath(folder, segment)));
      if (segment < newest) await compressSegment(world, folder, segment);
    }
  }
  await shipAll(folder, blobs);
  assert.deepEqual((await shippedSegments(blobs)).segments, plain);
});

test('a store that is down delays nobody, says how much is not shipped, and gets it all when it is back', async (t) => {
  const { folder, store } = await prepared(t);
  const flaky = new FlakyStore(store);
  flaky.isDown = true;
  const { log, noted } = notingLog();
  const writer = await openWriter(folder, { segmentMaxBytes: 10_000 });
  const shipping = await openShipping(folder, flaky.blobs, { log });
  shipping.start();
  await appendFrames(writer, texts(100));
  const behind = () => shipping.status.journals[0]!;
  while (behind().behindRecords < writer.syncedSequence) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(behind().state, 'retrying');
  assert.match(behind().error!, /the store is down/);
  const bytes = listSegments(world.files, folder).map((one) => world.files.size(segmentPath(folder, one)));
  assert.equal(
    behind().behindBytes,
    bytes.reduce((sum, one) => sum + one, 0),
  );
  flaky.isDown = false;
  while (behind().behindBytes > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(
    [behind().state, behind().error, behind().shippedTo?.sequence],
    ['shipping', null, writer.syncedSequence],
  );
  await writer.close();
  await shipping.stop(20_000);
  assertShipped(folder, (await shippedSegments(flaky.blobs)).segments);
  assert.equal(noted.filter(({ level }) => level === 'error').length, 1);
});

test('an answer lost after the write took effect changes nothing', async (t) => {
  const { folder, store } = await prepared(t);
  const flaky = new FlakyStore(store);
  const { log } = notingLog();
  const writer = await openWriter(folder);
  await appendFrames(writer, texts(50));
  flaky.loseAnswers = true;
  const shipping = await openShipping(folder, flaky.blobs, { log, maxObjectBytes: 1000 });
  shipping.start();
  while (shipping.status.journals[0]!.state !== 'retrying') await new Promise((resolve) => setTimeout(resolve, 20));
  await appendFrames(writer, texts(50, 50));
  flaky.loseAnswers = false;
  await writer.close();
  await shipping.stop(20_000);
  assertShipped(folder, (await shippedSegments(flaky.blobs)).segments);
});

test('a second journal under the same name is an alarm, and never overwrites what was shipped', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder);
  await appendFrames(writer, texts(20));
  await writer.close();
  await shipAll(folder, blobs);
  const before = (await shippedSegments(blobs)).segments;

  const other = path.join(folder, '..', 'other');
  const zombie = await openWriter(other);
  await appendFrames(zombie, texts(40));
  await zombie.close();
  const noted = await shipAll(other, blobs);
  assert.deepEqual(
    noted.map(({ level, fields }) => [
      level,
      /the store holds other bytes than this folder/.test(JSON.stringify(fields)),
    ]),
    [['error', true]],
  );
  assert.deepEqual((await shippedSegments(blobs)).segments, before);
});

test('two that ship the same journal at once leave one whole copy', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder, { segmentMaxBytes: 20_000 });
  const { log } = notingLog();
  const both = [
    await openShipping(folder, blobs, { log, maxObjectBytes: 700 }),
    await openShipping(folder, blobs, { log, maxObjectBytes: 900 }),
  ];
  for (const shipping of both) shipping.start();
  await appendFrames(writer, texts(200));
  await writer.close();
  for (const shipping of both) await shipping.stop(20_000);
  assertShipped(folder, (await shippedSegments(blobs)).segments);
});

test('damaged bytes of a closed segment are shipped as they are, those of an open one are waited for', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder);
  await appendFrames(writer, texts(30));
  await writer.close();
  const file = segmentPath(folder, 1);
  const bytes = readFileSync(file);
  bytes[3000]! ^= 4;
  writeFileSync(file, bytes);
  const { log } = notingLog();
  const shipping = await openShipping(folder, blobs, { log });
  shipping.start();
  while (shipping.status.journals[0]!.state === 'starting') await new Promise((resolve) => setTimeout(resolve, 20));
  await shipping.stop(300);
  const open = (await shippedSegments(blobs)).segments.get(1)!;
  assert.ok(open.length > 0 && open.length <= 3000 && open.equals(bytes.subarray(0, open.length)));

  const next = await openWriter(folder);
  await next.close();
  await shipAll(folder, blobs);
  assertShipped(folder, (await shippedSegments(blobs)).segments);
});

test('what is shipped is no larger than what is kept here, and nothing foreign is written', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder);
  await appendFrames(writer, texts(400));
  await writer.close();
  await shipAll(folder, blobs);
  const names = readdirSync(store, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.ok(names.length > 0 && names.every(({ name }) => /^\d{12}\.zst$/.test(name)));
  let bytes = 0;
  for await (const blob of blobs.list('')) bytes += blob.bytes;
  assert.ok(bytes < readFileSync(segmentPath(folder, 1)).length / 3);
});
