import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { createNodeWorld } from '../world/node/index.ts';
import { startHarbour } from './harbour.ts';
import type { ReplayMode } from './options.ts';
import { openRecording, recordingFromText } from './recordings.ts';
import { joinFeeds, mutate, type ReplayFeed, type ReplayFrame, streamsOf } from './replay-feed.ts';

// Shapes and digits are recorded ones; the spaces of the fourth line are not, and must survive.
const trade = (id: number, price: string, ms: number) =>
  `{"stream":"btcusdt@trade","data":{"e":"trade","E":${ms + 1},"s":"BTCUSDT","t":${id},"p":"${price}","q":"0.02000000","T":${ms},"m":true,"M":true}}`;
const depth = (first: number, final: number, bid: string, quantity: string) =>
  `{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":${first},"u":${final},"b":[["${bid}","${quantity}"]],"a":[]}}`;
const snapshot =
  '{"lastUpdateId":104,"bids":[["61837.63000000","3.78826000"],["61837.00000000","1.00000000"]],"asks":[["61837.64000000","1.54698000"]]}';
const lines = [
  depth(100, 102, '61837.00000000', '2.00000000'),
  trade(3735683259, '61837.63000000', 1723161255342),
  snapshot,
  '{"stream": "btcusdt@bookTicker", "data": {"u":103,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}',
  depth(103, 106, '61837.63000000', '0.00000000'),
  trade(3735683260, '61837.64000000', 1723161255350),
  trade(3735683261, '61837.65000000', 1723161256400),
  depth(107, 107, '61836.50000000', '0.50000000'),
];
const recording = lines.map((line, i) => `${1723161253937085 + i * 1000}768 ${line}\n`).join('');
const messages = lines.filter((line) => line !== snapshot);
const names = ['btcusdt@depth@100ms', 'btcusdt@trade', 'btcusdt@bookTicker'];

async function play(t: TestContext, feed: ReplayFeed, mode: Partial<ReplayMode> = {}) {
  const at = await startHarbour(createNodeWorld(), { mode: { kind: 'replay', feed, speed: 'full', ...mode } });
  t.after(() => at.stop());
  const received: string[] = [];
  let waiting: { count: number; resolve: () => void } | undefined;
  const connect = (path: string) => {
    const socket = new WebSocket(at.hosts.streams.spot![0]! + path);
    t.after(() => socket.terminate());
    socket.on('error', () => {});
    socket.on('message', (data) => {
      received.push(data.toString());
      if (waiting !== undefined && received.length >= waiting.count) waiting.resolve();
    });
    return socket;
  };
  const arrived = (count: number) =>
    new Promise<void>((resolve) => {
      if (received.length >= count) resolve();
      else waiting = { count, resolve };
    });
  const get = async (path: string) => {
    const response = await fetch(at.hosts.rest.spot![0] + path);
    return { status: response.status, text: await response.text() };
  };
  return { at, received, connect, arrived, get };
}

test('recorded frames are sent byte for byte, in order, to those who subscribed before the start', async (t) => {
  const { at, received, connect, arrived } = await play(t, recordingFromText(recording, 'sample'));
  connect(`/stream?streams=${names.join('/')}`);
  await at.done;
  await arrived(messages.length);
  assert.deepEqual(received, messages);
});

test('a raw connection gets the recorded data objects, byte for byte', async (t) => {
  const { at, received, connect, arrived } = await play(t, recordingFromText(recording, 'sample'));
  connect(`/ws/${names.join('/')}`);
  await at.done;
  await arrived(messages.length);
  assert.equal(received[2], messages[2]!.slice('{"stream": "btcusdt@bookTicker", "data": '.length, -1));
});

test('the replay waits until everything in it is subscribed', async (t) => {
  const { at, received, connect, arrived } = await play(t, recordingFromText(recording, 'sample'));
  const socket = connect(`/stream?streams=${names[0]}`);
  await new Promise((resolve) => socket.on('open', resolve));
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(received, []);
  socket.send(JSON.stringify({ method: 'SUBSCRIBE', params: names.slice(1), id: 1 }));
  await at.done;
  await arrived(messages.length + 1);
  assert.deepEqual(received.slice(1), messages);
});

test('the recorded snapshot answers the first who asks, even before it is reached; later ones get the book of now', async (t) => {
  const { at, connect, get } = await play(t, recordingFromText(recording, 'sample'));
  const early = get('/api/v3/depth?symbol=BTCUSDT&limit=1000');
  connect(`/stream?streams=${names.join('/')}`);
  assert.equal((await early).text, snapshot);
  await at.done;
  assert.deepEqual(JSON.parse((await get('/api/v3/depth?symbol=BTCUSDT&limit=1000')).text), {
    lastUpdateId: 107,
    bids: [
      ['61837.00000000', '1.00000000'],
      ['61836.50000000', '0.50000000'],
    ],
    asks: [['61837.64000000', '1.54698000']],
  });
});

