import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { madeRow, madeRows, minuteUs, startUs } from './made-rows.ts';
import { heldInView, isEmpty, longestEmptyStretch, SlotSeries } from './slots.ts';

test('every expected minute between the first and the last candle has its place, whatever is missing', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 120 }), (minutes) => {
      const sorted = minutes.toSorted((a, b) => a - b);
      const series = new SlotSeries('1m');
      series.replaceAll(sorted.map((minute) => madeRow(minute)));
      const span = sorted.at(-1)! - sorted[0]! + 1;
      assert.equal(series.slots.length, span);
      assert.equal(series.slots.filter((slot) => !isEmpty(slot)).length, sorted.length);
      for (let at = 1; at < series.slots.length; at++)
        assert.equal(series.slots[at]!.openUs - series.slots[at - 1]!.openUs, minuteUs);
    }),
  );
});

test('pages and live rows in any split give the same slots as all rows at once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 300 }),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: 20 }),
      (total, cutA, cutB, overlap) => {
        const older = Math.min(cutA, cutB, total - 1);
        const live = Math.max(older + 1, Math.min(Math.max(cutA, cutB), total));
        const whole = new SlotSeries('1m');
        whole.replaceAll(madeRows(0, total));
        const parts = new SlotSeries('1m');
        parts.replaceAll(madeRows(older, live));
        parts.apply(madeRows(Math.max(older, live - overlap), total));
        const added = parts.prepend(madeRows(0, Math.min(total, older + overlap)));
        assert.equal(added, older);
        assert.deepEqual(parts.slots, whole.slots);
      },
    ),
  );
});

test('a candle that jumps ahead brings the empty places before it', () => {
  const series = new SlotSeries('1m');
  series.replaceAll(madeRows(0, 3));
  const change = series.apply([madeRow(6)]);
  assert.deepEqual(change.changed, [3, 4, 5, 6]);
  assert.equal(change.appendedFrom, 3);
  assert.deepEqual(series.slots.map(isEmpty), [false, false, false, true, true, true, false]);
});

test('an answer that was late does not undo what came live', () => {
  const series = new SlotSeries('1m');
  series.replaceAll([madeRow(0, { state: 'final' }), madeRow(1, { state: 'forming', tradeCount: 8 })]);
  series.apply([madeRow(0, { state: 'forming', tradeCount: 4 }), madeRow(1, { state: 'forming', tradeCount: 3 })]);
  assert.equal(series.slots[0]!.row!.state, 'final');
  assert.equal(series.slots[1]!.row!.tradeCount, 8);
});

test('a missing candle that is repaired takes its place, and a known one never becomes missing', () => {
  const series = new SlotSeries('1m');
  series.replaceAll([madeRow(0), madeRow(1, { state: 'missing', source: 'none', tradeCount: 0 }), madeRow(2)]);
  series.apply([madeRow(1, { state: 'final', marks: ['repaired'] })]);
  assert.deepEqual(series.slots[1]!.row!.marks, ['repaired']);
  series.apply([madeRow(2, { state: 'missing', source: 'none', tradeCount: 0 })]);
  assert.equal(series.slots[2]!.row!.state, 'final');
});

test('a very long hole is one labelled break and not thousands of places', () => {
  const series = new SlotSeries('1m');
  series.replaceAll([madeRow(0), madeRow(longestEmptyStretch + 500)]);
  assert.equal(series.slots.length, 3);
  assert.equal(series.slots[1]!.span, longestEmptyStretch + 499);
});

test('months are laid out by the calendar', () => {
  const series = new SlotSeries('1M');
  const at = (month: number) => Date.UTC(2026, month, 1) * 1000;
  series.replaceAll([madeRow(0, { openedAtUs: at(0) }), madeRow(0, { openedAtUs: at(4) })]);
  assert.deepEqual(
    series.slots.map((slot) => slot.openUs),
    [at(0), at(1), at(2), at(3), at(4)],
  );
});

test('ids between two bars that no bar holds are counted as lacking', () => {
  const series = new SlotSeries('1m');
  series.replaceAll([madeRow(0), madeRow(1, { state: 'partial', tradeCount: 7 }), madeRow(2)]);
  assert.deepEqual(heldInView(series.slots, 0, 2), { held: 27, expected: 30, empty: 0, bars: 3 });
  series.replaceAll([madeRow(0), madeRow(3)]);
  assert.deepEqual(heldInView(series.slots, 0, 3), { held: 20, expected: 40, empty: 2, bars: 4 });
  assert.equal(series.indexOf(startUs + 3 * minuteUs), 3);
});
