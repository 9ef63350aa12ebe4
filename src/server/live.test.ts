import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TidemarkError } from '../domain/error.ts';
import type { LiveUpdate } from '../pipeline/market-view.ts';
import { type Channel, channelKey, type LivePayload, type ServerMessage } from '../protocol/live.ts';
import { defaultLimits, type ServerLimits } from './limits.ts';
import { LiveClient, type LiveConnection } from './live-client.ts';
import { LiveHub } from './live-hub.ts';
import { TestView } from './server.test-view.ts';

const btc = 'binance:spot:BTCUSDT';
const trades = `trades/${btc}`;
const book = `book/${btc}`;

/** Hub and clients on a clock that moves when told, over connections that take what they are told to take. */
function bench(limits: Partial<ServerLimits> = {}) {
  let nowUs = 1_795_262_400_000_000;
  const due: { atUs: number; periodUs: number; callback: () => void }[] = [];
  const start = (delayMs: number, periodUs: number, callback: () => void) => {
    const timer = { atUs: nowUs + delayMs * 1000, periodUs, callback };
    due.push(timer);
    return () => {
      const index = due.indexOf(timer);
      if (index >= 0) due.splice(index, 1);
    };
  };
  const timers = {
    after: (delayMs: number, callback: () => void) => start(delayMs, 0, callback),
    every: (periodMs: number, callback: () => void) => start(periodMs, periodMs * 1000, callback),
  };
  const clock = { wallUs: () => nowUs, monotonicUs: () => nowUs };
  const view = new TestView({ seed: 1, nowUs, history: false });
  const all = { ...defaultLimits, ...limits };
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const random = { fraction: () => 0.000001, hex: () => 'epoch-1' };
  const hub = new LiveHub({ view, clock, timers, random, limits: all, onError });
  const counted = { sent: 0, skipped: 0, refused: 0, resets: [] as string[] };
  return {
    view,
    hub,
    errors,
    counted,
    timerCount: () => due.length,
    advance(ms: number) {
      const untilUs = nowUs + ms * 1000;
      for (;;) {
        const next = due.toSorted((a, b) => a.atUs - b.atUs)[0];
        if (next === undefined || next.atUs > untilUs) break;
        nowUs = next.atUs;
        if (next.periodUs === 0) due.splice(due.indexOf(next), 1);
        else next.atUs += next.periodUs;
        next.callback();
      }
      nowUs = untilUs;
    },
    connect() {
      const state = { buffered: 0, takes: true, pings: 0, ended: '' };
      const got: ServerMessage[] = [];
      const connection: LiveConnection = {
        send(bytes) {
          got.push(JSON.parse(bytes.toString('utf8')));
          if (!state.takes) state.buffered += bytes.length;
        },
        bufferedBytes: () => state.buffered,
        ping: () => {
          state.pings += 1;
        },
        close: (code) => {
          state.ended = `close ${code}`;
        },
        terminate: () => {
          state.ended = 'terminate';
        },
      };
      const client = new LiveClient(connection, {
        hub,
        clock,
        timers,
        limits: all,
        counts: {
          sent: (n) => {
            counted.sent += n;
          },
          skipped: (n) => {
            counted.skipped += n;
          },
          reset: (reason) => void counted.resets.push(reason),
          refused: () => {
            counted.refused += 1;
          },
        },
        hello: { type: 'hello', version: '0', serverEpoch: 'epoch-1', dataKind: 'simulated' },
        checkInstrument: (instrument) => {
          if (instrument === btc) return;
          throw new TidemarkError('unknown-instrument', { doing: 'find', what: instrument });
        },
        onError,
      });
      const say = (message: object) => client.receive(JSON.stringify(message));
      const data = (channel: string) =>
        got
          .filter((message) => message.type === 'data' && message.channel === channel)
          .map((message) => ('sequence' in message ? message.sequence : 0));
      const ofType = <T extends ServerMessage['type']>(type: T) =>
        got.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
      return { client, state, got, say, data, ofType };
    },
  };
}

function channelOf(key: string): Channel {
  const [kind, instrument] = key.split('/');
  return { kind: kind as 'trades' | 'book', instrument: instrument! };
}

