import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Gap } from './gap.ts';
import { IdLedger } from './id-ledger.ts';

const timeOf = (id: number) => 1_000_000 + id * 1000;

type Step =
  | { readonly kind: 'frame'; readonly id: number }
  | { readonly kind: 'down' }
  | { readonly kind: 'rest'; readonly id: number }
  | { readonly kind: 'aggregate'; readonly from: number; readonly to: number }
  | { readonly kind: 'latest'; readonly id: number };

function take(ledger: IdLedger, step: Step): boolean | number | undefined {
  switch (step.kind) {
    case 'frame':
      return ledger.holdFrame(step.id, timeOf(step.id), timeOf(step.id) + 500);
    case 'down':
      ledger.disconnected('disconnect');
      return undefined;
    case 'rest':
      return ledger.holdRest(step.id, timeOf(step.id));
    case 'aggregate':
      return ledger.holdAggregate(step.from, step.to);
    case 'latest':
      ledger.latestKnown(step.id, timeOf(step.id) + 300);
      return undefined;
  }
}

/** Everything but what was tried and when it was decided. */
function standing(gap: Gap) {
  const { tried: _, decidedAtUs: __, ...rest } = gap;
  return rest;
}

function outcome(ledger: IdLedger) {
  return {
    gaps: ledger.gaps().map(standing),
    frames: ledger.heldByFrame.ranges(),
    rest: ledger.heldByRest.ranges(),
    aggregates: ledger.heldByAggregate.ranges(),
    heldIds: ledger.heldIds,
    missingIds: ledger.missingIds,
    byAggregateIds: ledger.byAggregateIds,
    firstId: ledger.firstId,
    lastId: ledger.lastId,
    tidemarkUs: ledger.tidemarkUs,
    heldFromUs: ledger.heldFromUs,
  };
}

/** Frames as a venue sends them: ascending with losses, a few late or twice, connections cut in between. */
const frameSteps = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant({ skip: 0, back: 0 }) },
      { weight: 2, arbitrary: fc.record({ skip: fc.integer({ min: 1, max: 6 }), back: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ skip: fc.constant(0), back: fc.integer({ min: 1, max: 8 }) }) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    { maxLength: 40 },
  )
  .map((moves): Step[] => {
    let next = 100;
    return moves.map((move): Step => {
      if (move === null) return { kind: 'down' };
      if (move.back > 0) return { kind: 'frame', id: Math.max(100, next - move.back) };
      next += move.skip;
      return { kind: 'frame', id: next++ };
    });
  });

const restSteps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('rest' as const), id: fc.integer({ min: 95, max: 190 }) }),
    fc
      .tuple(fc.integer({ min: 95, max: 190 }), fc.integer({ min: 0, max: 9 }))
      .map(([from, extra]) => ({ kind: 'aggregate' as const, from, to: from + extra })),
    fc.record({ kind: fc.constant('latest' as const), id: fc.integer({ min: 100, max: 190 }) }),
  ),
  { maxLength: 40 },
);

function interleave(frames: readonly Step[], rest: readonly Step[], choices: readonly boolean[]): Step[] {
  const merged: Step[] = [];
  let f = 0;
  let r = 0;
  for (let i = 0; f < frames.length || r < rest.length; i++) {
    const wantsFrame = choices.length === 0 || choices[i % choices.length]!;
    if (r === rest.length || (wantsFrame && f < frames.length)) merged.push(frames[f++]!);
    else merged.push(rest[r++]!);
  }
  return merged;
}

test('any interleaving of frames and REST answers ends with the same gaps, held ids and tidemark', () => {
  fc.assert(
    fc.property(
      frameSteps,
      restSteps,
      fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
      (frames, rest, choices) => {
        const one = new IdLedger('trade');
        for (const step of [...frames, ...rest]) take(one, step);
        const other = new IdLedger('trade');
        for (const step of interleave(frames, rest, choices)) take(other, step);
        assert.deepEqual(outcome(other), outcome(one));
        const first = new IdLedger('trade');
        for (const step of [...rest, ...frames]) take(first, step);
        assert.deepEqual(outcome(first), outcome(one));
      },
    ),
    { numRuns: 400 },
  );
});

