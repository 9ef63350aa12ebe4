import { join } from 'node:path';
import { openFolderBlobs } from '../../src/blobs/folder.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import type { Layout } from '../../src/cli/layout.ts';
import { minuteUs, secondUs } from '../../src/domain/interval.ts';
import { openJournalReader } from '../../src/journal/reader.ts';
import { openJournalWriter } from '../../src/journal/writer.ts';
import { openParquetLake } from '../../src/lake/parquet-lake.ts';
import { rebuild } from '../../src/pipeline/rebuild.ts';
import { type JournalPosition, type JournalReader, type RecordKind, recordKinds } from '../../src/ports/journal.ts';
import type { Lake } from '../../src/ports/lake.ts';
import { encodeCombined, encodeTrade } from '../../src/sources/binance/encode.ts';
import { createBinanceSource } from '../../src/sources/binance/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';

const world = createNodeWorld();
const source = createBinanceSource();
const session = 1;

/** A stretch of trades at an even pace. */
export interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
  readonly everyUs: number;
}

/**
 * Trades of BTCUSDT, as a recorder would have written them, one session over all of it; a block of the journal has
 * `blockUs` of them. How many.
 */
export async function writeTrades(layout: Layout, stretches: readonly Stretch[], blockUs: number): Promise<number> {
  let atUs = stretches[0]!.fromUs;
  // The writer's own records carry the time of the day, too: commits are due by the newest time in the journal.
  const clock = { wallUs: () => atUs, monotonicUs: () => world.clock.monotonicUs() };
  const writer = await openJournalWriter(
    { ...world, clock },
    {
      folder: layout.recorderJournal,
      writer: 'recorder',
      version: 'bench',
      syncIntervalMs: 1000,
      onFailure: (error) => {
        throw error;
      },
    },
  );
  const append = (kind: RecordKind, receivedAtUs: number, payload: Uint8Array) =>
    writer.append({ kind, session, receivedAtUs, monotonicUs: receivedAtUs, payload });
  const appendJson = (kind: RecordKind, receivedAtUs: number, value: unknown) =>
    append(kind, receivedAtUs, Buffer.from(JSON.stringify(value)));
  const instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' } as const;
  const hosts = { streams: { spot: ['wss://stream.example'] }, rest: { spot: ['https://rest.example'] } };
  const plan = source.plan({
    streams: [{ instrument, kind: 'trade' }],
    hosts,
    dataKind: 'simulated',
    venueTime: { mode: 'frames' },
  });
  const { id, market, urls } = plan.sessions[0]!;
  const startUs = stretches[0]!.fromUs;
  appendJson(recordKinds.plan, startUs, plan);
  appendJson(recordKinds.session, startUs, { event: 'dialled', session, planSession: id, market, url: urls[0] });
  appendJson(recordKinds.session, startUs, { event: 'opened', session });
  let tradeId = 1_000_000;
  let cents = 6_000_000;
  let random = 1;
  let pulsedAtUs = 0;
  let blockAtUs = startUs;
  for (const { fromUs, toUs, everyUs } of stretches) {
    for (atUs = fromUs; atUs < toUs; atUs += everyUs) {
      if (atUs >= pulsedAtUs + secondUs) {
        pulsedAtUs = atUs;
        appendJson(recordKinds.pulse, atUs, { wallUs: atUs, monotonicUs: atUs, venueUs: atUs });
      }
      if (atUs >= blockAtUs + blockUs) {
        blockAtUs = atUs;
        await writer.sync();
      }
      random = (random * 48271) % 2147483647;
      cents += (random % 11) - 5;
      const event = {
        symbol: instrument.symbol,
        tradeId: tradeId++,
        price: `${(cents / 100).toFixed(2)}000000`,
        quantity: `0.${String(1 + (random % 99_991)).padStart(5, '0')}000`,
        tradedAtUs: atUs,
        eventAtUs: atUs,
        buyerIsMaker: random % 3 === 0,
      };
      append(recordKinds.frame, atUs, Buffer.from(encodeCombined('btcusdt@trade', encodeTrade('spot', event))));
    }
  }
  await writer.close();
  return tradeId - 1_000_000;
}

async function withLake<T>(layout: Layout, work: (lake: Lake) => Promise<T>): Promise<T> {
  const catalog = await openSqliteCatalog(layout.catalog);
  const lake = await openParquetLake({
    catalog,
    blobs: openFolderBlobs(layout.lake),
    scratchFolder: join(layout.scratch, 'lake'),
  });
  try {
    return await work(lake);
  } finally {
    await lake.close();
    await catalog.close();
  }
}

/** Derives the journal with commits as often as the engine does them, and merges nothing. */
export function derive(layout: Layout, commitPeriodUs: number): Promise<Record<string, number>> {
  return withLake(layout, async (lake) => {
    const reader = await openJournalReader(world, { folder: layout.recorderJournal, writer: 'recorder' });
    // Block by block, as a reader gets them that follows live: commits lie between two reads.
    const byBlock: JournalReader = Object.assign(Object.create(reader), {
      read: (from: JournalPosition) => reader.read(from, 1),
    });
    const commit = { periodUs: commitPeriodUs, maxRows: 500_000 };
    const derivation = await rebuild({ source, lake, readers: [byBlock], commit, timers: world.timers });
    await reader.close();
    if (derivation.findingCount > 0) throw new Error(`${derivation.findingCount} findings`);
    return fileCounts(lake);
  });
}

export function compact(layout: Layout): Promise<Record<string, number>> {
  return withLake(layout, async (lake) => {
    await lake.open();
    while (await lake.compact());
    return fileCounts(lake);
  });
}

async function fileCounts(lake: Lake): Promise<Record<string, number>> {
  const { files, catalogVersion } = await lake.files();
  return { commits: catalogVersion, trades: files['trades']!.length, candles: files['candles']!.length };
}

/** So that the day before it counts as over. */
export const settledUs = 6 * minuteUs;
