import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TradeRow } from '../../../src/protocol/api.ts';
import { madeRow } from '../chart/made-rows.ts';
import { type ConnectionFacts, connectionWord, isCold } from './connection-word.ts';
import { mergeTape, missingIds } from './continuity.ts';
import { Gatherer } from './gather.ts';
import { firstDelayMs, longestDelayMs, reconnectDelayMs } from './reconnect.ts';

function trade(tradeId: number): TradeRow {
  return {
    tradeId,
    price: '1',
    quantity: '1',
    tradedAtUs: tradeId * 1000,
    receivedAtUs: tradeId * 1000,
    buyerIsMaker: tradeId % 2 === 0,
    kind: 'trade',
  };
}

test('the first attempt comes within half a second and none waits longer than fifteen', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const delayMs = reconnectDelayMs(attempt, random);
      assert.ok(delayMs > 0 && delayMs <= longestDelayMs);
      if (attempt === 1) assert.ok(delayMs <= firstDelayMs);
    }),
  );
});

const healthy: ConnectionFacts = {
  socket: 'open',
  attempt: 0,
  everOpen: true,
  online: true,
  status: { upstream: 'live', lagMs: { p50: 10, p95: 20 }, lastPulseAtUs: 1, nowUs: 1 },
  statusAgeMs: 300,
  laggingForMs: 0,
  lastTradeAgeMs: 100,
  dataKind: 'live',
};

test('a quiet market is not a stale feed', () => {
  assert.equal(connectionWord(healthy), 'LIVE');
  assert.equal(connectionWord({ ...healthy, lastTradeAgeMs: 48_000 }), 'QUIET');
  assert.equal(connectionWord({ ...healthy, statusAgeMs: 11_000, lastTradeAgeMs: 11_000 }), 'STALE');
  assert.equal(connectionWord({ ...healthy, status: { ...healthy.status!, upstream: 'stale' } }), 'STALE');
});

test('a server that is away hides what the venue does, and a venue that is away hides lag', () => {
  const down = { ...healthy, laggingForMs: 9_000, status: { ...healthy.status!, upstream: 'venue-down' as const } };
  assert.equal(connectionWord(down), 'VENUE DOWN');
  assert.equal(connectionWord({ ...down, socket: 'waiting', attempt: 2 }), 'RECONNECTING');
  assert.equal(connectionWord({ ...down, socket: 'waiting', attempt: 2, online: false }), 'OFFLINE');
  assert.equal(connectionWord({ ...healthy, laggingForMs: 6_000 }), 'LAGGING');
  assert.equal(connectionWord({ ...healthy, laggingForMs: 4_000 }), 'LIVE');
});

test('numbers lose their colour exactly when they may no longer be true', () => {
  assert.deepEqual(
    (['LIVE', 'QUIET', 'LAGGING', 'STALE', 'RECONNECTING', 'OFFLINE', 'VENUE DOWN'] as const).map(isCold),
    [false, false, false, true, true, true, true],
  );
});

test('a jump in trade ids becomes a row of its own and goes when the ids arrive', () => {
  const holed = mergeTape([], [trade(1), trade(2), trade(6), trade(7)], 50);
  assert.deepEqual(
    holed.map((entry) => (entry.kind === 'trade' ? entry.trade.tradeId : `${entry.fromId}-${entry.toId}`)),
    [7, 6, '3-5', 2, 1],
  );
  assert.equal(missingIds(holed), 3);
  assert.equal(missingIds(mergeTape(holed, [trade(4), trade(3), trade(5)], 50)), 0);
});

test('trades that arrive twice or out of order stand once and in order on the tape', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 200 }),
      fc.integer({ min: 0, max: 200 }),
      (ids, cut) => {
        const tape = mergeTape(mergeTape([], ids.slice(0, cut).map(trade), 500), ids.slice(cut).map(trade), 500);
        const shown = tape.flatMap((entry) => (entry.kind === 'trade' ? [entry.trade.tradeId] : []));
        assert.deepEqual(
          shown,
          [...new Set(ids)].sort((a, b) => b - a),
        );
        const span = shown.length === 0 ? 0 : shown[0]! - shown.at(-1)! + 1;
        assert.equal(shown.length + missingIds(tape), span);
      },
    ),
  );
});

test('between two paints of a candle only its newest form is kept, of trades all', () => {
  const gatherer = new Gatherer();
  for (let count = 1; count <= 50; count++) {
    gatherer.add('candles/x/1m', { kind: 'candles', candles: [madeRow(3, { tradeCount: count })] }, true);
    gatherer.add('trades/x', { kind: 'trades', trades: [trade(count)] }, false);
  }
  gatherer.add('candles/x/1m', { kind: 'candles', candles: [madeRow(2)] }, true);
  const deltas = gatherer.take();
  assert.deepEqual(
    deltas[0]!.candles!.map((row) => row.tradeCount),
    [10, 50],
  );
  assert.equal(deltas[1]!.trades!.length, 50);
  assert.equal(deltas[1]!.synced, false);
  assert.equal(gatherer.isEmpty, true);
});

test('a flood of trades is cut to what can be shown, and what was left out is counted', () => {
  const gatherer = new Gatherer();
  gatherer.add('trades/x', { kind: 'trades', trades: Array.from({ length: 2_500 }, (_, at) => trade(at)) }, true);
  const [delta] = gatherer.take();
  assert.equal(delta!.trades!.length + delta!.skippedTrades!, 2_500);
  assert.equal(delta!.trades!.at(-1)!.tradeId, 2_499);
});
