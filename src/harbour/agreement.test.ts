import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { openTimeUs } from '../domain/interval.ts';
import { Channels } from './channels.ts';
import { generateFrames } from './generate.ts';
import { demoSymbols } from './markets.ts';
import { MatchingVenue } from './matching-venue.ts';

const startAtUs = Date.UTC(2026, 0, 5, 23, 58, 30, 250) * 1000;
const endAtUs = startAtUs + 150_000_000;
const decoder = new TextDecoder();
const streams = [
  'trade',
  'aggTrade',
  'depth@100ms',
  'depth',
  'bookTicker',
  'kline_1s',
  'kline_1m',
  'kline_1d',
  'ticker',
];

// biome-ignore lint/suspicious/noExplicitAny: payloads as sent
type Payload = any;

function run(seed: string | number, until = endAtUs) {
  const frames: { stream: string; data: Payload }[] = [];
  for (const frame of generateFrames({ seed, symbols: demoSymbols, startAtUs, endAtUs: until, streams })) {
    frames.push(JSON.parse(decoder.decode(frame.bytes)));
  }
  return frames;
}

const frames = run(42);
const symbols = ['btcusdt', 'ethusdt', 'solusdt'];

function of(stream: string): Payload[] {
  const data = frames.filter((frame) => frame.stream === stream).map((frame) => frame.data);
  assert.ok(data.length > 1, `${stream} was silent`);
  return data;
}

function units(text: string): bigint {
  assert.match(text, /^\d+\.\d{8}$/, 'spot prints eight decimals');
  return BigInt(text.replace('.', ''));
}

test('trade and aggregate ids are contiguous and above 2^31', () => {
  for (const symbol of symbols) {
    for (const [stream, key] of [
      ['trade', 't'],
      ['aggTrade', 'a'],
    ] as const) {
      const ids = of(`${symbol}@${stream}`).map((data) => data[key]);
      assert.ok(ids[0] > 2 ** 31);
      ids.forEach((id, i) => {
        assert.equal(id, ids[0] + i);
      });
    }
  }
});

test('every aggregate is exactly its trades: one order, one price, one time', () => {
  for (const symbol of symbols) {
    const trades = new Map(of(`${symbol}@trade`).map((trade) => [trade.t, trade]));
    let next: number | undefined;
    for (const aggregate of of(`${symbol}@aggTrade`)) {
      if (next !== undefined) assert.equal(aggregate.f, next, 'no trade between two aggregates');
      next = aggregate.l + 1;
      let quantity = 0n;
      for (let id = aggregate.f; id <= aggregate.l; id++) {
        const trade = trades.get(id);
        assert.deepEqual([trade.p, trade.T, trade.m], [aggregate.p, aggregate.T, aggregate.m]);
        quantity += units(trade.q);
      }
      assert.equal(quantity, units(aggregate.q));
    }
  }
});

test('closed candles equal their trades in all values, and none is left out', () => {
  for (const symbol of symbols) {
    const trades = of(`${symbol}@trade`);
    for (const interval of ['1s', '1m', '1d'] as const) {
      const closed = of(`${symbol}@kline_${interval}`).filter((data) => data.k.x);
      assert.ok(closed.length > 0, `no ${interval} candle closed`);
      let previous: Payload;
      let empties = 0;
      for (const { E, k } of closed) {
        assert.ok(E > k.T, 'the closing frame comes after the candle');
        if (previous !== undefined) assert.equal(k.t, previous.T + 1);
        const inside = trades.filter((trade) => openTimeUs(interval, trade.T * 1000) === k.t * 1000);
        assert.equal(k.n, inside.length);
        if (inside.length === 0) {
          empties++;
          assert.deepEqual([k.o, k.h, k.l, k.c], Array(4).fill(previous.c));
          assert.deepEqual([k.f, k.L, k.v, k.q], [-1, -1, '0.00000000', '0.00000000']);
        } else {
          const prices = inside.map((trade) => units(trade.p)).sort((a, b) => (a < b ? -1 : 1));
          const sum = (pick: (trade: Payload) => bigint, list: Payload[]) =>
            list.reduce((all, one) => all + pick(one), 0n);
          const quote = (trade: Payload) => (units(trade.p) * units(trade.q)) / 100_000_000n;
          const bought = inside.filter((trade) => !trade.m);
          assert.deepEqual([k.o, k.c, k.f, k.L], [inside[0].p, inside.at(-1).p, inside[0].t, inside.at(-1).t]);
          assert.deepEqual([units(k.l), units(k.h)], [prices[0], prices.at(-1)]);
          assert.deepEqual(
            [units(k.v), units(k.q), units(k.V), units(k.Q)],
            [sum((t) => units(t.q), inside), sum(quote, inside), sum((t) => units(t.q), bought), sum(quote, bought)],
          );
        }
        previous = k;
      }
      if (interval === '1s') assert.ok(empties > 0, 'a quiet second has a candle too');
    }
  }
});

