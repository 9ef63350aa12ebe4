import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFolderBlobs } from '../blobs/folder.ts';
import { compressSegment } from '../journal/compressed-segment.ts';
import { openJournalReader } from '../journal/reader.ts';
import { listSegments, segmentPath } from '../journal/segment-name.ts';
import { decodeShipped, parseShippedName } from '../journal/shipped-object.ts';
import { openShippedReader } from '../journal/shipped-reader.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { JournalReader } from '../ports/journal.ts';
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
  const isPacked = new Set(
    names.flatMap((name) => (name.endsWith('.journal.zst') ? [parseShippedName(name)!.segment] : [])),
  );
  for (const name of names.sort()) {
    const { segment, offset } = parseShippedName(name)!;
    if (offset === undefined) continue;
    const { plain } = decodeShipped(name, await blobs.get(name));
    const before = segments.get(segment) ?? Buffer.alloc(0);
    if (isPacked.has(segment)) continue;
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
  while (behind().behindRecords < writer.syncedSequence) await sleep(20);
  assert.equal(behind().state, 'retrying');
  assert.match(behind().error!, /the store is down/);
  const bytes = listSegments(world.files, folder).map((one) => world.files.size(segmentPath(folder, one)));
  assert.equal(
    behind().behindBytes,
    bytes.reduce((sum, one) => sum + one, 0),
  );
  flaky.isDown = false;
  while (behind().behindBytes > 0) await sleep(20);
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
  while (shipping.status.journals[0]!.state !== 'retrying') await sleep(20);
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
  while (shipping.status.journals[0]!.state === 'starting') await sleep(20);
  await shipping.stop(300);
  const open = (await shippedSegments(blobs)).segments.get(1)!;
  assert.ok(open.length > 0 && open.length <= 3000 && open.equals(bytes.subarray(0, open.length)));

  const next = await openWriter(folder);
  await next.close();
  await shipAll(folder, blobs);
  assertShipped(folder, (await shippedSegments(blobs)).segments);
});

test('closed segments are packed as they are kept here: what is shipped takes no more room, and reads the same', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder, { segmentMaxBytes: 30_000 });
  await appendFrames(writer, texts(400));
  const { log, noted } = notingLog();
  const shipping = await openShipping(folder, blobs, { log, maxObjectBytes: 1000 });
  const before = await readAll(await openJournalReader(world, { folder, writer: 'recorder' }));
  const scratchFolder = `${folder}-read`;
  const follower = await openShippedReader(world, { blobs, writer: 'recorder', scratchFolder, lookMs: 0 });
  shipping.start();
  const [oldest, ...others] = listSegments(world.files, folder);
  assert.ok(others.length > 2);
  while (shipping.status.journals[0]!.shippedTo?.sequence !== writer.syncedSequence) await sleep(20);
  // It knows the objects from before.
  await follower.start();
  for (const segment of [oldest!, ...others.slice(0, -1)]) await compressSegment(world, folder, segment);
  const packed = () => readdirSync(path.join(store, 'journal', 'recorder')).filter((name) => name.endsWith('.zst'));
  while (packed().length < others.length) await sleep(50);
  await writer.close();
  await shipping.stop(20_000);
  const sizes = async (prefix: string) => {
    let bytes = 0;
    for await (const blob of blobs.list(prefix)) bytes += blob.bytes;
    return bytes;
  };
  for (const name of packed()) {
    assert.ok(readFileSync(path.join(folder, name)).equals(readFileSync(path.join(store, 'journal/recorder', name))));
    const segment = name.slice(0, 8);
    assert.deepEqual(readdirSync(path.join(store, 'journal/recorder', segment)).length, 1, 'what closes it stays');
    assert.ok((await sizes(`journal/recorder/${segment}`)) < world.files.size(path.join(folder, name)) + 300);
  }
  const after = await readAll(follower);
  assert.deepEqual(after.slice(0, before.length), before);
  assert.deepEqual(noted, []);
  // A restart finds the end where it is.
  const later = await openWriter(folder);
  await appendFrames(later, texts(10));
  await later.close();
  await shipAll(folder, blobs);
  const again = await openShippedReader(world, { blobs, writer: 'recorder', scratchFolder, lookMs: 0 });
  const all = await readAll(again);
  assert.deepEqual(all, await readAll(await openJournalReader(world, { folder, writer: 'recorder' })));
});

test('a segment that went before it was packed stays in pieces, and keeps no other from being packed', async (t) => {
  const { folder, store } = await prepared(t);
  const blobs = openFolderBlobs(store);
  const writer = await openWriter(folder, { segmentMaxBytes: 10_000 });
  await appendFrames(writer, texts(200));
  await writer.close();
  await shipAll(folder, blobs, { maxObjectBytes: 3000 });
  const before = (await shippedSegments(blobs)).segments;
  world.files.remove(segmentPath(folder, 1));
  await compressSegment(world, folder, 2);
  const { log, noted } = notingLog();
  const shipping = await openShipping(folder, blobs, { log });
  shipping.start();
  while (!existsSync(path.join(store, 'journal/recorder/00000002.journal.zst'))) await sleep(20);
  await shipping.stop(20_000);
  assert.deepEqual((await shippedSegments(blobs)).segments.get(1), before.get(1));
  assert.deepEqual(noted, []);
});

async function readAll(reader: JournalReader): Promise<string[]> {
  const records: string[] = [];
  let from = await reader.start();
  for (let block = await reader.read(from, 5000); block !== undefined; block = await reader.read(from, 5000)) {
    block.forEach(({ sequence, bytes, start, end }) => {
      records.push(`${sequence} ${Buffer.from(bytes.subarray(start, end)).toString('latin1')}`);
    });
    from = block.to;
  }
  await reader.close();
  return records;
}
