import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderBlobs } from '../blobs/folder.ts';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import { openParquetLake } from '../lake/parquet-lake.ts';
import { warehouseContract } from '../ports/warehouse.contract.ts';
import { openDuckdbWarehouse } from './duckdb.ts';

warehouseContract('duckdb warehouse', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-warehouse-'));
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const lake = await openParquetLake({
    catalog,
    blobs: openFolderBlobs(join(folder, 'blobs')),
    scratchFolder: join(folder, 'scratch'),
    threads: 1,
  });
  await lake.open();
  t.after(async () => {
    await lake.close();
    await catalog.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { warehouse: openDuckdbWarehouse(), lake, path: (name) => join(folder, name) };
});
