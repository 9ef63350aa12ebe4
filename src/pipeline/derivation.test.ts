import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findings } from '../domain/tables/index.ts';
import { recordKinds } from '../ports/journal.ts';
import type { RestRequest } from '../ports/source.ts';
import { Derivation } from './derivation.ts';
import { encodeHttpRecord } from './http-record.ts';
import {
  btc,
  depthFrame,
  json,
  opened,
  ScriptedJournal,
  type ScriptedRecord,
  source,
  startUs,
  tickerFrame,
  tradeFrame,
} from './scripted-journal.test-fixture.ts';
import { wants } from './wants.ts';

const { requests } = source;

function rig() {
  const derivation = new Derivation(source);
  const journal = new ScriptedJournal('recorder');
  const answers = new ScriptedJournal('engine');
  const give = (...records: ScriptedRecord[]) => derivation.process(journal.append(...records));
  const answer = (request: RestRequest, status: number, body: string, receivedAtUs = startUs + 1e9) => {
    const head = { request, status, headers: {}, requestedAtUs: receivedAtUs - 1000 };
    const payload = encodeHttpRecord(head, new TextEncoder().encode(body));
    derivation.process(answers.append({ kind: recordKinds.http, session: 0, receivedAtUs, payload }));
  };
  const pulse = (venueUs: number) => json(recordKinds.pulse, { wallUs: venueUs, monotonicUs: 0, venueUs });
  return { derivation, give, answer, pulse };
}

const findingsOf = ({ pending }: Derivation) =>
  Array.from({ length: pending.findings.length }, (_, row) => pending.findings.columns.code[row]);
const column = (batch: { length: number; columns: object }, name: string) =>
  [...(batch.columns as Record<string, Float64Array>)[name]!.subarray(0, batch.length)]; // biome-ignore format: short

const frames: Readonly<Record<string, (id: number, session: number) => ScriptedRecord>> = {
  trade: tradeFrame,
  'agg-trade': (id, session) => ({
    ...tradeFrame(id, session),
    payload: `{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":${startUs},"s":"BTCUSDT","a":${id},"p":"1.5","q":"2","f":${id},"l":${id},"T":${startUs + id * 1000},"m":true,"M":true}}`,
  }),
  depth: depthFrame,
  'book-ticker': tickerFrame,
  ticker: (id, session) => ({
    ...tradeFrame(id, session),
    payload: `{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":${startUs + id * 1_000_000},"s":"BTCUSDT","p":"1","P":"1","w":"1","x":"1","c":"1","Q":"1","b":"1","B":"1","a":"1","A":"1","o":"1","h":"1","l":"1","v":"1","q":"1","O":${startUs},"C":${startUs},"F":1,"L":2,"n":2}}`,
  }),
};

for (const [kind, frame] of Object.entries(frames)) {
  test(`two sessions that overlap give every ${kind} once, however their frames interleave`, () => {
    const choices = fc.array(fc.boolean(), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(choices, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), (isSecond, from, rest) => {
        const { derivation, give } = rig();
        give(...opened(1), ...opened(2));
        // The first session has 1 … 12, the second begins later and goes on further.
        const first = Array.from({ length: 12 }, (_, at) => frame(at + 1, 1));
        const second = Array.from({ length: 12 + rest - from + 1 }, (_, at) => frame(at + from, 2));
        for (const takesSecond of isSecond) {
          const next = takesSecond ? second.shift() : first.shift();
          if (next !== undefined) give(next);
        }
        give(...first.splice(0), json(recordKinds.session, { event: 'closed', session: 1, code: 1000, reason: 'replaced', side: 'us' }), ...second);
        const { pending } = derivation;
        const held = {
          trade: () => column(pending.trades, 'trade_id'),
          'agg-trade': () => column(pending.aggTrades, 'agg_trade_id'),
          depth: () => column(pending.bookDeltas, 'final_update_id'),
          'book-ticker': () => column(pending.bookTickers, 'update_id'),
          ticker: () => column(pending.tickers, 'event_at').map((atUs) => (atUs - startUs) / 1_000_000),
        }[kind]!();
        assert.equal(new Set(held).size, held.length, 'none is there twice');
        const sorted = held.toSorted((a, b) => a - b);
        if (kind !== 'depth' && kind !== 'book-ticker' && kind !== 'ticker') {
          assert.deepEqual(sorted, Array.from({ length: 12 + rest }, (_, at) => at + 1));
        } else assert.equal(sorted.at(-1), 12 + rest);
        const gaps = derivation.instruments.flatMap((state) => state?.gaps() ?? []);
        if (kind !== 'depth') assert.deepEqual(gaps.filter(({ state }) => state !== 'repaired'), []);
      }),
      { numRuns: 60 },
    );
  }); // biome-ignore format: as above
}

