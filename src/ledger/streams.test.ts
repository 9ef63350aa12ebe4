import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { needsRecordings } from '../../test/recordings.ts';
import { recordedMessages, recordedText } from '../../test/support/recorded-frames.ts';
import type { Market } from '../domain/instrument.ts';
import type { Interval } from '../domain/interval.ts';
import { intervals, minuteUs, nextOpenTimeUs, openTimeUs } from '../domain/interval.ts';
import { DepthLedger } from './depth-ledger.ts';
import { IdLedger } from './id-ledger.ts';
import { KlineLedger } from './kline-ledger.ts';
import { WatchLedger } from './watch.ts';

test('a lost depth event is exactly one gap, from the event before it to the one after', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Market>('spot', 'usdm'),
      fc.array(fc.tuple(fc.nat({ max: 9 }), fc.boolean()), { minLength: 2, maxLength: 40 }),
      fc.nat(),
      (market, drafts, where) => {
        const ledger = new DepthLedger(market);
        let last = 50;
        const events = drafts.map(([size, isTwice]) => {
          const first = last + (market === 'spot' ? 1 : 4);
          const event = { first, final: first + size, pu: market === 'spot' ? Number.NaN : last, isTwice };
          last = event.final;
          return event;
        });
        const lost = where % events.length;
        events.forEach((event, index) => {
          if (index === lost) return;
          const verdict = ledger.hold(event.first, event.final, event.pu, event.final * 10);
          assert.equal(verdict, index === lost + 1 && lost > 0 ? 'gap' : 'next');
          if (event.isTwice) assert.equal(ledger.hold(event.first, event.final, event.pu, 1), 'duplicate');
        });
        const [before, after] = [events[lost - 1], events[lost + 1]];
        const seen = ledger.gaps().map((gap) => [gap.fromId, gap.toId, gap.openedAtUs, gap.closedAtUs, gap.state]);
        if (before === undefined || after === undefined) assert.deepEqual(seen, []);
        else {
          const toId = market === 'spot' ? after.first - 1 : after.pu;
          assert.deepEqual(seen, [[before.final + 1, toId, before.final * 10, after.final * 10, 'declared']]);
        }
      },
    ),
  );
});

test('the recorded depth streams have no gap', needsRecordings, () => {
  for (const [market, paths, events] of [
    ['spot', ['BTCUSDT-trade+bookTicker+depth100ms-2023-04-05T0000Z-no-snapshot'], 3929],
    ['usdm', ['BTCUSDT-trade+bookTicker+depth0ms+snapshot-2024-08-08T2354Z'], 6551],
  ] as const) {
    const ledger = new DepthLedger(market);
    for (const path of paths) {
      for (const { stream, data } of recordedMessages(`binance/${market}/ws/${path}.txt.gz`)) {
        if (!stream.includes('@depth')) continue;
        assert.equal(ledger.hold(data.U, data.u, data.pu ?? Number.NaN, data.E * 1000), 'next');
      }
    }
    assert.equal(ledger.heldEvents, events);
    assert.deepEqual(ledger.gaps(), []);
  }
});

test('the recorded LTC aggregates have exactly their six gaps', needsRecordings, () => {
  const ledger = new IdLedger('agg-trade');
  for (const hour of ['00h', '03h', '06h', '09h', '12h']) {
    const path = `binance/spot/ws-csv/LTCUSDT-aggTrade-LTCUSDT_2025-06-22_${hour}_trades.csv.gz`;
    for (const line of recordedText(path).split('\n')) {
      const [timestamp, , , , id] = line.split(',');
      if (id === undefined || !/^\d+$/.test(timestamp!)) continue;
      const atUs = Number(timestamp) * 1000;
      ledger.holdFrame(Number(id), atUs, atUs);
    }
  }
  assert.deepEqual(
    ledger.gaps().map((gap) => [gap.fromId, gap.toId]),
    [
      [293659364, 293659372],
      [293661066, 293661075],
      [293666231, 293666320],
      [293666712, 293666716],
      [293667845, 293668473],
      [293668591, 293668600],
    ],
  );
  assert.equal(ledger.missingIds, 753);
  assert.equal(ledger.firstId, 293588443);
  assert.equal(ledger.lastId, 293668661);
});

