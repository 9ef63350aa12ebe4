import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TidemarkError } from '../domain/error.ts';
import type { Instrument, Market } from '../domain/instrument.ts';
import { type JournalWriter, recordKinds } from '../ports/journal.ts';
import { silentLog } from '../ports/log.ts';
import type { RestRequest, VenueHosts } from '../ports/source.ts';
import type { HttpResponse } from '../ports/world.ts';
import { createBinanceSource } from '../sources/binance/index.ts';
import { createSimulatedWorld } from '../world/simulated/index.ts';
import { Governor } from './governor.ts';
import { decodeHttpRecord } from './http-record.ts';

const source = createBinanceSource();
const { requests } = source;
const spot = (symbol: string): Instrument => ({ venue: 'binance', market: 'spot', symbol });
const hosts: VenueHosts = {
  streams: {},
  rest: { spot: ['http://first', 'http://second', 'http://public'], usdm: ['http://futures'] },
};
const body = new TextEncoder().encode('[]');
const ok = (headers: Record<string, string> = {}): HttpResponse => ({ status: 200, headers, body });
const refused = (status: number, headers: Record<string, string> = {}): HttpResponse => ({ status, headers, body });

interface Sent {
  readonly url: string;
  readonly atMs: number;
}

/** A governor in simulated time that the venue has answered before, and a venue that takes `answerMs` for each answer. */
async function rig(answer: (sent: Sent, index: number) => HttpResponse | Error, answerMs = 20) {
  const simulated = createSimulatedWorld(3);
  const sent: Sent[] = [];
  const journalled: { request: RestRequest; status: number; body: string; receivedAtUs: number }[] = [];
  let underWay = 0;
  let isPrepared = false;
  const world = {
    ...simulated,
    network: {
      ...simulated.network,
      async httpGet(url: string): Promise<HttpResponse> {
        assert.equal(++underWay, 1, 'one question at a time');
        const question = { url, atMs: simulated.agenda.nowUs / 1000 };
        sent.push(question);
        await new Promise<void>((resolve) => void simulated.agenda.at(answerMs * 1000, resolve));
        underWay--;
        const response = isPrepared ? answer(question, sent.length - 1) : ok();
        if (response instanceof Error) throw response;
        return response;
      },
    },
  };
  const journal = {
    append(record: { kind: number; payload: Uint8Array; receivedAtUs: number }) {
      assert.equal(record.kind, recordKinds.http);
      const { head, body } = decodeHttpRecord(record.payload, 0, record.payload.length);
      const { request, status } = head;
      journalled.push({ request, status, body: new TextDecoder().decode(body), receivedAtUs: record.receivedAtUs });
      return journalled.length - 1;
    },
  } as unknown as JournalWriter;
  const governor = new Governor({ world, source, hosts, journal, log: silentLog });
  const until = (isDone: () => boolean) => simulated.agenda.runUntil(isDone);
  const passMs = (ms: number) => {
    const untilUs = simulated.agenda.nowUs + ms * 1000;
    simulated.agenda.at(ms * 1000, () => {});
    return until(() => simulated.agenda.nowUs >= untilUs);
  };
  for (const market of ['spot', 'usdm'] as const) governor.ask(`prepare/${market}`, requests.time(market));
  await until(() => journalled.length === 2);
  await passMs(61_000);
  isPrepared = true;
  sent.length = 0;
  journalled.length = 0;
  return { governor, sent, journalled, until, passMs };
}

const get = (status: 'usedWeight' | 'blockedForMs', { governor }: { governor: Governor }, market: Market = 'spot') =>
  governor.status(market)[status];

test('answers are journalled as they came, refusals too, one question at a time, the most urgent first', async () => {
  const { governor, sent, journalled, until } = await rig((_, index) => (index === 2 ? refused(400) : ok()));
  governor.ask('first', requests.klines(spot('A'), '1m', 0, 60e6, 10));
  governor.ask('klines', requests.klines(spot('B'), '1m', 0, 60e6, 10));
  governor.ask('trades', requests.tradesById(spot('B'), 5, 10)!);
  governor.ask('aggregates', requests.aggTradesById(spot('B'), 5, 10));
  governor.ask('book', requests.bookSnapshot(spot('B')));
  governor.ask('info', requests.exchangeInfo('spot', ['B']));
  governor.ask('time', requests.time('spot'));
  await until(() => journalled.length === 7);
  assert.deepEqual(
    journalled.map(({ request, status }) => `${request.purpose} ${status}`),
    ['klines 200', 'time 200', 'exchange-info 400', 'book-snapshot 200', 'agg-trades-by-id 200', 'trades-by-id 200', 'klines 200'],
  ); // biome-ignore format: one order
  assert.equal(journalled[0]!.body, '[]');
  assert.equal(sent[5]!.url, 'http://first/api/v3/historicalTrades?symbol=B&fromId=5&limit=10');
});

