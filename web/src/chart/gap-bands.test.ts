import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gapBands } from './gap-bands.ts';
import { madeGap, madeRow, madeRows } from './made-rows.ts';
import { SlotSeries } from './slots.ts';

function slotsOf(rows: Parameters<SlotSeries['replaceAll']>[0]) {
  const series = new SlotSeries('1m');
  series.replaceAll(rows);
  return series.slots;
}

test('a run of missing minutes is one band with its time, length and reason', () => {
  const slots = slotsOf([...madeRows(0, 3), ...madeRows(7, 9)]);
  const [band, ...others] = gapBands(slots, [madeGap(3, 7)], '1m');
  assert.equal(others.length, 0);
  assert.deepEqual([band!.from, band!.to, band!.bars, band!.within], [3, 6, 4, false]);
  assert.equal(band!.label, 'gap 00:03–00:07');
  assert.equal(band!.detail, '4 bars · 40 ids · disconnect');
});

test('a missing bar without a gap record is still a gap, of unknown reason', () => {
  const [band] = gapBands(slotsOf([madeRow(0), madeRow(2)]), [], '1m');
  assert.equal(band!.detail, '1 bar · unknown');
  assert.equal(band!.state, 'open');
});

test('a gap narrower than a bar is drawn, and a repaired one is not', () => {
  const slots = slotsOf(madeRows(0, 5));
  const narrow = madeGap(2, 2, {
    fromId: 24,
    toId: 27,
    openedAtUs: slots[2]!.openUs + 10e6,
    closedAtUs: slots[2]!.openUs + 12e6,
  });
  const [band] = gapBands(slots, [narrow], '1m');
  assert.deepEqual([band!.from, band!.to, band!.within, band!.missingIds], [2, 2, true, 4]);
  assert.equal(band!.label, 'gap 00:02:10–00:02:12');
  assert.deepEqual(gapBands(slots, [{ ...narrow, state: 'repaired' }], '1m'), []);
});

test('the worst state of the records that touch a band is the state of the band, and repair shows how far it is', () => {
  const slots = slotsOf([...madeRows(0, 3), ...madeRows(7, 9)]);
  const [declared] = gapBands(slots, [madeGap(3, 5, { state: 'declared' }), madeGap(5, 7)], '1m');
  assert.equal(declared!.state, 'open');
  const [repairing] = gapBands(
    slots,
    [madeGap(3, 7, { state: 'repairing', heldCount: 10, byAggregateCount: 15 })],
    '1m',
  );
  assert.equal(repairing!.done, 25 / 40);
  assert.match(repairing!.detail, /repairing 62 %/);
});

test('a gap of the book does not hatch the candles', () => {
  assert.deepEqual(gapBands(slotsOf(madeRows(0, 5)), [madeGap(1, 2, { stream: 'depth' })], '1m'), []);
});
