import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { JournalPosition, JournalReader, JournalWriter, RecordKind, SessionRecord } from './journal.ts';
import { recordKinds } from './journal.ts';
import { contract, type Exemptions, type Promises } from './promises.contract.ts';

/** What a promise is shown on: writers and readers of one journal, empty at first, and a way to let time pass. */
export interface JournalUnderTest {
  /** About so many bytes a segment. */
  openWriter(segmentMaxBytes?: number): Promise<JournalWriter>;
  openReader(): Promise<JournalReader>;
  inTime<T>(promise: Promise<T>): Promise<T>;
}

const frame = (payload: string | Uint8Array, session = 2 ** 33 + 7, receivedAtUs = 1_700_000_000_000_001) => ({
  kind: recordKinds.frame as RecordKind,
  session,
  receivedAtUs,
  monotonicUs: 2 ** 40 + 3,
  payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
});

interface Seen {
  readonly kind: number;
  readonly session: number;
  readonly sequence: number;
  readonly receivedAtUs: number;
  readonly monotonicUs: number;
  readonly text: string;
}

/** All records from `from` on, and the ends of the blocks they came in. */
async function readAll(under: JournalUnderTest, maxBytes = 1 << 20, from?: JournalPosition) {
  const reader = await under.openReader();
  const records: Seen[] = [];
  const ends: JournalPosition[] = [];
  let at = from ?? (await under.inTime(reader.start()));
  for (;;) {
    const block = await under.inTime(reader.read(at, maxBytes));
    if (block === undefined) break;
    assert.deepEqual(block.from.writer, block.to.writer);
    block.forEach(({ kind, session, sequence, receivedAtUs, monotonicUs, bytes, start, end }) => {
      const text = new TextDecoder('latin1').decode(bytes.subarray(start, end));
      records.push({ kind, session, sequence, receivedAtUs, monotonicUs, text });
    });
    at = block.to;
    ends.push(at);
  }
  await under.inTime(reader.close());
  return { records, ends };
}

const frames = (records: readonly Seen[]): string[] =>
  records.filter(({ kind }) => kind === recordKinds.frame).map(({ text }) => text);

/** Many frames of many lengths over several segments; their texts by sequence. */
async function writeMany(under: JournalUnderTest, writer: JournalWriter, count = 300): Promise<Map<number, string>> {
  const written = new Map<number, string>();
  for (let index = 0; index < count; index++) {
    const text = `${index} `.repeat(index % 37);
    written.set(writer.append(frame(text)), text);
    if (index % 23 === 0) await under.inTime(writer.sync());
  }
  return written;
}

