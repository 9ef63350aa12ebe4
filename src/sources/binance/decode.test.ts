import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Decoded } from '../../domain/decoded.ts';
import type { Market } from '../../domain/instrument.ts';
import {
  encode24hrTicker,
  encodeAggTrade,
  encodeBookTicker,
  encodeCombined,
  encodeControlError,
  encodeControlResult,
  encodeDepthUpdate,
  encodeKline,
  encodeServerShutdown,
  encodeTrade,
  encodeWrappedControlError,
} from './encode.ts';
import { createBinanceSource } from './index.ts';

const source = createBinanceSource();

function decode(market: Market, ...frames: string[]): Decoded {
  const out = new Decoded();
  out.record.market = market;
  out.record.receivedAtUs = 1_700_000_000_000_000;
  out.record.writer = 'w';
  frames.forEach((frame, sequence) => {
    out.record.sequence = sequence;
    const bytes = Buffer.from(`x${frame}y`);
    source.decodeFrame(bytes, 1, bytes.length - 1, out);
  });
  return out;
}

const trade = {
  symbol: 'BTCUSDT',
  tradeId: 6720857582,
  price: '83034.29000000',
  quantity: '0.00062000',
  tradedAtUs: 1790649901913123,
  eventAtUs: 1790649901913456,
  buyerIsMaker: true,
};

test('a spot trade becomes one row with exact values at the scales it needs', () => {
  const out = decode('spot', encodeCombined('btcusdt@trade', encodeTrade('spot', trade, 'us')));
  assert.equal(out.findings.length, 0);
  assert.equal(out.trades.length, 1);
  const columns = out.trades.columns;
  const slot = out.slots.get(out.trades.slot[0]!);
  assert.equal(slot.id, 'binance:spot:BTCUSDT');
  assert.deepEqual([slot.priceScale, slot.quantityScale], [2, 5]);
  assert.equal(columns.trade_id[0], 6720857582);
  assert.equal(columns.price[0], 8303429);
  assert.equal(columns.quantity[0], 62);
  assert.equal(columns.traded_at[0], 1790649901913123);
  assert.equal(columns.event_at[0], 1790649901913456);
  assert.equal(columns.buyer_is_maker[0], 1);
  assert.equal(columns.is_market[0], 1);
  assert.equal(columns.origin[0], 'frame');
  assert.equal(out.newestEventAtUs, 1790649901913456);
});

test('the same trade in milliseconds lands on the millisecond', () => {
  const out = decode('spot', encodeTrade('spot', trade, 'ms'));
  assert.equal(out.trades.columns.traded_at[0], 1790649901913000);
});

test('a value with more digits opens a wider slot and leaves the older row its own', () => {
  const finer = { ...trade, tradeId: trade.tradeId + 1, price: '83034.29500000' };
  const out = decode('spot', encodeTrade('spot', trade), encodeTrade('spot', finer));
  assert.equal(out.slots.get(out.trades.slot[0]!).priceScale, 2);
  assert.equal(out.slots.get(out.trades.slot[1]!).priceScale, 3);
  assert.deepEqual([...out.trades.columns.price.slice(0, 2)], [8303429, 83034295]);
  assert.equal(out.slots.instrumentCount, 1);
});

test('futures rows that are no ordinary fill keep their id and are not market trades', () => {
  const out = decode(
    'usdm',
    encodeTrade('usdm', { ...trade, price: '0', quantity: '0', execution: 'NA' }),
    encodeTrade('usdm', { ...trade, execution: 'INSURANCE_FUND' }),
    encodeTrade('usdm', trade),
  );
  assert.equal(out.findings.length, 0);
  assert.deepEqual([...out.trades.columns.is_market.slice(0, 3)], [0, 0, 1]);
  assert.equal(out.trades.columns.trade_id[0], trade.tradeId);
});

test('aggregates of both markets carry the first and last trade id', () => {
  const aggregate = { ...trade, aggTradeId: 37416157, firstTradeId: 51562765, lastTradeId: 51562770 };
  for (const market of ['spot', 'usdm'] as const) {
    const out = decode(market, encodeCombined('x@aggTrade', encodeAggTrade(market, aggregate)));
    assert.equal(out.findings.length, 0);
    const columns = out.aggTrades.columns;
    assert.deepEqual(
      [columns.agg_trade_id[0], columns.first_trade_id[0], columns.last_trade_id[0]],
      [37416157, 51562765, 51562770],
    );
  }
});

