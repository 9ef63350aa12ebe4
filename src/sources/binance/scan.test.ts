import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dumpDecoded } from '../../../test/support/decoded-rows.ts';
import { Decoded } from '../../domain/decoded.ts';
import type { Market } from '../../domain/instrument.ts';
import { decodeByParse } from './decode.ts';
import {
  encode24hrTicker,
  encodeAggTrade,
  encodeBookTicker,
  encodeCombined,
  encodeControlResult,
  encodeDepthUpdate,
  encodeKline,
  encodeServerShutdown,
  encodeTrade,
} from './encode.ts';
import { createBinanceSource } from './index.ts';
import { FrameScanner } from './scan.ts';

type Decode = (bytes: Uint8Array, start: number, end: number, out: Decoded) => void;

/** Decodes frames one after the other into one `Decoded`, as they lie in a larger buffer. */
function decodeAll(decode: Decode, market: Market, frames: readonly Uint8Array[], padding: Uint8Array): unknown {
  const out = new Decoded();
  out.record.market = market;
  out.record.writer = 'w';
  frames.forEach((frame, sequence) => {
    out.record.sequence = sequence;
    out.record.receivedAtUs = 1_700_000_000_000_000 + sequence;
    const bytes = Buffer.concat([padding, frame, padding]);
    const exact = new Uint8Array(new ArrayBuffer(bytes.length));
    exact.set(bytes);
    decode(exact, padding.length, padding.length + frame.length, out);
  });
  return dumpDecoded(out);
}

const id = fc.oneof(
  fc.nat(),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(0, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2),
);
const atUs = fc.oneof(
  fc.integer({ min: 1_500_000_000_000_000, max: 1_900_000_000_000_000 }),
  fc.constantFrom(0, 999_999_999_999_999, 1_000_000_000_000_000, 9_007_199_254_740_991),
);
const digits = (max: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max });
const decimal = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 0, max: 99 }))
    .map(([a, b]) => `${a}.${String(b).padStart(2, '0')}000000`),
  fc.tuple(digits(11), digits(9)).map(([a, b]) => `${a}.${b}`),
  digits(17),
  fc.constantFrom(
    '0',
    '0.00000000',
    '0.000',
    '92233720368.54775807',
    '9007199254740991',
    '9007199254740992',
    '1.',
    '.5',
    '',
    '-1',
    '1e5',
    '00012.50',
  ),
);
const symbol = fc.constantFrom('BTCUSDT', 'ETHUSDT', '1000SATSUSDT', 'BTCUSDT_210625', '币安人生USDT', 'A');
const level = fc.tuple(decimal, decimal);
const levels = fc.array(level, { maxLength: 4 });
const market = fc.constantFrom<Market>('spot', 'usdm', 'coinm');
const unit = fc.constantFrom('ms' as const, 'us' as const);

