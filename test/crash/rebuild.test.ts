import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { configSchema } from '../../src/cli/config.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import { openShipping, openShippingStore } from '../../src/cli/shipped.ts';
import { openSource, openStores, runEngine, runRecorder } from '../../src/cli/wire.ts';
import { startHarbour } from '../../src/harbour/index.ts';
import { SeededRandom } from '../../src/harbour/random.ts';
import { openJournalReader } from '../../src/journal/reader.ts';
import { openShippedReader } from '../../src/journal/shipped-reader.ts';
import { Committer, parseCheckpoint } from '../../src/pipeline/committer.ts';
import { Derivation } from '../../src/pipeline/derivation.ts';
import { rebuild } from '../../src/pipeline/rebuild.ts';
import type { JournalPosition, JournalReader } from '../../src/ports/journal.ts';
import type { Lake } from '../../src/ports/lake.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { until } from '../support/processes.ts';
import { tableNames } from './lake-reader.ts';
import { stormStreams, stormSymbols } from './storm.ts';

/** Every silver and gold table: none is left out. */
const compared = tableNames;
const world = createNodeWorld();
const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-rebuild-'));
const layout = layoutOf(path.join(folder, 'data'), folder);
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const commit = { periodUs: 1_000_000, maxRows: 1_000_000 };
let recorded: Map<string, string>;
let readers: JournalReader[];
let count = 0;

type Hashes = Map<string, string>;

async function hashesOf(lake: Lake): Promise<Hashes> {
  const hashes = await lake.contentHashes(compared);
  return new Map(
    hashes.map(({ table, symbol, date, rows, sha256 }) => [`${table} ${symbol} ${date}`, `${rows} ${sha256}`]),
  );
}

/** A market of some seconds, with connections cut, a recorder and an engine stopped and started, gaps and repairs. */
before(async () => {
  const harbour = await startHarbour(world, { mode: { kind: 'matching', seed: 99, symbols: stormSymbols, speed: 1 } });
  const config = configSchema.parse({
    dataDir: layout.dataDir,
    dataKind: 'simulated',
    instruments: stormSymbols.map(({ symbol }) => `binance:spot:${symbol}`),
    streams: stormStreams,
    klineIntervals: ['1s', '1m'],
    venue: harbour.hosts,
    server: { port: 0 },
    lake: { commitSeconds: 1 },
  });
  let recorder = await runRecorder(config, folder, log);
  let engine = await runEngine(config, folder, log);
  const isHeld = () =>
    engine.engine.view.ledger().filter((row) => row.stream === 'trade' && row.heldIds > 0).length ===
    stormSymbols.length;
  await until(isHeld, 'the first trades');
  for (let cut = 0; cut < 3; cut++) {
    await sleep(1200);
    harbour.dropConnections({ abrupt: cut > 0 });
  }
  await sleep(1500);
  await recorder.stop();
  await sleep(300);
  recorder = await runRecorder(config, folder, log);
  await sleep(800);
  await engine.stop();
  await sleep(500);
  engine = await runEngine(config, folder, log);
  const isWhole = () => {
    const gaps = engine.engine.view.gaps({});
    return (
      gaps.length > 10 &&
      gaps.every(({ state, closedAtUs }) => closedAtUs !== null && (state === 'repaired' || state === 'declared'))
    );
  };
  await until(isWhole, 'every gap to be repaired', 60_000);
  await sleep(1000);
  await recorder.stop();
  readers = [
    await openJournalReader(world, { folder: layout.recorderJournal, writer: 'recorder' }),
    await openJournalReader(world, { folder: layout.engineJournal, writer: 'engine' }),
  ];
  const end = await readers[0]!.syncedEnd();
  await until(() => {
    const at = engine.engine.view.status().journals.find(({ writer }) => writer === 'recorder');
    return at !== undefined && (at.segment > end.segment || (at.segment === end.segment && at.offset >= end.offset));
  }, 'the engine to read all');
  await engine.stop();
  await harbour.stop();
  const stores = await openStores(layout, { isReadOnly: true });
  recorded = await hashesOf(stores.lake);
  await stores.close();
});

after(async () => {
  for (const reader of readers ?? []) await reader.close();
  rmSync(folder, { recursive: true, force: true });
});

