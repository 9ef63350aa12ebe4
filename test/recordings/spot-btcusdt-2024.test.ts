import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { parseScaled } from '../../src/domain/decimal.ts';
import { openJournalReader } from '../../src/journal/reader.ts';
import { decodeHttpRecord } from '../../src/pipeline/http-record.ts';
import { recordKinds } from '../../src/ports/journal.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { needsRecordings } from '../recordings.ts';
import { decimalText, ourCandles } from '../support/nine-values.ts';
import { recordedMessages, recordedText } from '../support/recorded-frames.ts';
import { type System, startSystem } from '../support/system.ts';
import { btcusdt, feed, firstTradeId, lastTradeId, paths } from './spot-btcusdt-2024.ts';

test('BTCUSDT of August 2024, from sockets into the lake', needsRecordings, async (t) => {
  const system = await startSystem(t, { mode: { kind: 'replay', feed: feed(), speed: 'full' } });
  await system.finished();
  const live = system.view.book(btcusdt, 1);
  await system.stop();

  await t.test('nothing was missing, and nothing was found wrong', async () => {
    assert.deepEqual(await system.sql('SELECT * FROM gaps'), []);
    assert.deepEqual(await system.sql('SELECT * FROM findings'), []);
    assert.deepEqual(system.logged, []);
    const [trades] = system.view.ledger().filter((row) => row.stream === 'trade');
    assert.deepEqual(
      [trades!.firstId, trades!.lastId, trades!.heldIds, trades!.missingIds],
      [firstTradeId, lastTradeId, 19_904, 0],
    );
  });
  await t.test('19,904 trades have the values that were sent', () => tradesAreAsSent(system));
  await t.test('73,174 book tickers have the values that were sent', () => bookTickersAreAsSent(system));
  await t.test('6,495 depth events without a gap have the levels that were sent', () => depthIsAsSent(system));
  await t.test('the snapshot that REST served is the recorded one', () => snapshotIsTheRecordedOne(system));
  await t.test('the book agrees with the book tickers and ends where the recording ends', () =>
    bookAgrees(t, system, live),
  );
  await t.test('minutes are what the recorded trades make them', () => minutesAreExact(system));
});

function* recorded(stream: string) {
  for (const path of paths) {
    for (const message of recordedMessages(path)) if (message.stream === stream) yield message.data;
  }
}

/** Decimals as text with 8 digits after the point, as spot sends them. */
async function tradesAreAsSent(system: System): Promise<void> {
  const rows = await system.sql(
    `SELECT trade_id, price, quantity, epoch_us(traded_at), epoch_us(event_at), buyer_is_maker, is_market, origin
     FROM trades WHERE market = 'spot' AND symbol = 'BTCUSDT' ORDER BY trade_id`,
  );
  const sent = [...recorded('btcusdt@trade')].map((data) =>
    [data.t, data.p, data.q, data.T * 1000, data.E * 1000, data.m, true, 'frame'].map(String),
  );
  assert.equal(sent.length, 19_904);
  assert.deepEqual(rows, sent);
  assert.deepEqual([rows[0]![0], rows.at(-1)![0]], [String(firstTradeId), String(lastTradeId)]);
}

async function bookTickersAreAsSent(system: System): Promise<void> {
  const rows = await system.sql(
    'SELECT update_id, bid_price, bid_quantity, ask_price, ask_quantity FROM book_tickers ORDER BY update_id',
  );
  const sent = [...recorded('btcusdt@bookTicker')].map((data) => [data.u, data.b, data.B, data.a, data.A].map(String));
  assert.equal(sent.length, 73_174);
  assert.deepEqual(rows, sent);
}

async function depthIsAsSent(system: System): Promise<void> {
  const rows = await system.sql(
    `SELECT first_update_id, final_update_id, epoch_us(event_at), level, is_bid, price, quantity
     FROM book_deltas ORDER BY final_update_id, level`,
  );
  let events = 0;
  let row = 0;
  let last = Number.NaN;
  for (const data of recorded('btcusdt@depth@100ms')) {
    events++;
    if (events > 1) assert.equal(data.U, last + 1);
    last = data.u;
    const levels = [
      ...data.b.map((level: string[]) => ['true', ...level]),
      ...data.a.map((level: string[]) => ['false', ...level]),
    ];
    const sent = levels.map((level, at) => [data.U, data.u, data.E * 1000, at, ...level].map(String));
    assert.deepEqual(rows.slice(row, row + sent.length), sent);
    row += sent.length;
  }
  assert.equal(events, 6495);
  assert.equal(row, rows.length);
  assert.ok(rows.length > 100_000);
}