test('a depth event lists its bids before its asks, and futures name the previous event', () => {
  const event = {
    symbol: 'BTCUSDT',
    firstUpdateId: 157,
    finalUpdateId: 160,
    previousUpdateId: 150,
    eventAtUs: 1672515782136000,
    bids: [
      ['0.0024', '10'],
      ['0.0023', '0.000'],
    ],
    asks: [['0.00261', '100.5']],
  } as const;
  const spot = decode('spot', encodeDepthUpdate('spot', event)).depth;
  assert.deepEqual([spot.length, spot.levelCount, spot.previousUpdateId[0]], [1, 3, Number.NaN]);
  assert.deepEqual([...spot.isBid.slice(0, 3)], [1, 1, 0]);
  assert.deepEqual([...spot.price.slice(0, 3)], [240, 230, 261]);
  assert.deepEqual([...spot.quantity.slice(0, 3)], [100, 0, 1005]);
  const futures = decode('usdm', encodeCombined('btcusdt@depth@100ms', encodeDepthUpdate('usdm', event)));
  assert.equal(futures.depth.previousUpdateId[0], 150);
});

test('a partial futures book is no diff, though its event has the same name', () => {
  const event = { symbol: 'A', firstUpdateId: 1, finalUpdateId: 2, eventAtUs: 1, bids: [], asks: [] };
  const out = decode('usdm', encodeCombined('a@depth20@100ms', encodeDepthUpdate('usdm', event)));
  assert.equal(out.depth.length, 0);
  assert.equal(out.findings.columns.code[0], 'unknown-event');
});

test('a spot book ticker is known by its fields and has no event time', () => {
  const best = {
    symbol: 'BNBUSDT',
    updateId: 400900217,
    bidPrice: '25.3519',
    bidQuantity: '31.21',
    askPrice: '25.3652',
    askQuantity: '40.66',
  };
  const out = decode(
    'spot',
    encodeCombined('bnbusdt@bookTicker', encodeBookTicker('spot', best)),
    encodeBookTicker('spot', best),
  );
  assert.equal(out.bookTickers.length, 2);
  assert.equal(out.bookTickers.columns.event_at[0], Number.NaN);
  assert.equal(out.newestEventAtUs, 0);
  const futures = decode('usdm', encodeBookTicker('usdm', { ...best, eventAtUs: 5_000 }));
  assert.equal(futures.bookTickers.columns.event_at[0], 5_000);
});

const kline = {
  symbol: 'ETHUSDT',
  eventAtUs: 1682244928001000,
  interval: '1s',
  openedAtUs: 1682244927000000,
  closedAtUs: 1682244927999999,
  open: '1870.76000000',
  high: '1870.77000000',
  low: '1870.75000000',
  close: '1870.76000000',
  volume: '123456789012.00000001',
  quoteVolume: '0.50000000',
  tradeCount: 3,
  takerBuyVolume: '1.00000000',
  takerBuyQuoteVolume: '0.25000000',
  firstTradeId: 7,
  lastTradeId: 9,
};

test('a closed candle becomes a row whatever the time unit, an open one only moves the event time', () => {
  const closed = { ...kline, isClosed: true };
  const out = decode(
    'spot',
    encodeKline(closed, 'ms'),
    encodeKline(closed, 'us'),
    encodeKline({ ...kline, isClosed: false }),
  );
  assert.equal(out.findings.length, 0);
  assert.equal(out.venueCandles.length, 2);
  const columns = out.venueCandles.columns;
  assert.deepEqual([...columns.closed_at.slice(0, 2)], [1682244927999999, 1682244927999999]);
  assert.equal(columns.volume[0], 12345678901200000001n);
  assert.deepEqual(
    [columns.open[0], columns.high[0], columns.low[0], columns.close[0]],
    [187076, 187077, 187075, 187076],
  );
  const open = decode('spot', encodeKline({ ...kline, isClosed: false }));
  assert.equal(open.venueCandles.length, 0);
  assert.equal(open.newestEventAtUs, kline.eventAtUs);
});

test('a day ticker keeps a negative change and volumes beyond 2^53', () => {
  const ticker = {
    symbol: 'PEPEUSDT',
    eventAtUs: 1672515782136000,
    priceChange: '-0.00000150',
    priceChangePercent: '-1.5',
    averagePrice: '0.00001000',
    lastPrice: '0.00000999',
    lastQuantity: '1000.00',
    open: '0.00001149',
    high: '0.00001200',
    low: '0.00000900',
    volume: '92233720368547758.07',
    quoteVolume: '18.00000000',
    openedAtUs: 0,
    closedAtUs: 86400000000,
    firstTradeId: -1,
    lastTradeId: -1,
    tradeCount: 0,
  };
  const out = decode('spot', encode24hrTicker('spot', ticker), encode24hrTicker('usdm', ticker));
  assert.equal(out.findings.length, 0);
  assert.equal(out.tickers.length, 2);
  assert.equal(out.tickers.columns.price_change[0], -150);
  assert.equal(out.tickers.columns.volume[0], 9223372036854775807000000n);
});

