import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { TidemarkError } from '../domain/error.ts';
import { recordKinds } from '../ports/journal.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { compressSegment } from './compressed-segment.ts';
import type { JournalHost } from './host.ts';
import { nodeJournalHost } from './node-host.ts';
import { openJournalReader } from './reader.ts';
import { compressedSegmentPath, listSegments, segmentPath } from './segment-name.ts';
import { openJournalWriter } from './writer.ts';

const world = createNodeWorld();
const alone: JournalHost = {
  ...nodeJournalHost,
  announce: () => ({ announce() {}, close() {} }),
  listen: () => ({ isConnected: false, close() {} }),
};

function newFolder(context: TestContext): string {
  const folder = mkdtempSync(`${tmpdir()}/crash-`);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const open = (folder: string, segmentMaxBytes = 2 ** 28) =>
  openJournalWriter(world, {
    folder,
    writer: 'recorder',
    version: '0',
    segmentMaxBytes,
    onFailure: (error) => assert.fail(error),
    host: alone,
  });

const frame = (text: string | Uint8Array) => ({
  kind: recordKinds.frame,
  session: 1,
  receivedAtUs: 1_700_000_000_000_001,
  monotonicUs: 2,
  payload: Buffer.from(text as string),
});

async function readAll(
  folder: string,
  maxBytes = 1 << 20,
): Promise<{ sequence: number; kind: number; text: string }[]> {
  const reader = await openJournalReader(world, { folder, host: alone });
  const records: { sequence: number; kind: number; text: string }[] = [];
  try {
    for (let from = await reader.start(); ; ) {
      const block = await reader.read(from, maxBytes);
      if (block === undefined) return records;
      block.forEach(({ sequence, kind, bytes, start, end }) => {
        records.push({ sequence, kind, text: Buffer.from(bytes.subarray(start, end)).toString('latin1') });
      });
      from = block.to;
    }
  } finally {
    await reader.close();
  }
}

function startWriting(folder: string): ChildProcess {
  const path = fileURLToPath(new URL('writing.fixture.ts', import.meta.url));
  return spawn(process.execPath, [path, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
}

test('whatever is appended comes back: any bytes, any lengths, any block sizes', async (context) => {
  const folder = newFolder(context);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 3000 }),
      async (turns, maxBytes) => {
        run += 1;
        const own = `${folder}/${run}`;
        const writer = await open(own, 1000);
        for (const turn of turns) {
          for (const payload of turn) writer.append({ ...frame(''), payload });
          await writer.sync();
        }
        await writer.close();
        const frames = (await readAll(own, maxBytes)).filter((record) => record.kind === recordKinds.frame);
        assert.deepEqual(
          frames.map((record) => record.text),
          turns.flat().map((payload) => Buffer.from(payload).toString('latin1')),
        );
      },
    ),
    { numRuns: 25 },
  );
});

test('cut at any byte, a journal opens again with every block that was whole, and goes on after it', async (context) => {
  const folder = newFolder(context);
  const writer = await open(folder);
  const ends: number[] = [];
  for (let index = 0; index < 4; index += 1) {
    writer.append(frame(`first ${index}`));
    writer.append(frame(`second ${index}`));
    await writer.sync();
    ends.push(world.files.size(segmentPath(folder, 1)));
  }
  await writer.close();
  const whole = readFileSync(segmentPath(folder, 1));
  for (let length = ends[1]!; length <= ends[2]!; length += 1) {
    const torn = `${folder}/torn-${length}`;
    world.files.makeFolder(torn);
    writeFileSync(segmentPath(torn, 1), whole.subarray(0, length));
    const before = (await readAll(torn)).length;
    const again = await open(torn);
    again.append(frame('after'));
    await again.close();
    const records = await readAll(torn);
    const blocks = ends.filter((end) => end <= length).length;
    assert.equal(before, 1 + 2 * blocks);
    assert.deepEqual(
      records.map((record) => record.sequence),
      records.map((_, index) => index),
    );
    assert.equal(records.filter((record) => /^(first|second) /.test(record.text)).length, 2 * blocks);
    const cut = length - ends[blocks - 1]!;
    const started = JSON.parse(records[1 + 2 * blocks]!.text) as { cut?: { bytes: number } };
    assert.equal(started.cut?.bytes ?? 0, cut);
    assert.equal(records.at(-2)!.text, 'after');
  }
});