test('the same question is asked once while it waits, is under way or was just answered', async () => {
  const { governor, sent, journalled, until, passMs } = await rig(() => ok());
  for (let turn = 0; turn < 5; turn++) {
    for (const key of ['a', 'b']) governor.ask(key, requests.bookSnapshot(spot('A')));
  }
  await until(() => journalled.length === 2);
  governor.ask('a', requests.bookSnapshot(spot('A')));
  await passMs(100);
  assert.equal(sent.length, 2);
  await passMs(1000);
  governor.ask('a', requests.bookSnapshot(spot('A')));
  await until(() => journalled.length === 3);
});

test('within any minute no more than four fifths of the weight is spent, of snapshots half, and repairs go on beside them', async () => {
  const { governor, sent, journalled, passMs } = await rig(() => ok());
  for (let index = 0; index < 60; index++) governor.ask(`book/${index}`, requests.bookSnapshot(spot(`S${index}`)));
  await passMs(5000);
  assert.equal(sent.length, 12);
  for (let index = 0; index < 900; index++) governor.ask(`agg/${index}`, requests.aggTradesById(spot('A'), index, 9));
  await passMs(30_000);
  const repairs = journalled.filter(({ request }) => request.purpose === 'agg-trades-by-id').length;
  assert.equal(repairs, (4800 - 3000) / 4);
  await passMs(400_000);
  assert.equal(journalled.length, 960);
  for (const { atMs } of sent) {
    const spent = sent.reduce((sum, other, index) => {
      const inside = other.atMs > atMs - 60_000 && other.atMs <= atMs;
      return sum + (inside ? journalled[index]!.request.weight : 0);
    }, 0);
    assert.ok(spent <= 4800, `${spent} within the minute before ${atMs}`);
  }
});

test('what the venue says of the weight used counts more than our own sum, for its minute and its market', async () => {
  const rigged = await rig((_, index) => ok({ 'x-mbx-used-weight-1m': index === 0 ? '5900' : '' }));
  const { governor, journalled, until, passMs } = rigged;
  governor.ask('time', requests.time('spot'));
  await until(() => journalled.length === 1);
  assert.equal(get('usedWeight', rigged), 5900);
  governor.ask('trades', requests.tradesById(spot('A'), 1, 10)!);
  await passMs(30_000);
  assert.equal(journalled.length, 1);
  // Futures have a budget of their own.
  governor.ask('futures', requests.klines({ venue: 'binance', market: 'usdm', symbol: 'A' }, '1m', 0, 60e6, 10));
  await until(() => journalled.length === 2);
  assert.equal(journalled[1]!.request.market, 'usdm');
  assert.equal(get('usedWeight', rigged, 'usdm'), 1);
  await passMs(40_000);
  assert.equal(journalled.length, 3);
});

for (const [status, retryAfter, waitMs] of [
  [429, '7', 7000],
  [418, '120', 120_000],
  [429, undefined, 60_000],
  [418, 'soon', 60_000],
] as const) {
  test(`after ${status} with Retry-After ${retryAfter} nobody asks anything for ${waitMs} ms`, async () => {
    const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    const rigged = await rig((_, index) => (index === 0 ? refused(status, headers) : ok()));
    const { governor, sent, journalled, until } = rigged;
    governor.ask('a', requests.time('spot'));
    await until(() => journalled.length === 1);
    assert.equal(journalled[0]!.status, status);
    const blockedMs = get('blockedForMs', rigged);
    assert.ok(blockedMs > waitMs - 100 && blockedMs <= waitMs);
    governor.ask('b', requests.bookSnapshot(spot('B')));
    await until(() => journalled.length === 2);
    assert.ok(sent[1]!.atMs - sent[0]!.atMs >= waitMs);
    assert.equal(get('blockedForMs', rigged), 0);
  });
}

test('after 451 the next host of that market is asked, round to the first again', async () => {
  const { governor, sent, journalled, until } = await rig(({ url }) =>
    url.startsWith('http://public') ? ok() : refused(451),
  );
  for (let key = 0; key < 4; key++) governor.ask(`book/${key}`, requests.bookSnapshot(spot(`S${key}`)));
  governor.ask('klines', requests.klines({ venue: 'binance', market: 'usdm', symbol: 'A' }, '1m', 0, 60e6, 10));
  await until(() => journalled.length === 5);
  assert.deepEqual(
    sent.map(({ url }) => new URL(url).hostname),
    ['first', 'second', 'public', 'public', 'futures'],
  );
  const everywhere = await rig(() => refused(451));
  for (let key = 0; key < 4; key++) everywhere.governor.ask(`${key}`, requests.bookSnapshot(spot(`S${key}`)));
  await everywhere.until(() => everywhere.journalled.length === 4);
  assert.deepEqual(
    everywhere.sent.map(({ url }) => new URL(url).hostname),
    ['first', 'second', 'public', 'first'],
  );
});

test('after a host that cannot be reached the next one is asked', async () => {
  const { governor, sent, journalled, until } = await rig(({ url }) =>
    url.startsWith('http://first') ? new Error('connect ECONNREFUSED') : ok(),
  );
  for (let key = 0; key < 3; key++) governor.ask(`book/${key}`, requests.bookSnapshot(spot(`S${key}`)));
  await until(() => journalled.length === 2);
  assert.deepEqual(
    sent.map(({ url }) => new URL(url).hostname),
    ['first', 'second', 'second'],
  );
});

