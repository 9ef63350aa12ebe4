import { join } from 'node:path';
import { openFolderBlobs } from '../src/blobs/folder.ts';
import { openSqliteCatalog } from '../src/catalog/sqlite.ts';
import { Batch } from '../src/domain/batch.ts';
import { secondUs } from '../src/domain/interval.ts';
import { Slots } from '../src/domain/slots.ts';
import type { TableSpec } from '../src/domain/table.ts';
import { aggTrades, bookDeltas, bookTickers, trades } from '../src/domain/tables/index.ts';
import { IcebergPublisher } from '../src/lake/iceberg/publisher.ts';
import { metadataFolders } from '../src/lake/iceberg/superseded-metadata.ts';
import { openParquetLake } from '../src/lake/parquet-lake.ts';
import type { BlobStore } from '../src/ports/blob-store.ts';
import type { Catalog, DataFile } from '../src/ports/catalog.ts';
import type { Bench, BenchContext, Result } from './bench.ts';

const startUs = Date.UTC(2026, 0, 2) * 1000;
const commitUs = 20 * secondUs;
const rowsATable = 5_000;
const measuredCommits = 15;
const live = [trades, aggTrades, bookDeltas, bookTickers] as unknown as readonly TableSpec[];

/** Rows of one commit of a live engine: a few thousand of each kind of event. */
function batches(slots: Slots, commit: number): Batch[] {
  const slot = slots.exactly({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 2, 5).index;
  return live.map((spec) => {
    const batch = new Batch(spec, rowsATable);
    const columns = batch.columns as Record<string, { [index: number]: unknown }>;
    for (let at = 0; at < rowsATable; at++) {
      const row = batch.add(slot);
      const number = commit * rowsATable + at;
      for (const [name, { type }] of Object.entries(spec.columns)) {
        const value = type === 'time' ? startUs + commit * commitUs + at : type === 'flag' ? number % 2 : number;
        columns[name]![row] = type === 'text' ? 'frame' : value;
      }
    }
    return batch as unknown as Batch;
  });
}

interface Measures {
  readonly commitMs: number[];
  readonly publicationMs: number[];
}

async function measureCommits(folder: string, publishes: boolean): Promise<Measures> {
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const iceberg = publishes ? new IcebergPublisher({ catalog, blobs }) : undefined;
  const scratchFolder = join(folder, 'scratch');
  const lake = await openParquetLake({ catalog, blobs, scratchFolder, ...(iceberg === undefined ? {} : { iceberg }) });
  await lake.open();
  const slots = new Slots();
  const commitMs: number[] = [];
  const publicationMs: number[] = [];
  for (let commit = 0; commit < measuredCommits + 3; commit++) {
    const rows = batches(slots, commit);
    const beganMs = performance.now();
    await lake.commit({ slots, batches: rows, positions: [], checkpoint: Buffer.from(String(commit)) });
    const committedMs = performance.now();
    await iceberg?.idle();
    // The first ones make folders and compile code.
    if (commit < 3) continue;
    commitMs.push(committedMs - beganMs);
    publicationMs.push(performance.now() - committedMs);
  }
  await lake.close();
  await catalog.close();
  return { commitMs, publicationMs };
}

const commits = 10_000;
const keptVersions = 64;

/** Files as a live engine makes them: one a commit, an hour's become one, a day's become one. */
class Files {
  #count = 0;
  #minutes: DataFile[] = [];
  #hours: DataFile[] = [];

  next(commit: number): { added: DataFile[]; removed: string[]; isMerge: boolean } {
    const atUs = startUs + commit * commitUs;
    if (this.#minutes.length === 180) {
      const merged = this.#file('hour', atUs);
      const removed = this.#minutes.splice(0).map(({ name }) => name);
      this.#hours.push(merged);
      return { added: [merged], removed, isMerge: true };
    }
    if (this.#hours.length === 24) {
      const removed = this.#hours.splice(0).map(({ name }) => name);
      return { added: [this.#file('day', atUs)], removed, isMerge: true };
    }
    const file = this.#file('minute', atUs);
    this.#minutes.push(file);
    return { added: [file], removed: [], isMerge: false };
  }

  #file(level: DataFile['level'], atUs: number): DataFile {
    const sha256 = String(this.#count++).padStart(40, '0');
    const date = new Date(atUs / 1000).toISOString().slice(0, 10);
    const name = `lake/trades/spot/${date}/${level}/${sha256}.parquet`;
    const times = { minTimeUs: atUs, maxTimeUs: atUs + commitUs };
    return { name, table: 'trades', market: 'spot', date, level, rows: 5000, bytes: 90_000, sha256, ...times };
  }
}

/** A catalog of which a publisher that is never restarted asks one thing only. */
function turnOf(): Catalog {
  return { currentFence: async () => 1, state: async () => emptyState } as unknown as Catalog;
}

const emptyState = { version: 0, committedAtUs: 0, positions: [], checkpoint: undefined, files: [] };

async function sweptBytes(blobs: BlobStore): Promise<number> {
  const [folder] = await metadataFolders(blobs, Number.MAX_SAFE_INTEGER);
  for (const { name } of [...folder!.superseded, ...folder!.rest]) await blobs.remove(name);
  let bytes = 0;
  for await (const entry of blobs.list('iceberg/')) bytes += entry.bytes;
  return bytes;
}

async function measureMetadata({ log, scratch, result }: BenchContext): Promise<Result[]> {
  const stored = openFolderBlobs(scratch());
  let written = 0;
  const blobs: BlobStore = Object.assign(Object.create(stored) as BlobStore, {
    put: (name: string, bytes: Uint8Array) => {
      written += bytes.byteLength;
      return stored.put(name, bytes);
    },
    replace: (name: string, bytes: Uint8Array) => stored.replace(name, bytes),
    list: (prefix: string) => stored.list(prefix),
    location: (name: string) => stored.location(name),
  });
  const publisher = new IcebergPublisher({ catalog: turnOf(), blobs, keptVersions });
  publisher.start(1, emptyState, () => Promise.reject(new Error('these files are names alone')));
  const files = new Files();
  const sizes = new Map<number, number>();
  const writtenBy = new Map<number, number>();
  for (let commit = 1; commit <= commits; commit++) {
    publisher.changed({ version: commit, ...files.next(commit) });
    await publisher.idle();
    if (commit % 100 === 0) sizes.set(commit, await sweptBytes(stored));
    if (commit % 1000 === 0) {
      writtenBy.set(commit, written);
      log(`${commit} commits: ${sizes.get(commit)} bytes of metadata, ${written} written`);
    }
  }
  await publisher.close();
  const tail = [...sizes].filter(([commit]) => commit > commits - 1000).map(([, bytes]) => bytes);
  const early = [...sizes].filter(([commit]) => commit > 100 && commit <= 1100).map(([, bytes]) => bytes);
  const perCommit = (writtenBy.get(commits)! - writtenBy.get(commits - 1000)!) / 1000;
  const against = early.toSorted((a, b) => a - b)[Math.floor(early.length / 2)]!;
  return [
    result({ name: 'metadata', unit: 'bytes', samples: tail, against, goal: 'ratio <= 1.5' }),
    result({ name: 'metadata-written', unit: 'bytes a commit and table', samples: [perCommit] }),
  ];
}

const bench: Bench = {
  name: 'iceberg',
  question:
    'What does it cost to publish every commit for other engines, and does the metadata stay small? (or: commit, metadata)',
  data: `generated: ${live.length} tables of ${rowsATable} rows a commit; ${commits} commits with merges and expiry`,
  async run(context) {
    const { args } = context;
    const asks = (part: string) => args.length === 0 || args.includes(part);
    return [
      ...(asks('commit') ? await commitResults(context) : []),
      ...(asks('metadata') ? await measureMetadata(context) : []),
    ];
  },
};

async function commitResults(context: BenchContext): Promise<Result[]> {
  const without = await measureCommits(context.scratch(), false);
  const withIt = await measureCommits(context.scratch(), true);
  const middle = (samples: readonly number[]) => samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)]!;
  return [
    context.result({
      name: 'commit',
      unit: 'ms until published',
      samples: withIt.publicationMs,
      against: middle(withIt.commitMs),
      goal: 'ratio <= 1',
    }),
    context.result({
      name: 'commit-delay',
      unit: 'ms a commit',
      samples: withIt.commitMs,
      against: middle(without.commitMs),
      goal: 'ratio <= 1.2',
    }),
  ];
}

export default bench;