function tell(view: TestView, key: string, count = 1): void {
  for (let i = 0; i < count; i++) {
    const payload: LivePayload =
      key === trades
        ? { kind: 'trades', trades: [] }
        : { kind: 'book', book: view.book({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 3) };
    view.tell(channelOf(key), payload);
  }
}

test('the first message is hello, and data follow a subscription without a missing sequence', () => {
  const { view, connect } = bench();
  const { say, got, data, ofType } = connect();
  assert.equal(got[0]?.type, 'hello');
  say({ op: 'subscribe', id: 1, channels: [trades, 'status'] });
  const { sequence } = ofType('subscribed')[0]!;
  tell(view, trades, 3);
  assert.deepEqual(data(trades), [sequence + 1, sequence + 2, sequence + 3]);
});

test('all clients of a channel share one count and the view is followed once', () => {
  const { view, connect, hub } = bench();
  const first = connect();
  first.say({ op: 'subscribe', id: 1, channels: [trades] });
  tell(view, trades, 2);
  const second = connect();
  second.say({ op: 'subscribe', id: 1, channels: [trades] });
  tell(view, trades);
  assert.equal(view.followerCount(trades), 1);
  assert.equal(hub.channelCount, 1);
  assert.equal(second.ofType('subscribed')[0]!.sequence, first.ofType('subscribed')[0]!.sequence + 2);
  assert.deepEqual(second.data(trades), first.data(trades).slice(2));
});

test('the status channel beats every second although the view says nothing', () => {
  const { connect, advance } = bench();
  const { say, data } = connect();
  say({ op: 'subscribe', id: 1, channels: ['status'] });
  advance(3000);
  assert.equal(data('status').length, 3);
});

test('a client that comes back gets exactly what it missed', () => {
  const { view, connect, advance } = bench();
  const first = connect();
  first.say({ op: 'subscribe', id: 1, channels: [trades] });
  tell(view, trades, 2);
  first.client.closed();
  const lastSeen = first.data(trades).at(-1)!;
  tell(view, trades, 3);
  advance(1000);
  const second = connect();
  second.say({ op: 'subscribe', id: 9, channels: [trades], resume: { [trades]: lastSeen }, serverEpoch: 'epoch-1' });
  assert.deepEqual(second.ofType('subscribed'), [
    { type: 'subscribed', id: 9, channel: trades, sequence: lastSeen, resumed: true },
  ]);
  assert.deepEqual(second.data(trades), [lastSeen + 1, lastSeen + 2, lastSeen + 3]);
});

test('a client that comes back too late, or to another server, is told to fetch anew', () => {
  const { view, connect, advance } = bench({ resumeMessages: 4 });
  const first = connect();
  first.say({ op: 'subscribe', id: 1, channels: [trades] });
  const start = first.ofType('subscribed')[0]!.sequence;
  tell(view, trades, 10);
  const resume = (sequence: number, serverEpoch = 'epoch-1') => {
    const client = connect();
    client.say({ op: 'subscribe', id: 2, channels: [trades], resume: { [trades]: sequence }, serverEpoch });
    return { reset: client.ofType('reset')[0], subscribed: client.ofType('subscribed')[0]! };
  };
  const late = resume(start + 2);
  assert.deepEqual(late.reset, { type: 'reset', channel: trades, from: start + 3, to: start + 10, reason: 'too-old' });
  assert.deepEqual([late.subscribed.resumed, late.subscribed.sequence], [false, start + 10]);
  assert.equal(resume(start + 9).reset, undefined);
  assert.equal(resume(start - 1).reset?.reason, 'server-restarted');
  assert.equal(resume(start + 11).reset?.reason, 'server-restarted');
  assert.equal(resume(start + 9, 'epoch-0').reset?.reason, 'server-restarted');
  advance(0);
});

test('a channel that nobody follows for long is let go, and what happened meanwhile is not hidden', () => {
  const { view, connect, advance, hub } = bench();
  const first = connect();
  first.say({ op: 'subscribe', id: 1, channels: [trades] });
  tell(view, trades);
  const lastSeen = first.data(trades).at(-1)!;
  first.say({ op: 'unsubscribe', id: 2, channels: [trades] });
  assert.equal(first.ofType('unsubscribed').length, 1);
  advance(defaultLimits.lingerMs - 1);
  assert.equal(view.followerCount(trades), 1);
  advance(1);
  assert.equal(view.followerCount(trades), 0);
  assert.equal(hub.channelCount, 0);
  tell(view, trades, 5);
  const second = connect();
  second.say({ op: 'subscribe', id: 1, channels: [trades], resume: { [trades]: lastSeen } });
  assert.equal(second.ofType('reset')[0]?.reason, 'too-old');
  assert.equal(second.ofType('subscribed')[0]?.resumed, false);
});

test('a slow client is told which messages it lost; of the book it gets the newest at once', () => {
  const { view, connect, advance, counted } = bench({ sendBufferBytes: 4000 });
  const fast = connect();
  const slow = connect();
  for (const { say } of [fast, slow]) say({ op: 'subscribe', id: 1, channels: [trades, book] });
  slow.state.takes = false;
  tell(view, trades, 60);
  tell(view, book, 60);
  assert.ok(counted.skipped > 0);
  slow.state.takes = true;
  slow.state.buffered = 0;
  advance(50);
  tell(view, trades);
  for (const key of [trades, book]) {
    const [reset] = slow.ofType('reset').filter(({ channel }) => channel === key);
    assert.ok(reset);
    assert.equal(reset.reason, 'slow-client');
    const lost = Array.from({ length: reset.to - reset.from + 1 }, (_, index) => reset.from + index);
    assert.deepEqual(
      [...slow.data(key), ...lost].toSorted((a, b) => a - b),
      fast.data(key),
    );
  }
  assert.equal(slow.data(book).at(-1), fast.data(book).at(-1));
});

test('whatever a client takes and when, every sequence is either sent or inside a reset, in order', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({ tell: fc.constantFrom(trades, book) }),
          fc.record({ takes: fc.boolean() }),
          fc.record({ ms: fc.integer({ min: 1, max: 200 }) }),
        ),
        {
          maxLength: 80,
        },
      ),
      (steps) => {
        const { view, connect, advance } = bench({ sendBufferBytes: 1500 });
        const { say, state, got, ofType } = connect();
        say({ op: 'subscribe', id: 1, channels: [trades, book] });
        const start = new Map(ofType('subscribed').map(({ channel, sequence }) => [channel, sequence]));
        const told = new Map(start);
        for (const step of steps) {
          if ('tell' in step) {
            tell(view, step.tell);
            told.set(step.tell, told.get(step.tell)! + 1);
          } else if ('takes' in step) {
            state.takes = step.takes;
            if (step.takes) state.buffered = 0;
          } else advance(step.ms);
        }
        state.takes = true;
        state.buffered = 0;
        advance(100);
        for (const key of [trades, book]) {
          let expected = start.get(key)! + 1;
          for (const message of got) {
            if (message.type === 'data' && message.channel === key) {
              assert.equal(message.sequence, expected);
              expected += 1;
            } else if (message.type === 'reset' && message.channel === key) {
              assert.equal(message.from, expected);
              expected = message.to + 1;
            }
          }
          assert.equal(expected, told.get(key)! + 1);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('a client that never catches up is let go', () => {
  const { view, connect, advance } = bench({ sendBufferBytes: 1000 });
  const { say, state } = connect();
  say({ op: 'subscribe', id: 1, channels: [trades] });
  state.takes = false;
  tell(view, trades, 50);
  advance(defaultLimits.slowClientMs);
  assert.equal(state.ended, '');
  advance(1000);
  assert.equal(state.ended, 'terminate');
});

test('a client that answers no ping is let go, one that does stays', () => {
  const { connect, advance } = bench();
  const silent = connect();
  const lively = connect();
  advance(defaultLimits.pingMs);
  lively.client.pong();
  advance(defaultLimits.pingMs);
  assert.equal(silent.state.ended, 'terminate');
  assert.equal(lively.state.ended, '');
  assert.equal(lively.state.pings, 2);
});

test('a client that talks too much is answered with an error, then let go', () => {
  const { connect, advance, counted } = bench();
  const { say, ofType, state } = connect();
  for (let id = 0; id < 41; id++) say({ op: 'ping', id });
  assert.equal(ofType('pong').length, 40);
  assert.equal(ofType('error')[0]?.code, 'rate-limited');
  advance(1000);
  for (let id = 0; id < 20; id++) say({ op: 'ping', id });
  assert.equal(ofType('pong').length, 60);
  for (let id = 0; id < 101; id++) say({ op: 'ping', id });
  assert.equal(state.ended, 'close 1008');
  assert.ok(counted.refused > 100);
});

test('messages and channels that mean nothing are refused by name and change nothing', () => {
  const { connect, hub, errors } = bench({ liveMessagesPerSecond: 1000 });
  const { client, say, ofType } = connect();
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{}',
    '{"op":"subscribe"}',
    '{"op":"subscribe","id":1}',
    '{"op":"subscribe","id":1,"channels":[1]}',
    '{"op":"subscribe","id":1.5,"channels":[]}',
    '{"op":"eval","id":1}',
    '{"op":"subscribe","id":1,"channels":[],"resume":[]}',
    `{"op":"subscribe","id":1,"channels":${JSON.stringify(Array(257).fill('status'))}}`,
    '{"op":"subscribe","id":1,"channels":[],"serverEpoch":1}',
  ]) {
    // biome-ignore format: a table
    const before = ofType('error').length;
    client.receive(text);
    assert.equal(ofType('error').length, before + 1, text);
  }
  const channels = ['', 'trades', 'trades/', `trades/${btc}/1m`, `candles/${btc}`, `candles/${btc}/2m`, 'status/x', '__proto__', `depth/${btc}`, `candles/${btc}/1m/x`]; // biome-ignore format: a table
  say({ op: 'subscribe', id: 5, channels });
  assert.equal(ofType('error').filter(({ id, code }) => id === 5 && code === 'bad-channel').length, channels.length);
  say({ op: 'subscribe', id: 6, channels: ['trades/binance:spot:NOPE'] });
  assert.equal(ofType('error').at(-1)?.code, 'unknown-instrument');
  say({ op: 'unsubscribe', id: 7, channels: [trades] });
  assert.equal(ofType('error').at(-1)?.code, 'not-subscribed');
  assert.equal(hub.channelCount, 0);
  assert.deepEqual(errors, []);
});

