import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { modelRunnerContract } from '../ports/model-runner.contract.ts';
import { openDuckdbModelRunner } from './model-runner.ts';

modelRunnerContract('duckdb model runner', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-model-runner-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  t.after(() => {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true, force: true });
  });
  const path = (name: string) => join(folder, name);
  return {
    runner: openDuckdbModelRunner({ scratchFolder: folder }),
    path,
    file: async (name, select) => {
      const made = path(`${name}-input.parquet`);
      await connection.run(`COPY (${select}) TO '${made}' (FORMAT parquet)`);
      return made;
    },
    rows: async (file) => {
      const reader = await connection.runAndReadAll(`SELECT symbol, hour(moment), x FROM read_parquet('${file}')`);
      return reader.getRows().map((row) => row.join(' '));
    },
  };
});