test('REST has exactly the trades played so far, with the values as recorded', async (t) => {
  const { at, connect, get } = await play(t, recordingFromText(recording, 'sample'));
  assert.equal((await get('/api/v3/historicalTrades?symbol=BTCUSDT&fromId=3735683259')).text, '[]');
  connect(`/stream?streams=${names.join('/')}`);
  await at.done;
  const rows = JSON.parse((await get('/api/v3/historicalTrades?symbol=BTCUSDT&fromId=3735683260')).text);
  assert.deepEqual(
    rows.map((row: { id: number; price: string; qty: string; time: number }) => [row.id, row.price, row.qty, row.time]),
    [
      [3735683260, '61837.64000000', '0.02000000', 1723161255350],
      [3735683261, '61837.65000000', '0.02000000', 1723161256400],
    ],
  );
  const info = JSON.parse((await get('/api/v3/exchangeInfo?symbol=BTCUSDT')).text).symbols[0];
  assert.deepEqual([info.symbol, info.filters[0].tickSize, info.baseAsset], ['BTCUSDT', '0.01000000', 'BTC']);
  assert.equal(JSON.parse((await get('/api/v3/time')).text).serverTime, 1723161256401);
});

test('frames that a mutation drops are not sent, and REST still has them', async (t) => {
  const feed = mutate(recordingFromText(recording, 'sample'), { dropTrades: [3735683260], dropDepth: [106] });
  const { at, received, connect, arrived, get } = await play(t, feed);
  connect(`/stream?streams=${names.join('/')}`);
  await at.done;
  await arrived(messages.length - 2);
  assert.deepEqual(
    received,
    messages.filter((_, i) => i !== 3 && i !== 4),
  );
  assert.equal(JSON.parse((await get('/api/v3/historicalTrades?symbol=BTCUSDT&fromId=0')).text).length, 3);
});

test('an altered frame is sent as altered, and the truth keeps the recorded one', async (t) => {
  const feed = mutate(recordingFromText(recording, 'sample'), {
    alter: (text, frame) => (frame.data.includes('"t":3735683260') ? text.slice(0, 40) : text),
  });
  const { at, received, connect, arrived, get } = await play(t, feed);
  connect(`/stream?streams=${names.join('/')}`);
  await at.done;
  await arrived(messages.length);
  assert.equal(received[4], messages[4]!.slice(0, 40));
  assert.equal(JSON.parse((await get('/api/v3/historicalTrades?symbol=BTCUSDT&fromId=0')).text).length, 3);
});

test('a cut loses exactly the frames it is told to, and the replay waits for the listeners to come back', async (t) => {
  const { at, received, connect, arrived, get } = await play(t, recordingFromText(recording, 'sample'), {
    cuts: [{ afterFrames: 2, lostFrames: 3 }],
  });
  const path = `/stream?streams=${names.join('/')}`;
  const first = connect(path);
  await new Promise((resolve) => first.on('close', resolve));
  connect(path);
  await at.done;
  await arrived(4);
  assert.deepEqual(received, [messages[0], messages[1], messages[5], messages[6]]);
  assert.equal(JSON.parse((await get('/api/v3/trades?symbol=BTCUSDT')).text).length, 3);
});

test('USD-M frames come on their category alone, and fills off the book are on the stream only', async (t) => {
  const line = (id: number, kind: string) =>
    `{"stream":"btcusdt@trade","data":{"e":"trade","E":1680652700455,"T":1680652700452,"s":"BTCUSDT","t":${id},"p":"28145.10","q":"0.002","X":"${kind}","m":true}}`;
  const all = [line(1, 'MARKET'), line(2, 'INSURANCE_FUND'), line(3, 'MARKET')];
  const text = all.map((message, i) => `${1680652700423575 + i} ${message}`).join('\n');
  const { at, received, connect, arrived, get } = await play(t, recordingFromText(text, 'usdm', { market: 'usdm' }));
  const silent = connect('/market/stream?streams=btcusdt@trade');
  await new Promise((resolve) => silent.on('open', resolve));
  assert.equal(received.length, 0);
  connect('/public/stream?streams=btcusdt@trade');
  await at.done;
  await arrived(3);
  assert.deepEqual(received, all);
  const rows = JSON.parse((await get('/fapi/v1/trades?symbol=BTCUSDT')).text);
  assert.deepEqual(
    rows.map((row: { id: number; price: string; qty: string }) => [row.id, row.price, row.qty]),
    [
      [1, '28145.10', '0.002'],
      [3, '28145.10', '0.002'],
    ],
  );
  assert.equal((await get('/api/v3/trades?symbol=BTCUSDT')).status, 400);
});