test('a client follows at most so many channels, and the server too', () => {
  const { connect } = bench({ channelsPerClient: 2, channels: 3 });
  const first = connect();
  first.say({ op: 'subscribe', id: 1, channels: [trades, book, 'status', trades] });
  assert.equal(first.ofType('subscribed').length, 3);
  assert.equal(first.ofType('error')[0]?.code, 'too-many-channels');
  const second = connect();
  second.say({ op: 'subscribe', id: 1, channels: ['status', `gaps/${btc}`] });
  assert.equal(second.ofType('error')[0]?.code, 'too-many-channels');
});

test('a closed client leaves nothing running behind', () => {
  const { connect, advance, hub, timerCount, view } = bench();
  const { say, client } = connect();
  say({ op: 'subscribe', id: 1, channels: [trades, book, 'status'] });
  client.closed();
  client.closed();
  advance(defaultLimits.lingerMs);
  assert.equal(timerCount(), 0);
  assert.equal(hub.channelCount, 0);
  assert.equal(view.followerCount(trades), 0);
});

test('a closed hub leaves nothing running behind, whoever still leaves it', () => {
  const { connect, hub, timerCount, view } = bench();
  const { say, client } = connect();
  say({ op: 'subscribe', id: 1, channels: [trades, 'status'] });
  hub.close();
  client.closed();
  assert.equal(timerCount(), 0);
  assert.equal(view.followerCount(trades), 0);
});

test('one broken client disturbs neither the others nor the engine that told the news', () => {
  const { view, hub, errors, connect } = bench();
  const feed = hub.feed({ kind: 'trades', instrument: btc })!;
  hub.join(feed, {
    take() {
      throw new Error('broken client');
    },
  });
  const healthy = connect();
  healthy.say({ op: 'subscribe', id: 1, channels: [trades] });
  const update: LiveUpdate = {
    channel: channelKey(feed.channel),
    synced: true,
    payload: { kind: 'trades', trades: [] },
  };
  assert.doesNotThrow(() => view.tell(feed.channel, update.payload));
  assert.equal(errors.length, 1);
  assert.equal(healthy.data(trades).length, 1);
});
