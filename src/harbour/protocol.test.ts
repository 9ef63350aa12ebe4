import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { createNodeWorld } from '../world/node/index.ts';
import { type Harbour, startHarbour } from './harbour.ts';
import { demoSymbols } from './markets.ts';
import type { HarbourFaults } from './options.ts';

// biome-ignore lint/suspicious/noExplicitAny: messages as sent
type Message = any;

async function harbour(t: TestContext, faults: HarbourFaults = {}): Promise<Harbour> {
  const running = await startHarbour(createNodeWorld(), {
    mode: { kind: 'matching', seed: 1, symbols: demoSymbols, speed: 5, startAtUs: Date.UTC(2026, 4, 1) * 1000 },
    faults,
  });
  t.after(() => running.stop());
  return running;
}

interface Client {
  readonly socket: WebSocket;
  readonly messages: Message[];
  send(message: unknown): void;
  /** The next message, or one that came before and was not taken, that satisfies `matches`. */
  next(matches?: (message: Message) => boolean): Promise<Message>;
  readonly closed: Promise<number>;
}

function connect(t: TestContext, at: Harbour, path: string, autoPong = true): Client {
  const socket = new WebSocket(at.hosts.streams.spot![0]! + path, { autoPong });
  t.after(() => socket.terminate());
  const messages: Message[] = [];
  let wake = () => {};
  socket.on('error', () => {});
  socket.on('message', (data) => {
    messages.push(JSON.parse(data.toString()));
    wake();
  });
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  const opened = new Promise<void>((resolve) => socket.on('open', resolve));
  return {
    socket,
    messages,
    closed,
    send: (message) => {
      void opened.then(() => socket.send(typeof message === 'string' ? message : JSON.stringify(message)));
    },
    async next(matches = () => true) {
      for (;;) {
        const index = messages.findIndex(matches);
        if (index >= 0) return messages.splice(index, 1)[0];
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

async function get(at: Harbour, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(at.hosts.rest.spot![0]! + path, { headers });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith('<') ? text : JSON.parse(text),
  };
}

test('a combined connection wraps, a raw one does not, and `timeUnit` makes all times microseconds', async (t) => {
  const at = await harbour(t);
  const combined = connect(t, at, '/stream?streams=btcusdt@trade/btcusdt@depth@100ms&timeUnit=MICROSECOND');
  const trade = await combined.next((message) => message.stream === 'btcusdt@trade');
  assert.ok(trade.data.T > 1e15 && trade.data.E >= trade.data.T);
  const raw = connect(t, at, '/ws/btcusdt@trade/btcusdt@bookTicker');
  const bare = await raw.next((message) => message.e === 'trade');
  assert.ok(bare.T < 1e15);
  const ticker = await raw.next((message) => message.e === undefined);
  assert.deepEqual(Object.keys(ticker), ['u', 's', 'b', 'B', 'a', 'A']);
});

test('control messages are acknowledged, listed and switch the envelope', async (t) => {
  const at = await harbour(t, { messagesPerSecond: 100 });
  const client = connect(t, at, '/ws');
  const reply = (id: unknown) => client.next((message) => message.id === id);
  client.send({ method: 'SUBSCRIBE', params: ['btcusdt@trade', 'nosuch@trade', 'BTCUSDT@bookTicker'], id: 1 });
  assert.deepEqual(await reply(1), { result: null, id: 1 });
  client.send({ method: 'LIST_SUBSCRIPTIONS', id: 'abc' });
  assert.deepEqual(await reply('abc'), {
    result: ['btcusdt@trade', 'nosuch@trade', 'BTCUSDT@bookTicker'],
    id: 'abc',
  });
  client.send({ method: 'GET_PROPERTY', params: ['combined'], id: 2 });
  assert.deepEqual(await reply(2), { result: false, id: 2 });
  client.send({ method: 'SET_PROPERTY', params: ['combined', true], id: 3 });
  assert.deepEqual(await reply(3), { result: null, id: 3 });
  assert.equal((await client.next((message) => message.stream !== undefined)).stream, 'btcusdt@trade');
  client.send({ method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: null });
  await reply(null);
  client.messages.length = 0;
  client.send({ method: 'LIST_SUBSCRIPTIONS', params: [], id: 5 });
  assert.deepEqual((await reply(5)).result, ['nosuch@trade', 'BTCUSDT@bookTicker']);
  assert.deepEqual(client.messages, [], 'unknown and upper-case names stay silent, the unsubscribed one too');
});

test('bad control messages get the documented errors', async (t) => {
  const at = await harbour(t, { messagesPerSecond: 100 });
  const client = connect(t, at, '/ws');
  const cases: [unknown, number, RegExp][] = [
    [{ method: 'GET_PROPERTY', params: ['x'], id: 9 }, 0, /^Unknown property$/],
    [{ method: 'SET_PROPERTY', params: ['combined', 'yes'], id: 9 }, 1, /^Invalid value type: expected Boolean$/],
    [{ method: 'GET_PROPERTY', params: [], id: 9 }, 2, /property name must be a string/],
    [{ method: 'SUBSCRIBE', params: [] }, 2, /request ID must be an unsigned integer/],
    [{ method: 'GET_PROPERTY', params: ['combined', 1], id: 9 }, 2, /too many parameters/],
    [{ method: 'DANCE', id: 9 }, 2, /unknown variant `DANCE`, expected one of `SUBSCRIBE`/],
    [{ id: 9 }, 2, /missing field `method`/],
    ['{oops', 3, /^Invalid JSON: expected value at line 1 column \d+$/],
  ];
  for (const [message, code, text] of cases) {
    client.send(message);
    const answer = await client.next();
    assert.equal(answer.code, code);
    assert.match(answer.msg, text);
    assert.equal(answer.id, code === 0 ? 9 : undefined);
  }
});

test('too many messages, too many streams and too many connections are refused', async (t) => {
  const at = await harbour(t, { streamsPerConnection: 3, attemptsPerFiveMinutes: 3 });
  const talker = connect(t, at, '/ws');
  for (let id = 0; id < 6; id++) talker.send({ method: 'LIST_SUBSCRIPTIONS', id });
  assert.equal(await talker.closed, 1008);
  const greedy = connect(t, at, '/ws/a@trade/b@trade');
  greedy.send({ method: 'SUBSCRIBE', params: ['c@trade', 'd@trade'], id: 1 });
  assert.equal(await greedy.closed, 1008);
  connect(t, at, '/ws');
  const refused = new WebSocket(`${at.hosts.streams.spot![0]}/ws`);
  const status = await new Promise<number>((resolve) => {
    refused.on('error', () => {});
    refused.on('unexpected-response', (_request, response) => {
      assert.ok(Number(response.headers['retry-after']) > 0);
      resolve(response.statusCode ?? 0);
    });
  });
  assert.equal(status, 429);
});

test('a client that does not answer pings is cut, one that does is kept until its time is up', async (t) => {
  const at = await harbour(t, { pingPeriodMs: 100, pongDeadlineMs: 400, lifetimeMs: 2_000 });
  const deaf = connect(t, at, '/ws', false);
  const pinged = new Promise<Buffer>((resolve) => deaf.socket.on('ping', resolve));
  const polite = connect(t, at, '/ws');
  assert.match((await pinged).toString(), /^\d{13}$/);
  assert.equal(await deaf.closed, 1008);
  assert.equal(polite.socket.readyState, WebSocket.OPEN);
  assert.equal(await polite.closed, 1000);
});

test('connections can be announced to end, end, be reset, or fall silent while they stay open', async (t) => {
  const at = await harbour(t);
  const combined = connect(t, at, '/stream?streams=btcusdt@bookTicker');
  const raw = connect(t, at, '/ws/btcusdt@bookTicker');
  await combined.next();
  await raw.next();
  at.stall(400);
  const before = combined.messages.length;
  await new Promise((resolve) => setTimeout(resolve, 150));
  const during = combined.messages.length - before;
  assert.ok(during <= 5, `${during} messages in a stall; only what was under way may come`);
  combined.messages.length = 0;
  await combined.next();
  at.announceShutdown(50);
  const notice = await combined.next((message) => message.stream === '!serverShutdown');
  assert.equal(notice.data.e, 'serverShutdown');
  assert.equal((await raw.next((message) => message.e === 'serverShutdown')).e, 'serverShutdown');
  assert.equal(await combined.closed, 1001);
  const again = connect(t, at, '/ws/btcusdt@bookTicker');
  await again.next();
  at.dropConnections({ abrupt: true });
  assert.equal(await again.closed, 1006);
});

test('REST answers from the same state as the streams', async (t) => {
  const at = await harbour(t);
  const client = connect(t, at, '/stream?streams=btcusdt@trade/btcusdt@aggTrade');
  const { data: trade } = await client.next((message) => message.data?.e === 'trade');
  const { data: aggregate } = await client.next((message) => message.data?.e === 'aggTrade');
  const [row] = (await get(at, `/api/v3/historicalTrades?symbol=BTCUSDT&fromId=${trade.t}&limit=1`)).body;
  assert.deepEqual(
    [row.id, row.price, row.qty, row.time, row.isBuyerMaker],
    [trade.t, trade.p, trade.q, trade.T, trade.m],
  );
  const [sum] = (await get(at, `/api/v3/aggTrades?symbol=BTCUSDT&fromId=${aggregate.a}&limit=1`)).body;
  const { e: _e, E: _E, s: _s, ...expected } = aggregate;
  assert.deepEqual(sum, expected);
  const inUs = (
    await get(at, `/api/v3/historicalTrades?symbol=BTCUSDT&fromId=${trade.t}&limit=1`, {
      'x-mbx-time-unit': 'MICROSECOND',
    })
  ).body[0];
  assert.equal(Math.floor(inUs.time / 1000), trade.T);
  const info = (await get(at, '/api/v3/exchangeInfo?symbols=["ETHUSDT","BTCUSDT"]')).body;
  assert.deepEqual(
    info.symbols.map((symbol: { symbol: string }) => symbol.symbol),
    ['ETHUSDT', 'BTCUSDT'],
  );
  const depth = (await get(at, '/api/v3/depth?symbol=BTCUSDT&limit=1000')).body;
  assert.equal(depth.bids.length, 1000);
  const klines = (await get(at, '/api/v3/klines?symbol=BTCUSDT&interval=1s&limit=3')).body;
  assert.ok(klines.length > 0 && klines.every((kline: unknown[]) => kline.length === 12));
  assert.deepEqual((await get(at, '/api/v3/ping')).body, {});
  assert.ok((await get(at, '/api/v3/time')).body.serverTime >= trade.E);
});

test('bad REST questions get the venue’s codes', async (t) => {
  const at = await harbour(t);
  for (const [path, code] of [
    ['/api/v3/depth', -1102],
    ['/api/v3/depth?symbol=NOPE', -1121],
    ['/api/v3/klines?symbol=BTCUSDT&interval=1mo', -1120],
    ['/api/v3/klines?symbol=BTCUSDT', -1102],
    ['/api/v3/trades?symbol=BTCUSDT&limit=x', -1100],
    ['/api/v3/trades?symbol=BTCUSDT&limit=0', -1130],
    ['/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=["BTCUSDT"]', -1128],
    ['/fapi/v1/depth?symbol=BTCUSDT', -1121],
  ] as const) {
    const { status, body } = await get(at, path);
    assert.deepEqual([path, status, body.code], [path, 400, code]);
  }
  assert.equal((await get(at, '/api/v1/ping')).status, 404);
});

test('weight is counted and shown, above the limit comes 429, and going on brings a ban', async (t) => {
  const at = await harbour(t, { weightPerMinute: 300 });
  const first = await get(at, '/api/v3/depth?symbol=BTCUSDT&limit=5000');
  assert.equal(first.headers.get('X-MBX-USED-WEIGHT-1M'), '250');
  assert.equal((await get(at, '/api/v3/trades?symbol=BTCUSDT')).headers.get('x-mbx-used-weight-1m'), '275');
  assert.equal((await get(at, '/api/v3/aggTrades?symbol=BTCUSDT')).headers.get('x-mbx-used-weight-1m'), '279');
  assert.equal((await get(at, '/api/v3/klines?symbol=BTCUSDT&interval=1m')).headers.get('x-mbx-used-weight-1m'), '281');
  const limited = await get(at, '/api/v3/trades?symbol=BTCUSDT');
  assert.deepEqual([limited.status, limited.body.code], [429, -1003]);
  assert.ok(Number(limited.headers.get('retry-after')) >= 1);
  let status = 429;
  for (let i = 0; i < 40 && status === 429; i++) status = (await get(at, '/api/v3/time')).status;
  assert.equal(status, 418);
  const banned = await get(at, '/api/v3/time');
  assert.match(banned.body.msg, /IP banned until \d{13}/);
  assert.ok(Number(banned.headers.get('retry-after')) > 60);
});

test('HTTP failures can be ordered, for some requests and for a while', async (t) => {
  const at = await harbour(t);
  at.setHttpFailure({ status: 451, matching: 'exchangeInfo' });
  assert.equal((await get(at, '/api/v3/exchangeInfo')).status, 451);
  assert.equal((await get(at, '/api/v3/time')).status, 200);
  at.setHttpFailure({ status: 503, times: 1, body: 'Service Unavailable' });
  const failed = await fetch(`${at.hosts.rest.spot![0]}/api/v3/time`);
  assert.deepEqual([failed.status, await failed.text()], [503, 'Service Unavailable']);
  assert.equal((await get(at, '/api/v3/time')).status, 200);
  at.setHttpFailure({ status: 0, cut: true, times: 1 });
  await assert.rejects(fetch(`${at.hosts.rest.spot![0]}/api/v3/time`));
});

test('the record of truth says what was sent to whom, and matches what arrived', async (t) => {
  const at = await harbour(t);
  const client = connect(t, at, '/stream?streams=btcusdt@depth@100ms/btcusdt@trade');
  for (let i = 0; i < 30; i++) await client.next();
  client.socket.terminate();
  const sent = at.truth.sent(1)!;
  assert.deepEqual([...sent.streams].sort(), ['btcusdt@depth@100ms', 'btcusdt@trade']);
  assert.ok(sent.rows.length >= 30);
  const trades = at.truth.trades('BTCUSDT');
  for (let row = 0; row < sent.rows.length; row++) {
    if (sent.streams[sent.rows.at(row, 'stream')] !== 'btcusdt@trade') continue;
    assert.notEqual(trades.rowOf(sent.rows.at(row, 'first')), -1);
  }
});

test('an occupied port is a clear error', async (t) => {
  const at = await harbour(t);
  await assert.rejects(
    startHarbour(createNodeWorld(), { port: at.port, mode: { kind: 'matching', seed: 1, symbols: [], speed: 1 } }),
    /cannot open the harbour on 127\.0\.0\.1:\d+.*choose another port/s,
  );
});
