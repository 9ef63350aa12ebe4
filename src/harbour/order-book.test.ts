import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Fills, OrderBook } from './order-book.ts';

function noFills(): Fills {
  return { ticks: [], lots: [], filledLots: 0 };
}

test('a taker takes better prices first and, at one price, the older order first', () => {
  const book = new OrderBook(0);
  book.limit(false, 102, 5, noFills());
  book.limit(false, 101, 1, noFills());
  book.limit(false, 101, 2, noFills());
  const fills = noFills();
  book.market(true, 4, fills);
  assert.deepEqual(fills, { ticks: [101, 101, 102], lots: [1, 2, 1], filledLots: 4 });
  assert.equal(book.bestAsk, 102);
  assert.equal(book.lotsAtBest(false), 4);
});

test('a limit order takes no worse price than its own and rests with what is left', () => {
  const book = new OrderBook(0);
  book.limit(false, 101, 1, noFills());
  book.limit(false, 103, 1, noFills());
  const fills = noFills();
  book.limit(true, 102, 5, fills);
  assert.deepEqual(fills.ticks, [101]);
  assert.deepEqual([book.bestBid, book.lotsAtBest(true), book.bestAsk], [102, 4, 103]);
});

test('an immediate order leaves nothing behind', () => {
  const book = new OrderBook(0);
  book.limit(true, 100, 1, noFills());
  assert.equal(book.limit(false, 100, 3, noFills(), true), -1);
  assert.deepEqual([book.bids.length, book.asks.length], [0, 0]);
});

type Command =
  | { kind: 'limit'; isBid: boolean; tick: number; lots: number; immediate: boolean }
  | { kind: 'market'; isBid: boolean; lots: number }
  | { kind: 'cancel'; pick: number };

const commands = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('limit' as const),
      isBid: fc.boolean(),
      tick: fc.integer({ min: 1, max: 40 }),
      lots: fc.integer({ min: 1, max: 9 }),
      immediate: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('market' as const), isBid: fc.boolean(), lots: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }),
  ) as fc.Arbitrary<Command>,
  { maxLength: 120 },
);

test('the book equals a plain list of orders sorted by price and age, and its level changes rebuild it', () => {
  fc.assert(
    fc.property(commands, (list) => {
      const book = new OrderBook(1000);
      const seen = { bids: new Map<number, number>(), asks: new Map<number, number>() };
      let lastId = 1000;
      book.onLevel = (isBid, tick, lots, updateId) => {
        assert.equal(updateId, ++lastId, 'update ids follow each other');
        const side = isBid ? seen.bids : seen.asks;
        if (lots === 0) side.delete(tick);
        else side.set(tick, lots);
      };
      let plain: { slot: number; isBid: boolean; tick: number; lots: number }[] = [];
      for (const command of list) {
        if (command.kind === 'cancel') {
          if (book.liveCount === 0) continue;
          const slot = book.liveOrder(command.pick % book.liveCount);
          book.cancel(slot);
          plain = plain.filter((order) => order.slot !== slot);
          continue;
        }
        const { isBid, lots } = command;
        const limit = command.kind === 'limit' ? command.tick : undefined;
        const opposite = plain
          .filter((order) => order.isBid !== isBid)
          .filter((order) => limit === undefined || (isBid ? order.tick <= limit : order.tick >= limit))
          .sort((a, b) => (isBid ? a.tick - b.tick : b.tick - a.tick));
        let left = lots;
        const expected: [number, number][] = [];
        for (const order of opposite) {
          if (left === 0) break;
          const taken = Math.min(left, order.lots);
          expected.push([order.tick, taken]);
          order.lots -= taken;
          left -= taken;
        }
        plain = plain.filter((order) => order.lots > 0);
        const fills = noFills();
        if (command.kind === 'market') book.market(isBid, lots, fills);
        else {
          const slot = book.limit(isBid, command.tick, lots, fills, command.immediate);
          if (slot >= 0) plain.push({ slot, isBid, tick: command.tick, lots: left });
        }
        assert.deepEqual(
          fills.ticks.map((tick, i) => [tick, fills.lots[i]]),
          expected,
        );
      }
      for (const isBid of [true, false]) {
        const levels = new Map<number, number>();
        for (const order of plain.filter((order) => order.isBid === isBid)) {
          levels.set(order.tick, (levels.get(order.tick) ?? 0) + order.lots);
        }
        const sorted = [...levels].sort(([a], [b]) => (isBid ? b - a : a - b));
        const top = book.top(isBid, 100);
        assert.deepEqual(
          top.ticks.map((tick, i) => [tick, top.lots[i]]),
          sorted,
        );
        assert.deepEqual(
          [...(isBid ? seen.bids : seen.asks)].sort(([a], [b]) => (isBid ? b - a : a - b)),
          sorted,
        );
      }
      assert.equal(book.liveCount, plain.length);
    }),
    { numRuns: 300 },
  );
});
