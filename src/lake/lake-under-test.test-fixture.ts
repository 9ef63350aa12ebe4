// A lake on any store and a catalog whose writes fail when they are told to, as the lake's contract wants it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openSqliteCatalog } from '../catalog/sqlite.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { LakeUnderTest } from '../ports/lake.contract.ts';
import type { Lake } from '../ports/lake.ts';
import { openParquetLake } from './parquet-lake.ts';

const keptVersions = 6;

export async function lakeUnderTest(t: TestContext, openBlobs: (folder: string) => BlobStore): Promise<LakeUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-lake-'));
  const open: { close(): Promise<void> }[] = [];
  let writesLeft: number | undefined;
  t.after(async () => {
    for (const one of open.reverse()) await one.close().catch(() => {});
    rmSync(folder, { recursive: true, force: true });
  });
  const write = () => {
    if (writesLeft === undefined) return;
    if (writesLeft-- === 0) throw new Error('the write failed');
  };
  /** The store and the catalog, with the writes that are told to fail. */
  const failing = <T extends BlobStore | Catalog>(target: T, names: readonly string[]): T =>
    new Proxy(target, {
      get: (of, name) => {
        const value = of[name as keyof T];
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          if (!names.includes(String(name))) return value.apply(of, given);
          return (async () => {
            write();
            return value.apply(of, given);
          })();
        };
      },
    });
  const openLake = async (isReadOnly: boolean): Promise<Lake> => {
    const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
    const blobs = openBlobs(folder);
    const lake = await openParquetLake({
      catalog: isReadOnly ? catalog : failing(catalog, ['commit']),
      blobs: isReadOnly ? blobs : failing(blobs, ['put', 'putFile']),
      scratchFolder: join(folder, `scratch-${open.length}`),
      threads: 1,
      keptVersions,
      graceSeconds: 0,
      isReadOnly,
    });
    open.push(catalog, blobs, lake);
    return lake;
  };
  return {
    lake: await openLake(false),
    keptVersions,
    reopen: () => openLake(false),
    openReader: () => openLake(true),
    failWrite: (after) => {
      writesLeft = after;
    },
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    isThere: existsSync,
    path: (name) => join(folder, name),
  };
}
