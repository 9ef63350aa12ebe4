import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CandleRow } from '../../../src/protocol/api.ts';
import { CandleFeed, pageBars, windowBars } from './feed.ts';
import { madeAnswer, madeGap, madeRow, madeRows, minuteUs, startUs } from './made-rows.ts';
import { NullChart } from './null-chart.ts';

/** A server with minutes `from … to − 1`. */
function sourceOf(from: number, to: number, asked: unknown[] = []) {
  return {
    candles: async (query: { fromUs?: number | undefined; toUs?: number | undefined; limit: number }) => {
      asked.push(query);
      const end = query.toUs === undefined ? to : Math.min(to, (query.toUs - startUs) / minuteUs);
      const low = query.fromUs === undefined ? from : Math.max(from, (query.fromUs - startUs) / minuteUs);
      const start = Math.max(low, end - query.limit);
      return madeAnswer(madeRows(start, end), start > from ? startUs + (start - 1) * minuteUs : null);
    },
  };
}

function visibleTimes(chart: NullChart): number[] {
  const { from, to } = chart.viewport()!;
  return chart.slots.slice(Math.ceil(from), Math.floor(to) + 1).map((slot) => slot.openUs);
}

test('older pages never move a bar that is in view', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 5, max: 90 }), async (offset, width) => {
      const chart = new NullChart();
      const feed = new CandleFeed(sourceOf(0, 9_000), chart, '1m', () => {});
      await feed.load();
      chart.setViewport({ from: offset + 0.25, to: offset + width + 0.25 });
      const before = visibleTimes(chart);
      await feed.loadOlder();
      await feed.loadOlder();
      assert.deepEqual(visibleTimes(chart), before);
      assert.equal(chart.slots.length, 600 + 2 * pageBars);
      feed.stop();
    }),
    { numRuns: 15 },
  );
});

test('history stops at its beginning and is asked for no more', async () => {
  const asked: unknown[] = [];
  const chart = new NullChart();
  const feed = new CandleFeed(sourceOf(0, 700, asked), chart, '1m', () => {});
  await feed.load();
  await feed.loadOlder();
  assert.equal(feed.state.startReached, true);
  const count = asked.length;
  await feed.loadOlder();
  feed.nearEdge({ from: 0, to: 100 });
  assert.equal(asked.length, count);
  assert.equal(chart.slots.length, 700);
});

test('live rows that come while the first page is on its way are not lost', async () => {
  const chart = new NullChart();
  const feed = new CandleFeed(sourceOf(0, 100), chart, '1m', () => {});
  const loading = feed.load();
  feed.apply([madeRow(100, { state: 'forming', tradeCount: 2 })]);
  await loading;
  assert.equal(chart.slots.length, 101);
  assert.equal(chart.slots.at(-1)!.row!.state, 'forming');
});

test('what changed between the first answer and the subscription is fetched once that answer is there', async () => {
  const chart = new NullChart();
  let isProven = false;
  const source = sourceOf(0, 100);
  const feed = new CandleFeed(
    {
      candles: async (query) => {
        const state = isProven ? ('final' as const) : ('provisional' as const);
        const answer = await source.candles(query);
        const last = answer.candles.at(-1)!;
        return { ...answer, candles: [...answer.candles.slice(0, -1), { ...last, state }] };
      },
    },
    chart,
    '1m',
    () => {},
  );
  const loading = feed.load();
  isProven = true;
  await feed.refetchTail();
  await loading;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(chart.slots.at(-1)!.row!.state, 'final');
});

test('a live row changes the data and leaves the viewport alone', async () => {
  const chart = new NullChart();
  const feed = new CandleFeed(sourceOf(0, 300), chart, '1m', () => {});
  await feed.load();
  chart.setViewport({ from: 40, to: 90 });
  const sets = chart.setCalls;
  feed.apply([madeRow(299, { tradeCount: 12 }), madeRow(300, { state: 'forming' })]);
  assert.deepEqual(chart.viewport(), { from: 40, to: 90 });
  assert.equal(chart.setCalls, sets);
  assert.equal(chart.deltaCalls, 1);
});

