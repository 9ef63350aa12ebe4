import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { needsRecordings, recording } from '../../../test/recordings.ts';
import { recordedText } from '../../../test/support/recorded-frames.ts';
import { formatScaled } from '../../domain/decimal.ts';
import { Decoded } from '../../domain/decoded.ts';
import type { Market } from '../../domain/instrument.ts';
import { hourUs } from '../../domain/interval.ts';
import type { RestRequest } from '../../ports/source.ts';
import { createBinanceSource } from './index.ts';
import { requests } from './requests.ts';
import { FrameScanner } from './scan.ts';

const binance = 'binance/';

interface Counts {
  trades: number;
  aggTrades: number;
  depth: number;
  bookTickers: number;
  klines: number;
  markPrices: number;
  snapshots: number;
}

const none: Counts = { trades: 0, aggTrades: 0, depth: 0, bookTickers: 0, klines: 0, markPrices: 0, snapshots: 0 };

/** Messages of both line formats, without the local time: `<time> <message>` and `<time>: <message>`. */
function* messages(path: string): Generator<string> {
  for (const line of recordedText(path).split('\n')) {
    const start = line.indexOf('{');
    if (start >= 0) yield line.slice(start);
  }
}

/** Decodes a whole recording: rows, how many of each, and how many frames the scanner took. */
function decodeRecording(market: Market, path: string): { out: Decoded; counts: Counts; scanned: number } {
  const source = createBinanceSource();
  const scanner = new FrameScanner();
  const probe = new Decoded();
  const out = new Decoded();
  out.record.market = market;
  probe.record.market = market;
  const counts = { ...none };
  let scanned = 0;
  for (const message of messages(path)) {
    const bytes = Buffer.from(message);
    out.record.sequence++;
    out.record.receivedAtUs++;
    if (message.startsWith('{"lastUpdateId"')) {
      const symbol = { venue: 'binance', market, symbol: 'BTCUSDT' } as const;
      source.decodeResponse(requests.bookSnapshot(symbol), 200, bytes, out);
      counts.snapshots++;
      continue;
    }
    source.decodeFrame(bytes, 0, bytes.length, out);
    if (!scanner.scan(bytes, 0, bytes.length, probe)) source.decodeFrame(bytes, 0, bytes.length, probe);
    else scanned++;
    if (message.includes('"e":"kline"')) counts.klines++;
    if (message.includes('"e":"markPriceUpdate"')) counts.markPrices++;
    probe.clear();
  }
  counts.trades = out.trades.length;
  counts.aggTrades = out.aggTrades.length;
  counts.depth = out.depth.length;
  counts.bookTickers = out.bookTickers.length;
  return { out, counts, scanned };
}

const spotFolder = `${binance}spot/ws/`;
const usdmFolder = `${binance}usdm/ws/`;
const files: readonly { market: Market; path: string; counts: Counts }[] = [
  {
    market: 'spot',
    path: `${spotFolder}BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz`,
    counts: { ...none, trades: 9757, depth: 3451, bookTickers: 28040, snapshots: 1 },
  },
  {
    market: 'spot',
    path: `${spotFolder}BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz`,
    counts: { ...none, trades: 10147, depth: 3044, bookTickers: 45134 },
  },
  {
    market: 'spot',
    path: `${spotFolder}BTCUSDT-trade+bookTicker+depth100ms-2023-04-05T0000Z-no-snapshot.txt.gz`,
    counts: { ...none, trades: 3144, depth: 3929, bookTickers: 8015 },
  },
  {
    market: 'spot',
    path: `${spotFolder}NKNUSDT,BLZETH,LRCBTC,RUNEEUR-aggTrade+kline1m+bookTicker+depth100ms-2021-10-12T0028Z.ws.txt.gz`,
    counts: { ...none, aggTrades: 2, depth: 177, bookTickers: 84, klines: 2 },
  },
  {
    market: 'usdm',
    path: `${usdmFolder}BTCUSDT-trade+bookTicker+depth0ms+snapshot-2024-08-08T2354Z.txt.gz`,
    counts: { ...none, trades: 21313, depth: 6551, bookTickers: 66089, snapshots: 1 },
  },
  {
    market: 'usdm',
    path: `${usdmFolder}BTCUSDT-trade+bookTicker+depth0ms+markPrice1s+snapshot-2023-04-04T2358Z.txt.gz`,
    counts: { ...none, trades: 2197, depth: 4322, bookTickers: 6765, markPrices: 99, snapshots: 1 },
  },
  {
    market: 'usdm',
    path: `${usdmFolder}BTCUSDT-trade+bookTicker+depth0ms+markPrice1s-2023-04-05T0000Z.txt.gz`,
    counts: { ...none, trades: 10738, depth: 11788, bookTickers: 37440, markPrices: 415 },
  },
  {
    market: 'usdm',
    path: `${usdmFolder}SUSHIUSDT,AKROUSDT,KEEPUSDT,CTKUSDT-aggTrade+kline1m+bookTicker+depth100ms-2021-07-22T2225Z.ws.txt.gz`,
    counts: { ...none, aggTrades: 91, depth: 764, bookTickers: 613, klines: 67 },
  },
];