test('aggregates that only REST is to have leave the socket silent', async (t) => {
  const rows = [1, 2, 3, 4].map((a) => ({
    a,
    p: '7139.89000000',
    q: '0.06702300',
    f: a,
    l: a,
    T: 1577977823305,
    m: false,
    M: true,
  }));
  const feed = mutate(recordingFromText(JSON.stringify(rows), 'rest', { symbol: 'BTCUSDT' }), {
    sendOnlyAggTrades: [1, 4],
  });
  const { at, received, connect, arrived, get } = await play(t, feed);
  connect('/stream?streams=btcusdt@aggTrade');
  await at.done;
  await arrived(2);
  assert.deepEqual(
    received.map((text) => JSON.parse(text).data.a),
    [1, 4],
  );
  assert.deepEqual(JSON.parse((await get('/api/v3/aggTrades?symbol=BTCUSDT&fromId=2&limit=2')).text), rows.slice(1, 3));
});

test('CSV recordings become frames with eight decimals, one depth event a group of rows', () => {
  const aggregates = recordingFromText(
    'timestamp,price,quantity,side,tradeId\n1750568400946,81,4.851,sell,293588443\n',
    'ltc',
    { symbol: 'LTCUSDT' },
  );
  const [aggregate] = [...aggregates.entries()] as ReplayFrame[];
  assert.equal(
    aggregate!.data,
    '{"e":"aggTrade","E":1750568400946,"s":"LTCUSDT","a":293588443,"p":"81.00000000","q":"4.85100000","f":293588443,"l":293588443,"T":1750568400946,"m":true,"M":true}',
  );
  const rows = recordingFromText(
    'TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity\n' +
      '1741046400062959,trxusdt@depth@100ms,depthUpdate,1741046400062507,TRXUSDT,5,6,0,0.2311,804627.7\n' +
      '1741046400062959,trxusdt@depth@100ms,depthUpdate,1741046400062507,TRXUSDT,5,6,1,0.2313,0\n' +
      '1741046400162959,trxusdt@depth@100ms,depthUpdate,1741046400162507,TRXUSDT,7,7,1,0.2314,1\n',
    'trx',
  );
  const events = ([...rows.entries()] as ReplayFrame[]).map((frame) => JSON.parse(frame.data));
  assert.deepEqual(
    events.map(({ U, u, b, a }) => ({ U, u, b, a })),
    [
      { U: 5, u: 6, b: [['0.23110000', '804627.70000000']], a: [['0.23130000', '0.00000000']] },
      { U: 7, u: 7, b: [], a: [['0.23140000', '1.00000000']] },
    ],
  );
});

test('a recording with its REST bodies beside it has the snapshots at the moment they arrived', () => {
  const ws = `wss://fstream.binance.com/stream?streams=x -> 1.0\n10.5: ${depth(1, 2, '1.0', '1')}\n11.5: ${depth(3, 4, '1.0', '1')}\n`;
  const rest =
    'https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000 -> 11.0: {"lastUpdateId":2,"bids":[],"asks":[]}\n';
  const entries = [...recordingFromText(ws, 'c', {}, rest).entries()];
  assert.deepEqual(
    entries.map((entry) => [entry.kind, entry.market, entry.atUs]),
    [
      ['frame', 'usdm', 10_500_000],
      ['snapshot', 'usdm', 11_000_000],
      ['frame', 'usdm', 11_500_000],
    ],
  );
});

test('what is no recording is refused with its reason', () => {
  assert.throws(
    () => recordingFromText('hello\n', 'x.txt'),
    /cannot play the recording x\.txt: its beginning is of no known format/,
  );
  const cut = recordingFromText(`${recording.slice(0, -40)}\n`, 'cut.txt');
  assert.throws(() => [...cut.entries()], /cut\.txt, line 8: it is no combined-stream message/);
  const noTime = recordingFromText(`${recording}{"stream":"a@trade","data":{}}\n`, 'late.txt');
  assert.throws(() => [...noTime.entries()], /late\.txt, line 9: it does not begin with a receive time/);
  assert.throws(() => recordingFromText('timestamp,price,quantity,side,tradeId\n', 'a.csv'), /name the symbol/);
});

test('zipped and plain files are the same recording, and two of them follow each other', () => {
  const plain = openRecording({ read: () => new TextEncoder().encode(recording) }, '/a/plain.txt');
  const zipped = openRecording({ read: () => gzipSync(recording) }, '/a/zipped.txt.gz');
  assert.deepEqual([...zipped.entries()], [...plain.entries()]);
  assert.equal([...joinFeeds(plain, zipped).entries()].length, 2 * lines.length);
  assert.deepEqual(
    streamsOf(plain),
    names.map((name) => `spot/${name}`),
  );
});