test('after a loss everything since the last final bar is fetched again', async () => {
  const rows: CandleRow[] = madeRows(0, 50);
  const asked: { fromUs?: number | undefined }[] = [];
  const chart = new NullChart();
  const source = {
    candles: async (query: { fromUs?: number | undefined; limit: number }) => {
      asked.push(query);
      return madeAnswer(rows.filter((row) => row.openedAtUs >= (query.fromUs ?? 0)).slice(-query.limit), null);
    },
  };
  const feed = new CandleFeed(source, chart, '1m', () => {});
  await feed.load();
  feed.apply([madeRow(50, { state: 'forming', tradeCount: 1 })]);
  rows.push(...madeRows(50, 58));
  await feed.refetchTail();
  assert.ok(asked.at(-1)!.fromUs! <= startUs + 50 * minuteUs);
  assert.equal(chart.slots.length, 58);
  assert.ok(chart.slots.every((slot) => slot.row?.state === 'final'));
});

test('the window is bounded: far back, the newest bars are let go and live ones wait', async () => {
  const chart = new NullChart();
  const feed = new CandleFeed(sourceOf(0, 40_000), chart, '1m', () => {});
  await feed.load();
  for (let page = 0; page < 12; page++) await feed.loadOlder();
  assert.equal(chart.slots.length, windowBars);
  assert.equal(feed.state.detached, true);
  const newest = chart.slots.at(-1)!.openUs;
  feed.apply([madeRow(40_000)]);
  assert.equal(chart.slots.at(-1)!.openUs, newest);
});

test('a failed first answer names its cause and can be asked again', async () => {
  const chart = new NullChart();
  let fail = true;
  const source = {
    candles: async (query: { limit: number }) => {
      if (fail) throw new Error('The server was not reached.');
      return sourceOf(0, 10).candles(query);
    },
  };
  const feed = new CandleFeed(source, chart, '1m', () => {});
  await feed.load();
  assert.equal(feed.state.phase, 'failed');
  assert.match(feed.state.failure!, /not reached/);
  fail = false;
  await feed.load();
  assert.equal(feed.state.phase, 'ready');
});

test('a gap that is repaired later has its bars corrected, also those that no live row brought', async () => {
  let rows: CandleRow[] = madeRows(0, 3_000);
  const source = {
    candles: async (query: { fromUs?: number | undefined; toUs?: number | undefined; limit: number }) =>
      madeAnswer(
        rows
          .filter((row) => row.openedAtUs >= (query.fromUs ?? 0) && row.openedAtUs < (query.toUs ?? Infinity))
          .slice(-query.limit),
        startUs,
      ),
  };
  rows = rows.map((row, at) =>
    at >= 200 && at < 2_900 ? madeRow(at, { state: 'missing', tradeCount: 0, firstTradeId: -1, lastTradeId: -1 }) : row,
  );
  const chart = new NullChart();
  const feed = new CandleFeed(source, chart, '1m', () => {});
  await feed.load();
  await feed.loadOlder();
  await feed.loadOlder();
  const gap = madeGap(200, 2_900);
  feed.applyGaps([gap], undefined);
  rows = madeRows(0, 3_000).map((row) => ({ ...row, marks: ['repaired'] as const }));
  // As the live channel does: only the newest thousand.
  feed.apply(rows.slice(-1_000));
  feed.applyGaps([{ ...gap, state: 'repaired' }], undefined);
  await feed.refetchRepaired();
  feed.stop();
  assert.equal(chart.slots.length, 3_000);
  assert.deepEqual(chart.slots.filter((slot) => slot.row?.state !== 'final').length, 0);
});

test('an engine that comes back with the same market changes no place, and fills what came meanwhile once', async () => {
  const chart = new NullChart();
  let end = 5_000;
  const source = {
    candles: (query: { fromUs?: number | undefined; toUs?: number | undefined; limit: number }) =>
      sourceOf(0, end).candles(query),
  };
  const feed = new CandleFeed(source, chart, '1m', () => {});
  await feed.load();
  await feed.loadOlder();
  chart.setViewport({ from: 100, to: 180 });
  const seen = visibleTimes(chart);
  end = 5_012;
  await feed.reload();
  assert.deepEqual(visibleTimes(chart), seen);
  assert.deepEqual(
    chart.slots.map((slot) => slot.openUs),
    madeRows(2_400, 5_012).map((row) => row.openedAtUs),
  );
});

test('an engine that comes back with another market replaces what was here', async () => {
  const chart = new NullChart();
  let rows = madeRows(0, 100);
  const feed = new CandleFeed({ candles: async () => madeAnswer(rows, null) }, chart, '1m', () => {});
  await feed.load();
  rows = madeRows(50, 90).map((row) => ({ ...row, lastTradeId: row.lastTradeId + 7 }));
  await feed.reload();
  assert.equal(chart.slots.length, 40);
  assert.equal(chart.slots[0]!.row!.lastTradeId, 50 * 10 + 9 + 7);
});
