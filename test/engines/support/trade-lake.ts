import { join } from 'node:path';
import { openFolderBlobs } from '../../../src/blobs/folder.ts';
import { openPostgresCatalog } from '../../../src/catalog/postgres.ts';
import { Slots } from '../../../src/domain/slots.ts';
import { tradeBatch } from '../../../src/lake/parquet-lake.test-fixture.ts';
import { openParquetLake } from '../../../src/lake/parquet-lake.ts';
import type { Lake } from '../../../src/ports/lake.ts';

export interface TradeLake {
  readonly lake: Lake;
  /** Ten trades from the id on; the version. */
  commitTrades(firstId: number): Promise<number>;
  close(): Promise<void>;
}

let opened = 0;

/** A lake of trades over a shared folder and a catalog on PostgreSQL, opened for writing. */
export async function openTradeLake(options: { url: string; schema: string; folder: string }): Promise<TradeLake> {
  const { url, schema, folder } = options;
  const catalog = await openPostgresCatalog({ url, schema, idleTransactionTimeoutMs: 1500, statementTimeoutMs: 2000 });
  const lake = await openParquetLake({
    catalog,
    blobs: openFolderBlobs(join(folder, 'blobs')),
    scratchFolder: join(folder, `scratch-${process.pid}-${opened++}`),
    keptVersions: 1,
    graceSeconds: 0,
  });
  await lake.open();
  const slots = new Slots();
  return {
    lake,
    commitTrades: (firstId) =>
      lake.commit({
        slots,
        batches: [
          tradeBatch(
            slots,
            Array.from({ length: 10 }, (_, at) => firstId + at),
          ),
        ],
        positions: [{ writer: 'recorder', segment: 1, offset: firstId, sequence: firstId }],
        checkpoint: new TextEncoder().encode(`${process.pid} ${firstId}`),
      }),
    close: async () => {
      await lake.close();
      await catalog.close();
    },
  };
}
