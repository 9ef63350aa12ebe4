import assert from 'node:assert/strict';
import test from 'node:test';
import { needsRecordings } from '../../test/recordings.ts';
import { firstZipEntry, recordedMessages, recordedText, scaled } from '../../test/support/recorded-frames.ts';
import { parseDecimal, rescaleWide } from '../domain/decimal.ts';
import { minuteUs } from '../domain/interval.ts';
import type { Slot } from '../domain/slots.ts';
import { Slots } from '../domain/slots.ts';
import { CandleBuilder } from './candle-builder.ts';
import type { CandleContext, SeriesCandle } from './series.ts';
import { CandleSeries } from './series.ts';

/** Everything has happened and nothing is missing. */
const settled: CandleContext = {
  venueNowUs: Number.MAX_SAFE_INTEGER,
  tidemarkUs: Number.MAX_SAFE_INTEGER,
  heldFromUs: 0,
  gaps: [],
};

/** The nine values of a dump row, as integers at the slot's scales. */
function officialValues(cells: readonly string[], slot: Slot) {
  const [, open, high, low, close, volume, , quoteVolume, count, takerBuy, takerBuyQuote] = cells as [
    string, string, string, string, string, string, string, string, string, string, string,
  ]; // biome-ignore format: a tuple
  const wide = (text: string, scale: number) => {
    const decimal = parseDecimal(text);
    assert.ok(decimal !== undefined && decimal.scale <= scale, `${text} does not fit scale ${scale}`);
    return rescaleWide(decimal.unscaled, decimal.scale, scale);
  };
  const productScale = slot.priceScale + slot.quantityScale;
  return {
    open: scaled(open, slot.priceScale),
    high: scaled(high, slot.priceScale),
    low: scaled(low, slot.priceScale),
    close: scaled(close, slot.priceScale),
    volume: wide(volume, slot.quantityScale),
    quoteVolume: wide(quoteVolume, productScale),
    tradeCount: Number(count),
    takerBuyVolume: wide(takerBuy, slot.quantityScale),
    takerBuyQuoteVolume: wide(takerBuyQuote, productScale),
  };
}

function valuesOf(candle: SeriesCandle) {
  const {
    openedAtUs: _,
    firstTradeId: __,
    lastTradeId: ___,
    state: ____,
    marks: _____,
    source: ______,
    ...values
  } = candle;
  return values;
}

function usdmMinutes(
  paths: readonly string[],
  official: string,
  keepsOffMarket = false,
): { compared: number; equal: number } {
  const slots = new Slots();
  const slot = slots.atLeast({ venue: 'binance', market: 'usdm', symbol: 'BTCUSDT' }, 2, 3);
  const builder = new CandleBuilder();
  let firstUs = Number.NaN;
  let lastUs = Number.NaN;
  for (const path of paths) {
    for (const { stream, data } of recordedMessages(path)) {
      // Other streams show how far the recording reaches when no trade does.
      if (data.E !== undefined) lastUs = data.E * 1000;
      if (!stream.endsWith('@trade')) continue;
      const tradedAtUs = data.T * 1000;
      if (Number.isNaN(firstUs)) firstUs = tradedAtUs;
      if (data.X !== 'MARKET' && !keepsOffMarket) continue;
      builder.add(data.t, data.t, 1, scaled(data.p, 2), scaled(data.q, 3), tradedAtUs, !data.m, slot);
    }
  }
  const series = new CandleSeries(builder);
  let compared = 0;
  let equal = 0;
  for (const line of recordedText(official).trim().split('\n').slice(1)) {
    const cells = line.split(',');
    const openUs = Number(cells[0]) * 1000;
    if (openUs <= firstUs || openUs + minuteUs > lastUs) continue;
    const [candle] = series.range('1m', openUs, openUs + 1, 1, settled);
    compared++;
    try {
      assert.deepEqual(valuesOf(candle!), officialValues(cells, slot));
      equal++;
    } catch (error) {
      if (!keepsOffMarket) throw error;
    }
  }
  return { compared, equal };
}

const usdm2023 = [
  'binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+markPrice1s+snapshot-2023-04-04T2358Z.txt.gz',
  'binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+markPrice1s-2023-04-05T0000Z.txt.gz',
];
const official2023 = 'binance/usdm/reconcile/BTCUSDT-1m-official-2023-04-04T2357Z..2023-04-05T0007Z.csv';