test('the recorded trade ids are contiguous, USD-M rows that are no market trades included', needsRecordings, () => {
  const ledger = new IdLedger('trade');
  let offMarket = 0;
  for (const part of ['+depth0ms+markPrice1s+snapshot-2023-04-04T2358Z', '+depth0ms+markPrice1s-2023-04-05T0000Z']) {
    for (const { stream, data } of recordedMessages(`binance/usdm/ws/BTCUSDT-trade+bookTicker${part}.txt.gz`)) {
      if (!stream.endsWith('@trade')) continue;
      assert.equal(ledger.holdFrame(data.t, data.T * 1000, data.E * 1000), true);
      if (data.X !== 'MARKET') offMarket++;
    }
  }
  assert.deepEqual(ledger.heldByFrame.ranges(), [[3535186032, 3535198966]]);
  assert.deepEqual(ledger.gaps(), []);
  assert.equal(offMarket, 1);
});

test('time without a connection is declared at once and ends with the first record after it', () => {
  const ledger = new WatchLedger('book-ticker');
  ledger.disconnected('disconnect');
  assert.deepEqual(ledger.gaps(), [], 'nothing was watched yet');
  ledger.hold(100);
  ledger.watched(150);
  assert.equal(ledger.watchedUntilUs, 150);
  ledger.disconnected('process-stop');
  ledger.disconnected('disconnect');
  assert.equal(ledger.watchedUntilUs, 100, 'what came between the last record and the loss cannot be known');
  const shape = () =>
    ledger.takeChanged().map((gap) => [gap.fromId, gap.openedAtUs, gap.closedAtUs, gap.state, gap.reason]);
  assert.deepEqual(shape(), [[-1, 100, Number.NaN, 'declared', 'process-stop']]);
  ledger.watched(170);
  assert.equal(ledger.watchedUntilUs, 100);
  const resumed = WatchLedger.fromJSON(JSON.parse(JSON.stringify(ledger)));
  for (const each of [ledger, resumed]) {
    each.hold(200);
    each.hold(210);
    assert.equal(each.watchedUntilUs, 210);
  }
  assert.deepEqual(resumed.gaps(), ledger.gaps());
  assert.deepEqual(shape(), [[-1, 100, 200, 'declared', 'process-stop']]);
  assert.deepEqual(ledger.gapsIn(201, 300), []);
  assert.equal(ledger.gapsIn(150, 160).length, 1);
});

test('lost venue candles are a gap of open times in every interval, repaired by REST', () => {
  const shape = fc.tuple(
    fc.constantFrom<Interval>(...intervals),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 1, max: 9 }),
  );
  fc.assert(
    fc.property(shape, ([interval, before, lost]) => {
      const ledger = new KlineLedger(interval);
      let openUs = openTimeUs(interval, Date.UTC(2023, 10, 20) * 1000);
      const take = () => {
        const taken = openUs;
        openUs = nextOpenTimeUs(interval, openUs);
        return taken;
      };
      for (let i = 0; i <= before; i++) assert.equal(ledger.hold(take(), 0), true);
      assert.equal(ledger.nextOpenUs, openUs);
      const missing = Array.from({ length: lost }, take);
      ledger.hold(take(), 0);
      const [gap] = ledger.missing();
      assert.deepEqual([gap?.fromId, gap?.toId, gap?.state], [missing[0], missing.at(-1), 'open']);
      assert.deepEqual(ledger.toFetchIn(gap!.fromId, gap!.toId), [[missing[0], missing.at(-1)]]);
      const resumed = KlineLedger.fromJSON(JSON.parse(JSON.stringify(ledger)));
      for (const open of missing) assert.equal(resumed.holdRest(open), true);
      assert.equal(resumed.gaps()[0]?.state, 'repaired');
      assert.deepEqual(resumed.missing(), []);
      assert.equal(resumed.missingIds, 0);
      assert.equal(ledger.missingIds, lost);
    }),
  );
});

test('a late candle of the minute stream fills its own hole', () => {
  const ledger = new KlineLedger('1m');
  for (const minute of [0, 3, 1, 2]) ledger.hold(minute * minuteUs, 0);
  assert.deepEqual(
    ledger.gaps().map((gap) => [gap.fromId, gap.toId, gap.state, gap.heldCount]),
    [[minuteUs, 2 * minuteUs, 'repaired', 2]],
  );
});
