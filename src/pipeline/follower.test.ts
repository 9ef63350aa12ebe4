import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JournalBlock } from '../ports/journal.ts';
import type { Derivation } from './derivation.ts';
import { Follower } from './follower.ts';
import { ScriptedJournal, startUs, turns } from './scripted-journal.test-fixture.ts';

/** Notes what it is given. */
function noted() {
  const seen: { writer: string; sequence: number; receivedAtUs: number }[] = [];
  const derivation = {
    inForce() {},
    process(block: JournalBlock) {
      block.forEach(({ sequence, receivedAtUs }) => {
        seen.push({ writer: block.from.writer, sequence, receivedAtUs });
      });
    },
  } as unknown as Derivation;
  return { seen, derivation };
}

const quiet = { afterBlock: async () => {}, synced() {}, giveWay: () => turns(1) };
const at = (ms: number) => ({ receivedAtUs: startUs + ms * 1000, payload: '{}' });

test('of the blocks that two journals hold the oldest is read first, each record once', async () => {
  const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(times, times, fc.boolean(), async (ofOne, ofTwo, isSwapped) => {
      const journals = [ofOne, ofTwo].map((list, index) => {
        const journal = new ScriptedJournal(`journal-${index}`);
        for (const ms of list.sort((a, b) => a - b)) journal.append(at(ms));
        journal.sync();
        return journal;
      });
      const { seen, derivation } = noted();
      await new Follower(isSwapped ? journals.toReversed() : journals, derivation, []).run(quiet, true);
      const order = seen.map(({ receivedAtUs }) => receivedAtUs);
      assert.deepEqual(order, order.toSorted((a, b) => a - b)); // biome-ignore format: one order
      for (const { writer, blocks } of journals) {
        const sequences = seen.filter((one) => one.writer === writer).map(({ sequence }) => sequence);
        assert.deepEqual(sequences, [...blocks.keys()]);
      }
    }),
    { numRuns: 60 },
  );
});

test('it goes on from the positions given, to what exists and no further, and on when more comes', async () => {
  const [one, two] = [new ScriptedJournal('one'), new ScriptedJournal('two')];
  for (const journal of [one, two]) for (const ms of [1, 2, 3]) journal.append(at(ms));
  const { seen, derivation } = noted();
  const follower = new Follower([one, two], derivation, [one.at(2)]);
  const running = follower.run(quiet);
  await turns();
  const counts = () => ['one', 'two'].map((name) => seen.filter(({ writer }) => writer === name).length);
  assert.deepEqual(counts(), [1, 3]);
  assert.deepEqual(follower.positions, [one.at(3), two.at(3)]);
  two.append(at(9));
  await turns();
  assert.deepEqual(counts(), [1, 4]);
  assert.deepEqual(follower.positions, [one.at(3), two.at(4)]);
  follower.stop();
  await running;
});

test('asked for what is there once, it leaves out what a power cut could still take', async () => {
  const journal = new ScriptedJournal('one');
  for (const ms of [1, 2, 3]) journal.append(at(ms));
  journal.sync(2);
  const { seen, derivation } = noted();
  const follower = new Follower([journal], derivation, []);
  await follower.run(quiet, true);
  assert.equal(seen.length, 2);
  assert.deepEqual(follower.positions, [journal.at(2)]);
});

test('a block is never told to be synced before it and all processed before it are, and in the end all are told', async () => {
  const step = fc.record({ journal: fc.nat(1), what: fc.constantFrom('append', 'sync', 'sync one') });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const journals = [new ScriptedJournal('one'), new ScriptedJournal('two')];
      const processed: { journal: ScriptedJournal; offset: number }[] = [];
      const told: number[] = [];
      const derivation = {
        process: ({ from }: JournalBlock) => {
          processed.push({ journal: journals.find(({ writer }) => writer === from.writer)!, offset: from.offset });
        },
      } as unknown as Derivation;
      const follower = new Follower(journals, derivation, []);
      const running = follower.run({
        afterBlock: async (block) => assert.equal(block, processed.length),
        giveWay: () => turns(1),
        synced(block) {
          assert.ok(block > (told.at(-1) ?? 0) && block <= processed.length);
          for (const { journal, offset } of processed.slice(0, block)) assert.ok(offset < journal.synced);
          told.push(block);
        },
      });
      await turns(4);
      for (const [index, { journal: which, what }] of steps.entries()) {
        const journal = journals[which]!;
        if (what === 'append') journal.append(at(index));
        else journal.sync(what === 'sync' ? journal.blocks.length : Math.min(journal.blocks.length, journal.synced + 1));
        await turns(4);
      }
      const isSynced = follower.untilSynced();
      for (const journal of journals) journal.sync();
      assert.equal(await isSynced, true);
      await turns(4);
      assert.equal(told.at(-1) ?? 0, processed.length);
      follower.stop();
      await running;
    }),
    { numRuns: 60 },
  ); // biome-ignore format: as above
});

test('whoever waits for a sync hears that it will not come when following fails', async () => {
  const journal = new ScriptedJournal('one');
  journal.append(at(1));
  const { derivation } = noted();
  const follower = new Follower([journal], derivation, []);
  const running = follower.run(quiet);
  await turns();
  const isSynced = follower.untilSynced();
  journal.read = async () => {
    throw new Error('the disk is gone');
  };
  journal.poke();
  await assert.rejects(running, /the disk is gone/);
  assert.equal(await isSynced, false);
});