test('diffs chain without a hole at both speeds, and over a snapshot rebuild the book of any later moment', () => {
  for (const speed of ['depth@100ms', 'depth']) {
    for (const symbol of symbols) {
      const events = of(`${symbol}@${speed}`);
      events.forEach((event, i) => {
        assert.ok(event.U <= event.u);
        if (i > 0) assert.equal(event.U, events[i - 1].u + 1);
      });
    }
  }
  // A venue of the same seed, stopped in the middle: its book is the snapshot.
  const channels = new Channels();
  const venue = new MatchingVenue({ seed: 42, symbols: demoSymbols, startAtUs }, channels);
  venue.advance(startAtUs + 60_000_000);
  for (const symbol of symbols) {
    const name = symbol.toUpperCase();
    const snapshot = venue.listing('spot', name)!.book(Number.POSITIVE_INFINITY)!;
    const bids = new Map(snapshot.bids);
    const asks = new Map(snapshot.asks);
    assert.ok(bids.size >= 1000 && asks.size >= 1000, `${name} has ${bids.size} and ${asks.size} levels`);
    const tickers = of(`${symbol}@bookTicker`);
    let id = snapshot.lastUpdateId;
    let compared = 0;
    for (const event of of(`${symbol}@depth@100ms`)) {
      if (event.u <= id) continue;
      assert.ok(event.U <= id + 1);
      for (const [side, levels] of [
        [bids, event.b],
        [asks, event.a],
      ] as const) {
        for (const [price, quantity] of levels) {
          if (Number(quantity) === 0) side.delete(price);
          else side.set(price, quantity);
        }
      }
      id = event.u;
      const bid = [...bids].reduce((best, level) => (Number(level[0]) > Number(best[0]) ? level : best));
      const ask = [...asks].reduce((best, level) => (Number(level[0]) < Number(best[0]) ? level : best));
      assert.ok(Number(bid[0]) < Number(ask[0]), 'the book is never crossed');
      const ticker = tickers.findLast((one) => one.u <= event.u);
      if (ticker !== undefined && ticker.u >= event.U) {
        assert.deepEqual([ticker.b, ticker.B, ticker.a, ticker.A], [...bid, ...ask]);
        compared++;
      }
    }
    assert.ok(compared > 100, `${compared} tickers compared`);
  }
});

test('the book history gives every past book, and its hash tells the smallest difference', () => {
  const channels = new Channels();
  const options = { seed: 9, symbols: demoSymbols.slice(0, 1), startAtUs };
  const venue = new MatchingVenue({ ...options, keepBookUpdates: 3_000 }, channels);
  const [symbol] = venue.symbols;
  venue.advance(startAtUs + 3_000_000);
  const then = symbol!.book.updateId;
  const book = symbol!.book.top(true, 1e6);
  venue.advance(startAtUs + 5_000_000);
  assert.ok(symbol!.book.updateId > then);
  assert.deepEqual(
    symbol!.history.at(then)!.bids,
    book.ticks.map((tick, i) => [tick, book.lots[i]]),
  );
  const again = new MatchingVenue({ ...options, keepBookUpdates: 3_000 }, channels);
  again.advance(startAtUs + 5_000_000);
  assert.equal(again.symbols[0]!.history.hashAt(then), symbol!.history.hashAt(then));
  assert.notEqual(symbol!.history.hashAt(then), symbol!.history.hashAt(then + 1));
  venue.advance(startAtUs + 60_000_000);
  assert.equal(symbol!.history.at(then), undefined, 'what is no longer kept is not made up');
});

test('one seed gives the same frames in a fresh process, another seed others', () => {
  const hash = (seed: string) => {
    const script = `
      import { generateFrames } from ${JSON.stringify(new URL('./generate.ts', import.meta.url).href)};
      import { demoSymbols } from ${JSON.stringify(new URL('./markets.ts', import.meta.url).href)};
      import { createHash } from 'node:crypto';
      const hash = createHash('sha256');
      for (const frame of generateFrames({ seed: ${JSON.stringify(seed)}, symbols: demoSymbols, startAtUs: ${startAtUs}, frames: 4000 }))
        hash.update(frame.bytes).update(String(frame.receivedAtUs));
      console.log(hash.digest('hex'));`;
    return execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
    }).trim();
  };
  const here = createHash('sha256');
  for (const frame of generateFrames({ seed: 'a', symbols: demoSymbols, startAtUs, frames: 4000 })) {
    here.update(frame.bytes).update(String(frame.receivedAtUs));
  }
  const first = hash('a');
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.equal(first, here.digest('hex'));
  assert.notEqual(first, hash('b'));
});

test('trades without a book keep ids, aggregates and receive times in order', () => {
  let last = 0;
  let next: number | undefined;
  let trades = 0;
  let covered = 0;
  for (const frame of generateFrames({
    seed: 3,
    symbols: demoSymbols.slice(0, 1),
    startAtUs,
    trades: 20_000,
    streams: ['trade', 'aggTrade'],
    light: true,
  })) {
    assert.ok(frame.receivedAtUs >= last);
    last = frame.receivedAtUs;
    const { data } = JSON.parse(decoder.decode(frame.bytes));
    if (data.e === 'trade') {
      if (next !== undefined) assert.equal(data.t, next);
      next = data.t + 1;
      trades++;
    } else covered += data.l - data.f + 1;
  }
  assert.equal(trades, 20_000);
  assert.ok(covered > 19_000 && covered <= trades);
});
