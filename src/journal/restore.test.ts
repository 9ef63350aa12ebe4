import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { JournalPosition, JournalReader, WriterRecord } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { compressSegment } from './compressed-segment.ts';
import { openSegmentBytes } from './open-segment.ts';
import { openJournalReader } from './reader.ts';
import { bringBack, goOn, shippedExtent } from './restore.ts';
import { listSegments } from './segment-name.ts';
import { openJournalBytes } from './segment-pieces.ts';
import { shipAll } from './shipped.test-fixture.ts';
import { openShippedJournal } from './shipped-journal.ts';
import { shippedName } from './shipped-object.ts';
import { listShippedSegments } from './shipped-segments.ts';
import { openJournalWriter } from './writer.ts';

const world = createNodeWorld();
const writer = 'recorder';

interface Fixture {
  readonly root: string;
  readonly folder: string;
  readonly back: string;
  readonly blobs: BlobStore;
}

function fixture(t: TestContext): Fixture {
  const root = mkdtempSync(path.join(tmpdir(), 'tidemark-restore-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const at = (name: string) => path.join(root, name);
  return { root, folder: at('journal'), back: at('back'), blobs: openFolderBlobs(at('store')) };
}

const open = (folder: string) =>
  openJournalWriter(world, {
    folder,
    writer,
    version: '0',
    segmentMaxBytes: 6000,
    onFailure: (error) => assert.fail(error),
  });

async function append(folder: string, texts: readonly string[]): Promise<void> {
  const journal = await open(folder);
  for (const text of texts) {
    journal.append({
      kind: recordKinds.frame,
      session: 1,
      receivedAtUs: 1_700_000_000_000_000,
      monotonicUs: 1,
      payload: Buffer.from(text),
    });
    await journal.sync();
  }
  await journal.close();
}

const texts = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name} ${at} `.repeat(9));

async function readAll(reader: JournalReader, from?: JournalPosition) {
  const records: { sequence: number; kind: number; text: string }[] = [];
  let at = from ?? (await reader.start());
  for (;;) {
    const block = await reader.read(at, 4000);
    if (block === undefined) break;
    block.forEach(({ sequence, kind, bytes, start, end }) => {
      records.push({ sequence, kind, text: Buffer.from(bytes.subarray(start, end)).toString() });
    });
    at = block.to;
  }
  await reader.close();
  return { records, end: at };
}

const readFolder = async (folder: string, from?: JournalPosition) =>
  readAll(await openJournalReader(world, { folder, writer }), from);

/** One segment is kept compressed, here and there. */
async function pack({ root, folder, blobs }: Fixture, segment: number): Promise<void> {
  await compressSegment(world, folder, segment);
  const bytes = await openJournalBytes(world, { folder, writer });
  const copy = path.join(root, 'copy');
  assert.ok(await bytes.copyCompressed(segment, copy));
  await openShippedJournal(blobs, writer).pack(segment, copy);
  await bytes.close();
}

function plainBytes(folder: string, segment: number): Buffer {
  const bytes = openSegmentBytes(world.files, folder, segment)!;
  const plain = Buffer.alloc(bytes.size());
  bytes.readAt(plain, 0);
  bytes.close();
  return plain;
}

async function restore({ blobs, back }: Fixture, derivedTo?: JournalPosition, seal = 'seal') {
  const restored = await bringBack(world, { blobs, writer, folder: back, seal });
  const next = await goOn(world, { writer, folder: back, seal, version: '0', restored, derivedTo });
  return { restored, next };
}

test('a journal that was shipped whole comes back byte for byte, and goes on with the next record', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('before', 60));
  await shipAll(all.folder, all.blobs, 2000);
  const before = await readFolder(all.folder);
  await pack(all, 1);
  const extent = await shippedExtent(all.blobs, writer);
  const { restored, next } = await restore(all);
  const { segments, bytes, shippedTo } = restored;
  assert.deepEqual(extent, { isKnown: true, segments, bytes, firstSegment: 1, shippedTo });
  assert.equal(restored.firstSegment, 1);
  assert.deepEqual([restored.damage, restored.shippedTo], [[], before.end]);
  for (const segment of listSegments(world.files, all.folder)) {
    assert.ok(plainBytes(all.folder, segment).equals(plainBytes(all.back, segment)), `segment ${segment}`);
  }
  assert.deepEqual(next, { segment: before.end.segment + 1, sequence: before.end.sequence });

  await append(all.back, texts('after', 5));
  const { records } = await readFolder(all.back);
  assert.deepEqual(
    records.map(({ sequence }) => sequence),
    records.map((_, index) => index),
  );
  assert.deepEqual(records.slice(0, before.records.length), before.records);
  assert.deepEqual(
    records.filter(({ text }) => text.startsWith('after')).map(({ text }) => text),
    texts('after', 5),
  );
});

test('whoever had derived more than was shipped goes on behind it without a loss, whoever had not is told how much', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('shipped', 30));
  await shipAll(all.folder, all.blobs, 2000);
  const shipped = await readFolder(all.folder);
  await append(all.folder, texts('derived', 60));
  const derived = (await readFolder(all.folder)).end;
  await append(all.folder, texts('gone', 10));
  assert.ok(derived.segment > shipped.end.segment + 1);

  const { restored, next } = await restore(all, derived);
  assert.deepEqual(restored.shippedTo, shipped.end);
  assert.deepEqual(next, { segment: derived.segment + 1, sequence: derived.sequence });
  await append(all.back, texts('after', 3));

  const rest = (await readFolder(all.back, derived)).records;
  assert.deepEqual(
    rest.map(({ sequence }) => sequence),
    rest.map((_, index) => derived.sequence + index),
  );
  const began = JSON.parse(rest[0]!.text) as WriterRecord;
  assert.deepEqual(
    [began.event, began.restored],
    ['started', { seal: 'seal', shippedTo: shipped.end, derivedTo: derived }],
  );
  assert.deepEqual(
    rest.filter(({ text }) => text.startsWith('after')).map(({ text }) => text),
    texts('after', 3),
  );

  const reader = await openJournalReader(world, { folder: all.back, writer });
  await assert.rejects(reader.read(shipped.end, 1000), { code: 'journal-damaged' });
  const after = await reader.afterDamage(shipped.end);
  assert.deepEqual(
    [after?.lostRecords, after?.position.segment],
    [derived.sequence - shipped.end.sequence, next.segment],
  );
  await reader.close();
});

test('whoever was behind what was shipped reads on to its end and over into the new segment', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('shipped', 40));
  await shipAll(all.folder, all.blobs, 2000);
  const shipped = await readFolder(all.folder);
  const behind = { writer, segment: 1, offset: 0, sequence: 0 };
  const { next } = await restore(all, behind);
  assert.equal(next.sequence, shipped.end.sequence);
  const { records } = await readFolder(all.back, behind);
  assert.deepEqual(
    records.map(({ sequence }) => sequence),
    records.map((_, index) => index),
  );
  assert.deepEqual(records.slice(0, shipped.records.length), shipped.records);
});

test('after it came back, the old machine can ship no more, the new one goes on, and it can come back again', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('first', 30));
  await shipAll(all.folder, all.blobs, 2000);
  await restore(all, undefined, 'second machine');
  await append(all.folder, texts('zombie', 30));
  await assert.rejects(shipAll(all.folder, all.blobs, 2000), { code: 'blob-conflict' });

  await append(all.back, texts('second', 30));
  const second = await readFolder(all.back);
  await shipAll(all.back, all.blobs, 2000);
  const third = { ...all, back: path.join(all.root, 'third') };
  await restore(third, undefined, 'third machine');
  const { records } = await readFolder(third.back);
  assert.deepEqual(records.slice(0, second.records.length), second.records);
  assert.ok(!records.some(({ text }) => text.startsWith('zombie')));
});

test('coming back begins anew after it was cut off, and a journal that was never shipped just goes on', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('shipped', 30));
  await shipAll(all.folder, all.blobs, 2000);
  const shipped = await readFolder(all.folder);
  for (const cutOff of ['a', 'b']) {
    await bringBack(world, { blobs: all.blobs, writer, folder: path.join(all.root, cutOff), seal: cutOff });
  }
  const { restored, next } = await restore(all);
  assert.deepEqual(restored.shippedTo, shipped.end);
  assert.ok(next.segment > shipped.end.segment + 2);
  await append(all.back, texts('after', 30));
  await shipAll(all.back, all.blobs, 2000);
  const again = { ...all, back: path.join(all.root, 'again') };
  await restore(again, undefined, 'again');
  assert.deepEqual((await readFolder(again.back)).records.slice(0, -2), (await readFolder(all.back)).records);

  const never = { ...all, back: path.join(all.root, 'never'), blobs: openFolderBlobs(path.join(all.root, 'empty')) };
  const derived = { writer, segment: 7, offset: 5000, sequence: 900 };
  assert.deepEqual((await restore(never, derived)).next, { segment: 8, sequence: 900 });
  assert.equal((await readFolder(never.back, derived)).records[0]!.sequence, 900);
});

test('what the store has damaged comes back around the damage, which is named', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('shipped', 60));
  await shipAll(all.folder, all.blobs, 1000);
  const before = (await readFolder(all.folder)).records;
  const [first] = await listShippedSegments(all.blobs, writer);
  const [from, to] = [first!.offsets[2]!, first!.offsets[3]!];
  await all.blobs.remove(shippedName(writer, 1, from));
  const { restored } = await restore(all);
  assert.deepEqual(restored.damage, [{ segment: 1, offset: from, bytes: to - from }]);
  const reader = await openJournalReader(world, { folder: all.back, writer });
  const at = { writer, segment: 1, offset: from, sequence: (await readTo(reader, from)).sequence };
  await assert.rejects(reader.read(at, 1000), { code: 'journal-damaged' });
  const after = await reader.afterDamage(at);
  await reader.close();
  assert.equal(after!.position.offset, to);
  const rest = (await readFolder(all.back, after!.position)).records;
  const known = before.slice(at.sequence + after!.lostRecords);
  assert.ok(known.length > 30);
  assert.deepEqual(rest.slice(0, known.length), known);
});

test('a segment that is missing in the store is named by its records', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('shipped', 150));
  await shipAll(all.folder, all.blobs, 2000);
  const [first, second, third] = await listShippedSegments(all.blobs, writer);
  for (const offset of second!.offsets) await all.blobs.remove(shippedName(writer, second!.segment, offset));
  const heads = await openJournalReader(world, { folder: all.folder, writer });
  const fromSequence = (await heads.head(second!.segment))!.firstSequence;
  const records = (await heads.head(third!.segment))!.firstSequence - fromSequence;
  await heads.close();
  const { restored } = await restore(all);
  assert.deepEqual(
    [restored.damage, restored.missing],
    [[], [{ beforeSegment: third!.segment, fromSequence, records }]],
  );
  assert.ok(records > 0 && first!.segment < second!.segment);
});

async function readTo(reader: JournalReader, offset: number): Promise<JournalPosition> {
  let at = await reader.start();
  while (at.offset < offset) at = (await reader.read(at, 1))!.to;
  return at;
}

test('a machine that still ships at this moment is not taken for gone: nothing is brought back', async (t) => {
  const all = fixture(t);
  await append(all.folder, texts('shipped', 10));
  await shipAll(all.folder, all.blobs, 2000);
  await append(all.folder, texts('more', 10));
  let isFirst = true;
  const blobs: BlobStore = Object.create(all.blobs);
  blobs.put = async (name, bytes) => {
    if (isFirst) {
      isFirst = false;
      await shipAll(all.folder, all.blobs, 2000);
    }
    await all.blobs.put(name, bytes);
  };
  for (const method of ['get', 'stream', 'putFile', 'remove'] as const) {
    blobs[method] = (all.blobs[method] as (...given: never[]) => never).bind(all.blobs);
  }
  blobs.list = (prefix) => all.blobs.list(prefix);
  await assert.rejects(restore({ ...all, blobs }), { code: 'shipping-conflict' });
  await append(all.folder, texts('still', 10));
  await shipAll(all.folder, all.blobs, 2000);
});
