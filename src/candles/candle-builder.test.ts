import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Interval } from '../domain/interval.ts';
import { intervals, minuteUs, nextOpenTimeUs, openTimeUs, secondUs } from '../domain/interval.ts';
import { Slots } from '../domain/slots.ts';
import { CandleBuilder, storedIntervals } from './candle-builder.ts';
import { addToSum, exactProduct, productLow, sumOf } from './candle-columns.ts';
import type { CandleContext, SeriesCandle } from './series.ts';
import { CandleSeries } from './series.ts';

const instrument = { venue: 'binance', market: 'spot', symbol: 'XYZ' } as const;

interface Trade {
  readonly id: number;
  readonly price: number;
  readonly quantity: number;
  readonly atUs: number;
  readonly takerBuy: boolean;
}

/** Trades with ascending ids and times, over some seconds to some weeks. */
const tradesOver = (stepUs: number) =>
  fc
    .array(
      fc.record({
        step: fc.integer({ min: 0, max: stepUs }),
        price: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 2 ** 50 })),
        quantity: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
        takerBuy: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    )
    .map((steps): Trade[] => {
      let atUs = Date.UTC(2024, 1, 27, 23, 59) * 1000;
      return steps.map(({ step, ...trade }, index) => {
        atUs += step;
        return { ...trade, id: 500 + index, atUs };
      });
    });

const trades = fc.oneof(tradesOver(2 * secondUs), tradesOver(3 * minuteUs), tradesOver(40 * 3600 * secondUs));

function build(given: readonly Trade[]): CandleBuilder {
  const slot = new Slots().atLeast(instrument, 2, 3);
  const builder = new CandleBuilder();
  for (const t of given) builder.add(t.id, t.id, 1, t.price, t.quantity, t.atUs, t.takerBuy, slot);
  return builder;
}

const settled: CandleContext = {
  venueNowUs: Number.MAX_SAFE_INTEGER,
  tidemarkUs: Number.MAX_SAFE_INTEGER,
  heldFromUs: 0,
  gaps: [],
};

/** The definition, in bigints: candles of an interval from its trades. */
function expected(given: readonly Trade[], interval: Interval) {
  const groups = new Map<number, Trade[]>();
  for (const trade of given) {
    const openUs = openTimeUs(interval, trade.atUs);
    groups.set(openUs, [...(groups.get(openUs) ?? []), trade]);
  }
  const sum = (of: readonly Trade[], value: (t: Trade) => bigint) => of.reduce((total, t) => total + value(t), 0n);
  return [...groups].map(([openedAtUs, members]) => {
    const byId = [...members].sort((a, b) => a.id - b.id);
    const buys = members.filter((t) => t.takerBuy);
    return {
      openedAtUs,
      open: byId[0]!.price,
      high: Math.max(...members.map((t) => t.price)),
      low: Math.min(...members.map((t) => t.price)),
      close: byId.at(-1)!.price,
      volume: sum(members, (t) => BigInt(t.quantity)),
      quoteVolume: sum(members, (t) => BigInt(t.quantity) * BigInt(t.price)),
      tradeCount: members.length,
      takerBuyVolume: sum(buys, (t) => BigInt(t.quantity)),
      takerBuyQuoteVolume: sum(buys, (t) => BigInt(t.quantity) * BigInt(t.price)),
      firstTradeId: byId[0]!.id,
      lastTradeId: byId.at(-1)!.id,
    };
  });
}

function values({ state: _, marks: __, source: ___, ...rest }: SeriesCandle) {
  return rest;
}

function withTrades(builder: CandleBuilder, interval: Interval) {
  return new CandleSeries(builder)
    .range(interval, 0, Number.MAX_SAFE_INTEGER, 100_000, { ...settled, venueNowUs: 0 })
    .filter((candle) => candle.tradeCount > 0)
    .map(values);
}

test('every interval equals its definition over the trades, sums beyond 2^53 to the last digit', () => {
  fc.assert(
    fc.property(trades, fc.constantFrom(...intervals.filter((interval) => interval !== '1s')), (given, interval) => {
      // A second a slot over weeks is a million empty slots: seconds have their own property below.
      fc.pre(!interval.endsWith('s') || given.at(-1)!.atUs - given[0]!.atUs < 3600 * secondUs);
      assert.deepEqual(withTrades(build(given), interval), expected(given, interval));
    }),
    { numRuns: 300 },
  );
});

test('seconds equal their definition', () => {
  fc.assert(
    fc.property(tradesOver(2 * secondUs), (given) => {
      assert.deepEqual(withTrades(build(given), '1s'), expected(given, '1s'));
    }),
  );
});