for (const { market, path, counts } of files) {
  test(
    `every message of ${path.slice(binance.length)} is read, none refused, nearly all by the scanner`,
    needsRecordings,
    () => {
      const decoded = decodeRecording(market, path);
      assert.deepEqual(decoded.counts, counts);
      assert.equal(decoded.out.findings.length, 0, decoded.out.findings.columns.detail[0] ?? '');
      const hot = counts.trades + counts.aggTrades + counts.depth + counts.bookTickers;
      // What teaches a symbol or a finer scale is parsed: a few at the start, of each symbol.
      assert.ok(decoded.scanned > hot * 0.99 - 40, `${decoded.scanned} of ${hot} scanned`);
    },
  );
}

test('the two spot files of 2024-08 hold trades 3735683259 … 3735703162, values as sent', needsRecordings, () => {
  let next = 3735683259;
  for (const { path } of files.slice(0, 2)) {
    const { out } = decodeRecording('spot', path);
    const columns = out.trades.columns;
    let row = 0;
    for (const message of messages(path)) {
      if (!message.includes('"e":"trade"')) continue;
      const { data } = JSON.parse(message);
      const slot = out.slots.get(out.trades.slot[row]!);
      assert.equal(columns.trade_id[row], next++);
      assert.equal(formatScaled(columns.price[row]!, slot.priceScale, 8), data.p);
      assert.equal(formatScaled(columns.quantity[row]!, slot.quantityScale, 8), data.q);
      assert.equal(columns.traded_at[row], data.T * 1000);
      assert.equal(columns.event_at[row], data.E * 1000);
      assert.equal(columns.buyer_is_maker[row], data.m ? 1 : 0);
      row++;
    }
  }
  assert.equal(next, 3735703163);
});

test(
  'of the futures trades of 2023-04 exactly the one of the insurance fund is no market trade',
  needsRecordings,
  () => {
    const { out } = decodeRecording('usdm', files[6]!.path);
    const columns = out.trades.columns;
    const others = [...columns.is_market.slice(0, out.trades.length)].flatMap((flag, row) =>
      flag === 0 ? [columns.trade_id[row]] : [],
    );
    assert.deepEqual(others, [3535191080]);
  },
);

test('of the published samples only kinds that nobody subscribes to are unknown', needsRecordings, () => {
  const paths = ['spot+usdm+coinm-2021-03..2022-06.ndjson', 'usdm-2026-08-08-market-endpoint.ndjson'];
  const source = createBinanceSource();
  const details: string[] = [];
  const rows = { trades: 0, aggTrades: 0, depth: 0, bookTickers: 0, tickers: 0, venueCandles: 0 };
  for (const path of paths) {
    for (const message of messages(`${binance}ws-message-samples/${path}`)) {
      const out = new Decoded();
      out.record.market = message.includes('_PERP') ? 'coinm' : 'spot';
      const bytes = Buffer.from(message);
      source.decodeFrame(bytes, 0, bytes.length, out);
      rows.trades += out.trades.length;
      rows.aggTrades += out.aggTrades.length;
      rows.depth += out.depth.length;
      rows.bookTickers += out.bookTickers.length;
      rows.tickers += out.tickers.length;
      rows.venueCandles += out.venueCandles.length;
      for (let row = 0; row < out.findings.length; row++) {
        assert.equal(out.findings.columns.code[row], 'unknown-event');
        details.push(out.findings.columns.detail[row]!);
      }
    }
  }
  const kinds = (word: RegExp) => details.filter((detail) => word.test(detail)).length;
  assert.equal(kinds(/@depth(20|5)/), 6, 'partial books');
  assert.equal(kinds(/forceOrder/), 1);
  assert.equal(kinds(/lastUpdateId bids asks|lastUpdateId E T/), 5 + 1, 'answers to REST questions');
  assert.equal(kinds(/openInterest/), 4);
  assert.equal(rows.aggTrades, 6);
  assert.equal(rows.depth, 5);
  assert.equal(rows.bookTickers, 5);
  assert.ok(rows.tickers >= 9);
  assert.equal(rows.venueCandles, 1);
});

