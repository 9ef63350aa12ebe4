import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoded } from '../../domain/decoded.ts';
import type { Market, StreamKind } from '../../domain/instrument.ts';
import { encodeExchangeInfo, encodeRestAggTrades, encodeRestKlines, encodeRestTrades, fixedText } from './encode.ts';
import { createBinanceSource, liveHosts, publicDataHosts } from './index.ts';
import { restWeight } from './limits.ts';
import { planSessions } from './plan.ts';
import { requests } from './requests.ts';

const instrument = (market: Market, symbol: string) => ({ venue: 'binance', market, symbol }) as const;
const btc = instrument('spot', 'BTCUSDT');

test('spot streams share one microsecond connection, futures are split by the path that serves them', () => {
  const kinds: StreamKind[] = ['trade', 'agg-trade', 'depth', 'book-ticker', 'ticker', 'kline'];
  const streams = (['spot', 'usdm'] as const).flatMap((market) =>
    kinds.map((kind) => ({ instrument: instrument(market, 'BTCUSDT'), kind })),
  );
  const plan = createBinanceSource().plan({
    streams: [...streams, { instrument: instrument('usdm', 'BTCUSDT'), kind: 'mark-price' }],
    hosts: liveHosts,
    dataKind: 'live',
    venueTime: { mode: 'wall', offsetUs: 0 },
  });
  const names = Object.fromEntries(
    plan.sessions.map((session) => [session.id, session.streams.map(({ name }) => name)]),
  );
  assert.deepEqual(names, {
    'spot-0': [
      'btcusdt@trade',
      'btcusdt@aggTrade',
      'btcusdt@depth@100ms',
      'btcusdt@bookTicker',
      'btcusdt@ticker',
      'btcusdt@kline_1m',
    ],
    'usdm-public-0': ['btcusdt@trade', 'btcusdt@depth@100ms', 'btcusdt@bookTicker'],
    'usdm-market-0': ['btcusdt@aggTrade', 'btcusdt@ticker', 'btcusdt@kline_1m', 'btcusdt@markPrice@1s'],
  });
  assert.deepEqual(
    plan.sessions.map((session) => session.urls[0]),
    [
      'wss://stream.binance.com:9443/stream?timeUnit=MICROSECOND',
      'wss://fstream.binance.com/public/stream',
      'wss://fstream.binance.com/market/stream',
    ],
  );
});

test('no session holds more streams than the venue allows, and a stream asked for twice is planned once', () => {
  const streams = Array.from({ length: 2500 }, (_, i) => ({
    instrument: instrument('spot', `S${i}USDT`),
    kind: 'trade' as const,
  }));
  const sizes = planSessions([...streams, ...streams], publicDataHosts, 5000).map((session) => session.streams.length);
  assert.deepEqual(sizes, [1024, 1024, 452]);
  assert.equal(planSessions(streams, liveHosts).length, 13);
});

test('a stream that the venue does not have is refused by name', () => {
  const refuse = (stream: Parameters<typeof planSessions>[0][number], code: string) =>
    assert.throws(() => planSessions([stream], liveHosts), { code });
  refuse({ instrument: btc, kind: 'mark-price' }, 'bad-stream');
  refuse({ instrument: btc, kind: 'kline', interval: '5s' }, 'bad-stream');
  refuse({ instrument: instrument('usdm', 'BTCUSDT'), kind: 'kline', interval: '1s' }, 'bad-stream');
  refuse({ instrument: instrument('coinm', 'BTCUSD_PERP'), kind: 'trade' }, 'no-host');
});

test('questions carry the weight that the venue counts', () => {
  assert.equal(requests.bookSnapshot(btc).weight, 250);
  assert.equal(requests.bookSnapshot(instrument('usdm', 'BTCUSDT')).weight, 20);
  assert.equal(requests.aggTradesById(btc, 5, 1000).weight, 4);
  assert.equal(requests.klines(btc, '1m', 0, 0, 1000).weight, 2);
  assert.deepEqual(
    [100, 101, 500, 501, 1000, 1001].map((limit) => restWeight('spot', 'depth', limit)),
    [5, 25, 25, 50, 50, 250],
  );
  assert.deepEqual(
    [50, 100, 500, 1000].map((limit) => restWeight('usdm', 'depth', limit)),
    [2, 5, 10, 20],
  );
  assert.deepEqual(
    [99, 100, 499, 500, 1000, 1001].map((limit) => restWeight('usdm', 'klines', limit)),
    [1, 2, 2, 5, 5, 10],
  );
});