test('gaps are the holes between frame ids, counted as a plain set counts them', () => {
  fc.assert(
    fc.property(frameSteps, restSteps, (frames, rest) => {
      const ledger = new IdLedger('trade');
      const byFrame = new Set<number>();
      const byRow = new Set<number>();
      const byAggregate = new Set<number>();
      for (const step of interleave(frames, rest, [true, false])) {
        const result = take(ledger, step);
        if (step.kind === 'frame' || step.kind === 'rest') {
          assert.equal(result, !byRow.has(step.id), `a row of ${step.id} is new exactly once`);
          byRow.add(step.id);
        }
        if (step.kind === 'frame') byFrame.add(step.id);
        if (step.kind === 'aggregate') {
          let fresh = 0;
          for (let id = step.from; id <= step.to; id++) {
            if (!byRow.has(id) && !byAggregate.has(id)) fresh++;
            byAggregate.add(id);
          }
          assert.equal(result, fresh);
        }
      }
      if (byFrame.size === 0) return;
      const first = Math.min(...byFrame);
      const last = Math.max(...byFrame);
      const bounded = ledger.gaps().filter((gap) => !Number.isNaN(gap.closedAtUs));
      const inGaps = new Set<number>();
      for (const gap of bounded) {
        let held = 0;
        let aggregateOnly = 0;
        for (let id = gap.fromId; id <= gap.toId; id++) {
          inGaps.add(id);
          if (byRow.has(id)) held++;
          else if (byAggregate.has(id)) {
            held++;
            aggregateOnly++;
          }
        }
        assert.equal(gap.heldCount, held);
        assert.equal(gap.byAggregateCount, aggregateOnly);
        assert.equal(gap.state === 'repaired', held === gap.toId - gap.fromId + 1);
        assert.equal(gap.openedAtUs, timeOf(gap.fromId - 1));
        assert.equal(gap.closedAtUs, timeOf(gap.toId + 1));
      }
      // No silent gap: what is neither a frame nor in a gap does not exist.
      for (let id = first; id <= last; id++) assert.ok(byFrame.has(id) || inGaps.has(id), `${id} vanished`);
    }),
    { numRuns: 300 },
  );
});

test('a ledger resumed from its checkpoint at any step ends as one that never stopped', () => {
  fc.assert(
    fc.property(frameSteps, restSteps, fc.nat(), (frames, rest, where) => {
      const steps = interleave(frames, rest, [true, true, false]);
      const stop = steps.length === 0 ? 0 : where % steps.length;
      const whole = new IdLedger('trade');
      let resumed = new IdLedger('trade');
      steps.forEach((step, index) => {
        if (index === stop) resumed = IdLedger.fromJSON(JSON.parse(JSON.stringify(resumed)));
        assert.equal(take(whole, step), take(resumed, step));
      });
      assert.deepEqual(resumed.toJSON(), whole.toJSON());
      assert.deepEqual(resumed.takeChanged(), whole.takeChanged());
    }),
    { numRuns: 300 },
  );
});

function ledgerWith(...ids: number[]): IdLedger {
  const ledger = new IdLedger('trade');
  for (const id of ids) ledger.holdFrame(id, timeOf(id), timeOf(id));
  return ledger;
}

test('a jump opens one gap with the times around it and the reason known at that moment', () => {
  const ledger = ledgerWith(1, 2);
  ledger.disconnected('process-stop');
  ledger.holdFrame(7, timeOf(7), 5);
  ledger.holdFrame(9, timeOf(9), 6);
  assert.deepEqual(ledger.takeChanged(), [
    {
      stream: 'trade', fromId: 3, toId: 6, openedAtUs: timeOf(2), closedAtUs: timeOf(7), state: 'open',
      reason: 'process-stop', heldCount: 0, byAggregateCount: 0, tried: [], decidedAtUs: 5,
    },
    {
      stream: 'trade', fromId: 8, toId: 8, openedAtUs: timeOf(7), closedAtUs: timeOf(9), state: 'open',
      reason: 'server-drop', heldCount: 0, byAggregateCount: 0, tried: [], decidedAtUs: 6,
    },
  ]); // biome-ignore format: a row a gap
  assert.deepEqual(ledger.takeChanged(), []);
});