const rest = (path: string) => {
  const bytes = readFileSync(recording(`${binance}rest/${path}`));
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
};

function answer(request: RestRequest, body: Uint8Array, status = 200): Decoded {
  const out = new Decoded();
  out.record.market = request.market;
  createBinanceSource().decodeResponse(request, status, body, out);
  return out;
}

const btc = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' } as const;

test('a thousand aggregates of 2020-01-02 from REST are contiguous', needsRecordings, () => {
  const body = rest('spot-aggTrades-BTCUSDT-fromId202790190-1000rows-2020-01-02.json');
  const out = answer(requests.aggTradesById(btc, 202790190, 1000), body);
  assert.equal(out.findings.length, 0);
  assert.deepEqual(
    [...out.aggTrades.columns.agg_trade_id.slice(0, out.aggTrades.length)],
    Array.from({ length: 1000 }, (_, i) => 202790190 + i),
  );
});

test('exchange information of three years gives tick and step of every symbol', needsRecordings, () => {
  const cases = [
    ['spot', 'spot-exchangeInfo-2021-10-12-1695symbols.json.gz', 1695],
    ['spot', 'spot-exchangeInfo-2024-09-08-1248symbols-pretty.json.gz', 1248],
    ['spot', 'spot-exchangeInfo-2025-08-07-trimmed-to-25-symbols.json', 25],
    ['usdm', 'usdm-exchangeInfo-2021-07-21-122symbols.json.gz', 122],
    ['usdm', 'usdm-exchangeInfo-2025-08-07-trimmed-to-25-symbols.json', 25],
  ] as const;
  for (const [market, path, count] of cases) {
    const out = answer(requests.exchangeInfo(market, []), rest(path));
    assert.equal(out.findings.length, 0, out.findings.columns.detail[0] ?? '');
    assert.equal(out.instruments.length, count, path);
    const narrowed = answer(requests.exchangeInfo(market, ['BTCUSDT']), rest(path));
    assert.ok(narrowed.instruments.length <= 1);
  }
  const out = answer(
    requests.exchangeInfo('spot', ['BTCUSDT']),
    rest('spot-exchangeInfo-2024-09-08-1248symbols-pretty.json.gz'),
  );
  const fact = out.instruments[0]!;
  const slot = out.slots.get(fact.slot);
  assert.deepEqual([fact.status, fact.tickSize, fact.stepSize], ['TRADING', '0.01000000', '0.00001000']);
  assert.deepEqual([slot.priceScale, slot.quantityScale], [2, 5]);
});

test('candles from REST beyond those that were asked for, which may be open, are left out', needsRecordings, () => {
  const body = rest('spot-klines-BTCUSDT-1h-1000rows-from-2020-04-30T21Z.json');
  const firstUs = Date.UTC(2020, 3, 30, 21) * 1000;
  const lastUs = firstUs + 999 * hourUs;
  for (const [toUs, count] of [
    [lastUs, 1000],
    [lastUs - 1, 999],
    [firstUs, 1],
  ] as const) {
    const out = answer(requests.klines(btc, '1h', firstUs, toUs, 1000), body);
    assert.deepEqual([out.findings.length, out.venueCandles.length], [0, count]);
  }
});

test('every recorded error answer becomes one finding', needsRecordings, () => {
  const lines = recordedText(`${binance}rest/errors.ndjson`)
    .split('\n')
    .filter((line) => line !== '');
  assert.ok(lines.length > 5);
  for (const line of lines) {
    const { httpStatus, body, code, msg } = JSON.parse(line);
    const text = body ?? JSON.stringify({ code, msg });
    const out = answer(requests.bookSnapshot(btc), Buffer.from(text), httpStatus ?? 400);
    assert.equal(out.findings.length, 1);
    assert.equal(out.findings.columns.code[0], 'rest-refused');
    assert.match(out.findings.columns.detail[0]!, new RegExp(`answered ${httpStatus ?? 400}`));
  }
});
