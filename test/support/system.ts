import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Config } from '../../src/cli/config.ts';
import { configSchema } from '../../src/cli/config.ts';
import type { Layout } from '../../src/cli/layout.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import type { EngineSettings, RunningEngine, RunningRecorder } from '../../src/cli/wire.ts';
import { openStores, runEngine, runRecorder } from '../../src/cli/wire.ts';
import type { Market, StreamKind } from '../../src/domain/instrument.ts';
import { instrumentId } from '../../src/domain/instrument.ts';
import { tables } from '../../src/domain/tables/index.ts';
import type { Harbour, HarbourOptions, ReplayFeed } from '../../src/harbour/index.ts';
import { startHarbour, streamsOf } from '../../src/harbour/index.ts';
import type { MarketView } from '../../src/pipeline/market-view.ts';
import type { ContentHash, Lake } from '../../src/ports/lake.ts';
import type { Logger } from '../../src/ports/log.ts';
import type { Warehouse } from '../../src/ports/warehouse.ts';
import { streamNamed } from '../../src/sources/binance/plan.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';

export interface SystemOptions {
  readonly mode: HarbourOptions['mode'];
  readonly faults?: HarbourOptions['faults'];
  readonly keep?: HarbourOptions['keep'];
  /** `binance:spot:BTCUSDT`; of a replay all that the feed has. */
  readonly instruments?: readonly string[];
  readonly streams?: readonly StreamKind[];
  readonly settings?: EngineSettings;
  /** Further settings: `lake`, `journal` … */
  readonly config?: Record<string, unknown>;
  /** Kept by the caller; without it a new one that goes with the test. */
  readonly dataDir?: string;
}

/** The whole system in this process: harbour, recorder and engine over loopback sockets, real files in a folder of its own. */
export interface System {
  readonly harbour: Harbour;
  readonly recorder: RunningRecorder;
  readonly running: RunningEngine;
  readonly view: MarketView;
  readonly config: Config;
  readonly layout: Layout;
  /** What was logged as a warning or an error. */
  readonly logged: { level: string; fields: object; message: string }[];
  /** Waits for a condition; fails when recorder or engine fail, or after `timeoutMs`, naming `what`. */
  until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void>;
  /** Resolves when everything that the harbour has sent and answered by now is journalled, synced and derived. */
  derived(): Promise<void>;
  /** The replay or run is over, and `derived`. */
  finished(): Promise<void>;
  /** Ends engine, recorder and harbour; what was derived is committed then. */
  stop(): Promise<void>;
  /** After `stop`: the committed data. */
  stores(): Promise<{ lake: Lake; warehouse: Warehouse }>;
  /** Rows as text, from the running engine or, after `stop`, from what is committed. */
  sql(sql: string): Promise<(string | null)[][]>;
  /** After `stop`. */
  hashes(names?: readonly string[]): Promise<readonly ContentHash[]>;
}

const pollMs = 20;
const longestWaitMs = 50_000;