test('a reconnect that lost nothing opens no gap and does not explain the next one', () => {
  const ledger = ledgerWith(1, 2);
  ledger.disconnected('disconnect');
  ledger.holdFrame(3, timeOf(3), 0);
  ledger.holdFrame(5, timeOf(5), 0);
  assert.deepEqual(
    ledger.gaps().map((gap) => [gap.fromId, gap.toId, gap.reason]),
    [[4, 4, 'server-drop']],
  );
});

test('ids that REST names are missing only while no frames come', () => {
  const ledger = ledgerWith(1, 2);
  ledger.latestKnown(6, timeOf(6));
  assert.deepEqual(ledger.missing(), []);
  ledger.disconnected('disconnect');
  assert.deepEqual(
    ledger.missing().map((gap) => [gap.fromId, gap.toId, gap.closedAtUs]),
    [[3, 6, Number.NaN]],
  );
  assert.equal(ledger.lastId, 6);
  assert.equal(ledger.missingIds, 4);
  for (let id = 3; id <= 6; id++) ledger.holdRest(id, timeOf(id));
  assert.equal(ledger.tail()?.state, 'repaired');
  assert.equal(ledger.tidemarkUs, timeOf(6), 'REST named the last id, and all up to it are held');
  ledger.holdFrame(9, timeOf(9), 0);
  assert.deepEqual(
    ledger.gaps().map((gap) => [gap.fromId, gap.toId, gap.state, gap.heldCount]),
    [[3, 8, 'open', 4]],
  );
  assert.deepEqual(ledger.toFetchIn(3, 8), [[7, 8]]);
});

test('the tidemark waits before a gap and passes it when the last id is held or declared', () => {
  const ledger = ledgerWith(1, 2, 6, 7);
  assert.equal(ledger.tidemarkUs, timeOf(2));
  ledger.holdRest(3, timeOf(3));
  ledger.holdAggregate(4, 4);
  assert.equal(ledger.tidemarkUs, timeOf(3), 'one id is still missing');
  ledger.declare(5, 5, 'the venue does not have it');
  assert.equal(ledger.tidemarkUs, timeOf(7));
  const [gap] = ledger.gaps();
  assert.equal(gap?.state, 'declared');
  assert.equal(gap?.heldCount, 2);
  assert.equal(gap?.byAggregateCount, 1);
  assert.equal(ledger.missingIds, 1);
  assert.equal(ledger.proves(1, 4), true);
  assert.equal(ledger.proves(1, 5), false);
});

test('what REST says of ids that are not held does not move the tidemark', () => {
  const ledger = ledgerWith(1, 2);
  ledger.latestKnown(5, timeOf(5) + 300);
  assert.equal(ledger.tidemarkUs, timeOf(2));
  ledger.latestKnown(2, timeOf(2) + 400);
  assert.equal(ledger.tidemarkUs, timeOf(2) + 400, 'nothing came after id 2 until then');
  for (const id of [3, 4, 5]) ledger.holdFrame(id, timeOf(id), 0);
  assert.equal(ledger.tidemarkUs, timeOf(5) + 300);
});

test('REST rows that lead up to the first frame move the start of what is held back, others do not', () => {
  const ledger = ledgerWith(10, 11);
  ledger.holdRest(8, timeOf(8));
  assert.equal(ledger.heldFromUs, timeOf(10));
  ledger.holdRest(9, timeOf(9));
  assert.equal(ledger.heldFromUs, timeOf(8));
  assert.deepEqual(ledger.gaps(), []);
});

test('what was declared can be repaired by a source that comes later', () => {
  const ledger = ledgerWith(1, 5);
  ledger.declare(2, 4, 'too old for REST');
  assert.deepEqual(ledger.missing(), []);
  ledger.reopen(2, 4);
  assert.deepEqual(ledger.toFetchIn(2, 4), [[2, 4]]);
  assert.equal(ledger.gaps()[0]?.state, 'repairing');
  for (const id of [2, 3, 4]) assert.equal(ledger.holdRest(id, timeOf(id)), true);
  assert.equal(ledger.gaps()[0]?.state, 'repaired');
  assert.equal(ledger.missingIds, 0);
});
