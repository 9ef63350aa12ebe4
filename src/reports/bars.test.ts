import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { minuteUs } from '../domain/interval.ts';
import type { CandleState } from '../domain/state.ts';
import { candleStates } from '../domain/state.ts';
import { mergedBar, rolledUp } from './bars.ts';
import type { Bar } from './figures.ts';

function bar(
  minute: number,
  state: CandleState,
  tradeCount = state === 'missing' || state === 'no-trades' ? 0 : 1,
  price = 100n,
): Bar {
  return {
    openedAtUs: minute * minuteUs,
    endUs: (minute + 1) * minuteUs,
    open: price,
    high: price + 2n,
    low: price - 2n,
    close: price + 1n,
    volume: BigInt(tradeCount),
    quoteVolume: BigInt(tradeCount) * price,
    takerBuyVolume: 0n,
    takerBuyQuoteVolume: 0n,
    tradeCount,
    firstTradeId: minute,
    lastTradeId: minute,
    state,
    marks: [],
    source: 'trades',
  };
}

test('the state of several candles is that of the worst of them', () => {
  const merged = (...states: CandleState[]) =>
    mergedBar(
      states.map((state, at) => bar(at, state)),
      0,
      states.length * minuteUs,
    )?.state;
  assert.equal(merged('final', 'no-trades', 'final'), 'final');
  assert.equal(merged('final', 'provisional'), 'provisional');
  assert.equal(merged('final', 'forming'), 'forming');
  assert.equal(merged('final', 'missing'), 'partial');
  assert.equal(merged('partial', 'final'), 'partial');
  assert.equal(merged('no-trades', 'no-trades'), 'no-trades');
  assert.equal(merged('no-trades', 'missing'), 'missing');
  assert.equal(mergedBar([bar(1, 'final')], 0, 2 * minuteUs)?.state, 'partial', 'its beginning was not recorded');
  assert.equal(mergedBar([bar(0, 'final')], 0, 2 * minuteUs)?.state, 'forming', 'its end has not come');
  assert.equal(mergedBar([], 0, minuteUs), undefined);
});

test('rolled up in any steps, sums, extremes and ends are those of all candles at once', () => {
  const minutes = fc.array(
    fc.record({ price: fc.bigInt({ min: 10n, max: 10n ** 14n }), state: fc.constantFrom(...candleStates) }),
    { minLength: 1, maxLength: 90 },
  );
  fc.assert(
    fc.property(minutes, fc.constantFrom('3m', '5m', '15m', '1h'), (given, interval) => {
      const bars = given.map(({ price, state }, at) => bar(at, state, undefined, price));
      const range = { fromUs: 0, toUs: given.length * minuteUs };
      const whole = mergedBar(bars, range.fromUs, range.toUs)!;
      const rolled = rolledUp(bars, interval, range);
      const again = mergedBar(rolled, range.fromUs, range.toUs)!;
      if (whole.tradeCount === 0) return;
      for (const name of [
        'open',
        'high',
        'low',
        'close',
        'volume',
        'quoteVolume',
        'tradeCount',
        'firstTradeId',
        'lastTradeId',
        'endUs',
      ] as const) {
        assert.equal(again[name], whole[name], name);
      }
    }),
  );
});