async function withNewLake(use: (lake: Lake) => Promise<void>): Promise<Hashes> {
  const dataDir = path.join(folder, `rebuilt-${++count}`);
  const stores = await openStores(layoutOf(dataDir, folder));
  try {
    await use(stores.lake);
    return await hashesOf(stores.lake);
  } finally {
    await stores.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

interface Way {
  /** Which journal is read next, of those that have more. */
  next(ready: readonly JournalReader[]): JournalReader;
  readonly blockBytes: number;
  readonly blocksPerCommit: number;
  /** After so many commits all that is in memory is thrown away and read back from the lake. */
  readonly commitsPerLife: number;
}

/** Derives both journals in a way of one's own. */
async function derive(lake: Lake, way: Way): Promise<void> {
  let blocks = 0;
  for (let isOver = false; !isOver; ) {
    const state = await lake.open();
    const derivation = new Derivation(openSource());
    if (state.checkpointBytes !== undefined) derivation.load(parseCheckpoint(state.checkpointBytes));
    const committer = new Committer(lake, derivation, state.version, commit);
    const positions = new Map<string, JournalPosition>();
    for (const reader of readers) {
      const at = state.positions.find(({ writer }) => writer === reader.writer);
      positions.set(reader.writer, at ?? (await reader.start()));
    }
    let ready = readers;
    for (let commits = 0; commits < way.commitsPerLife && !isOver; ) {
      const reader = way.next(ready);
      const block = await reader.read(positions.get(reader.writer)!, way.blockBytes);
      if (block === undefined) ready = ready.filter((other) => other !== reader);
      else {
        derivation.process(block);
        positions.set(reader.writer, block.to);
        blocks++;
      }
      isOver = ready.length === 0;
      if (isOver || (block !== undefined && blocks % way.blocksPerCommit === 0)) {
        await committer.commit([...positions.values()]);
        commits++;
      }
    }
    await committer.settled();
  }
}

function assertSame(actual: Hashes, what: string): void {
  const differing = [...new Set([...actual.keys(), ...recorded.keys()])].filter(
    (key) => actual.get(key) !== recorded.get(key),
  );
  assert.deepEqual(
    differing.map((key) => `${key}: ${actual.get(key)} instead of ${recorded.get(key)}`),
    [],
    what,
  );
}

test('what was compared holds rows of every table that a market can fill', () => {
  const filled = new Set([...recorded.keys()].map((key) => key.split(' ')[0]));
  const empty = compared.filter((table) => !filled.has(table));
  assert.deepEqual(
    empty.filter((table) => table !== 'findings'),
    [],
  );
});

test('everything derived is the same when it is rebuilt from the journals', async () => {
  for (const order of [readers, readers.toReversed()]) {
    const hashes = await withNewLake(async (lake) => {
      await rebuild({ source: openSource(), lake, readers: order, commit, timers: world.timers });
    });
    assertSame(hashes, `rebuilt, ${order[0]!.writer} first`);
  }
});

test('everything derived is the same when it is rebuilt from where the journals were shipped', async () => {
  const config = configSchema.parse({ dataDir: layout.dataDir, shipping: { store: path.join(folder, 'store') } });
  const shipping = (await openShipping(config, layout, world, log))!;
  shipping.start();
  await shipping.stop(60_000);
  const blobs = (await openShippingStore(config, layout))!;
  const shipped: JournalReader[] = [];
  for (const { writer } of readers) {
    const scratchFolder = path.join(folder, `shipped-${writer}`);
    shipped.push(await openShippedReader(world, { blobs, writer, scratchFolder }));
  }
  const hashes = await withNewLake(async (lake) => {
    await rebuild({ source: openSource(), lake, readers: shipped, commit, timers: world.timers });
  });
  for (const reader of shipped) await reader.close();
  assertSame(hashes, 'rebuilt from shipped objects');
});

const alternating = () => {
  let turn = 0;
  return (ready: readonly JournalReader[]) => ready[turn++ % ready.length]!;
};

for (const [blockBytes, blocksPerCommit, commitsPerLife] of [
  [4096, 40, 1],
  [65_536, 3, 2],
  [1_000_000, 1, 1],
] as const) {
  test(`resuming after ${commitsPerLife} commits of ${blocksPerCommit} blocks of ${blockBytes} bytes equals going on`, async () => {
    const way = { next: alternating(), blockBytes, blocksPerCommit, commitsPerLife };
    assertSame(await withNewLake((lake) => derive(lake, way)), 'resumed');
  });
}

for (const first of ['recorder', 'engine']) {
  test(`it makes no difference when all of the journal of the ${first} is read first`, async () => {
    const next = (ready: readonly JournalReader[]) => ready.find(({ writer }) => writer === first) ?? ready[0]!;
    const way = { next, blockBytes: 65_536, blocksPerCommit: 20, commitsPerLife: Number.POSITIVE_INFINITY };
    assertSame(await withNewLake((lake) => derive(lake, way)), `${first} first`);
  });
}

for (const seed of [1, 2, 3]) {
  test(`it makes no difference how the two journals interleave (seed ${seed})`, async () => {
    const random = new SeededRandom(`interleave ${seed}`);
    const bias = random.fraction();
    const next = (ready: readonly JournalReader[]) => ready[random.chance(bias) ? 0 : ready.length - 1]!;
    const way = {
      next,
      blockBytes: 2048 << random.integer(6),
      blocksPerCommit: 10 + random.integer(60),
      commitsPerLife: 4,
    };
    assertSame(await withNewLake((lake) => derive(lake, way)), `seed ${seed}, ${JSON.stringify(way)}`);
  });
}
