import type { Config } from '../../src/cli/config.ts';
import { layoutOf } from '../../src/cli/layout.ts';
import { openStores } from '../../src/cli/wire.ts';
import { tables } from '../../src/domain/tables/index.ts';
import type { ContentHash } from '../../src/ports/lake.ts';

export const tableNames: readonly string[] = tables.map((table) => table.name);

/** SQL over the committed rows of a lake that no engine uses. */
export interface LakeReader {
  sql(statement: string): Promise<(string | null)[][]>;
  /** Fails when a row is there twice. */
  contentHashes(): Promise<readonly ContentHash[]>;
  close(): Promise<void>;
}

export async function readLake(config: Config): Promise<LakeReader> {
  const layout = layoutOf(config.dataDir, process.cwd());
  const stores = await openStores(layout, { isReadOnly: true, settings: config });
  const { catalogVersion, files } = await stores.lake.files();
  const limits = { maxRows: 2_000_000, timeoutMs: 60_000, memoryMb: 2048 };
  return {
    async sql(statement) {
      const result = await stores.warehouse.query(statement, { catalogVersion, files, replacing: {} }, limits);
      if (result.truncated) throw new Error('the answer is longer than a test can look at');
      return result.rows.map((row) => [...row]);
    },
    contentHashes: () => stores.lake.contentHashes(tableNames),
    close: () => stores.close(),
  };
}
