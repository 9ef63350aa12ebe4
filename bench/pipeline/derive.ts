// Derives everything from a journal into a new lake, and says how long each part took. Arguments: the journal's folder, a new
// folder for the lake, the number of parts of equal frame counts, the frames in all, then `profile` to sample the stages.
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { openFolderBlobs } from '../../src/blobs/folder.ts';
import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { Decoded } from '../../src/domain/decoded.ts';
import { openJournalReader } from '../../src/journal/reader.ts';
import { openParquetLake } from '../../src/lake/parquet-lake.ts';
import { rebuild } from '../../src/pipeline/rebuild.ts';
import { type JournalReader, recordKinds } from '../../src/ports/journal.ts';
import { createBinanceSource } from '../../src/sources/binance/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { stageShares } from './stages.ts';

export interface Derived {
  /** Frames a second of each part, commits that fell into it included. */
  readonly samples: readonly number[];
  readonly framesPerSecond: number;
  /** Frames a second of processor time, all threads. */
  readonly perProcessorSecond: number;
  /** Frames a second of the main thread's processor time: what a machine with a free core for the other threads can reach. */
  readonly perMainThreadSecond: number;
  /** Reading and decoding of the same frames alone. */
  readonly decodedPerSecond: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly files: number;
  readonly lakeMb: number;
  readonly rssMb: number;
  readonly shares: Readonly<Record<string, number>> | null;
}

const [journalFolder, lakeFolder, partCount, frameCount, mode] = process.argv.slice(2) as string[];
const world = createNodeWorld();
const source = createBinanceSource();
const parts = Number(partCount);
const frames = Number(frameCount);

async function decodeAlone(): Promise<number> {
  const reader = await openJournalReader(world, { folder: journalFolder!, writer: 'recorder' });
  const decoded = new Decoded();
  let seen = 0;
  const startedAt = performance.now();
  for (let at = await reader.start(); seen < Math.min(frames, 2_000_000); ) {
    const block = await reader.read(at, 256 * 1024);
    if (block === undefined) break;
    block.forEach((record) => {
      if (record.kind !== recordKinds.frame) return;
      seen++;
      decoded.record.receivedAtUs = record.receivedAtUs;
      source.decodeFrame(record.bytes, record.start, record.end, decoded);
    });
    decoded.clear();
    at = block.to;
  }
  const perSecond = (seen * 1000) / (performance.now() - startedAt);
  await reader.close();
  return perSecond;
}

const reader = await openJournalReader(world, { folder: journalFolder!, writer: 'recorder' });
const catalog = await openSqliteCatalog(join(lakeFolder!, 'catalog.db'));
const lake = await openParquetLake({
  catalog,
  blobs: openFolderBlobs(join(lakeFolder!, 'blobs')),
  scratchFolder: join(lakeFolder!, 'scratch'),
});

/** Times at which the reader was asked for the first record of each part. */
const partAt: { frames: number; at: number }[] = [];
function watched(inner: JournalReader): JournalReader {
  const read: JournalReader['read'] = (from, maxBytes) => {
    // Nearly every record is a frame.
    const done = from.sequence;
    if (done >= (partAt.length * frames) / parts && partAt.length < parts) {
      partAt.push({ frames: done, at: performance.now() });
    }
    return inner.read(from, maxBytes);
  };
  return {
    writer: inner.writer,
    start: () => inner.start(),
    syncedEnd: () => inner.syncedEnd(),
    read,
    head: (segment) => inner.head(segment),
    afterDamage: (from) => inner.afterDamage(from),
    wait: (timeoutMs) => inner.wait(timeoutMs),
    close: () => inner.close(),
  };
}

const session = mode === 'profile' ? new Session() : undefined;
if (session !== undefined) {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 1000 });
  await session.post('Profiler.start');
}
const cpuBefore = process.cpuUsage();
const mainBefore = process.threadCpuUsage();
const startedAt = performance.now();
const derivation = await rebuild({
  source,
  lake,
  timers: world.timers,
  readers: [watched(reader)],
  commit: { periodUs: Number.MAX_SAFE_INTEGER, maxRows: 500_000 },
});
const endedAt = performance.now();
const mainCpu = process.threadCpuUsage(mainBefore);
const cpu = process.cpuUsage(cpuBefore);
let shares: Record<string, number> | null = null;
if (session !== undefined) {
  const { profile } = await session.post('Profiler.stop');
  shares = stageShares(profile, (cpu.user + cpu.system) / 1000, endedAt - startedAt);
}
if (derivation.frameCount < frames) throw new Error(`${derivation.frameCount} frames derived instead of ${frames}`);
if (derivation.findingCount > 0) throw new Error(`${derivation.findingCount} findings`);
const ends = [...partAt.slice(1), { frames: derivation.frameCount, at: endedAt }];
const samples = partAt.map((part, i) => ((ends[i]!.frames - part.frames) * 1000) / (ends[i]!.at - part.at));
const rows: Record<string, number> = {};
let lakeBytes = 0;
const { files } = await catalog.state();
for (const file of files) {
  rows[file.table] = (rows[file.table] ?? 0) + file.rows;
  lakeBytes += file.bytes;
}
await lake.close();
await catalog.close();
await reader.close();
const derived: Derived = {
  samples,
  framesPerSecond: (derivation.frameCount * 1000) / (endedAt - startedAt),
  perProcessorSecond: (derivation.frameCount * 1e6) / (cpu.user + cpu.system),
  perMainThreadSecond: (derivation.frameCount * 1e6) / (mainCpu.user + mainCpu.system),
  decodedPerSecond: mode === 'profile' ? 0 : await decodeAlone(),
  rows,
  files: files.length,
  lakeMb: lakeBytes / 2 ** 20,
  rssMb: process.resourceUsage().maxRSS / 1024,
  shares,
};
process.stdout.write(`${JSON.stringify(derived)}\n`);
process.exit(0);
