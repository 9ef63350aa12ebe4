import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TidemarkError } from '../domain/error.ts';
import { parseInstrumentId } from '../domain/instrument.ts';
import { secondUs } from '../domain/interval.ts';
import { openJournalReader } from '../journal/reader.ts';
import { openJournalWriter } from '../journal/writer.ts';
import type { IcebergPublisher } from '../lake/iceberg/publisher.ts';
import type { ModelsOptions } from '../models/run.ts';
import type { Engine } from '../pipeline/engine.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { IcebergTables } from '../ports/iceberg.ts';
import type { Lake } from '../ports/lake.ts';
import type { LakeUpkeep } from '../ports/lake-upkeep.ts';
import type { Logger } from '../ports/log.ts';
import type { Source, StreamWish, VenueHosts } from '../ports/source.ts';
import type { Warehouse } from '../ports/warehouse.ts';
import type { World } from '../ports/world.ts';
import type { Recorder } from '../recorder/index.ts';
import { startRecorder } from '../recorder/index.ts';
import type { RunningServer } from '../server/index.ts';
import { createBinanceSource, liveHosts, publicDataHosts } from '../sources/binance/index.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { compressorOf } from './compressor.ts';
import type { Config } from './config.ts';
import { refuseForeignJournals } from './foreign-journals.ts';
import { icebergClientSettings, openLakeBlobs } from './lake-blobs.ts';
import { openCatalog, type StoreOptions } from './lake-catalog.ts';
import type { Layout } from './layout.ts';
import { layoutOf } from './layout.ts';
import { refuseLostJournals } from './lost-journals.ts';
import { openShipping } from './shipped.ts';
import { version } from './version.ts';

/**
 * This file alone knows both the ports and what implements them. What only the engine needs is loaded when it starts: the
 * recorder is smaller without it, and back sooner after a crash.
 */

export function openSource(): Source {
  return createBinanceSource();
}

export function openWorld(config: Config): World {
  const { certificateAuthority, resolve } = config.venue;
  return createNodeWorld({
    ...(certificateAuthority === undefined ? {} : { certificateAuthority: readCertificate(certificateAuthority) }),
    resolve: Object.fromEntries(Object.entries(resolve).map(([host, address]) => [host, splitAddress(address)])),
  });
}

function readCertificate(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new TidemarkError('config-invalid', {
      doing: 'read the certificate authority',
      what: file,
      cause,
      now: 'check the setting venue.certificateAuthority',
    });
  }
}

