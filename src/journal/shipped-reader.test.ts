import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFolderBlobs } from '../blobs/folder.ts';
import type { TidemarkError } from '../domain/error.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import { journalContract } from '../ports/journal.contract.ts';
import type { JournalPosition } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { shipAll } from './shipped.test-fixture.ts';
import { decodeShipped, encodeShipped, shippedName } from './shipped-object.ts';
import { openShippedReader } from './shipped-reader.ts';
import { listShippedSegments } from './shipped-segments.ts';
import { shippedUnderTest } from './shipped-under-test.test-fixture.ts';
import { openJournalWriter } from './writer.ts';

const world = createNodeWorld();

for (const maxBytes of [500, 1 << 20]) {
  journalContract(`shipped objects of ${maxBytes} bytes`, (t) => {
    const root = mkdtempSync(path.join(tmpdir(), 'tidemark-shipped-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    return shippedUnderTest(root, openFolderBlobs(path.join(root, 'store')), maxBytes);
  });
}

interface Shelf {
  readonly blobs: BlobStore;
  readonly store: string;
  /** Where the objects of segment 1 begin; the last one closes it. */
  readonly offsets: readonly number[];
  readonly frames: readonly string[];
  read(): Promise<{ texts: string[]; damaged: { offset: number; lostRecords: number }[] }>;
}

/** Two segments, the first in a dozen objects. */
async function shelf(t: TestContext): Promise<Shelf> {
  const root = mkdtempSync(path.join(tmpdir(), 'tidemark-shipped-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = path.join(root, 'journal');
  const store = path.join(root, 'store');
  const blobs = openFolderBlobs(store);
  const frames: string[] = [];
  let reads = 0;
  for (const life of [1, 2]) {
    const writer = await openJournalWriter(world, {
      folder,
      writer: 'recorder',
      version: '0',
      onFailure: (error) => assert.fail(error),
    });
    for (let at = 0; at < 40; at++) {
      frames.push(`life ${life} frame ${at} `.repeat(5));
      writer.append({
        kind: recordKinds.frame,
        session: 1,
        receivedAtUs: 1,
        monotonicUs: 1,
        payload: Buffer.from(frames.at(-1)!),
      });
      await writer.sync();
    }
    await writer.close();
  }
  await shipAll(folder, blobs, 700);
  const [first] = await listShippedSegments(blobs, 'recorder');
  return {
    blobs,
    store,
    frames,
    offsets: first!.offsets,
    async read() {
      const reader = await openShippedReader(world, {
        blobs,
        writer: 'recorder',
        scratchFolder: path.join(root, `scratch-${++reads}`),
        lookMs: 0,
      });
      const texts: string[] = [];
      const damaged: { offset: number; lostRecords: number }[] = [];
      let from = await reader.start();
      for (;;) {
        const at: JournalPosition = from;
        const block = await reader.read(at, 300).catch((error: TidemarkError) => {
          assert.equal(error.code, 'journal-damaged');
          return error;
        });
        if (block === undefined) break;
        if (block instanceof Error) {
          const after = await reader.afterDamage(at);
          damaged.push({ offset: at.offset, lostRecords: after?.lostRecords ?? Number.NaN });
          if (after === undefined) break;
          from = after.position;
          continue;
        }
        block.forEach(({ kind, bytes, start, end }) => {
          if (kind === recordKinds.frame) texts.push(Buffer.from(bytes.subarray(start, end)).toString());
        });
        from = block.to;
      }
      await reader.close();
      return { texts, damaged };
    },
  };
}

const nameOf = (offset: number, segment = 1) => shippedName('recorder', segment, offset);

test('without one of its objects a segment is damaged there, named by offset, and read on after it', async (t) => {
  const { blobs, offsets, frames, read } = await shelf(t);
  assert.deepEqual(await read(), { texts: frames, damaged: [] });
  const lost = offsets[4]!;
  await blobs.remove(nameOf(lost));
  const { texts, damaged } = await read();
  assert.deepEqual(
    damaged.map(({ offset }) => offset),
    [lost],
  );
  assert.ok(damaged[0]!.lostRecords > 0);
  assert.equal(texts.length, frames.length - damaged[0]!.lostRecords);
  assert.ok(texts.every((text) => frames.includes(text)));
});

test('an object with a flipped bit anywhere is damage, never data', async (t) => {
  const { blobs, store, offsets, frames, read } = await shelf(t);
  const name = nameOf(offsets[5]!);
  const whole = Buffer.from(await blobs.get(name));
  for (let at = 0; at < whole.length; at += 7) {
    const broken = Buffer.from(whole);
    broken[at]! ^= 1 << (at % 8);
    writeFileSync(path.join(store, name), broken);
    const { texts, damaged } = await read();
    assert.ok(texts.every((text) => frames.includes(text)));
    // A bit that changes nothing that is read, as in the number of the record that comes next, loses nothing.
    if (damaged.length === 0) assert.deepEqual(texts, frames);
    else
      assert.deepEqual(
        [damaged.length, damaged[0]!.offset, texts.length],
        [1, offsets[5], frames.length - damaged[0]!.lostRecords],
      );
  }
});

test('the last object of all, damaged, is damage and not an end', async (t) => {
  const { blobs, store, frames, read } = await shelf(t);
  const second = (await listShippedSegments(blobs, 'recorder'))[1]!;
  const offset = second.offsets.at(-1)!;
  const name = nameOf(offset, 2);
  writeFileSync(path.join(store, name), Buffer.from(await blobs.get(name)).subarray(0, 150));
  const { texts, damaged } = await read();
  assert.deepEqual(damaged, [{ offset, lostRecords: Number.NaN }]);
  assert.deepEqual(texts, frames.slice(0, texts.length));
});

test('a list that was made while a segment was finished and the next one begun passes for no damage', async (t) => {
  const { blobs, frames, offsets, read } = await shelf(t);
  const late = new Set(offsets.slice(-3).map((offset) => nameOf(offset)));
  const { list } = blobs;
  blobs.list = async function* (prefix) {
    const isOfAll = prefix === 'journal/recorder/';
    for await (const entry of list.call(blobs, prefix)) if (!isOfAll || !late.has(entry.name)) yield entry;
  };
  assert.deepEqual(await read(), { texts: frames, damaged: [] });
});

test('a missing segment is damage, and the next one is read', async (t) => {
  const { blobs, frames, read } = await shelf(t);
  const [first, second] = await listShippedSegments(blobs, 'recorder');
  for (const offset of first!.offsets.slice(1)) await blobs.remove(nameOf(offset));
  const { texts, damaged } = await read();
  assert.equal(damaged.length, 1);
  assert.deepEqual(texts.slice(-40), frames.slice(40));
  for (const offset of second!.offsets) await blobs.remove(nameOf(offset, 2));
  assert.ok((await read()).texts.length < 40);
});

test('an object that repeats what another one has is passed over; one that tells it differently is damage', async (t) => {
  const { blobs, offsets, frames, read } = await shelf(t);
  const [from, to] = [offsets[3]!, offsets[5]!];
  const whole = decodeShipped(nameOf(offsets[3]!), await blobs.get(nameOf(offsets[3]!)));
  const next = decodeShipped(nameOf(offsets[4]!), await blobs.get(nameOf(offsets[4]!)));
  const both = Buffer.concat([whole.plain, next.plain]);
  assert.equal(from + both.length, to);
  // From the middle of one object to the end of the next: bytes that are there already.
  const middle = Math.floor(whole.plain.length / 2);
  const put = async (plain: Buffer) => {
    const head = {
      writer: 'recorder',
      segment: 1,
      offset: from + middle,
      bytes: plain.length,
      nextSequence: next.head.nextSequence,
    };
    const name = nameOf(from + middle);
    await blobs.remove(name);
    await blobs.put(name, await encodeShipped(head, plain));
  };
  await put(both.subarray(middle));
  assert.deepEqual(await read(), { texts: frames, damaged: [] });

  const other = Buffer.from(both.subarray(middle));
  other[100]! ^= 1;
  await put(other);
  const { texts, damaged } = await read();
  assert.equal(damaged.length, 1);
  assert.ok(damaged[0]!.lostRecords > 0 && texts.length === frames.length - damaged[0]!.lostRecords);
  assert.ok(texts.every((text) => frames.includes(text)));
});

test('a journal that goes on being shipped is followed, two segments at a time in the scratch folder', async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'tidemark-shipped-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [folder, scratchFolder] = [path.join(root, 'journal'), path.join(root, 'scratch')];
  const blobs = openFolderBlobs(path.join(root, 'store'));
  const writer = await openJournalWriter(world, {
    folder,
    writer: 'recorder',
    version: '0',
    segmentMaxBytes: 2000,
    onFailure: (error) => assert.fail(error),
  });
  const reader = await openShippedReader(world, { blobs, writer: 'recorder', scratchFolder, lookMs: 0 });
  let from = await reader.start();
  const seen: string[] = [];
  for (let turn = 0; turn < 60; turn++) {
    writer.append({
      kind: recordKinds.frame,
      session: 1,
      receivedAtUs: 1,
      monotonicUs: 1,
      payload: Buffer.from(`turn ${turn} `.repeat(30)),
    });
    await writer.sync();
    // Sometimes several segments at once.
    if (turn % 30 > 4 && turn % 30 < 29) continue;
    await shipAll(folder, blobs, 300);
    for (let block = await reader.read(from, 1000); block !== undefined; block = await reader.read(from, 1000)) {
      block.forEach(({ kind, bytes, start, end }) => {
        if (kind === recordKinds.frame)
          seen.push(Buffer.from(bytes.subarray(start, end)).toString().split(' ', 2).join(' '));
      });
      from = block.to;
    }
    assert.ok(readdirSync(scratchFolder).length <= 2);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 60 }, (_, turn) => `turn ${turn}`),
  );
  assert.ok(from.segment > 5);
  await writer.close();
  await reader.close();
  assert.ok(!existsSync(scratchFolder));
});