export async function startSystem(t: TestContext, options: SystemOptions): Promise<System> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'tidemark-system-'));
  const cleanUps: (() => Promise<unknown> | unknown)[] = [];
  t.after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  });
  const logged: System['logged'] = [];
  const note = (level: string) => (fields: object, message: string) => void logged.push({ level, fields, message });
  const log: Logger = { debug: () => {}, info: () => {}, warn: note('warn'), error: note('error') };

  const harbour = await startHarbour(createNodeWorld(), {
    mode: options.mode,
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    ...(options.keep === undefined ? {} : { keep: options.keep }),
  });
  cleanUps.push(() => harbour.stop());
  const subject = subjectOf(options);
  const isReplay = options.mode.kind === 'replay';
  const config = configSchema.parse({
    dataDir,
    dataKind: isReplay ? 'replay' : 'simulated',
    instruments: subject.instruments,
    streams: subject.streams,
    venue: harbour.hosts,
    server: { port: 0 },
    ...options.config,
  });
  const layout = layoutOf(dataDir, dataDir);
  const recorder = await runRecorder(config, dataDir, log);
  const stopRecorder = once(() => recorder.stop());
  cleanUps.push(stopRecorder);
  const running = await runEngine(config, dataDir, log, {
    venueTimeMode: isReplay ? 'frames' : 'wall',
    ...options.settings,
  });
  const stopEngine = once(() => running.stop());
  cleanUps.push(stopEngine);
  const stopHarbour = once(() => harbour.stop());

  const failed = Promise.race([recorder.done, running.done.then(() => new Promise<never>(() => {}))]);
  failed.catch(() => {});

  const until: System['until'] = async (what, condition, timeoutMs = longestWaitMs) => {
    const endMs = performance.now() + timeoutMs;
    while (!(await condition())) {
      if (performance.now() > endMs) {
        throw new Error(`waited ${timeoutMs} ms in vain: ${what}; log: ${JSON.stringify(logged.slice(-5))}`);
      }
      await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, pollMs))]);
    }
  };
  const derived = async () => {
    await until('the recorder has every frame that was sent', () => hasAllFrames(harbour, recorder));
    await running.derived(await recorder.sync());
  };
  let isStopped = false;
  const stop = once(async () => {
    // In this order: a recorder that ended is a gap in streams without ids.
    await stopEngine();
    await stopRecorder();
    await stopHarbour();
    isStopped = true;
  });
  let opened: ReturnType<typeof openStores> | undefined;
  const stores = async () => {
    if (!isStopped) throw new Error('stop the system before its stores are opened');
    if (opened === undefined) {
      opened = openStores(layout, { isReadOnly: true });
      const { close } = await opened;
      cleanUps.push(close);
    }
    return opened;
  };
  const limits = { maxRows: 1_000_000, timeoutMs: longestWaitMs };
  return {
    harbour,
    recorder,
    running,
    view: running.engine.view,
    config,
    layout,
    logged,
    until,
    derived,
    async finished() {
      await Promise.race([failed, harbour.done]);
      await derived();
    },
    stop,
    stores,
    async sql(sql) {
      if (!isStopped) return [...(await running.engine.view.sql(sql, limits)).rows];
      const { lake, warehouse } = await stores();
      const { catalogVersion, files } = await lake.files(tables.map((table) => table.name));
      const query = { catalogVersion, files, replacing: {} };
      return [...(await warehouse.query(sql, query, { ...limits, memoryMb: 1024 })).rows];
    },
    hashes: async (names = tables.map((table) => table.name)) => (await stores()).lake.contentHashes(names),
  };
}

/** Data frames that reached open connections, plus the answers to their subscriptions. */
function hasAllFrames(harbour: Harbour, recorder: RunningRecorder): boolean {
  const open = harbour.truth.connections().filter((connection) => connection.closedAtUs === undefined);
  const sent = open.reduce((sum, connection) => sum + connection.rows.length, 0);
  const sessions = recorder.recorder.sessions();
  if (sessions.length === 0 || sessions.some((session) => session.state !== 'subscribed')) return false;
  const held = sessions.reduce((sum, session) => sum + session.frames - 1, 0);
  return open.length === sessions.length && held >= sent;
}

/** Instruments and stream kinds that a feed has; each instrument gets every kind, so a feed's kinds should fit all of it. */
function subjectOf(options: SystemOptions): { instruments: readonly string[]; streams: readonly StreamKind[] } {
  const found = options.mode.kind === 'replay' ? feedSubject(options.mode.feed) : matchingSubject(options.mode.symbols);
  return { instruments: options.instruments ?? found.instruments, streams: options.streams ?? found.streams };
}

function feedSubject(feed: ReplayFeed): { instruments: string[]; streams: StreamKind[] } {
  const instruments = new Set<string>();
  const streams = new Set<StreamKind>();
  for (const stream of streamsOf(feed)) {
    const [market, name] = stream.split('/') as [Market, string];
    const named = streamNamed(market, name);
    if (named === undefined) continue;
    instruments.add(instrumentId(named.instrument));
    streams.add(named.kind);
  }
  return { instruments: [...instruments], streams: [...streams] };
}

function matchingSubject(symbols: readonly { market: string; symbol: string }[]) {
  const streams: StreamKind[] = ['trade', 'depth', 'book-ticker', 'ticker', 'kline'];
  return { instruments: symbols.map(({ market, symbol }) => `binance:${market}:${symbol}`), streams };
}

function once(action: () => Promise<unknown>): () => Promise<void> {
  let running: Promise<unknown> | undefined;
  return async () => {
    running ??= action();
    await running;
  };
}