const garbage: Readonly<Record<string, string>> = {
  'a page of HTML': '<html><body>Just a moment…</body></html>',
  'no body': '',
  'a cut answer': '[{"id":4,"price":"1.50","qty":"2","time":17906499',
  'an object': '{}',
  'rows of something else': '[{"symbol":"BTCUSDT"}]',
  'rows of another question': `[{"id":1,"price":"1.50","qty":"2","quoteQty":"3","time":${startUs},"isBuyerMaker":true}]`,
};

for (const [what, body] of Object.entries(garbage)) {
  test(`${what} in place of trades declares nothing: the gap stays open, is asked for again, and repaired`, () => {
    const { derivation, give, answer, pulse } = rig();
    give(...opened(), tradeFrame(2), tradeFrame(3), tradeFrame(6), pulse(startUs + 3_600_000_000));
    const state = derivation.instruments[0]!;
    const request = requests.tradesById(btc, 4, 2)!;
    for (let turn = 0; turn < 3; turn++) {
      answer(request, 200, body);
      const [gap] = state.trades.gaps();
      assert.deepEqual([gap!.fromId, gap!.toId, gap!.state === 'declared'], [4, 5, false]);
      assert.ok(wants(derivation).some(({ key }) => key === 'trades/binance:spot:BTCUSDT/4'));
    }
    assert.match(state.trades.gaps()[0]!.tried.join(), /no answer to this/);
    if (what !== 'rows of another question') assert.equal(derivation.findingCount, 3);
    const row = (id: number) => `{"id":${id},"price":"1.50","qty":"2","quoteQty":"3","time":${startUs + id * 1000},"isBuyerMaker":true}`;
    answer(request, 200, `[${row(4)},${row(5)}]`);
    assert.equal(state.trades.missingIds, 0);
    assert.equal(state.trades.lastId, 6);
  }); // biome-ignore format: as above
}

test('an empty list in time long past declares what was asked for, for the venue answered', () => {
  const { derivation, give, answer, pulse } = rig();
  give(...opened(), tradeFrame(3), tradeFrame(6), pulse(startUs + 3_600_000_000));
  answer(requests.tradesById(btc, 4, 2)!, 200, '[]');
  assert.equal(derivation.instruments[0]!.trades.gaps()[0]!.state, 'declared');
});

test('an answer that holds no time leaves the clock as it was, and is a finding', () => {
  const { derivation, answer } = rig();
  for (const body of ['<html>', '{}', '{"serverTime":"now"}', '[]', '']) answer(requests.time('spot'), 200, body);
  answer(requests.time('spot'), 503, '{"serverTime":5}');
  assert.equal(derivation.clock.offsetUs, undefined);
  assert.equal(derivation.findingCount, 6);
  answer(requests.time('spot'), 200, `{"serverTime":${startUs + 7000}}`, startUs);
  answer(requests.time('spot'), 200, '{}', startUs + 10);
  assert.equal(derivation.clock.offsetUs, 7500);
});

test('a connection given up over a frame beyond the limit is a finding and a gap; other ends are only gaps', () => {
  const { derivation, give } = rig();
  give(...opened(1), tickerFrame(1));
  const closed = { event: 'closed', session: 1, code: 1009, reason: 'frame over 8388608 bytes', side: 'us' };
  give(json(recordKinds.session, closed), ...opened(2).slice(1), tickerFrame(2, 2));
  give(json(recordKinds.session, { ...closed, session: 2, code: 1006, reason: '', side: 'network' }));
  assert.deepEqual(findingsOf(derivation), ['frame-refused']);
  assert.match(derivation.pending.findings.columns.detail[0]!, /8388608 bytes/);
  assert.equal(derivation.instruments[0]!.bookTicker.gaps().length, 2);
});

