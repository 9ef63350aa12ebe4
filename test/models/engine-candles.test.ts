import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CandleBuilder } from '../../src/candles/candle-builder.ts';
import { CandleSeries } from '../../src/candles/series.ts';
import { bigPowerOfTen } from '../../src/domain/decimal.ts';
import type { Instrument } from '../../src/domain/instrument.ts';
import { dayUs, hourUs, minuteUs } from '../../src/domain/interval.ts';
import { generateFrames, joinFeeds, openRecording } from '../../src/harbour/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import * as august from '../recordings/spot-btcusdt-2024.ts';
import { needsRecordings, recording } from '../recordings.ts';
import { derive, framesOf, journalOf } from '../support/derived-lake.ts';
import { type ModelLake, modelLake, refuseFailure } from './model-lake.ts';

const intervals = ['1m', '5m', '15m', '1h', '1d'] as const;
const columns =
  'opened_at, open, high, low, close, volume, quote_volume, trade_count, taker_buy_volume, taker_buy_quote_volume, first_trade_id, last_trade_id';

/** The engine's candles that have trades, from what it committed, rolled up by its own code; values at scales 8 and 16. */
async function engineCandles(
  { lake }: ModelLake,
  { market, symbol }: Instrument,
  interval: (typeof intervals)[number],
) {
  const { batch, slots } = await lake.read({ table: 'candles', market, symbol });
  const series = new CandleSeries(new CandleBuilder());
  series.load(batch as never, slots);
  const opened = (batch.columns as Record<string, Float64Array>)['opened_at']!.subarray(0, batch.length);
  const toUs = Math.max(...opened) + dayUs;
  const fromUs = Math.min(...opened);
  const { priceScale, quantityScale } = series.builder;
  const price = (value: number) => BigInt(value) * bigPowerOfTen(8 - priceScale);
  const sum = (value: bigint) => value * bigPowerOfTen(8 - quantityScale);
  const product = (value: bigint) => value * bigPowerOfTen(16 - priceScale - quantityScale);
  return series
    .range(interval, fromUs, toUs, 10_000, { venueNowUs: toUs, tidemarkUs: toUs, heldFromUs: 0, gaps: [] })
    .filter((candle) => candle.tradeCount > 0)
    .map((candle) => [
      new Date(candle.openedAtUs / 1000).toISOString(),
      price(candle.open),
      price(candle.high),
      price(candle.low),
      price(candle.close),
      sum(candle.volume),
      product(candle.quoteVolume),
      BigInt(candle.tradeCount),
      sum(candle.takerBuyVolume),
      product(candle.takerBuyQuoteVolume),
      BigInt(candle.firstTradeId),
      BigInt(candle.lastTradeId),
    ]);
}

/** Candles of all intervals, of the engine and of the models; each equal to the last digit. How many minutes. */
async function compareAll(models: ModelLake, instruments: readonly Instrument[]): Promise<number> {
  let minutes = 0;
  for (const instrument of instruments) {
    for (const interval of intervals) {
      const rows = await models.query(
        `SELECT ${columns} FROM candles_${interval} WHERE symbol = '${instrument.symbol}' ORDER BY opened_at`,
      );
      const own = rows.map(([openedAt, ...cells]) => [
        openedAt,
        ...cells.map((cell) => BigInt(cell!.replace('.', ''))),
      ]);
      const engine = await engineCandles(models, instrument, interval);
      assert.deepEqual(own, engine, `${instrument.symbol} ${interval}`);
      if (interval === '1m') minutes += own.length;
    }
  }
  return minutes;
}

const finalMinutes = `SELECT count(*) FROM candles WHERE "interval" = '1m' AND state = 'final' AND trade_count > 0`;

test('the models’ candles of a day of the harbour’s market are the engine’s, row for row and digit for digit', async (t) => {
  const models = await modelLake(t);
  const startUs = Date.UTC(2026, 0, 5) * 1000;
  const flow = { takerRate: 0.1, activityRate: 0.5, moveRate: 0.02 };
  const symbols = ['BTCUSDT', 'ETHUSDT'].map((symbol) => ({ symbol, market: 'spot' as const, flow }));
  const instruments = symbols.map(({ symbol }) => ({ venue: 'binance', market: 'spot', symbol }) as const);
  const endAtUs = startUs + dayUs + 2 * minuteUs;
  const frames = generateFrames({ seed: 11, symbols, startAtUs: startUs, endAtUs, streams: ['trade', 'bookTicker'] });
  await derive(models.lake, journalOf(instruments, ['trade', 'book-ticker'], frames), 4 * hourUs);
  refuseFailure(await models.run());
  const minutes = await compareAll(models, instruments);
  // The models' own test compares only what is final; nearly all is.
  const [[final]] = (await models.query(finalMinutes)) as [[string]];
  assert.ok(minutes > 2000 && Number(final) > minutes - 10, `${final} of ${minutes} minutes are final`);
  const [[reports, quotes]] = (await models.query('SELECT count(*), min(quote_count) FROM daily_report')) as [
    [string, string],
  ];
  assert.ok(Number(reports) === 4 && Number(quotes) > 0);
});

test('the models’ candles of the August recording of spot are the engine’s', needsRecordings, async (t) => {
  const models = await modelLake(t);
  const frames = framesOf(august.feed(), ['trade', 'bookTicker']);
  await derive(models.lake, journalOf([august.btcusdt], ['trade', 'book-ticker'], frames), minuteUs);
  refuseFailure(await models.run());
  assert.equal(await compareAll(models, [august.btcusdt]), 12);
  const [[trades]] = (await models.query('SELECT sum(trade_count) FROM candles_1m')) as [[string]];
  assert.equal(Number(trades), august.lastTradeId - august.firstTradeId + 1);
});

test('fills off the market enter no candle of the USD-M recording', needsRecordings, async (t) => {
  const models = await modelLake(t);
  const { files } = createNodeWorld();
  const paths = [
    'BTCUSDT-trade+bookTicker+depth0ms+markPrice1s+snapshot-2023-04-04T2358Z.txt.gz',
    'BTCUSDT-trade+bookTicker+depth0ms+markPrice1s-2023-04-05T0000Z.txt.gz',
  ];
  const feed = joinFeeds(
    ...paths.map((path) => openRecording(files, recording(`binance/usdm/ws/${path}`), { market: 'usdm' })),
  );
  const btcusdt = { venue: 'binance', market: 'usdm', symbol: 'BTCUSDT' } as const;
  await derive(models.lake, journalOf([btcusdt], ['trade'], framesOf(feed, ['trade'])), minuteUs);
  refuseFailure(await models.run());
  assert.ok((await compareAll(models, [btcusdt])) >= 9);
  const [[inCandles, held]] = (await models.query(
    'SELECT (SELECT sum(trade_count) FROM candles_1m), (SELECT count(*) FROM trades)',
  )) as [[string, string]];
  assert.equal(Number(held) - Number(inCandles), 1);
});
