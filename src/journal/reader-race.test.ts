import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { recordKinds } from '../ports/journal.ts';
import type { OpenFile, World } from '../ports/world.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { openJournalReader } from './reader.ts';
import { openJournalWriter } from './writer.ts';

test('blocks that are written and synced while a reader looks are no damage', async (t) => {
  const folder = mkdtempSync(`${tmpdir()}/journal-race-`);
  t.after(() => rmSync(folder, { recursive: true }));
  const world = createNodeWorld();
  const writer = await openJournalWriter(world, {
    folder,
    writer: 'recorder',
    version: '0',
    onFailure: (error) => assert.fail(error),
  });
  t.after(() => writer.close());
  for (let count = 0; count < 3; count++) {
    writer.append({ kind: recordKinds.frame, session: 1, receivedAtUs: 1, monotonicUs: 1, payload: Buffer.from('x') });
    await writer.sync();
  }
  // Whoever asks for the size the first time asked before all that was written.
  let hiddenFrom: number | undefined;
  const late: World = { ...world, files: Object.create(world.files) };
  late.files.open = (path, mode) => {
    const file = world.files.open(path, mode);
    const shown: OpenFile = Object.create(file);
    shown.readAt = (into, offset) => file.readAt(into, offset);
    shown.close = () => file.close();
    shown.sync = () => file.sync();
    shown.size = () => {
      const size = hiddenFrom ?? file.size();
      hiddenFrom = undefined;
      return size;
    };
    return shown;
  };
  const host = {
    lock: () => ({ isHeld: () => true, release() {} }),
    announce: () => ({ announce() {}, close() {} }),
    listen: () => ({ isConnected: false, close() {} }),
  };
  const reader = await openJournalReader(late, { folder, host });
  t.after(() => reader.close());
  const start = await reader.start();
  await reader.head(start.segment);
  hiddenFrom = start.offset;
  assert.equal(await reader.read(start, 1 << 20), undefined);
  const block = await reader.read(start, 1 << 20);
  assert.deepEqual([block?.from.sequence, block?.to.sequence], [0, 4]);
});
