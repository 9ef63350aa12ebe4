import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalHost } from '../journal/host.ts';
import { openJournalReader } from '../journal/reader.ts';
import { segmentPath } from '../journal/segment-name.ts';
import { openJournalWriter } from '../journal/writer.ts';
import type { JournalWriter } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import type { Lake, LakeCommit } from '../ports/lake.ts';
import { createSimulatedWorld } from '../world/simulated/index.ts';
import { rebuild } from './rebuild.ts';
import {
  opened,
  type ScriptedRecord,
  source,
  startUs,
  tickerFrame,
  tradeFrame,
} from './scripted-journal.test-fixture.ts';

const folder = '/data/journal';
const quietHost: JournalHost = {
  lock: () => ({ isHeld: () => true, release() {} }),
  announce: () => ({ announce() {}, close() {} }),
  listen: () => ({ isConnected: false, close() {} }),
};

/** A journal of several segments with 40 trades and tickers in blocks of their own, and some bytes of it changed. */
async function rebuiltAfter(change: (files: Map<number, Uint8Array>) => void) {
  const world = createSimulatedWorld(5);
  const inTime = <T>(promise: Promise<T>) => world.agenda.settle(promise);
  const writer: JournalWriter = await inTime(
    openJournalWriter(world, { folder, writer: 'recorder', version: '0', segmentMaxBytes: 3000, onFailure() {}, host: quietHost }),
  );
  const append = async (...records: ScriptedRecord[]) => {
    for (const { kind = recordKinds.frame, session = 1, receivedAtUs = startUs, payload } of records) {
      const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
      writer.append({ kind, session, receivedAtUs, monotonicUs: receivedAtUs, payload: bytes });
    }
    await inTime(writer.sync());
  };
  await append(...opened());
  for (let id = 1; id <= 40; id++) await append(tradeFrame(id), tickerFrame(id));
  await inTime(writer.close());
  const segments = world.files.list(folder).filter((name) => /^\d+\.\w+$/.test(name)).length;
  const files = new Map(Array.from({ length: segments }, (_, at) => [at + 1, world.files.read(segmentPath(folder, at + 1))]));
  const whole = new Map([...files].map(([segment, bytes]) => [segment, Uint8Array.from(bytes)]));
  change(files);
  for (const [segment] of whole) {
    const bytes = files.get(segment);
    if (bytes === undefined) world.files.remove(segmentPath(folder, segment));
    else world.files.writeAtomic(segmentPath(folder, segment), bytes);
  }
  const rows = { trades: [] as number[], findings: [] as string[] };
  let positions: LakeCommit['positions'] = [];
  const lake = {
    open: async () => ({ version: 0, positions: [], files: [], checkpoint: undefined, checkpointBytes: undefined }),
    async commit(commit: LakeCommit) {
      for (const { spec, columns, length } of commit.batches) {
        const values = columns as unknown as { trade_id: Float64Array; code: string[] };
        if (spec.name === 'trades') rows.trades.push(...values.trade_id.subarray(0, length));
        if (spec.name === 'findings') rows.findings.push(...values.code.slice(0, length));
      }
      positions = commit.positions;
      return 1;
    },
    read: async () => assert.fail('nothing was committed before'),
  } as unknown as Lake;
  const reader = await openJournalReader(world, { folder, host: quietHost });
  const end = await inTime(reader.syncedEnd());
  const commit = { periodUs: 1e9, maxRows: 1e6 };
  const derivation = await inTime(rebuild({ source, lake, readers: [reader], commit, timers: world.timers }));
  return { rows, derivation, segments, positions, end };
} // biome-ignore format: as above

const state = ({ derivation }: Awaited<ReturnType<typeof rebuiltAfter>>) =>
  derivation.instruments.find((one) => one?.id === 'binance:spot:BTCUSDT')!;
const ids = Array.from({ length: 40 }, (_, at) => at + 1);

test('a journal without damage is rebuilt to its synced end', async () => {
  const built = await rebuiltAfter(() => {});
  assert.ok(built.segments > 4, `${built.segments} segments`);
  assert.deepEqual(built.rows, { trades: ids, findings: [] });
  assert.deepEqual(built.positions, [built.end]);
});

const damages: Readonly<Record<string, (files: Map<number, Uint8Array>) => void>> = {
  'a flipped bit': (files) => {
    files.get(3)![900]! ^= 4;
  },
  'a stretch of zeros over most of a segment': (files) => files.get(3)!.fill(0, 700, 2400),
  'a segment cut short': (files) => void files.set(3, files.get(3)!.subarray(0, 1500)),
  'a segment whose head is gone': (files) => files.get(3)!.fill(0xff, 0, 200),
  'a segment that is missing': (files) => void files.delete(3),
};

for (const [what, change] of Object.entries(damages)) {
  test(`a rebuild passes over ${what}: a finding, the lost ids by name, a gap in the tickers, all else held`, async () => {
    const built = await rebuiltAfter(change);
    const { trades, findings } = built.rows;
    assert.ok(findings.length >= 1 && findings.every((code) => code === 'journal-damaged'), findings.join());
    const lost = ids.filter((id) => !trades.includes(id));
    assert.ok(lost.length >= 1 && lost.length < 20, `${lost.length} lost`);
    assert.deepEqual([...trades, ...lost].sort((a, b) => a - b), ids);
    const missing = state(built).trades.missing().flatMap(({ fromId, toId }) => ids.filter((id) => id >= fromId && id <= toId));
    assert.deepEqual(missing, lost);
    const gaps = state(built).bookTicker.gaps();
    assert.ok(gaps.length >= 1 && gaps.every(({ reason, state: of }) => reason === 'unknown' && of === 'declared'));
    assert.ok(gaps[0]!.openedAtUs <= startUs + lost[0]! * 1000 && gaps.at(-1)!.closedAtUs >= startUs + lost.at(-1)! * 1000);
    assert.deepEqual(built.positions, [built.end]);
  }); // biome-ignore format: as above
}

test('a journal whose first segment cannot be read is rebuilt from the second, whose head says what is in force', async () => {
  const built = await rebuiltAfter((files) => files.get(1)!.fill(0xff, 0, 200));
  const { trades, findings } = built.rows;
  assert.deepEqual(findings, ['journal-damaged']);
  assert.ok(trades.length > 20 && trades.length < 40);
  assert.deepEqual(trades, ids.slice(-trades.length));
  assert.deepEqual(built.positions, [built.end]);
});
