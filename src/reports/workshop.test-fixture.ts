// A workshop over made-up records, for the tests of reports.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { BlobStore } from '../ports/blob-store.ts';
import { silentLog } from '../ports/log.ts';
import type { Printer } from '../ports/printer.ts';
import type { Warehouse } from '../ports/warehouse.ts';
import { cellText } from '../warehouse/cell-text.ts';
import { openTableFiles } from '../warehouse/parquet-file.ts';
import { viewStatements } from '../warehouse/query-views.ts';
import type { ReportFigures } from './figures.ts';
import { LakeVersion } from './lake-version.ts';
import type { ReportWorkshop } from './make.ts';
import type { ReportWish } from './period.ts';
import { readFigures } from './read-figures.ts';
import type { DayOptions, RecordedLake } from './recorded-day.test-fixture.ts';
import { openRecordedLake } from './recorded-day.test-fixture.ts';
import { ReportShelf } from './shelf.ts';

export const noPrinter: Printer = {
  absence: 'there is no browser here',
  print: async () => {
    throw new Error('nothing prints here');
  },
};

/** The views of a query process without the process, which takes longer to start than these questions to answer. */
function inThisProcess(): Warehouse {
  return {
    async query(sql, tables) {
      const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
      try {
        const connection = await instance.connect();
        await connection.run("SET TimeZone = 'UTC'");
        const files: Record<string, string[]> = {};
        for (const [table, all] of Object.entries(tables.files)) {
          files[table] = await Promise.all(all.map((file) => (typeof file === 'string' ? file : file.localPath())));
        }
        for (const statement of viewStatements({ ...tables, files })) await connection.run(statement);
        const reader = await connection.runAndReadAll(sql);
        const columns = reader.columnNames().map((name, at) => ({ name, type: String(reader.columnType(at)) }));
        const rows = reader.getRows().map((row) => row.map(cellText));
        return { columns, rows, truncated: false, catalogVersion: tables.catalogVersion, lakeFiles: 0, lakeBytes: 0 };
      } finally {
        instance.closeSync();
      }
    },
  };
}

export interface TestWorkshop {
  readonly recorded: RecordedLake;
  readonly workshop: ReportWorkshop;
  figures(wish: ReportWish): Promise<ReportFigures>;
  /** Rows of one SELECT over all that is committed. */
  sql(query: string): Promise<readonly (readonly (string | null)[])[]>;
}

export async function openTestWorkshop(
  t: TestContext,
  days: readonly DayOptions[],
  options: Partial<ReportWorkshop> & { readonly wrapStore?: (blobs: BlobStore) => BlobStore } = {},
): Promise<TestWorkshop> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-reports-'));
  const recorded = await openRecordedLake(folder);
  t.after(async () => {
    await recorded.close();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const day of days) await recorded.record(day);
  const warehouse = inThisProcess();
  const { wrapStore = (blobs: BlobStore) => blobs, ...others } = options;
  let atUs = Date.UTC(2026, 2, 19, 1) * 1000;
  const workshop: ReportWorkshop = {
    lake: recorded.lake,
    blobs: recorded.blobs,
    warehouse,
    tableFiles: openTableFiles(join(folder, 'scratch-files')),
    printer: noPrinter,
    shelf: new ReportShelf(wrapStore(recorded.blobs)),
    clock: { wallUs: () => (atUs += 1000), monotonicUs: () => atUs },
    log: silentLog,
    dataKind: 'simulated',
    version: '0.0.0',
    ...others,
  };
  return {
    recorded,
    workshop,
    figures: async (wish) =>
      readFigures(await LakeVersion.newest(recorded.lake, recorded.blobs, warehouse), {
        wish,
        dataKind: workshop.dataKind,
        onProgress: () => undefined,
      }),
    sql: async (query) => {
      const { catalogVersion, files } = await recorded.lake.files();
      const limits = { maxRows: 100_000, timeoutMs: 60_000, memoryMb: 1024 };
      return (await warehouse.query(query, { catalogVersion, files, replacing: {} }, limits)).rows;
    },
  };
}
