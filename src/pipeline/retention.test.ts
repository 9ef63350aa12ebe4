import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { compressSegment } from '../journal/compressed-segment.ts';
import { openJournalSegments } from '../journal/kept-segments.ts';
import { openJournalReader } from '../journal/reader.ts';
import { listSegments } from '../journal/segment-name.ts';
import type { JournalPosition } from '../ports/journal.ts';
import { type RetentionOptions, removeOldSegments } from './retention.ts';
import { appendFrames, openWriter, temporaryFolder, world } from './shipping.test-fixture.ts';

const writer = 'recorder';
const at = (segment: number): JournalPosition => ({ writer, segment, offset: 0, sequence: 0 });
const numbers = (found: readonly { readonly segment: number }[]) => found.map(({ segment }) => segment);

/** Six segments; the first is compressed, the last is open. */
async function journal(t: TestContext) {
  const folder = path.join(temporaryFolder(t), 'journal');
  for (let life = 0; life < 6; life++) {
    const open = await openWriter(folder);
    await appendFrames(open, [`life ${life}`]);
    await open.close();
  }
  await compressSegment(world, folder, 1);
  const segments = openJournalSegments(world.files, { writer, folder });
  const closed = segments.closed();
  const run = (options: Partial<RetentionOptions>) =>
    removeOldSegments({
      journals: [segments],
      beforeUs: world.clock.wallUs(),
      committed: [at(6)],
      shipped: undefined,
      isDryRun: false,
      ...options,
    });
  return { folder, closed, run, left: () => listSegments(world.files, folder) };
}

test('only what is older than the limit goes, the open segment never', async (t) => {
  const { closed, run, left } = await journal(t);
  assert.deepEqual(numbers(run({ beforeUs: closed[0]!.closedAtUs - 1 }).removed), []);
  assert.deepEqual(numbers(run({ beforeUs: closed[2]!.closedAtUs }).removed), [1, 2, 3]);
  assert.deepEqual(left(), [4, 5, 6]);
  assert.deepEqual(numbers(run({}).removed), [4, 5]);
  assert.deepEqual(left(), [6]);
});

test('nothing goes whose rows are not committed or whose bytes are not shipped, nor what follows it', async (t) => {
  const { run, left } = await journal(t);
  const { removed, kept } = run({ committed: [] });
  assert.deepEqual([removed, kept.map(({ segment, why }) => [segment, why])], [[], [[1, 'not-committed']]]);
  const uncommitted = run({ committed: [at(3)], isDryRun: true });
  assert.deepEqual([numbers(uncommitted.removed), numbers(uncommitted.kept)], [[1, 2], [3]]);
  const unshipped = run({ shipped: [at(2)] });
  assert.deepEqual([numbers(unshipped.removed), unshipped.kept[0]?.why], [[1], 'not-shipped']);
  assert.deepEqual(numbers(run({ shipped: [] }).removed), []);
  assert.deepEqual(left(), [2, 3, 4, 5, 6]);
});

test('a dry run says the same and removes nothing; afterwards the journal reads from its oldest segment', async (t) => {
  const { folder, run, left } = await journal(t);
  const dry = run({ committed: [at(4)], isDryRun: true });
  assert.deepEqual(left(), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(run({ committed: [at(4)] }), dry);
  const reader = await openJournalReader(world, { folder, writer });
  const start = await reader.start();
  assert.equal(start.segment, 4);
  const frames: string[] = [];
  for (let block = await reader.read(start, 1000); block !== undefined; block = await reader.read(block.to, 1000)) {
    block.forEach(({ kind, bytes, start: from, end }) => {
      if (kind === 1) frames.push(Buffer.from(bytes.subarray(from, end)).toString());
    });
  }
  await reader.close();
  assert.deepEqual(frames, ['life 3', 'life 4', 'life 5']);
});