const payload = fc.oneof(
  fc
    .record({
      symbol,
      tradeId: id,
      price: decimal,
      quantity: decimal,
      tradedAtUs: atUs,
      eventAtUs: atUs,
      buyerIsMaker: fc.boolean(),
      execution: fc.constantFrom('MARKET', 'NA', 'INSURANCE_FUND'),
      market,
      unit,
    })
    .map((event) => encodeTrade(event.market, event, event.unit)),
  fc
    .record({
      symbol,
      aggTradeId: id,
      price: decimal,
      quantity: decimal,
      firstTradeId: id,
      lastTradeId: id,
      tradedAtUs: atUs,
      eventAtUs: atUs,
      buyerIsMaker: fc.boolean(),
      market,
      unit,
    })
    .map((event) => encodeAggTrade(event.market, event, event.unit)),
  fc
    .record({
      symbol,
      updateId: id,
      bidPrice: decimal,
      bidQuantity: decimal,
      askPrice: decimal,
      askQuantity: decimal,
      eventAtUs: atUs,
      market,
      unit,
    })
    .map((event) => encodeBookTicker(event.market, event, event.unit)),
  fc
    .record({
      symbol,
      firstUpdateId: id,
      finalUpdateId: id,
      previousUpdateId: id,
      eventAtUs: atUs,
      bids: levels,
      asks: levels,
      market,
      unit,
    })
    .map((event) => encodeDepthUpdate(event.market, event, event.unit)),
  fc
    .record({
      symbol,
      eventAtUs: atUs,
      interval: fc.constantFrom('1m', '1M', '7m'),
      openedAtUs: atUs,
      closedAtUs: atUs,
      open: decimal,
      high: decimal,
      low: decimal,
      close: decimal,
      volume: decimal,
      quoteVolume: decimal,
      tradeCount: id,
      takerBuyVolume: decimal,
      takerBuyQuoteVolume: decimal,
      firstTradeId: id,
      lastTradeId: id,
      isClosed: fc.boolean(),
      unit,
    })
    .map((event) => encodeKline(event, event.unit)),
  fc
    .record({
      symbol,
      eventAtUs: atUs,
      priceChange: decimal,
      priceChangePercent: decimal,
      averagePrice: decimal,
      lastPrice: decimal,
      lastQuantity: decimal,
      open: decimal,
      high: decimal,
      low: decimal,
      volume: decimal,
      quoteVolume: decimal,
      openedAtUs: atUs,
      closedAtUs: atUs,
      firstTradeId: id,
      lastTradeId: id,
      tradeCount: id,
      market,
      unit,
    })
    .map((event) => encode24hrTicker(event.market, event, event.unit)),
  fc.constantFrom(
    encodeControlResult(1),
    encodeServerShutdown(1_700_000_000_000_000, true),
    '{"e":"markPriceUpdate","E":1,"s":"A"}',
  ),
);

const streams = [
  'btcusdt@trade',
  'btcusdt@depth',
  'btcusdt@depth@100ms',
  'btcusdt@depth20@100ms',
  'x@depth@depth20',
  'x@rpiDepth@500ms',
  '币@trade',
  'a\\"b',
  '',
];
const frame = fc.oneof(
  { arbitrary: payload, weight: 1 },
  {
    arbitrary: fc.tuple(fc.constantFrom(...streams), payload).map(([stream, data]) => encodeCombined(stream, data)),
    weight: 2,
  },
);

/** A change to the text of a frame that a network or a new version of the venue could make. */
const mutation: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc.oneof(
  fc.constant((bytes: Buffer) => bytes),
  fc.tuple(fc.nat(), fc.nat({ max: 255 })).map(([at, value]) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    changed[at % changed.length] = value;
    return changed;
  }),
  fc.tuple(fc.nat(), fc.constantFrom(...'0123456789.-{}[]",:\\aTbe ')).map(([at, text]) => (bytes: Buffer) => {
    const changed = Buffer.from(bytes);
    changed[at % changed.length] = text.charCodeAt(0);
    return changed;
  }),
  fc.nat().map((at) => (bytes: Buffer) => bytes.subarray(0, at % (bytes.length + 1))),
  fc.nat().map((at) => (bytes: Buffer) => bytes.subarray(at % bytes.length)),
  fc.constant((bytes: Buffer) => Buffer.concat([bytes, bytes])),
  fc
    .tuple(
      fc.nat(),
      fc.constantFrom(
        '"new":1,',
        '"st":1,',
        '"ps":"A",',
        '"nq":"1",',
        '"M":true,',
        '"E":5,',
        '"T":5,',
        ' ',
        '\n',
        '0',
        '"',
        '}',
      ),
    )
    .map(([at, text]) => (bytes: Buffer) => {
      // Where a field could begin, mostly.
      const commas = [...bytes.keys()].filter((i) => bytes[i] === 44);
      const place = at % 3 === 0 || commas.length === 0 ? at % bytes.length : commas[at % commas.length]! + 1;
      return Buffer.concat([bytes.subarray(0, place), Buffer.from(text), bytes.subarray(place)]);
    }),
  fc.tuple(fc.nat(), fc.nat({ max: 12 })).map(([at, length]) => (bytes: Buffer) => {
    const place = at % bytes.length;
    return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + length)]);
  }),
  fc.constantFrom(',"st":1}', ',"ps":"BTC"}', ',"M":false}', ',"x":[1,2]}').map((tail) => (bytes: Buffer) => {
    const text = bytes.toString();
    return Buffer.from(text.replace(/\}(\}?)$/, `${tail}$1`));
  }),
);

