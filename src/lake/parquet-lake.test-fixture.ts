// What the tests of the lake share: a lake in a temporary folder, and trades to put into it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import { Batch } from '../domain/batch.ts';
import type { Instrument } from '../domain/instrument.ts';
import type { Slots } from '../domain/slots.ts';
import { trades } from '../domain/tables/index.ts';
import type { Lake, LakeState } from '../ports/lake.ts';
import { IcebergPublisher } from './iceberg/publisher.ts';
import { openParquetLake } from './parquet-lake.ts';

export const btc: Instrument = { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' };
export const startUs = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000;
const folders = new Set<string>();
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export interface Place {
  readonly folder: string;
  readonly lake: Lake;
  readonly state: LakeState;
}

let opened = 0;

export async function newLake(
  folder = mkdtempSync(join(tmpdir(), 'tidemark-lake-')),
  options: { keptVersions?: number; isKept?: boolean; hasIceberg?: boolean; graceSeconds?: number } = {},
): Promise<Place> {
  if (!options.isKept) folders.add(folder);
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const blobs = openFolderBlobs(join(folder, 'blobs'));
  const kept = options.keptVersions === undefined ? {} : { keptVersions: options.keptVersions };
  const iceberg = options.hasIceberg ? new IcebergPublisher({ catalog, blobs, ...kept }) : undefined;
  const lake = await openParquetLake({
    catalog,
    blobs,
    ...(iceberg === undefined ? {} : { iceberg }),
    scratchFolder: join(folder, `scratch-${process.pid}-${opened++}`),
    ...kept,
    graceSeconds: options.graceSeconds ?? 0,
  });
  return { folder, lake, state: await lake.open() };
}

/** Where the newest version's files of a table lie. */
export async function localPaths(lake: Lake, table: string): Promise<string[]> {
  const { files } = await lake.files();
  return Promise.all((files[table] ?? []).map((file) => file.localPath()));
}

export const emptyCommit = { positions: [], checkpoint: new Uint8Array([1]) };

export function tradeBatch(slots: Slots, ids: readonly number[], instrument = btc, atUs = startUs): Batch {
  const batch = new Batch(trades);
  const slot = slots.atLeast(instrument, 2, 5).index;
  for (const id of ids) {
    const row = batch.add(slot);
    const columns = batch.columns;
    columns.trade_id[row] = id;
    columns.price[row] = 6_000_000 + (id % 1000);
    columns.quantity[row] = 1 + (id % 77);
    columns.traded_at[row] = atUs + id * 1000;
    columns.event_at[row] = id % 3 === 0 ? Number.NaN : atUs + id * 1000 + 500;
    columns.received_at[row] = atUs + id * 1000 + 900;
    columns.buyer_is_maker[row] = id % 2;
    columns.is_market[row] = 1;
    columns.origin[row] = 'frame';
  }
  return batch as unknown as Batch;
}