async function snapshotIsTheRecordedOne(system: System): Promise<void> {
  const line = recordedText(paths[0]).split('\n')[7]!;
  const sent = line.slice(line.indexOf(' ') + 1);
  assert.match(sent, /^\{"lastUpdateId":50093239218,/);
  const reader = await openJournalReader(createNodeWorld(), { folder: system.layout.engineJournal, writer: 'engine' });
  const bodies: string[] = [];
  let at = await reader.start();
  for (let block = await reader.read(at, 1 << 20); block !== undefined; block = await reader.read(at, 1 << 20)) {
    block.forEach((record) => {
      if (record.kind !== recordKinds.http) return;
      const { head, body } = decodeHttpRecord(record.bytes, record.start, record.end);
      if (head.request.purpose === 'book-snapshot') bodies.push(Buffer.from(body).toString('utf8'));
    });
    at = block.to;
  }
  await reader.close();
  assert.equal(bodies[0], sent);
}

const scale = 8;

function units(text: string | null): number {
  const value = parseScaled(text!, scale);
  assert.notEqual(value, undefined);
  return value!;
}

/** Best price first, with its quantity; by looking at every level. */
function best(side: ReadonlyMap<number, number>, sign: 1 | -1): readonly [price: number, quantity: number] {
  let found = -sign * Number.POSITIVE_INFINITY;
  for (const price of side.keys()) if ((price - found) * sign > 0) found = price;
  return [found, side.get(found)!];
}

/** Starts at the first committed book and applies the committed changes; knows nothing of the order book's code. */
async function bookAgrees(t: TestContext, system: System, live: ReturnType<System['view']['book']>): Promise<void> {
  const sides = [new Map<number, number>(), new Map<number, number>()] as const;
  const [[firstId]] = (await system.sql('SELECT min(update_id) FROM book_snapshots')) as [[string]];
  assert.equal(firstId, '50093239224', 'the first event that applies ends here');
  const rows = await system.sql(
    `SELECT is_bid, price, quantity, is_within_horizon FROM book_snapshots WHERE update_id = ${firstId}`,
  );
  for (const [isBid, price, quantity] of rows) sides[isBid === 'true' ? 0 : 1].set(units(price!), units(quantity!));
  const within = rows.filter((row) => row[3] === 'true');
  t.diagnostic(`${rows.length} levels at the start, ${within.length} of them vouched for by the snapshot`);
  assert.ok(within.length > 1900 && within.length < rows.length);

  const tickers = await system.sql(
    'SELECT update_id, bid_price, bid_quantity, ask_price, ask_quantity FROM book_tickers ORDER BY update_id',
  );
  const changes = await system.sql(
    `SELECT first_update_id, final_update_id, is_bid, price, quantity FROM book_deltas
     WHERE final_update_id > ${firstId} ORDER BY final_update_id, level`,
  );
  let events = 0;
  let compared = 0;
  let equal = 0;
  let ticker = 0;
  for (let row = 0; row < changes.length; ) {
    const [first, final] = changes[row]!;
    for (; row < changes.length && changes[row]![1] === final; row++) {
      const [, , isBid, price, quantity] = changes[row]!;
      const side = sides[isBid === 'true' ? 0 : 1];
      if (units(quantity!) === 0) side.delete(units(price!));
      else side.set(units(price!), units(quantity!));
    }
    events++;
    while (ticker < tickers.length && Number(tickers[ticker]![0]) < Number(first)) ticker++;
    let last: (string | null)[] | undefined;
    while (ticker < tickers.length && Number(tickers[ticker]![0]) <= Number(final)) last = tickers[ticker++];
    const bid = best(sides[0], 1);
    const ask = best(sides[1], -1);
    assert.ok(bid[0] < ask[0], `crossed after ${final}`);
    if (last === undefined) continue;
    compared++;
    if (last.slice(1).every((text, at) => units(text) === [...bid, ...ask][at])) equal++;
  }
  assert.equal(events, 6492);
  assert.deepEqual([equal, compared], [5734, 5736]);
  assert.deepEqual(best(sides[0], 1), [units('61602.01'), units('1.67177')]);
  assert.deepEqual(best(sides[1], -1), [units('61602.02'), units('2.66795')]);
  assert.deepEqual([sides[0].size, sides[1].size], [1971, 2962]);
  const { state, bids, asks, resyncs, updateId } = live;
  assert.deepEqual(
    [state, bids, asks, resyncs, updateId],
    [
      'synced',
      [{ price: '61602.01', quantity: '1.67177' }],
      [{ price: '61602.02', quantity: '2.66795' }],
      0,
      Number(changes.at(-1)![1]),
    ],
  );
}

/** By plain sums over the recording, minute by minute. */
async function minutesAreExact(system: System): Promise<void> {
  const minutes = new Map<
    number,
    { o: bigint; h: bigint; l: bigint; c: bigint; v: bigint; q: bigint; n: number; bv: bigint; bq: bigint }
  >();
  for (const { T, p, q, m } of recorded('btcusdt@trade')) {
    const price = BigInt(units(p));
    const quantity = BigInt(units(q));
    const openedAt = Math.floor(T / 60_000) * 60_000_000;
    const minute = minutes.get(openedAt) ?? {
      o: price,
      h: price,
      l: price,
      c: price,
      v: 0n,
      q: 0n,
      n: 0,
      bv: 0n,
      bq: 0n,
    };
    minutes.set(openedAt, minute);
    if (price > minute.h) minute.h = price;
    if (price < minute.l) minute.l = price;
    minute.c = price;
    minute.v += quantity;
    minute.q += price * quantity;
    minute.n++;
    if (!m) minute.bv += quantity;
    if (!m) minute.bq += price * quantity;
  }
  assert.equal(minutes.size, 12);
  const wanted = [...minutes].map(([openedAt, { o, h, l, c, v, q, n, bv, bq }]) => [
    String(openedAt),
    ...[o, h, l, c, v].map((value) => decimalText(value, scale)),
    decimalText(q, 2 * scale),
    String(n),
    decimalText(bv, scale),
    decimalText(bq, 2 * scale),
  ]);
  const candles = await ourCandles(system, '1m');
  assert.deepEqual(
    candles.map(({ values }) => values),
    wanted,
  );
  assert.deepEqual(
    candles.map(({ state }) => state),
    ['partial', ...new Array(10).fill('final'), 'forming'],
  );
}