test('the five fully recorded USD-M minutes of 2024-08 equal the official ones in nine values', needsRecordings, () => {
  const counts = usdmMinutes(
    ['binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+snapshot-2024-08-08T2354Z.txt.gz'],
    'binance/usdm/reconcile/BTCUSDT-1m-official-2024-08-08T2350Z..2024-08-09T0006Z.csv',
  );
  assert.deepEqual(counts, { compared: 5, equal: 5 });
});

test(
  'the seven fully recorded USD-M minutes of 2023-04 equal the official ones in nine values',
  needsRecordings,
  () => {
    assert.deepEqual(usdmMinutes(usdm2023, official2023), { compared: 7, equal: 7 });
  },
);

test('with the insurance-fund trade left in one of those minutes is wrong', needsRecordings, () => {
  assert.deepEqual(usdmMinutes(usdm2023, official2023, true), { compared: 7, equal: 6 });
});

test('aggregates of 2020-01-02 give the official minutes 15:11 to 15:17 in nine values', needsRecordings, () => {
  const slots = new Slots();
  const slot = slots.atLeast({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 2, 6);
  const builder = new CandleBuilder();
  const path = 'binance/rest/spot-aggTrades-BTCUSDT-fromId202790190-1000rows-2020-01-02.json';
  for (const row of JSON.parse(recordedText(path))) {
    builder.add(row.f, row.l, row.l - row.f + 1, scaled(row.p, 2), scaled(row.q, 6), row.T * 1000, !row.m, slot, 1);
  }
  const series = new CandleSeries(builder);
  const fromUs = Date.UTC(2020, 0, 2, 15, 11) * 1000;
  const toUs = Date.UTC(2020, 0, 2, 15, 18) * 1000;
  const ours = series.range('1m', fromUs, toUs, 100, settled);
  const official = firstZipEntry('binance/spot/dump/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01-02.zip')
    .split('\n')
    .map((line) => line.split(','))
    .filter((cells) => Number(cells[0]) * 1000 >= fromUs && Number(cells[0]) * 1000 < toUs);
  assert.equal(official.length, 7);
  assert.deepEqual(
    ours.map(valuesOf),
    official.map((cells) => officialValues(cells, slot)),
  );
  for (const candle of ours) {
    assert.equal(candle.source, 'agg-trades');
    assert.equal(candle.state, 'final');
  }
});

test('XRPETH aggregates give every one-minute and five-minute candle, the empty ones flat', needsRecordings, () => {
  const slots = new Slots();
  const slot = slots.atLeast({ venue: 'binance', market: 'spot', symbol: 'XRPETH' }, 8, 8);
  const builder = new CandleBuilder();
  const folder = 'binance/spot/reconcile/XRPETH';
  let lastUs = 0;
  for (const { info } of JSON.parse(recordedText(`${folder}-aggTrades-2019-10-11..13.ccxt.json.gz`))) {
    lastUs = info.T * 1000;
    builder.add(info.f, info.l, info.l - info.f + 1, scaled(info.p, 8), scaled(info.q, 8), lastUs, !info.m, slot, 1);
  }
  const series = new CandleSeries(builder);
  for (const [interval, rows, empty] of [
    ['1m', 3560, 1091],
    ['5m', 712, undefined],
  ] as const) {
    const official: number[][] = JSON.parse(recordedText(`${folder}-klines-${interval}-2019-10-11..13.json.gz`));
    const ours = series.range(interval, 0, Number.MAX_SAFE_INTEGER, 5000, {
      ...settled,
      venueNowUs: lastUs + 1,
      tidemarkUs: lastUs,
    });
    assert.equal(official.length, rows);
    assert.deepEqual(
      ours.map((candle) => [
        candle.openedAtUs / 1000,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        Number(candle.volume),
      ]),
      official.map(([openMs, ...values]) => [openMs, ...values.map((value) => Math.round(value * 1e8))]),
    );
    if (empty !== undefined) assert.equal(ours.filter((candle) => candle.state === 'no-trades').length, empty);
    assert.equal(ours.at(-1)?.state, 'forming');
    assert.ok(ours.slice(0, -1).every((candle) => candle.state === 'final' || candle.state === 'no-trades'));
  }
});
