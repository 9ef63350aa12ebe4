import type { CandleRow, CandlesAnswer, GapRow } from '../../../src/protocol/api.ts';

// Rows for tests of the parts that need no browser.

export const minuteUs = 60_000_000;
export const startUs = Date.UTC(2026, 0, 1) * 1000;

export function madeRow(minute: number, more: Partial<CandleRow> = {}): CandleRow {
  const price = 100 + (minute % 17);
  return {
    openedAtUs: startUs + minute * minuteUs,
    open: `${price}`,
    high: `${price + 2}`,
    low: `${price - 1}`,
    close: `${price + 1}`,
    volume: '3',
    quoteVolume: '300',
    tradeCount: 10,
    takerBuyVolume: '1',
    takerBuyQuoteVolume: '100',
    firstTradeId: minute * 10,
    lastTradeId: minute * 10 + 9,
    state: 'final',
    marks: [],
    source: 'trades',
    ...more,
  };
}

export function madeRows(from: number, to: number): CandleRow[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, at) => madeRow(from + at));
}

export function madeGap(fromMinute: number, toMinute: number, more: Partial<GapRow> = {}): GapRow {
  return {
    instrument: 'binance:spot:BTCUSDT',
    stream: 'trade',
    fromId: fromMinute * 10,
    toId: toMinute * 10 - 1,
    openedAtUs: startUs + fromMinute * minuteUs,
    closedAtUs: startUs + toMinute * minuteUs,
    state: 'open',
    reason: 'disconnect',
    heldCount: 0,
    byAggregateCount: 0,
    tried: '',
    ...more,
  };
}

export function madeAnswer(candles: readonly CandleRow[], previousUs: number | null): CandlesAnswer {
  return {
    interval: '1m',
    candles,
    previousUs,
    coverage: {
      instrument: 'binance:spot:BTCUSDT',
      fromUs: candles[0]?.openedAtUs ?? null,
      toUs: candles.at(-1) === undefined ? null : candles.at(-1)!.openedAtUs + minuteUs,
      heldIds: null,
      expectedIds: null,
      tidemarkUs: null,
      gaps: [],
      dataKind: 'simulated',
      catalogVersion: 1,
    },
  };
}