test('a flipped bit is named by segment and offset, never read as data, and reading can go on after it', async (context) => {
  const folder = newFolder(context);
  const writer = await open(folder);
  const ends: number[] = [];
  for (let index = 0; index < 3; index += 1) {
    writer.append(frame(`frame ${index}`));
    await writer.sync();
    ends.push(world.files.size(segmentPath(folder, 1)));
  }
  await writer.close();
  const path = segmentPath(folder, 1);
  const whole = readFileSync(path);
  for (let at = ends[0]!; at < ends[1]!; at += 1) {
    const broken = Buffer.from(whole);
    broken[at]! ^= 0x10;
    writeFileSync(path, broken);
    const reader = await openJournalReader(world, { folder, host: alone });
    const first = await reader.read(await reader.start(), 1 << 20);
    assert.equal(first!.to.offset, ends[0]);
    let damage: TidemarkError | undefined;
    await reader.read(first!.to, 1 << 20).catch((error: TidemarkError) => {
      damage = error;
    });
    assert.equal(damage?.code, 'journal-damaged', `byte ${at}`);
    assert.ok(damage?.message.includes(`offset ${ends[0]}`));
    const after = await reader.afterDamage(first!.to);
    assert.deepEqual([after?.position.offset, after?.lostRecords], [ends[1], 1]);
    await reader.close();
  }
});

test('a second process is refused by name while the first lives, and let in at once when it was killed', async (context) => {
  const folder = newFolder(context);
  const first = startWriting(folder);
  await once(createInterface({ input: first.stdout! }), 'line');
  const second = startWriting(folder);
  const [line] = (await once(createInterface({ input: second.stdout! }), 'line')) as [string];
  assert.match(line, /^journal-locked .*recorder, process \d+/);
  assert.ok(line.includes(`process ${first.pid}`));
  first.kill('SIGKILL');
  await once(first, 'exit');
  const third = startWriting(folder);
  const [synced] = (await once(createInterface({ input: third.stdout! }), 'line')) as [string];
  assert.match(synced, /^synced /);
  third.kill('SIGKILL');
  await once(third, 'exit');
});

test('killed at random instants, a writer has left every record it acknowledged', async (context) => {
  const folder = newFolder(context);
  let acknowledged = 0;
  for (let life = 0; life < 8; life += 1) {
    const child = startWriting(folder);
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      acknowledged = Math.max(acknowledged, Number(/^synced (\d+)$/.exec(line)?.[1] ?? 0));
    });
    await once(lines, 'line');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    child.kill('SIGKILL');
    await once(child, 'close');
  }
  const writer = await open(folder);
  await writer.close();
  const records = await readAll(folder);
  assert.ok(acknowledged > 0);
  assert.ok(records.length >= acknowledged);
  assert.ok(records.every((record, index) => record.sequence === index));
});

test('a compressed segment reads the same, at the same offsets, and the newest is not compressed', async (context) => {
  const folder = newFolder(context);
  const writer = await open(folder, 3_000_000);
  for (let index = 0; index < 120; index += 1) {
    writer.append(frame(`${index} `.repeat(10_000)));
    await writer.sync();
  }
  await writer.close();
  const before = await readAll(folder);
  const segments = listSegments(world.files, folder);
  assert.ok(segments.length > 1);
  const { plainBytes, compressedBytes } = await compressSegment(world, folder, 1);
  assert.ok(compressedBytes < plainBytes);
  assert.ok(!world.files.exists(segmentPath(folder, 1)));
  assert.deepEqual(await readAll(folder), before);
  assert.deepEqual(await readAll(folder, 100), before);
  await assert.rejects(compressSegment(world, folder, segments.at(-1)!), { code: 'segment-open' });
});

test('a compressed segment with a flipped bit is damaged there alone, and reading can go on after it', async (context) => {
  const folder = newFolder(context);
  const writer = await open(folder, 5_000_000);
  for (let index = 0; index < 40; index += 1) {
    writer.append(frame(`${index} `.repeat(60_000)));
    await writer.sync();
  }
  await writer.close();
  const before = await readAll(folder);
  await compressSegment(world, folder, 1);
  const path = compressedSegmentPath(folder, 1);
  const whole = readFileSync(path);
  const broken = Buffer.from(whole);
  broken[Math.floor(whole.length / 2)]! ^= 0x20;
  writeFileSync(path, broken);

  const reader = await openJournalReader(world, { folder, host: alone });
  const seen: number[] = [];
  let lost = 0;
  let damages = 0;
  for (let from = await reader.start(); ; ) {
    const at = from;
    const block = await reader.read(at, 100_000).catch((error: TidemarkError) => error);
    if (block === undefined) break;
    if (block instanceof Error) {
      assert.equal((block as TidemarkError).code, 'journal-damaged');
      const after = await reader.afterDamage(at);
      lost += after!.lostRecords;
      damages += 1;
      from = after!.position;
      continue;
    }
    block.forEach(({ sequence }) => void seen.push(sequence));
    from = block.to;
  }
  await reader.close();
  assert.equal(damages, 1);
  assert.ok(lost > 0 && lost < 20);
  assert.equal(seen.length, before.length - lost);
});