test('trades in any order give the same candles', () => {
  fc.assert(
    fc.property(
      trades.chain((given) => fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length }))),
      ([given, shuffled]) => {
        const cellsOf = (builder: CandleBuilder) => {
          builder.takeTouched();
          const json = builder.toJSON();
          return { rows: json.rows, touched: json.touched };
        };
        assert.deepEqual(cellsOf(build(shuffled)), cellsOf(build(given)));
      },
    ),
    { numRuns: 200 },
  );
});

test('a finer scale in mid-stream changes no value', () => {
  fc.assert(
    fc.property(tradesOver(minuteUs), fc.nat(), (given, where) => {
      const slots = new Slots();
      const coarse = slots.atLeast(instrument, 2, 3);
      const fine = slots.atLeast(instrument, 3, 5);
      const small = given.map((t) => ({ ...t, price: t.price % 1_000_000, quantity: t.quantity % 1_000_000 }));
      const switched = new CandleBuilder();
      small.forEach((t, index) => {
        const isFine = index >= where % small.length && index % 3 !== 0;
        const [slot, price, quantity] = isFine ? [fine, t.price * 10, t.quantity * 100] : [coarse, t.price, t.quantity];
        switched.add(t.id, t.id, 1, price, quantity, t.atUs, t.takerBuy, slot);
      });
      switched.widenTo(fine);
      const whole = new CandleBuilder();
      for (const t of small) whole.add(t.id, t.id, 1, t.price * 10, t.quantity * 100, t.atUs, t.takerBuy, fine);
      assert.deepEqual(withTrades(switched, '5m'), withTrades(whole, '5m'));
    }),
  );
});

test('products and sums in two limbs equal bigints', () => {
  const safe = fc.oneof(
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    fc.constantFrom(0, 1, 2 ** 26, 2 ** 26 - 1, 2 ** 52 - 1, 2 ** 52, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER),
  );
  fc.assert(
    fc.property(safe, safe, (a, b) => {
      fc.pre(BigInt(a) * BigInt(b) < 2n ** 105n);
      const high = exactProduct(a, b);
      assert.equal((BigInt(high) << 52n) + BigInt(productLow), BigInt(a) * BigInt(b));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.array(safe, { maxLength: 50 }), (parts) => {
      const cells = new Float64Array(2);
      for (const part of parts) addToSum(cells, 0, part);
      assert.equal(
        sumOf(cells, 0),
        parts.reduce((total, part) => total + BigInt(part), 0n),
      );
    }),
    { numRuns: 500 },
  );
});

test('a sum that no longer fits two limbs is refused, not rounded', () => {
  const cells = new Float64Array([0, 2 ** 53]);
  assert.throws(() => sumOf(cells, 0), /2\^105/);
});

test('touched candles are exactly those whose trades came since the last call', () => {
  fc.assert(
    fc.property(trades, fc.nat(), (given, where) => {
      const cut = where % given.length;
      const slot = new Slots().atLeast(instrument, 2, 3);
      const builder = new CandleBuilder();
      const feed = (part: readonly Trade[]) => {
        for (const t of part) builder.add(t.id, t.id, 1, t.price, t.quantity, t.atUs, t.takerBuy, slot);
        const touched = builder.takeTouched().map((key) => `${key.interval} ${key.openedAtUs}`);
        const wanted = storedIntervals.flatMap((interval) => [
          ...new Set(part.map((t) => `${interval} ${openTimeUs(interval, t.atUs)}`)),
        ]);
        assert.deepEqual(touched.sort(), wanted.sort());
      };
      feed(given.slice(0, cut));
      feed(given.slice(cut));
      feed([]);
    }),
  );
});

test('the grid of a year of slots has no hole and no overlap in any interval', () => {
  for (const interval of intervals.filter((name) => !name.endsWith('s') && name !== '1m' && name !== '3m')) {
    const fromUs = Date.UTC(2023, 11, 28, 5, 7) * 1000;
    const toUs = Date.UTC(2024, 11, 28, 5, 7) * 1000;
    const builder = build([
      { id: 1, price: 1, quantity: 1, atUs: fromUs, takerBuy: true },
      { id: 2, price: 2, quantity: 1, atUs: toUs, takerBuy: true },
    ]);
    const rows = new CandleSeries(builder).range(interval, 0, Number.MAX_SAFE_INTEGER, 1_000_000, {
      ...settled,
      venueNowUs: toUs + 1,
    });
    assert.equal(rows[0]!.openedAtUs, openTimeUs(interval, fromUs));
    assert.equal(rows.at(-1)!.openedAtUs, openTimeUs(interval, toUs));
    for (let i = 1; i < rows.length; i++) {
      assert.equal(rows[i]!.openedAtUs, nextOpenTimeUs(interval, rows[i - 1]!.openedAtUs), interval);
    }
  }
});
