import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mutate, openRecording, type ReplayFrame, recordedId } from '../../src/harbour/index.ts';
import { SeededRandom } from '../../src/harbour/random.ts';
import type { BookView } from '../../src/protocol/api.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { type System, startSystem } from '../support/system.ts';
import { btcusdt, feed, firstTradeId, lastTradeId, paths } from './spot-btcusdt-2024.ts';

const firstFile = () => openRecording(createNodeWorld().files, recording(paths[0]));

/** Ids that follow each other as one range. */
function rangesOf(ids: readonly number[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === id - 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

async function hashesOf(system: System) {
  const hashes = await system.hashes(['trades', 'candles']);
  assert.ok(hashes.length > 0);
  return hashes;
}

test(
  'trade frames lost at random are named one by one, and repaired they leave no trace in trades and candles',
  needsRecordings,
  async (t) => {
    const random = new SeededRandom('lost trades');
    const lost = new Set<number>();
    // The very first cannot be known to have existed, nor the last before another one follows.
    while (lost.size < 40) lost.add(firstTradeId + 1 + random.integer(lastTradeId - firstTradeId - 1));
    const ranges = rangesOf([...lost]);

    const unbroken = await startSystem(t, { mode: { kind: 'replay', feed: feed(), speed: 'full' } });
    await unbroken.finished();
    await unbroken.stop();

    const system = await startSystem(t, {
      mode: { kind: 'replay', feed: mutate(feed(), { dropTrades: lost }), speed: 'full' },
    });
    system.harbour.setHttpFailure({ status: 503, matching: 'historicalTrades' });
    await system.finished();
    const named = system.view.gaps({ instrument: btcusdt });
    assert.deepEqual(
      named.map(({ stream, fromId, toId, heldCount }) => [stream, fromId, toId, heldCount]),
      ranges.map(([from, to]) => ['trade', from, to, 0]),
    );
    assert.ok(named.every(({ state }) => state === 'open'));
    const [before] = system.view.ledger();
    assert.deepEqual([before!.stream, before!.heldIds, before!.missingIds], ['trade', 19_904 - 40, 40]);

    system.harbour.setHttpFailure(undefined);
    await system.until('every gap is repaired', () => system.view.gaps({ state: 'repaired' }).length === ranges.length);
    await system.derived();
    const [after] = system.view.ledger();
    assert.deepEqual([after!.heldIds, after!.missingIds, after!.openGaps], [19_904, 0, 0]);
    await system.stop();

    const fromRest = await system.sql("SELECT trade_id FROM trades WHERE origin = 'rest' ORDER BY trade_id");
    assert.deepEqual(
      fromRest.map(([id]) => Number(id)),
      [...lost].sort((a, b) => a - b),
    );
    assert.deepEqual(await hashesOf(system), await hashesOf(unbroken));
    const [[repaired]] = (await system.sql(
      "SELECT count(*) FROM candles WHERE interval = '1m' AND marks LIKE '%repaired%'",
    )) as [[string]];
    assert.ok(Number(repaired) > 5, 'what was repaired says so');
  },
);

test(
  'a lost depth frame is one gap, and the book is not shown again before the next snapshot',
  needsRecordings,
  async (t) => {
    const events = [...firstFile().entries()].filter(
      (entry): entry is ReplayFrame => entry.kind === 'frame' && entry.stream === 'btcusdt@depth@100ms',
    );
    const lost = JSON.parse(events[1500]!.data);
    const next = JSON.parse(events[1501]!.data);
    assert.equal(next.U, lost.u + 1);
    const system = await startSystem(t, {
      mode: { kind: 'replay', feed: mutate(firstFile(), { dropDepth: [lost.u] }), speed: 60 },
    });
    const books: BookView[] = [];
    await system.until('the engine knows the instrument', () => system.view.instruments().length > 0);
    const unfollow = system.view.follow({ kind: 'book', instrument: 'binance:spot:BTCUSDT' }, ({ payload }) => {
      if (payload.kind === 'book') books.push(payload.book);
    });
    // Without a snapshot to be had the gap lasts long enough to be seen.
    await system.until('a whole book', () => books.at(-1)?.state === 'synced');
    system.harbour.setHttpFailure({ status: 503, matching: 'depth' });
    await system.until('the gap', () => books.at(-1)?.state === 'gap');
    system.harbour.setHttpFailure(undefined);
    await system.finished();
    unfollow();
    const gaps = system.view.gaps({});
    assert.deepEqual(
      gaps.map(({ stream, fromId, toId, state, closedAtUs }) => [stream, fromId, toId, state, closedAtUs]),
      [['depth', lost.U, lost.u, 'declared', next.E * 1000]],
    );
    const states = books.map(({ state }) => state);
    assert.deepEqual(
      states.filter((state, at) => state !== states[at - 1] && state !== 'syncing' && state !== 'none'),
      ['synced', 'gap', 'synced'],
    );
    for (const { state, bids, asks, updateId } of books) {
      if (state === 'gap') assert.deepEqual([bids, asks, updateId], [[], [], null]);
    }
    const back = books.find(({ state }, at) => state === 'synced' && states[at - 1] === 'gap')!;
    assert.ok(back.updateId! > next.u);
    const book = system.view.book(btcusdt, 50);
    const truth = system.harbour.venue.listing('spot', 'BTCUSDT')!.book(50)!;
    assert.equal(book.resyncs, 1);
    assert.equal(book.updateId, truth.lastUpdateId);
    const numbers = (levels: readonly (readonly [string, string])[]) =>
      levels.map(([price, quantity]) => [Number(price), Number(quantity)]);
    assert.deepEqual(
      [book.bids, book.asks].map((side) => side.map(({ price, quantity }) => [Number(price), Number(quantity)])),
      [truth.bids, truth.asks].map(numbers),
    );
    await system.stop();
    assert.deepEqual(await system.sql('SELECT stream, from_id, to_id, state FROM gaps'), [
      ['depth', String(lost.U), String(lost.u), 'declared'],
    ]);
    assert.deepEqual(await system.sql(`SELECT count(DISTINCT final_update_id) FROM book_deltas`), [
      [String(events.length - 1)],
    ]);
  },
);

test('a lost book ticker cannot be noticed, and the documentation says so', needsRecordings, async (t) => {
  const tickers = [...firstFile().entries()].filter(
    (entry): entry is ReplayFrame => entry.kind === 'frame' && entry.stream === 'btcusdt@bookTicker',
  );
  assert.equal(tickers.length, 28_040);
  const lost = recordedId(tickers[10_000]!)!;
  const system = await startSystem(t, {
    mode: { kind: 'replay', feed: mutate(firstFile(), { dropBookTickers: [lost] }), speed: 'full' },
  });
  await system.finished();
  await system.stop();
  assert.deepEqual(await system.sql(`SELECT count(*), count(*) FILTER (update_id = ${lost}) FROM book_tickers`), [
    ['28039', '0'],
  ]);
  assert.deepEqual(await system.sql('SELECT * FROM gaps'), []);
  assert.deepEqual(await system.sql('SELECT * FROM findings'), []);
  const limits = readFileSync(join(import.meta.dirname, '../../docs/limits.md'), 'utf8').replace(/\s+/g, ' ');
  assert.match(limits, /A book ticker that is lost while the connection is up cannot be noticed/);
});
