import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { failureOf, type ModelsOptions, type ModelsResult, runModels } from '../../src/models/run.ts';
import { openDuckdbWarehouse } from '../../src/warehouse/duckdb.ts';
import { openDuckdbModelRunner } from '../../src/warehouse/model-runner.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { type LakeStores, openLakeIn } from '../support/derived-lake.ts';

export const ownModels = resolve(import.meta.dirname, '../../models');

/** A lake in a temporary folder, with models over it. */
export interface ModelLake extends LakeStores {
  readonly folder: string;
  readonly log: string[];
  run(options?: Partial<ModelsOptions>): Promise<ModelsResult>;
  /** Cells as text. */
  query(sql: string): Promise<(string | null)[][]>;
  /** Every row of these computed tables as one text. */
  rows(tables: readonly string[]): Promise<string>;
}

export async function modelLake(t: TestContext, models = ownModels): Promise<ModelLake> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-models-'));
  const stores = await openLakeIn(folder);
  await stores.lake.open();
  t.after(async () => {
    await stores.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const warehouse = openDuckdbWarehouse();
  const log: string[] = [];
  const query = async (sql: string) => {
    const { catalogVersion, files } = await stores.lake.files();
    const limits = { maxRows: 100_000, timeoutMs: 30_000, memoryMb: 1024 };
    return (await warehouse.query(sql, { catalogVersion, files, replacing: {} }, limits)).rows as (string | null)[][];
  };
  return {
    ...stores,
    folder,
    log,
    run: (options = {}) =>
      runModels({
        ...stores,
        runner: openDuckdbModelRunner({ scratchFolder: folder }),
        files: createNodeWorld().files,
        folder: models,
        scratchFolder: join(folder, 'scratch', 'models'),
        log: (level, text) => log.push(`${level} ${text}`),
        ...options,
      }),
    query,
    rows: async (tables) => {
      const parts: string[] = [];
      for (const table of tables) {
        const rows = await query(`SELECT * FROM ${table} ORDER BY ALL`);
        parts.push(`${table}\n${rows.map((row) => row.join(' ')).join('\n')}`);
      }
      return parts.join('\n');
    },
  };
}

/** Fails with what the run says went wrong. */
export function refuseFailure(result: ModelsResult): ModelsResult {
  const failure = failureOf(result);
  if (failure !== undefined) throw failure;
  return result;
}