/** `127.0.0.1:9443`, checked when the configuration was read. */
function splitAddress(address: string): { address: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { address: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** The configured hosts, else the venue's own with its public-data hosts behind them. */
export function hostsOf(config: Config): VenueHosts {
  const pick = (kind: 'streams' | 'rest') => ({
    spot: config.venue[kind]?.spot ?? [...(liveHosts[kind].spot ?? []), ...(publicDataHosts[kind].spot ?? [])],
    usdm: config.venue[kind]?.usdm ?? [...(liveHosts[kind].usdm ?? []), ...(publicDataHosts[kind].usdm ?? [])],
  });
  return { streams: pick('streams'), rest: pick('rest') };
}

export function subscriptionsOf(config: Config): StreamWish[] {
  return config.instruments.flatMap((id) => {
    const instrument = parseInstrumentId(id);
    return config.streams.flatMap((kind): StreamWish[] => {
      if (kind !== 'kline') return [{ instrument, kind }];
      return config.klineIntervals.map((interval) => ({ instrument, kind, interval }));
    });
  });
}

export interface Running {
  /** Rejects when the process can not go on. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export interface RunningRecorder extends Running {
  readonly recorder: Recorder;
  /** Resolves when all received so far survives a power cut, with the sequence of the record that comes next. */
  sync(): Promise<number>;
}

export async function runRecorder(config: Config, cwd: string, log: Logger): Promise<RunningRecorder> {
  const layout = layoutOf(config.dataDir, cwd);
  const world = openWorld(config);
  await refuseLostJournals(config, layout, world, log, ['recorder']);
  let fail: (error: unknown) => void = () => {};
  const done = new Promise<void>((_, reject) => {
    fail = reject;
  });
  done.catch(() => {});
  const journal = await openJournalWriter(world, {
    folder: layout.recorderJournal,
    writer: 'recorder',
    version,
    segmentMaxBytes: config.journal.segmentMaxBytes,
    syncIntervalMs: config.journal.syncIntervalMs,
    onFailure: fail,
  });
  const recorder = startRecorder(world, { journal, planFile: layout.planFile, source: openSource(), log });
  return {
    recorder,
    sync: async () => {
      await journal.sync();
      return journal.syncedSequence;
    },
    done,
    stop: async () => {
      await recorder.stop();
      await journal.close();
    },
  };
}

async function openIceberg(catalog: Catalog, blobs: BlobStore, log: Logger | undefined): Promise<IcebergPublisher> {
  const { IcebergPublisher } = await import('../lake/iceberg/publisher.ts');
  return new IcebergPublisher({ catalog, blobs, ...(log === undefined ? {} : { log }) });
}

export interface Stores {
  readonly lake: Lake;
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  readonly iceberg: IcebergTables | undefined;
  readonly upkeep: LakeUpkeep;
  readonly warehouse: Warehouse;
  close(): Promise<void>;
}

/** Lake, catalog and warehouse of a data folder, or those that the settings name. */
export async function openStores(layout: Layout, options: StoreOptions = {}): Promise<Stores> {
  const { openParquetLake } = await import('../lake/parquet-lake.ts');
  const { openLakeUpkeep } = await import('../lake/upkeep.ts');
  const { openDuckdbWarehouse } = await import('../warehouse/duckdb.ts');
  const catalog = await openCatalog(layout, options);
  const writesTo = options.isReadOnly ? undefined : catalog;
  const blobs = await openLakeBlobs(layout, options.settings?.lake, { writesTo, log: options.log }).catch(
    async (error: unknown) => {
      await catalog.close();
      throw error;
    },
  );
  const hasIceberg = options.settings?.lake.iceberg ?? false;
  const publishes = hasIceberg && options.isReadOnly !== true;
  const iceberg = publishes ? await openIceberg(catalog, blobs, options.log) : undefined;
  const grace = options.settings === undefined ? {} : { graceSeconds: options.settings.lake.graceSeconds };
  const lake = await openParquetLake({
    catalog,
    blobs,
    ...(iceberg === undefined ? {} : { iceberg }),
    ...grace,
    scratchFolder: path.join(layout.scratch, options.isReadOnly ? `lake-${process.pid}` : 'lake'),
    ...(options.isReadOnly ? { isReadOnly: true } : {}),
  });
  return {
    lake,
    catalog,
    blobs,
    iceberg,
    upkeep: openLakeUpkeep({
      catalog,
      blobs,
      hasIceberg,
      otherPrefixes: ['reports/', 'journal/', 'tidemark-store.json'],
      ...(grace.graceSeconds === undefined ? {} : { rules: { graceUs: grace.graceSeconds * secondUs } }),
    }),
    warehouse: openDuckdbWarehouse({}),
    close: async () => {
      await lake.close();
      await blobs.close();
      await catalog.close();
    },
  };
}

/** What a run of the SQL models needs, beside what is asked of it. */
export async function modelParts(
  config: Pick<Config, 'models'>,
  cwd: string,
  layout: Layout,
  stores: Pick<Stores, 'lake' | 'catalog' | 'blobs'>,
  world: World,
): Promise<Pick<ModelsOptions, 'lake' | 'catalog' | 'blobs' | 'runner' | 'files' | 'folder' | 'scratchFolder'>> {
  const { openDuckdbModelRunner } = await import('../warehouse/model-runner.ts');
  const { lake, catalog, blobs } = stores;
  const scratchFolder = path.join(layout.scratch, 'models');
  return {
    lake,
    catalog,
    blobs,
    runner: openDuckdbModelRunner({ memoryMb: config.models.memoryMb, scratchFolder: layout.scratch }),
    files: world.files,
    folder: modelFolder(config, cwd),
    scratchFolder,
  };
}

export function modelFolder(config: Pick<Config, 'models'>, cwd: string): string {
  const { folder } = config.models;
  return folder === undefined ? path.resolve(import.meta.dirname, '../../models') : path.resolve(cwd, folder);
}

export interface RunningEngine extends Running {
  readonly engine: Engine;
  readonly server: RunningServer;
  /** Resolves when the recorder's records before this one, and all answers so far, are derived; rejects when it fails first. */
  derived(recorderSequence: number): Promise<void>;
}

const derivedLookMs = 10;
/** So long the last bytes may take at the end; what is left is shipped at the next start. */
const shippingGraceMs = 5000;

export interface EngineSettings {
  /** Instead of every configured stream of every configured instrument. */
  readonly streams?: readonly StreamWish[];
  readonly venueTimeMode?: 'wall' | 'frames';
  readonly seed?: number | null;
  readonly webFolder?: string;
}

export async function runEngine(
  config: Config,
  cwd: string,
  log: Logger,
  settings: EngineSettings = {},
): Promise<RunningEngine> {
  const { startEngine } = await import('../pipeline/engine.ts');
  const { startServer } = await import('../server/index.ts');
  const { openModelLibrary } = await import('../models/library.ts');
  const layout = layoutOf(config.dataDir, cwd);
  const world = openWorld(config);
  const source = openSource();
  await refuseLostJournals(config, layout, world, log);
  let failJournal: (error: unknown) => void = () => {};
  const journalFailed = new Promise<never>((_, reject) => {
    failJournal = reject;
  });
  journalFailed.catch(() => {});
  const journal = await openJournalWriter(world, {
    folder: layout.engineJournal,
    writer: 'engine',
    version,
    onFailure: failJournal,
  });
  const stores = await openStores(layout, { settings: config, log });
  const shipping = await openShipping(config, layout, world, log);
  mkdirSync(layout.recorderJournal, { recursive: true });
  const readers = [
    await openJournalReader(world, { folder: layout.recorderJournal, writer: 'recorder' }),
    await openJournalReader(world, { folder: layout.engineJournal, writer: 'engine' }),
  ];
  await refuseForeignJournals(stores.lake, readers, layout);
  mkdirSync(path.join(layout.scratch, 'tail'), { recursive: true });
  const engine = await startEngine({
    world,
    source,
    lake: stores.lake,
    warehouse: stores.warehouse,
    iceberg: stores.iceberg,
    readers,
    journal,
    hosts: hostsOf(config),
    planFile: layout.planFile,
    subject: {
      streams: settings.streams ?? subscriptionsOf(config),
      hosts: hostsOf(config),
      dataKind: config.dataKind,
      venueTimeMode: settings.venueTimeMode ?? 'wall',
    },
    commit: { periodUs: config.lake.commitSeconds * secondUs, maxRows: config.lake.maxPendingRows },
    compressBefore: compressorOf(layout, world),
    shipping,
    scratchFolder: path.join(layout.scratch, 'tail'),
    version,
    seed: settings.seed ?? null,
    log,
  });
  const { startEngineJobs } = await import('./engine-jobs.ts');
  const { openReportWorkshop, reportParts } = await import('./report-workshop.ts');
  const workshop = await openReportWorkshop(config, cwd, layout, stores, world, log);
  const jobs = await startEngineJobs({
    config,
    cwd,
    layout,
    world,
    stores,
    upkeep: engine.upkeep,
    view: engine.view,
    models: await modelParts(config, cwd, layout, stores, world),
    reports: await reportParts(workshop, config, stores, world),
    log,
  });
  const webFolder = settings.webFolder ?? path.resolve(import.meta.dirname, '../../dist/web');
  const server = await startServer(engine.view, {
    host: config.server.host,
    port: config.server.port,
    allowRemote: config.server.allowRemote,
    allowedHosts: config.server.allowedHosts,
    ...(existsSync(webFolder) ? { webFolder } : {}),
    ...(stores.iceberg === undefined
      ? {}
      : { iceberg: { tables: stores.iceberg, clientSettings: icebergClientSettings(config.lake) } }),
    jobs: jobs.jobs,
    reports: workshop.shelf,
    models: openModelLibrary(world.files, modelFolder(config, cwd), stores.lake),
    log,
    dataKind: config.dataKind,
    clock: world.clock,
    timers: world.timers,
    random: world.random,
  });
  writeFileSync(layout.engineFile, JSON.stringify({ url: server.url, pid: process.pid }));
  const done = Promise.race([engine.done, journalFailed, jobs.done]);
  const ended = done.then(() => {
    throw new TidemarkError('engine-stopped', { doing: 'wait for what is derived', why: 'the engine was stopped' });
  });
  ended.catch(() => {});
  return {
    engine,
    server,
    derived: async (recorderSequence) => {
      await journal.sync();
      const wanted: Record<string, number> = { recorder: recorderSequence, engine: journal.syncedSequence };
      const isReached = () =>
        readers.every(({ writer }) =>
          engine.positions.some((at) => at.writer === writer && at.sequence >= wanted[writer]!),
        );
      while (!isReached()) {
        await Promise.race([ended, new Promise<void>((resolve) => world.timers.after(derivedLookMs, resolve))]);
      }
    },
    done,
    stop: async () => {
      await server.close();
      await jobs.stop();
      await engine.stop();
      for (const reader of readers) await reader.close();
      await stores.close();
      await journal.close();
      // With what closing the journal wrote.
      await shipping?.stop(shippingGraceMs);
      rmSync(layout.engineFile, { force: true });
    },
  };
}

/** Address of the engine that runs on this data folder, if one answers. */
export async function runningEngineUrl(layout: Layout, world: World): Promise<string | undefined> {
  if (!existsSync(layout.engineFile)) return undefined;
  try {
    const { url } = JSON.parse(readFileSync(layout.engineFile, 'utf8')) as { url: string };
    const health = await world.network.httpGet(`${url}/api/v1/status`, { timeoutMs: 3000, maxBodyBytes: 10_000_000 });
    return health.status === 200 ? url : undefined;
  } catch (error) {
    if (error instanceof TidemarkError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