test('answers to control messages are acknowledged in each of their forms', () => {
  const out = decode(
    'spot',
    encodeControlResult(1),
    encodeControlResult(3, ['btcusdt@trade']),
    encodeControlError(2, 'Invalid request: too many parameters'),
    encodeControlError(0, 'Unknown property', 9),
    encodeWrappedControlError(3, 'Invalid JSON', 4),
  );
  assert.deepEqual(out.controls, [
    { kind: 'acknowledged', requestId: 1 },
    { kind: 'acknowledged', requestId: 3 },
    { kind: 'acknowledged', requestId: -1, error: '2: Invalid request: too many parameters' },
    { kind: 'acknowledged', requestId: 9, error: '0: Unknown property' },
    { kind: 'acknowledged', requestId: 4, error: '3: Invalid JSON' },
  ]);
  assert.equal(out.findings.length, 3);
});

test('an announced shutdown is seen on both kinds of connection', () => {
  const out = decode(
    'spot',
    encodeServerShutdown(1770123456789000, true),
    encodeServerShutdown(1770123456789000, false),
  );
  assert.deepEqual(out.controls, [{ kind: 'shutdown-announced' }, { kind: 'shutdown-announced' }]);
});

test('what cannot be read becomes one finding with the right code and no row', () => {
  const good = encodeTrade('spot', trade);
  const cases: readonly [string, string][] = [
    ['', 'bad-frame'],
    ['null', 'bad-frame'],
    ['7', 'bad-frame'],
    ['{"stream":"a@trade","data":5}', 'bad-frame'],
    [good.slice(0, -1), 'bad-frame'],
    [good + good, 'bad-frame'],
    [good.replace('"t":6720857582', '"t":9007199254740993'), 'bad-frame'],
    [good.replace('"t":6720857582', '"t":1.5'), 'bad-frame'],
    [good.replace('"m":true', '"m":1'), 'bad-frame'],
    [good.replace('"BTCUSDT"', '"BTC:USDT"'), 'bad-frame'],
    [good.replace('"BTCUSDT"', '""'), 'bad-frame'],
    [good.replace('83034.29000000', '1.123456789'), 'value-refused'],
    [good.replace('83034.29000000', '-1'), 'value-refused'],
    [good.replace('83034.29000000', '1e5'), 'value-refused'],
    [good.replace('83034.29000000', '90071992547409.93'), 'value-refused'],
    ['{"e":"earthquake","s":"BTCUSDT"}', 'unknown-event'],
    ['{"lastUpdateId":160,"bids":[],"asks":[]}', 'unknown-event'],
    ['{}', 'unknown-event'],
  ];
  for (const [frame, code] of cases) {
    const out = decode('spot', frame);
    assert.equal(out.findings.length, 1, frame);
    assert.equal(out.findings.columns.code[0], code, frame);
    assert.equal(out.trades.length, 0, frame);
  }
});

test('unknown fields, another field order and white space change nothing', () => {
  const out = decode(
    'spot',
    '{ "data" : {"new":[1,{"a":2}],"T":1790649901913,"q":"0.00062","s":"BTCUSDT","m":true,"E":1790649901913,"p":"83034.29","t":1,"e":"trade"}, "stream":"btcusdt@trade" }',
  );
  assert.equal(out.findings.length, 0);
  assert.equal(out.trades.columns.price[0], 8303429);
});

test('frames nested a million deep or megabytes long are findings', () => {
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
  const good = encodeTrade('spot', trade);
  const cases = [
    deep,
    `{"stream":"a@trade","data":${deep}}`,
    good.replace('"BTCUSDT"', deep),
    good.replace('"t":6720857582', `"t":${deep}`),
    good.replace('"83034.29000000"', deep),
    good.replace('83034.29000000', '1'.repeat(5_000_000)),
    good.replace('6720857582', '9'.repeat(5_000_000)),
    encodeCombined('x'.repeat(5_000_000), '{}'),
  ];
  for (const frame of cases) {
    const out = decode('spot', frame);
    assert.equal(out.findings.length, 1);
    assert.ok(out.findings.columns.detail[0]!.length < 600);
    assert.equal(out.trades.length, 0);
  }
});