const promises: Promises<JournalUnderTest> = {
  'a record comes back with every byte, its kind, session, sequence and both times': async (under) => {
    const writer = await under.openWriter();
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const first = writer.append(frame(every));
    writer.append({ ...frame('', 0, 0), kind: recordKinds.pulse, monotonicUs: 0 });
    writer.append(frame('x'.repeat(700_000), 2 ** 48 - 1, Number.MAX_SAFE_INTEGER));
    await under.inTime(writer.close());
    const { records } = await readAll(under);
    const [bytes, empty, long] = records.slice(first);
    assert.deepEqual(bytes, {
      kind: recordKinds.frame,
      session: 2 ** 33 + 7,
      sequence: first,
      receivedAtUs: 1_700_000_000_000_001,
      monotonicUs: 2 ** 40 + 3,
      text: new TextDecoder('latin1').decode(every),
    });
    assert.deepEqual([empty!.kind, empty!.text, empty!.receivedAtUs], [recordKinds.pulse, '', 0]);
    assert.deepEqual(
      [long!.text.length, long!.session, long!.receivedAtUs],
      [700_000, 2 ** 48 - 1, Number.MAX_SAFE_INTEGER],
    );
  },
  'append copies: what happens to the bytes afterwards changes nothing': async (under) => {
    const writer = await under.openWriter();
    const payload = new TextEncoder().encode('as received');
    writer.append(frame(payload));
    payload.fill(0);
    await under.inTime(writer.close());
    assert.deepEqual(frames((await readAll(under)).records), ['as received']);
  },
  'sequences have no hole and no repetition, over segments and over writers': async (under) => {
    const written = new Map<number, string>();
    for (let turn = 0; turn < 3; turn++) {
      const writer = await under.openWriter(4000);
      for (const [sequence, text] of await writeMany(under, writer, 120)) {
        assert.ok(!written.has(sequence));
        written.set(sequence, text);
      }
      await under.inTime(writer.close());
    }
    const { records, ends } = await readAll(under);
    assert.deepEqual(
      records.map(({ sequence }) => sequence),
      records.map((_, index) => index),
    );
    for (const [sequence, text] of written) assert.equal(records[sequence]!.text, text);
    assert.ok(new Set(ends.map(({ segment }) => segment)).size > 3);
  },
  'an acknowledgement covers everything appended before it was asked for, and is never taken back': async (under) => {
    const writer = await under.openWriter(4000);
    let before = writer.syncedSequence;
    for (let turn = 0; turn < 20; turn++) {
      let last = -1;
      for (let index = 0; index <= turn; index++) last = writer.append(frame('x'.repeat(50 * index)));
      const synced = writer.sync();
      writer.append(frame('later'));
      await under.inTime(synced);
      assert.ok(writer.syncedSequence > last);
      assert.ok(writer.syncedSequence >= before);
      before = writer.syncedSequence;
    }
    await under.inTime(writer.sync());
    assert.equal(writer.unsyncedBytes, 0);
    writer.append(frame('one more'));
    assert.ok(writer.unsyncedBytes > 0);
    await under.inTime(writer.close());
  },
  'records are synced soon although nobody asks': async (under) => {
    const writer = await under.openWriter();
    const sequence = writer.append(frame('x'));
    const reader = await under.openReader();
    while (writer.syncedSequence <= sequence) await under.inTime(reader.wait(5));
    await under.inTime(reader.close());
    await under.inTime(writer.close());
  },
  'a later writer has a larger fence; closing twice is no error; after it nothing is taken': async (under) => {
    const first = await under.openWriter();
    await under.inTime(first.close());
    await under.inTime(first.close());
    assert.throws(() => first.append(frame('late')));
    const second = await under.openWriter();
    assert.ok(second.fence > first.fence);
    await under.inTime(second.close());
    assert.deepEqual(frames((await readAll(under)).records), []);
  },
  'a second writer is refused while the first one lives, and let in afterwards': async (under) => {
    const first = await under.openWriter();
    await assert.rejects(under.openWriter(), { code: 'journal-locked' });
    first.append(frame('still mine'));
    await under.inTime(first.close());
    await under.inTime((await under.openWriter()).close());
    assert.deepEqual(frames((await readAll(under)).records), ['still mine']);
  },
  'a reader may be there before the writer, and follows it through every segment while it writes': async (under) => {
    const reader = await under.openReader();
    let from = await under.inTime(reader.start());
    assert.deepEqual([from.segment, from.sequence], [1, 0]);
    assert.equal(await under.inTime(reader.read(from, 1000)), undefined);
    const writer = await under.openWriter(5000);
    const texts = Array.from({ length: 400 }, (_, index) => `frame ${index} `.repeat(1 + (index % 20)));
    const seen: string[] = [];
    const follow = async () => {
      while (seen.length < texts.length) {
        const block = await reader.read(from, 2000);
        if (block === undefined) {
          await reader.wait(50);
          continue;
        }
        block.forEach(({ kind, bytes, start, end }) => {
          if (kind === recordKinds.frame) seen.push(new TextDecoder().decode(bytes.subarray(start, end)));
        });
        from = block.to;
      }
    };
    const following = follow();
    for (const [index, text] of texts.entries()) {
      writer.append(frame(text));
      if (index % 40 === 0) await under.inTime(writer.sync());
    }
    await under.inTime(following);
    assert.deepEqual(seen, texts);
    assert.ok(from.segment > 3);
    await under.inTime(writer.close());
    await under.inTime(reader.close());
  },
  'from the end of any block, in pieces of any size, the rest comes once and whole': async (under) => {
    const writer = await under.openWriter(4000);
    await writeMany(under, writer);
    await under.inTime(writer.close());
    const whole = (await readAll(under)).records;
    for (const maxBytes of [1, 100, 3000]) {
      const { records, ends } = await readAll(under, maxBytes);
      assert.deepEqual(records, whole);
      for (const end of ends.filter((_, index) => index % 7 === 0)) {
        assert.deepEqual((await readAll(under, maxBytes, end)).records, whole.slice(end.sequence));
      }
    }
  },
  'a place before any record of a block gives that record and what follows': async (under) => {
    const writer = await under.openWriter();
    for (let index = 0; index < 10; index++) writer.append(frame(`frame ${index}`));
    await under.inTime(writer.close());
    const whole = (await readAll(under)).records;
    const reader = await under.openReader();
    let at = await under.inTime(reader.start());
    for (;;) {
      const block = await under.inTime(reader.read(at, 1));
      if (block === undefined) break;
      for (let sequence = block.from.sequence; sequence < block.to.sequence; sequence++) {
        assert.deepEqual((await readAll(under, 1, { ...block.from, sequence })).records, whole.slice(sequence));
      }
      at = block.to;
    }
    await under.inTime(reader.close());
  },
  'what was acknowledged is before the synced end, and a block that says so is synced': async (under) => {
    const writer = await under.openWriter(4000);
    const reader = await under.openReader();
    let from = await under.inTime(reader.start());
    for (let turn = 0; turn < 30; turn++) {
      writer.append(frame('x'.repeat(300)));
      await under.inTime(writer.sync());
      // Word of it may need a moment.
      while ((await under.inTime(reader.syncedEnd())).sequence < writer.syncedSequence) {
        await under.inTime(reader.wait(5));
      }
      const end = await under.inTime(reader.syncedEnd());
      writer.append(frame('not yet synced'));
      const block = await under.inTime(reader.read(from, 1 << 20));
      assert.ok(block !== undefined);
      if (block.isSynced) assert.ok(block.to.sequence <= (await under.inTime(reader.syncedEnd())).sequence);
      assert.ok(end.segment >= from.segment);
      from = block.to;
    }
    await under.inTime(writer.close());
    await under.inTime(reader.close());
  },
  'waiting ends after its time when nothing comes, as often as it is asked': async (under) => {
    const writer = await under.openWriter();
    writer.append(frame('x'));
    await under.inTime(writer.sync());
    const reader = await under.openReader();
    for (let wait = 0; wait < 10; wait++) await under.inTime(reader.wait(3));
    await under.inTime(reader.close());
    await under.inTime(writer.close());
  },
  'the head of a later segment names the sessions that live, and the plan in force': async (under) => {
    const writer = await under.openWriter(2000);
    const say = (record: SessionRecord): void => {
      const payload = new TextEncoder().encode(JSON.stringify(record));
      writer.append({ ...frame(payload, record.session), kind: recordKinds.session });
    };
    const plan = { formatVersion: 1, dataKind: 'simulated', venueTime: { mode: 'frames' }, sessions: [] };
    writer.append({ ...frame(JSON.stringify(plan), 0), kind: recordKinds.plan });
    for (const session of [1, 2]) {
      say({ event: 'dialled', session, planSession: 'spot-0', market: 'spot', url: 'wss://x' });
      say({ event: 'subscribed', session, streams: ['a@trade'], requestId: 1 });
    }
    say({ event: 'closed', session: 1, code: 1006, reason: '', side: 'network' });
    await under.inTime(writer.sync());
    writer.append(frame('x'.repeat(3000)));
    await under.inTime(writer.sync());
    const sequence = writer.append(frame('in the next segment'));
    await under.inTime(writer.close());
    const reader = await under.openReader();
    const head = await under.inTime(reader.head(2));
    assert.deepEqual(
      head?.sessions.map((record) => [record.event, record.session]),
      [
        ['dialled', 2],
        ['subscribed', 2],
      ],
    );
    assert.deepEqual(head?.plan, plan);
    assert.deepEqual(
      [head?.firstSequence, head?.writer, head?.fence, head?.segment],
      [sequence, writer.writer, writer.fence, 2],
    );
    assert.equal(await under.inTime(reader.head(99)), undefined);
    await under.inTime(reader.close());
  },
};

/** Runs every promise on a fresh journal. */
export function journalContract(
  name: string,
  open: (t: TestContext) => Promise<JournalUnderTest> | JournalUnderTest,
  exemptions?: Exemptions,
): void {
  contract(name, promises, open, exemptions);
}
