// The small parts of the pipeline that know nothing of each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SessionRecord } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import { createSimulatedWorld } from '../world/simulated/index.ts';
import { ClockOffset } from './clock-offset.ts';
import { Derivation } from './derivation.ts';
import { LagWindow } from './lag-window.ts';
import { PlanKeeper } from './plan-keeper.ts';
import {
  btc,
  depthFrame,
  json,
  opened,
  planOf,
  ScriptedJournal,
  source,
  startUs,
  tradeFrame,
} from './scripted-journal.test-fixture.ts';
import { SessionTable } from './session-table.ts';
import { TailFiles } from './tail-files.ts';
import { wants } from './wants.ts';

test('the clock offset is that of the quickest of the last ten answers, off by half its round trip at most', () => {
  const answers = fc.array(fc.record({ outUs: fc.nat(500_000), backUs: fc.nat(500_000) }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(answers, fc.integer({ min: -1e9, max: 1e9 }), (list, offsetUs) => {
      const clock = new ClockOffset();
      for (const [at, { outUs, backUs }] of list.entries()) {
        const askedUs = startUs + at * 1e6;
        clock.add(askedUs + outUs + offsetUs, askedUs, askedUs + outUs + backUs);
      }
      const quickest = Math.min(...list.slice(-10).map(({ outUs, backUs }) => outUs + backUs));
      assert.ok(Math.abs(clock.offsetUs! - offsetUs) <= quickest / 2);
      assert.equal(clock.count, list.length);
    }),
  );
}); // biome-ignore format: as above

test('an answer during which our clock was set back does not count', () => {
  const clock = new ClockOffset();
  clock.add(startUs + 500, startUs, startUs + 1000);
  clock.add(startUs, startUs, startUs - 60_000_000);
  assert.equal(clock.offsetUs, 0);
});

test('lags are percentiles of the last minute alone, in ms, corrected by the offset, and none without samples', () => {
  const lag = new LagWindow();
  assert.equal(lag.percentilesMs(startUs, 0), null);
  lag.add(Number.NaN, startUs);
  assert.equal(lag.percentilesMs(startUs, 0), null);
  for (let at = 0; at < 50; at++) lag.add(startUs - 90_000_000, startUs - 61_000_000);
  for (let ms = 100; ms >= 1; ms--) lag.add(startUs - ms * 1000, startUs);
  assert.deepEqual(lag.percentilesMs(startUs + 1, 0), { p50: 50, p95: 95 });
  assert.deepEqual(lag.percentilesMs(startUs + 1, -500), { p50: 49.5, p95: 94.5 });
  assert.equal(lag.percentilesMs(startUs + 60_000_000, 0), null);
});

test('of more samples than the window keeps the newest count', () => {
  const lag = new LagWindow();
  for (let at = 0; at < 5000; at++) lag.add(startUs - 1_000_000, startUs);
  for (let at = 0; at < 4096; at++) lag.add(startUs - 2000, startUs);
  assert.deepEqual(lag.percentilesMs(startUs, 0), { p50: 2, p95: 2 });
});

test('tail files have names of their own, are gone when released and when a new process begins', () => {
  const { files } = createSimulatedWorld(1);
  const write = (path: string) => files.writeAtomic(path, new Uint8Array(1));
  files.makeFolder('/scratch');
  write('/scratch/left-by-a-dead-process');
  const tails = new TailFiles(files, '/scratch');
  assert.deepEqual(files.list('/scratch'), []);
  const [one, two] = [tails.begin(), tails.begin()];
  const paths = [one.path('trades', 0), one.path('trades', 1), one.path('gaps', 0), two.path('trades', 0)];
  assert.equal(new Set(paths).size, 4);
  for (const path of paths.slice(1)) write(path);
  one.release();
  one.release();
  assert.deepEqual(files.list('/scratch').map((name) => `/scratch/${name}`), paths.slice(3));
}); // biome-ignore format: as above

function keeper(venueTimeMode: 'wall' | 'frames' = 'wall') {
  const { files, disk } = createSimulatedWorld(2);
  files.makeFolder('/data');
  const subject = {
    streams: [{ instrument: btc, kind: 'trade' as const }],
    hosts: { streams: { spot: ['ws://venue'] }, rest: {} },
    dataKind: 'simulated' as const,
    venueTimeMode,
  };
  const written = () => JSON.parse(new TextDecoder().decode(files.read('/data/plan.json')));
  return { keeper: new PlanKeeper(files, '/data/plan.json', source, subject), disk, written };
}

test('the plan is written at once and again only when the clock moved by more than it trembles', () => {
  const { keeper: plans, written } = keeper();
  assert.deepEqual(written.length, 0);
  assert.deepEqual(plans.keep(undefined), written());
  assert.equal(plans.keep(undefined), undefined);
  assert.equal(plans.keep(4000), undefined);
  assert.deepEqual(plans.keep(6000)?.venueTime, { mode: 'wall', offsetUs: 6000 });
  assert.equal(plans.keep(9000), undefined);
  assert.equal(plans.keep(undefined), undefined);
  assert.deepEqual(written(), plans.plan);
});

test('a plan that could not be written is written at the next look', () => {
  const { keeper: plans, disk, written } = keeper();
  disk.faults = { onWrite: () => ({ written: 0, error: Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }) }) };
  assert.throws(() => plans.keep(1e6), { code: 'ENOSPC' });
  assert.equal(plans.plan, undefined);
  disk.faults = {};
  assert.deepEqual(plans.keep(1e6), written());
});