const mutated = fc.tuple(frame, mutation).map(([text, mutate]) => mutate(Buffer.from(text)));
const padding = fc.constantFrom(
  Buffer.from(''),
  Buffer.from('0123456789'),
  Buffer.from('"}}{"'),
  Buffer.from('0000000}'),
);

test('on any frames, whole or damaged, the scanner with its fallback gives exactly what JSON.parse gives', () => {
  fc.assert(
    fc.property(
      market,
      fc.array(
        fc.oneof(
          frame.map((text) => Buffer.from(text)),
          mutated,
        ),
        { minLength: 1, maxLength: 8 },
      ),
      padding,
      (of, frames, around) => {
        const source = createBinanceSource();
        assert.deepEqual(
          decodeAll(source.decodeFrame, of, frames, around),
          decodeAll(decodeByParse, of, frames, around),
        );
      },
    ),
    { numRuns: 3000 },
  );
});

test('any bytes at all become a finding or rows and never an exception', () => {
  const source = createBinanceSource();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const out = new Decoded();
      source.decodeFrame(bytes, 0, bytes.length, out);
      assert.ok(out.findings.length > 0 || !out.isEmpty);
    }),
    { numRuns: 1000 },
  );
});

test('the hot shapes of both markets are scanned, not parsed, once their symbol is known', () => {
  const best = {
    symbol: 'BTCUSDT',
    updateId: 4,
    bidPrice: '1.50',
    bidQuantity: '2',
    askPrice: '1.60',
    askQuantity: '3',
    eventAtUs: 1e15,
  };
  const trade = {
    symbol: 'BTCUSDT',
    tradeId: 1,
    price: '83034.29',
    quantity: '0.5',
    tradedAtUs: 1e15,
    eventAtUs: 1e15,
    buyerIsMaker: false,
  };
  const sides = { bids: [['1.50', '2']], asks: [['1.60', '0.0']] } as const;
  for (const name of ['spot', 'usdm'] as const) {
    const scanner = new FrameScanner();
    const out = new Decoded();
    out.record.market = name;
    out.slots.atLeast({ venue: 'binance', market: name, symbol: 'BTCUSDT' }, 2, 2);
    const learn = Buffer.from(encodeTrade(name, trade));
    decodeByParse(learn, 0, learn.length, out);
    const payloads: [string, string][] = [
      ['btcusdt@trade', encodeTrade(name, trade)],
      ['btcusdt@aggTrade', encodeAggTrade(name, { ...trade, aggTradeId: 5, firstTradeId: 1, lastTradeId: 2 })],
      ['btcusdt@bookTicker', encodeBookTicker(name, best)],
      ['btcusdt@depth@100ms', encodeDepthUpdate(name, { ...trade, ...sides, firstUpdateId: 1, finalUpdateId: 2 })],
      ['btcusdt@depth', encodeDepthUpdate(name, { ...trade, bids: [], asks: [], firstUpdateId: 1, finalUpdateId: 2 })],
    ];
    for (const [stream, data] of payloads) {
      for (const text of [data, encodeCombined(stream, data)]) {
        // Nothing lies behind the frame that a word could be read from.
        const bytes = new TextEncoder().encode(text);
        assert.ok(scanner.scan(bytes, 0, bytes.length, out), text);
      }
    }
    for (const extra of [',"st":1}', ',"ps":"BTCUSDT","st":1}']) {
      if (name === 'spot') continue;
      const bytes = Buffer.from(encodeBookTicker(name, best).replace(/\}$/, extra));
      assert.ok(scanner.scan(bytes, 0, bytes.length, out), extra);
    }
  }
});

test('bytes of value zero are never taken for the digits of a time, not even by a fresh scanner', () => {
  const out = new Decoded();
  const good = `{"e":"trade","E":1790000000123,"s":"A","t":1,"p":"1","q":"1","T":1790000000123,"m":true,"M":true}`;
  const learn = Buffer.from(good);
  decodeByParse(learn, 0, learn.length, out);
  const bad = Buffer.from(good.replace('"E":17900000', `"E":${'\0'.repeat(8)}`));
  assert.equal(new FrameScanner().scan(bad, 0, bad.length, out), false);
});
