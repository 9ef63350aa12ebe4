import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { gapReasons, gapStates } from '../domain/state.ts';
import type { CandleEvidence } from './state.ts';
import { candleStanding } from './state.ts';

const minute: CandleEvidence = {
  openUs: 60,
  endUs: 120,
  venueNowUs: 500,
  tidemarkUs: 400,
  heldFromUs: 5,
  gaps: [],
  hasTrades: true,
  isProvenByIds: false,
  isRevised: false,
};
const gap = { openedAtUs: 70, closedAtUs: 80, state: 'open', reason: 'disconnect' } as const;

function state(change: Partial<CandleEvidence>): string {
  return candleStanding({ ...minute, ...change }).state;
}

test('a candle is forming until venue time reaches its end, whatever is known of it', () => {
  assert.equal(state({ venueNowUs: 119 }), 'forming');
  assert.equal(state({ venueNowUs: 119, hasTrades: false, gaps: [gap] }), 'forming');
  assert.equal(state({ venueNowUs: 120, tidemarkUs: 119 }), 'provisional');
});

test('it is provisional until the tidemark passes its end, then final', () => {
  assert.equal(state({ tidemarkUs: 119 }), 'provisional');
  assert.equal(state({ tidemarkUs: Number.NaN }), 'provisional');
  assert.equal(state({ tidemarkUs: 120 }), 'final');
});

test('contiguous ids on both sides make it final before the tidemark does', () => {
  assert.equal(state({ tidemarkUs: 0, isProvenByIds: true }), 'final');
  assert.equal(state({ tidemarkUs: 0, isProvenByIds: true, hasTrades: false }), 'no-trades');
});

test('a gap that can reach into it makes it partial, or missing when it has no trade', () => {
  for (const gapState of ['open', 'repairing', 'declared'] as const) {
    assert.equal(state({ gaps: [{ ...gap, state: gapState }] }), 'partial');
    assert.equal(state({ gaps: [{ ...gap, state: gapState }], hasTrades: false }), 'missing');
  }
  assert.equal(state({ gaps: [{ ...gap, openedAtUs: 119, closedAtUs: 300 }] }), 'partial');
  assert.equal(state({ gaps: [{ ...gap, openedAtUs: 10, closedAtUs: 60 }] }), 'partial', 'same instant as the first');
  assert.equal(state({ gaps: [{ ...gap, openedAtUs: 10, closedAtUs: Number.NaN }] }), 'partial');
  assert.equal(state({ gaps: [{ ...gap, openedAtUs: 10, closedAtUs: 59 }] }), 'final');
  assert.equal(state({ gaps: [{ ...gap, openedAtUs: 120, closedAtUs: 130 }] }), 'final');
});

test('ids that never were trades here do not count against it', () => {
  assert.equal(state({ gaps: [{ ...gap, state: 'declared', reason: 'off-book' }] }), 'final');
  assert.equal(state({ gaps: [{ ...gap, state: 'declared', reason: 'venue-closed' }], hasTrades: false }), 'no-trades');
});

test('a repaired gap leaves it whole and marked', () => {
  const standing = candleStanding({ ...minute, gaps: [{ ...gap, state: 'repaired' }], isRevised: true });
  assert.deepEqual(standing, { state: 'final', marks: ['repaired', 'revised'] });
});

test('what began before the first trade held is never called complete', () => {
  assert.equal(state({ heldFromUs: 60 }), 'partial');
  assert.equal(state({ heldFromUs: Number.NaN }), 'partial');
  assert.equal(state({ heldFromUs: 100, hasTrades: false }), 'missing');
  assert.equal(state({ heldFromUs: 59 }), 'final');
});

test('a candle without trades is said to have none only on proof', () => {
  const empty = { hasTrades: false } as const;
  assert.equal(state({ ...empty, tidemarkUs: 119 }), 'missing');
  assert.equal(state({ ...empty, tidemarkUs: 120 }), 'no-trades');
});

test('more evidence never turns a final candle back: tidemark and venue time only move a state forward', () => {
  const anyGap = fc.record({
    openedAtUs: fc.integer({ min: 0, max: 200 }),
    closedAtUs: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.constant(Number.NaN)),
    state: fc.constantFrom(...gapStates),
    reason: fc.constantFrom(...gapReasons),
  });
  fc.assert(
    fc.property(
      fc.array(anyGap, { maxLength: 3 }),
      fc.boolean(),
      fc.boolean(),
      fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 })),
      fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 300 })),
      (gaps, hasTrades, isProvenByIds, [venueNowUs, tidemarkUs], [moreTime, moreTidemark]) => {
        const before = state({ gaps, hasTrades, isProvenByIds, venueNowUs, tidemarkUs });
        const after = state({
          gaps,
          hasTrades,
          isProvenByIds,
          venueNowUs: venueNowUs + moreTime,
          tidemarkUs: tidemarkUs + moreTidemark,
        });
        const rank = { forming: 0, missing: 1, provisional: 1, partial: 2, final: 3, 'no-trades': 3 } as const;
        assert.ok(rank[after as keyof typeof rank] >= rank[before as keyof typeof rank], `${before} became ${after}`);
      },
    ),
    { numRuns: 500 },
  );
});
