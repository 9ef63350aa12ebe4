import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lake, LakeCommit } from '../ports/lake.ts';
import { Committer, parseCheckpoint } from './committer.ts';
import { Derivation } from './derivation.ts';
import { opened, ScriptedJournal, source, tradeFrame, turns } from './scripted-journal.test-fixture.ts';

/** A lake that notes what is committed; `fail` makes the next commit fail. */
function notingLake() {
  const commits: { ids: number[]; positions: LakeCommit['positions']; checkpoint: unknown }[] = [];
  const failing: Error[] = [];
  const lake = {
    async commit({ batches, positions, checkpoint }: LakeCommit) {
      const failure = failing.shift();
      if (failure !== undefined) throw failure;
      const trades = batches.find(({ spec }) => spec.name === 'trades')!;
      const ids = (trades.columns as unknown as { trade_id: Float64Array }).trade_id;
      commits.push({ ids: [...ids.subarray(0, trades.length)], positions, checkpoint: parseCheckpoint(checkpoint) });
      return commits.length;
    },
  } as unknown as Lake;
  return { lake, commits, failing };
}

function rig(options = { periodUs: 1_000_000, maxRows: 1000 }) {
  const noting = notingLake();
  const derivation = new Derivation(source);
  const journal = new ScriptedJournal('recorder');
  const committer = new Committer(noting.lake, derivation, 0, options);
  derivation.process(journal.append(...opened()));
  const trade = (...ids: number[]) => derivation.process(journal.append(...ids.map((id) => tradeFrame(id))));
  const here = () => [journal.at(journal.blocks.length)];
  return { ...noting, derivation, journal, committer, trade, here };
}

test('nothing is committed before the records survive a power cut, and then just what came before the cut', async () => {
  const { committer, commits, trade, here } = rig();
  trade(1, 2);
  const positions = here();
  let synced: (isSynced: boolean) => void = () => {};
  await committer.commit(positions, new Promise((resolve) => (synced = resolve))); // biome-ignore format: one line
  trade(3);
  await turns();
  assert.equal(commits.length, 0);
  assert.equal(committer.version, 0);
  assert.deepEqual(
    committer.uncommitted.map((pending) => pending.trades.length),
    [2, 1],
  );
  synced(true);
  await committer.settled();
  assert.deepEqual(commits[0]!.ids, [1, 2]);
  assert.deepEqual(commits[0]!.positions, positions);
  assert.deepEqual([committer.version, committer.committedPositions], [1, positions]);
  assert.deepEqual(
    committer.uncommitted.map((pending) => pending.trades.length),
    [1],
  );
  await committer.commit(here());
  await committer.settled();
  assert.deepEqual(commits[1]!.ids, [3]);
});

test('what may not survive a power cut is never committed', async () => {
  const { committer, commits, trade, here } = rig();
  trade(1);
  await committer.commit(here(), Promise.resolve(false));
  await committer.settled();
  assert.equal(commits.length, 0);
  assert.equal(committer.version, 0);
});

test('rows, position and checkpoint of a commit are of one instant', async () => {
  const { committer, commits, trade, here, derivation } = rig();
  trade(1, 2);
  const frames = derivation.frameCount;
  await committer.commit(here());
  trade(3, 4, 5);
  await committer.settled();
  assert.equal((commits[0]!.checkpoint as { frameCount: number }).frameCount, frames);
  const resumed = new Derivation(source);
  resumed.load(commits[0]!.checkpoint);
  assert.equal(resumed.instruments[0]!.trades.lastId, 2);
});

test('a commit is due by the receive times of records or by their number, and not while one waits for the disk', async () => {
  const { committer, trade, here } = rig({ periodUs: 1_000_000, maxRows: 5 });
  assert.equal(committer.isDue, false);
  trade(1);
  assert.equal(committer.isDue, false);
  trade(1001);
  assert.equal(committer.isDue, true);
  let synced: (isSynced: boolean) => void = () => {};
  await committer.commit(here(), new Promise((resolve) => (synced = resolve))); // biome-ignore format: one line
  trade(1002, 1003, 1004, 1005, 1006, 3000);
  assert.equal(committer.isDue, false);
  synced(true);
  await committer.settled();
  assert.equal(committer.isDue, true);
});

test('a commit that fails is heard of by the next one, and its rows are still shown as uncommitted', async () => {
  const { committer, commits, failing, trade, here } = rig();
  trade(1);
  failing.push(new Error('the disk is full'));
  await committer.commit(here());
  await turns();
  assert.equal(commits.length, 0);
  assert.equal(committer.uncommitted[0]!.trades.length, 1);
  await assert.rejects(committer.commit(here()), /the disk is full/);
  await assert.rejects(committer.settled(), /the disk is full/);
});
