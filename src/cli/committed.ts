import type { AsOf, Lake } from '../ports/lake.ts';
import type { QueryLimits, QueryResult } from '../ports/warehouse.ts';
import type { StoreSettings } from './lake-catalog.ts';
import type { Layout } from './layout.ts';
import { refuseUnrecorded } from './layout.ts';
import { openStores } from './wire.ts';

/** What a data folder holds when no engine runs on it. */
export interface Committed {
  readonly lake: Lake;
  query(sql: string, limits?: Partial<QueryLimits>, asOf?: AsOf): Promise<QueryResult>;
  close(): Promise<void>;
}

const usualLimits: QueryLimits = { maxRows: 1_000_000, timeoutMs: 60_000, memoryMb: 2048 };

/** For commands that only read: it creates nothing, and refuses a folder in which nothing was recorded. */
export async function openCommitted(layout: Layout, settings?: StoreSettings): Promise<Committed> {
  if (settings?.catalog.kind !== 'postgres') refuseUnrecorded(layout);
  const options = { isReadOnly: true, ...(settings === undefined ? {} : { settings }) };
  const { lake, warehouse, close } = await openStores(layout, options);
  return {
    lake,
    query: async (sql, limits = {}, asOf) => {
      const { catalogVersion, files } = await lake.files(asOf);
      return warehouse.query(sql, { catalogVersion, files, replacing: {} }, { ...usualLimits, ...limits });
    },
    close,
  };
}
