import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { recordKinds } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { openJournalReader } from './reader.ts';
import { openJournalWriter } from './writer.ts';

test('what is appended is read back, in order, by a reader that follows', async () => {
  const folder = mkdtempSync(`${tmpdir()}/journal-`);
  const world = createNodeWorld();
  const reader = await openJournalReader(world, { folder });
  const from0 = await reader.start();
  const writer = await openJournalWriter(world, {
    folder,
    writer: 'recorder',
    version: '0',
    segmentMaxBytes: 20_000,
    onFailure: (error) => assert.fail(error),
  });
  const seen: string[] = [];
  const count = 1000;
  const following = (async () => {
    for (let from = from0; seen.length < count; ) {
      const block = await reader.read(from, 5000);
      if (block === undefined) {
        await reader.wait(1000);
        continue;
      }
      block.forEach((record) => {
        if (record.kind === recordKinds.frame) {
          assert.equal(record.receivedAtUs, 1.7e15 + seen.length);
          assert.equal(record.session, 2 ** 33 + 7);
          seen.push(Buffer.from(record.bytes.subarray(record.start, record.end)).toString());
        }
      });
      from = block.to;
    }
  })();
  for (let index = 0; index < count; index += 1) {
    writer.append({
      kind: recordKinds.frame,
      session: 2 ** 33 + 7,
      receivedAtUs: 1.7e15 + index,
      monotonicUs: index,
      payload: Buffer.from(`frame ${index}`.repeat(1 + (index % 50))),
    });
    if (index % 100 === 0) await writer.sync();
  }
  await writer.sync();
  await following;
  await writer.close();
  await reader.close();
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, index) => `frame ${index}`.repeat(1 + (index % 50))),
  );
  rmSync(folder, { recursive: true });
});
