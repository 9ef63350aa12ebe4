import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Committed } from '../../src/cli/committed.ts';
import { openCommitted } from '../../src/cli/committed.ts';
import type { Config } from '../../src/cli/config.ts';
import { configSchema } from '../../src/cli/config.ts';
import type { Layout } from '../../src/cli/layout.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import { surveyFeed } from '../../src/cli/replay/recorded.ts';
import { startWholeSystem } from '../../src/cli/whole-system.ts';
import type { EngineSettings, RunningEngine, RunningRecorder } from '../../src/cli/wire.ts';
import type { StreamKind } from '../../src/domain/instrument.ts';
import { instrumentId } from '../../src/domain/instrument.ts';
import { tables } from '../../src/domain/tables/index.ts';
import type { Harbour, HarbourOptions } from '../../src/harbour/index.ts';
import type { MarketView } from '../../src/pipeline/market-view.ts';
import type { ContentHash } from '../../src/ports/lake.ts';
import type { Logger } from '../../src/ports/log.ts';
import type { StreamWish, VenueHosts } from '../../src/ports/source.ts';

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
  committed(): Promise<Committed>;
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

  const { instruments, streams, exactly } = subjectOf(options);
  const isReplay = options.mode.kind === 'replay';
  const configFor = (hosts: VenueHosts) =>
    configSchema.parse({
      dataDir,
      dataKind: isReplay ? 'replay' : 'simulated',
      instruments,
      streams,
      venue: hosts,
      server: { port: 0 },
      ...options.config,
    });
  const layout = layoutOf(dataDir, dataDir);
  const system = await startWholeSystem({
    harbour: {
      mode: options.mode,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.keep === undefined ? {} : { keep: options.keep }),
    },
    config: configFor,
    cwd: dataDir,
    log,
    settings: {
      venueTimeMode: isReplay ? 'frames' : 'wall',
      ...(exactly === undefined ? {} : { streams: exactly }),
      ...options.settings,
    },
  });
  cleanUps.push(() => system.stop());
  const { harbour, recorder, running, failed } = system;

  const until: System['until'] = async (what, condition, timeoutMs = longestWaitMs) => {
    const endMs = performance.now() + timeoutMs;
    while (!(await condition())) {
      if (performance.now() > endMs) {
        throw new Error(`waited ${timeoutMs} ms in vain: ${what}; log: ${JSON.stringify(logged.slice(-5))}`);
      }
      await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, pollMs))]);
    }
  };
  let isStopped = false;
  const stop = async () => {
    await system.stop();
    isStopped = true;
  };
  let opened: Promise<Committed> | undefined;
  const committed = async () => {
    if (!isStopped) throw new Error('stop the system before its stores are opened');
    if (opened === undefined) {
      opened = openCommitted(layout);
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
    config: configFor(harbour.hosts),
    layout,
    logged,
    until,
    async derived() {
      let isDerived = false;
      const deriving = system.derived().then(() => {
        isDerived = true;
      });
      await Promise.race([deriving, until('all that was sent is derived', () => isDerived)]);
    },
    finished: () => system.finished(),
    stop,
    committed,
    async sql(sql) {
      if (!isStopped) return [...(await running.engine.view.sql(sql, limits)).rows];
      return [...(await (await committed()).query(sql, limits)).rows];
    },
    hashes: async (names = tables.map((table) => table.name)) => (await committed()).lake.contentHashes(names),
  };
}

/** What is recorded: what was asked for, of a replay exactly what the feed has, of a market everything. */
function subjectOf({ mode, ...asked }: SystemOptions): {
  instruments: readonly string[];
  streams: readonly StreamKind[];
  exactly?: readonly StreamWish[];
} {
  if (mode.kind === 'matching') {
    const instruments = mode.symbols.map(({ market, symbol }) => `binance:${market}:${symbol}`);
    const streams = ['trade', 'depth', 'book-ticker', 'ticker', 'kline'] as const;
    return { instruments: asked.instruments ?? instruments, streams: asked.streams ?? streams };
  }
  const { streams } = surveyFeed(mode.feed);
  const found = {
    instruments: asked.instruments ?? [...new Set(streams.map(({ instrument }) => instrumentId(instrument)))],
    streams: asked.streams ?? [...new Set(streams.map(({ kind }) => kind))],
  };
  return asked.instruments === undefined && asked.streams === undefined ? { ...found, exactly: streams } : found;
}