test('a plan that takes time from frames does not change with the clock', () => {
  const { keeper: plans } = keeper('frames');
  assert.deepEqual(plans.keep(undefined)?.venueTime, { mode: 'frames' });
});

const dialled = (session: number, planSession = 'spot-0'): SessionRecord => ({
  event: 'dialled',
  session,
  planSession,
  market: 'spot',
  url: 'ws://x',
});
const open = (session: number): SessionRecord => ({ event: 'opened', session });
const closed = (session: number): SessionRecord => ({ event: 'closed', session, code: 1000, reason: '', side: 'us' }); // biome-ignore format: one record a line

test('a plan session is lost when its last open session ends, not while another overlaps, and not when none was open', () => {
  const table = new SessionTable();
  const apply = (record: SessionRecord) => table.apply('recorder', record, startUs);
  for (const record of [dialled(1), open(1), dialled(2)]) assert.equal(apply(record), undefined);
  assert.equal(apply(closed(2)), undefined, 'it never opened, and 1 is open');
  for (const record of [dialled(3), open(3)]) apply(record);
  assert.equal(apply(closed(1)), undefined);
  assert.equal(apply(closed(3)), 'spot-0');
  assert.equal(apply(closed(3)), undefined);
  assert.equal(apply(closed(99)), undefined);
  for (const record of [dialled(4)]) apply(record);
  assert.equal(apply(closed(4)), undefined);
  assert.equal(table.reconnects.get('spot-0'), 3);
  assert.deepEqual(table.all(), []);
});

test('a writer that starts anew ends its own sessions, and a table read back from JSON is the same', () => {
  const table = new SessionTable();
  table.follow('a', planOf());
  for (const [writer, record] of [['a', dialled(1)], ['a', open(1)], ['a', dialled(2, 'spot-1')], ['b', dialled(1, 'spot-2')], ['b', open(1)]] as const) table.apply(writer, record, startUs);
  const again = new SessionTable();
  again.load(JSON.parse(JSON.stringify(table)));
  for (const one of [table, again]) {
    assert.deepEqual(one.openIn('a'), ['spot-0']);
    assert.equal(one.recordsTrades('a', 'binance:spot:BTCUSDT'), true);
    assert.equal(one.recordsTrades('b', 'binance:spot:BTCUSDT'), undefined);
    assert.deepEqual(one.writerStarted('a'), ['spot-0']);
    assert.deepEqual(one.all().map(({ writer }) => writer), ['b']);
    assert.equal(one.get('a', 1), undefined);
    assert.equal(one.get('b', 1)?.state, 'open');
  }
}); // biome-ignore format: as above

test('a market makes want: its time, its listing, a book, and what is missing in pieces that one answer can bring', () => {
  const derivation = new Derivation(source);
  const journal = new ScriptedJournal('recorder');
  assert.deepEqual(wants(derivation), []);
  const gap = 2500;
  derivation.process(journal.append(...opened(), tradeFrame(1), tradeFrame(gap + 2), depthFrame(1)));
  const found = wants(derivation);
  const ranges = found.filter(({ key }) => key.startsWith('trades/')).map(({ request }) => [request.fromId, request.limit]);
  assert.deepEqual(ranges, [[2, 1000], [1002, 1000], [2002, 500]]);
  assert.deepEqual(found.map(({ request }) => request.purpose).filter((purpose) => purpose !== 'trades-by-id').sort(), ['book-snapshot', 'exchange-info', 'time']);
  assert.deepEqual(wants(derivation).map(({ key }) => key), found.map(({ key }) => key), 'asked twice it is the same');
  assert.equal(new Set(found.map(({ key }) => key)).size, found.length);
  // Nothing is planned any more: nothing is wanted.
  derivation.process(journal.append(json(recordKinds.plan, { ...planOf(), sessions: [] })));
  assert.deepEqual(wants(derivation), []);
}); // biome-ignore format: as above