test('frames that cannot be read are findings at their record, and those around them are held', () => {
  const { derivation, give } = rig();
  const bad: (string | Uint8Array)[] = ['', '{', 'x', Uint8Array.of(0xff, 0xfe), '{"e":"earthquake"}', `${tradeFrame(8).payload}${tradeFrame(9).payload}`, new Uint8Array(100)];
  give(...opened());
  for (const [at, payload] of bad.entries()) give(tradeFrame(2 * at + 1), { payload }, tradeFrame(2 * at + 2));
  assert.equal(derivation.findingCount, bad.length);
  assert.deepEqual(column(derivation.pending.findings, 'sequence'), bad.map((_, at) => 4 + at * 3));
  assert.deepEqual(column(derivation.pending.trades, 'trade_id'), Array.from({ length: 14 }, (_, at) => at + 1));
}); // biome-ignore format: as above

test('a frame of a session that nobody opened is a finding, not a guess', () => {
  const { derivation, give } = rig();
  give(...opened(1), tradeFrame(1, 5));
  assert.deepEqual(findingsOf(derivation), ['frame-without-session']);
  assert.equal(derivation.pending.trades.length, 0);
});

test('damage of a journal is a finding, also before anything is known, and a gap in streams without ids', () => {
  const { derivation, give } = rig();
  derivation.journalDamaged('recorder', 0, 3, 'no whole block stands here');
  assert.deepEqual(findingsOf(derivation), ['journal-damaged']);
  give(...opened(), tickerFrame(1), tradeFrame(1));
  derivation.journalDamaged('recorder', 17, 40, 'no whole block stands here');
  give(tickerFrame(9), tradeFrame(9));
  assert.deepEqual(findingsOf(derivation), ['journal-damaged', 'journal-damaged']);
  const state = derivation.instruments.find((one) => one?.id === 'binance:spot:BTCUSDT')!;
  const [gap] = state.bookTicker.gaps();
  assert.deepEqual([gap!.state, gap!.reason, gap!.openedAtUs, gap!.closedAtUs], ['declared', 'unknown', startUs + 1000, startUs + 9000]);
  assert.deepEqual(state.trades.gaps().map(({ fromId, toId }) => [fromId, toId]), [[2, 8]]);
}); // biome-ignore format: as above

test('what a segment’s head says is in force is enough to decode what follows', () => {
  const { derivation, give } = rig();
  const [plan, dialled, open] = opened(4).map(({ payload }) => JSON.parse(payload as string));
  give(...opened(1), tradeFrame(1, 1));
  derivation.inForce({ writer: 'recorder', fence: 1, segment: 3, firstSequence: 90, createdAtUs: startUs, sessions: [dialled, open], plan });
  give(tradeFrame(2, 4), tradeFrame(3, 1));
  assert.deepEqual(column(derivation.pending.trades, 'trade_id'), [1, 2]);
  assert.deepEqual(findingsOf(derivation), ['frame-without-session']);
}); // biome-ignore format: as above

test('a list in which bad events take turns gives each kind of finding once, and no finding is there twice', () => {
  const { derivation, give } = rig();
  give(...opened(), { payload: '[5,{"e":"earthquake"},6,{"e":"flood"},7]' });
  assert.deepEqual(findingsOf(derivation), ['bad-frame', 'unknown-event']);
});

test('each candle of an answer that differs from ours is a finding of its own', () => {
  const { derivation, give, answer, pulse } = rig();
  const minuteUs = 60_000_000;
  const openUs = Math.ceil(startUs / minuteUs) * minuteUs;
  give(
    ...opened(),
    tradeFrame(1),
    ...[0, 1, 2, 3].map((minute) => tradeFrame(minute + 2, 1, openUs + minute * minuteUs)),
  );
  answer(requests.time('spot'), 200, `{"serverTime":${openUs + 60 * minuteUs}}`);
  const candle = (minute: number) =>
    `[${openUs + minute * minuteUs},"9","9","9","9","1",${openUs + (minute + 1) * minuteUs - 1},"1",1,"1","1","0"]`;
  answer(requests.klines(btc, '1m', openUs, openUs + minuteUs, 2), 200, `[${candle(0)},${candle(1)}]`);
  give(pulse(openUs + 4 * minuteUs), pulse(openUs + 5 * minuteUs));
  const { columns, length } = derivation.pending.findings;
  assert.deepEqual(findingsOf(derivation), ['candle-mismatch', 'candle-mismatch']);
  const identity = (row: number) => findings.key.map((name) => columns[name][row]).join();
  assert.equal(new Set(Array.from({ length }, (_, row) => identity(row))).size, 2);
});
