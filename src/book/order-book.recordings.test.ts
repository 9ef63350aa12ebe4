import assert from 'node:assert/strict';
import test from 'node:test';
import { needsRecordings } from '../../test/recordings.ts';
import { addDepth, recordedMessages, scaled, toSnapshot } from '../../test/support/recorded-frames.ts';
import { DepthBatch } from '../domain/depth-batch.ts';
import type { Market } from '../domain/instrument.ts';
import { Slots } from '../domain/slots.ts';
import { OrderBook } from './order-book.ts';

interface Replayed {
  events: number;
  applied: number;
  gaps: number;
  compared: number;
  equal: number;
  book: OrderBook;
}

/**
 * Replays depth, tickers and the snapshot. After each applied event but the first, the book's top is compared with the last
 * ticker whose update id lies inside the event; tickers come before the event that folds them.
 */
function replay(market: Market, quantityScale: number, paths: readonly string[]): Replayed {
  const slots = new Slots();
  const slot = slots.atLeast({ venue: 'binance', market, symbol: 'BTCUSDT' }, 2, quantityScale);
  const book = new OrderBook(market);
  const batch = new DepthBatch();
  const result: Replayed = { events: 0, applied: 0, gaps: 0, compared: 0, equal: 0, book };
  const tickers: { u: number; b: string; B: string; a: string; A: string }[] = [];
  const events: { index: number; U: number; u: number }[] = [];
  const tops: ({ event: { U: number; u: number } } & ReturnType<OrderBook['best']>)[] = [];
  let isFirst = true;
  for (const path of paths) {
    for (const message of recordedMessages(path)) {
      if (message.stream.endsWith('@bookTicker')) tickers.push(message.data);
      else if (message.stream === 'snapshot') {
        book.snapshot(toSnapshot(message.data, slot, 1000, message.receivedAtUs), slots);
        if (book.state === 'synced') isFirst = false;
      } else if (message.stream.includes('@depth')) {
        result.events++;
        batch.clear();
        const index = addDepth(batch, message.data, slot, message.receivedAtUs);
        const outcome = book.apply(batch, index, slots);
        if (outcome === 'gap') result.gaps++;
        if (outcome !== 'applied') continue;
        result.applied++;
        if (isFirst) isFirst = false;
        else {
          events.push({ index, U: message.data.U, u: message.data.u });
          tops.push({ event: message.data, ...book.best()! });
        }
      }
    }
  }
  // Both lists ascend by update id.
  let next = 0;
  for (const top of tops) {
    while (next < tickers.length && tickers[next]!.u < top.event.U) next++;
    let last: (typeof tickers)[number] | undefined;
    while (next < tickers.length && tickers[next]!.u <= top.event.u) last = tickers[next++];
    if (last === undefined) continue;
    result.compared++;
    if (
      scaled(last.b, 2) === top.bidPrice &&
      scaled(last.B, quantityScale) === top.bidQuantity &&
      scaled(last.a, 2) === top.askPrice &&
      scaled(last.A, quantityScale) === top.askQuantity
    ) {
      result.equal++;
    }
  }
  return result;
}

test('the recorded spot book of 2024-08 runs without a gap and its top equals the tickers', needsRecordings, () => {
  const { book, ...counts } = replay('spot', 8, [
    'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz',
    'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz',
  ]);
  assert.equal(counts.events, 6495);
  assert.equal(counts.gaps, 0);
  assert.equal(counts.compared, 5736);
  assert.equal(counts.equal, 5734);
  assert.deepEqual(book.best(), {
    bidPrice: 6160201,
    bidQuantity: 167177000,
    askPrice: 6160202,
    askQuantity: 266795000,
  });
  assert.equal(book.levelCount('bid'), 1971);
  assert.equal(book.levelCount('ask'), 2962);
});

test('the recorded USD-M book of 2024-08 chains by pu and its top equals every ticker', needsRecordings, () => {
  const { book, ...counts } = replay('usdm', 3, [
    'binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+snapshot-2024-08-08T2354Z.txt.gz',
  ]);
  assert.equal(counts.events, 6551);
  assert.equal(counts.gaps, 0);
  assert.equal(counts.compared, 5701);
  assert.equal(counts.equal, 5701);
  assert.deepEqual(book.best(), { bidPrice: 6165970, bidQuantity: 1486, askPrice: 6165980, askQuantity: 981 });
  assert.equal(book.levelCount('bid'), 5018);
  assert.equal(book.levelCount('ask'), 4578);
});

test('the recorded USD-M book of 2023-04 ends where the recording says', needsRecordings, () => {
  const { book, ...counts } = replay('usdm', 3, [
    'binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+markPrice1s+snapshot-2023-04-04T2358Z.txt.gz',
    'binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+markPrice1s-2023-04-05T0000Z.txt.gz',
  ]);
  assert.equal(counts.events, 16110);
  assert.equal(counts.gaps, 0);
  // One more lies in the first applied event, which is not compared.
  assert.equal(counts.compared, 9697);
  assert.equal(counts.equal, 9697);
  assert.deepEqual(book.best(), { bidPrice: 2814010, bidQuantity: 8251, askPrice: 2814020, askQuantity: 7212 });
});