test('a question that fails waits longer each time, up to a minute, and soon again after an answer', async () => {
  let isDown = true;
  const { governor, sent, journalled, passMs } = await rig(() =>
    isDown ? new TidemarkError('network', { doing: 'get', why: 'nobody there' }) : ok(),
  );
  const keepAsking = async (seconds: number) => {
    for (let tick = 0; tick < seconds * 5; tick++) {
      governor.ask('a', requests.latestTrade(spot('A')));
      await passMs(200);
    }
  };
  await keepAsking(300);
  const pausesMs = sent.slice(1).map(({ atMs }, index) => atMs - sent[index]!.atMs);
  assert.ok(pausesMs[0]! >= 500 && pausesMs[0]! < 1500);
  assert.ok(Math.max(...pausesMs) > 20_000 && Math.max(...pausesMs) <= 61_000);
  assert.equal(journalled.length, 0);
  assert.ok(sent.length < 20);
  isDown = false;
  await keepAsking(61);
  const answered = journalled.length;
  assert.ok(answered >= 1);
  await keepAsking(2);
  assert.ok(journalled.length > answered);
});

test('what names its own period is asked once and never again', async () => {
  const { governor, sent, journalled, until, passMs } = await rig(({ url }) => {
    const answer = url.includes('time') ? '{"serverTime":1795271388483272}' : '{"timezone":"UTC","symbols":[]}';
    return { ...ok(), body: new TextEncoder().encode(answer) };
  });
  governor.ask('time/1', requests.time('spot'));
  governor.ask('info/1', requests.exchangeInfo('spot', ['A']));
  await until(() => journalled.length === 2);
  await passMs(3_600_000);
  governor.ask('time/1', requests.time('spot'));
  governor.ask('info/1', requests.exchangeInfo('spot', ['A']));
  governor.ask('time/2', requests.time('spot'));
  await passMs(60_000);
  assert.equal(sent.length, 3);
});

test('after it was stopped nothing is asked, and an answer under way is not journalled', async () => {
  const { governor, sent, journalled, passMs } = await rig(() => ok());
  governor.ask('a', requests.time('spot'));
  governor.ask('b', requests.bookSnapshot(spot('B')));
  governor.stop();
  governor.ask('c', requests.bookSnapshot(spot('C')));
  await passMs(5000);
  assert.deepEqual([sent.length, journalled.length], [1, 0]);
});

test('a market without hosts is an error in the log and stops no other', async () => {
  const { governor, journalled, until } = await rig(() => ok());
  governor.ask('coinm', requests.time('coinm'));
  governor.ask('spot', requests.time('spot'));
  await until(() => journalled.length === 1);
  assert.equal(journalled[0]!.request.market, 'spot');
});

test('a venue that has not answered yet is asked nothing heavy, whatever is wanted, however often it fails', async () => {
  const simulated = createSimulatedWorld(4);
  const asked: string[] = [];
  const world = {
    ...simulated,
    network: {
      ...simulated.network,
      async httpGet(url: string): Promise<HttpResponse> {
        asked.push(new URL(url).pathname);
        if (asked.length < 4) throw new TidemarkError('network', { doing: 'get', why: 'nobody there' });
        return asked.length === 4 ? ok({ 'x-mbx-used-weight-1m': '2900' }) : ok();
      },
    },
  };
  const journal = { append: () => 0 } as unknown as JournalWriter;
  const governor = new Governor({ world, source, hosts, journal, log: silentLog });
  governor.ask('book', requests.bookSnapshot(spot('A')));
  await simulated.agenda.runUntil(() => asked.length === 4);
  assert.deepEqual(asked, Array(4).fill('/api/v3/time'));
  governor.ask('trades', requests.tradesById(spot('A'), 1, 10)!);
  await simulated.agenda.runUntil(() => asked.length === 6);
  // The snapshot has to wait until half of the budget is free; the trades need not.
  assert.deepEqual(asked.slice(4), ['/api/v3/historicalTrades', '/api/v3/depth']);
});

for (const [what, answer] of [
  ['a page of HTML', '<html>Just a moment…</html>'],
  ['no body', ''],
  ['a cut answer', '{"serverTime":17952'],
  ['another type', '{"serverTime":"now"}'],
] as const) {
  test(`${what} with status 200 is journalled and asked for again, later each time, until an answer can be read`, async () => {
    const good = '{"serverTime":1795271388483272}';
    const rigged = await rig((_, index) => ({ ...ok(), body: new TextEncoder().encode(index < 4 ? answer : good) }));
    const { governor, sent, journalled, passMs } = rigged;
    for (let tick = 0; tick < 300; tick++) {
      governor.ask('time/1', requests.time('spot'));
      await passMs(200);
    }
    assert.deepEqual(
      journalled.map((one) => one.body),
      [answer, answer, answer, answer, good],
    );
    const pausesMs = sent.slice(1).map(({ atMs }, index) => atMs - sent[index]!.atMs);
    assert.ok(pausesMs.at(-1)! > 2 * pausesMs[0]!, pausesMs.join());
  });
}