test('trades by id are asked of spot, where no account is needed, and in microseconds', () => {
  const request = requests.tradesById(btc, 17, 5000);
  assert.equal(request?.path, '/api/v3/historicalTrades');
  assert.deepEqual(request?.query, { symbol: 'BTCUSDT', fromId: '17', limit: '1000' });
  assert.deepEqual(request?.headers, { 'X-MBX-TIME-UNIT': 'MICROSECOND' });
  assert.equal(requests.tradesById(instrument('usdm', 'BTCUSDT'), 17, 500), undefined);
});

test('few symbols are asked for by name, and of a longer answer only they are taken', () => {
  const symbols = ['BTCUSDT', 'ETHUSDT', 'XRPUSDT'].map((symbol) => ({
    symbol,
    status: 'TRADING',
    baseAsset: symbol.slice(0, 3),
    quoteAsset: 'USDT',
    tickSize: '0.01000000',
    stepSize: '0.00001000',
  }));
  const body = Buffer.from(encodeExchangeInfo('usdm', { serverTimeUs: 5e15, weightPerMinute: 2400, symbols }));
  assert.equal(requests.exchangeInfo('spot', ['BTCUSDT']).query['symbols'], '["BTCUSDT"]');
  const request = requests.exchangeInfo('usdm', ['ETHUSDT']);
  assert.deepEqual(request.query, {});
  const out = new Decoded();
  out.record.market = 'usdm';
  createBinanceSource().decodeResponse(request, 200, body, out);
  assert.deepEqual(
    out.instruments.map(({ slot }) => out.slots.get(slot).id),
    ['binance:usdm:ETHUSDT'],
  );
  assert.equal(out.slots.all.length, 1);
});

const row = { price: '1.50', quantity: '2', tradedAtUs: 1_600_000_000_000_001, buyerIsMaker: true };

test('the newest trade names the last id; neutralised aggregates are passed over', () => {
  const out = new Decoded();
  const source = createBinanceSource();
  const latest = encodeRestTrades('spot', [{ ...row, tradeId: 91, quoteQuantity: '3' }], 'us');
  source.decodeResponse(requests.latestTrade(btc), 200, Buffer.from(latest), out);
  assert.deepEqual(out.latestIds, [{ slot: 0, stream: 'trade', id: 91, atUs: 0 }]);
  assert.equal(out.trades.columns.traded_at[0], 1_600_000_000_000_001);
  assert.equal(out.trades.columns.origin[0], 'rest');
  const aggregates = encodeRestAggTrades('spot', [
    { ...row, aggTradeId: 1, firstTradeId: -1, lastTradeId: -1, price: '0', quantity: '0' },
    { ...row, aggTradeId: 2, firstTradeId: 5, lastTradeId: 6 },
  ]);
  source.decodeResponse(requests.aggTradesById(btc, 1, 1000), 200, Buffer.from(aggregates), out);
  assert.deepEqual([out.aggTrades.length, out.aggTrades.columns.agg_trade_id[0], out.findings.length], [1, 2, 0]);
});

test('rows that cannot be read are one finding together, the others are kept', () => {
  const out = new Decoded();
  const trades = [1, 2, 3].map((tradeId) => ({
    ...row,
    tradeId,
    quoteQuantity: '3',
    price: tradeId === 2 ? '1' : 'x',
  }));
  const body = Buffer.from(encodeRestTrades('spot', trades));
  createBinanceSource().decodeResponse(requests.tradesById(btc, 1, 10)!, 200, body, out);
  assert.deepEqual([out.trades.length, out.findings.length], [1, 1]);
  assert.match(out.findings.columns.detail[0]!, /2 of 3 rows refused/);
});

test('a candle’s end is the same instant in both time units', () => {
  const candle = {
    openedAtUs: 1_600_000_020_000_000,
    closedAtUs: 1_600_000_079_999_999,
    open: '1', high: '2', low: '1', close: '2',
    volume: '3', quoteVolume: '4', tradeCount: 2, takerBuyVolume: '1', takerBuyQuoteVolume: '2',
  }; // biome-ignore format: a row
  for (const unit of ['ms', 'us'] as const) {
    const out = new Decoded();
    const body = Buffer.from(encodeRestKlines([candle], unit));
    createBinanceSource().decodeResponse(
      requests.klines(btc, '1m', candle.openedAtUs, candle.openedAtUs, 1),
      200,
      body,
      out,
    );
    assert.equal(out.venueCandles.columns.closed_at[0], 1_600_000_079_999_999);
  }
});

test('fixed decimal text has the digits asked for', () => {
  assert.equal(fixedText(8303429, 2), '83034.29000000');
  assert.equal(fixedText(5, 8), '0.00000005');
  assert.equal(fixedText(12, 0, 0), '12');
  assert.equal(fixedText(12, 0, 2), '12.00');
  assert.equal(fixedText(-5, 2, 2), '-0.05');
});
