import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { TidemarkError } from '../domain/error.ts';
import { cellText } from './cell-text.ts';
import { openTableFiles } from './parquet-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-table-files-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

async function readBack(bytes: Uint8Array): Promise<(string | null)[][]> {
  const file = join(folder, 'back.parquet');
  writeFileSync(file, bytes);
  const instance = await DuckDBInstance.create(':memory:');
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    const rows = (await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`)).getRows();
    return rows.map((row) => row.map(cellText));
  } finally {
    instance.closeSync();
  }
}

test('cells come back as they were: every digit, every letter, nothing as nothing', async () => {
  const files = openTableFiles(join(folder, 'scratch'));
  const columns = [
    { name: 'price', type: 'DECIMAL(38,8)' },
    { name: 'turn"over', type: 'DECIMAL(38,16)' },
    { name: 'at', type: 'TIMESTAMP WITH TIME ZONE' },
    { name: 'count', type: 'BIGINT' },
    { name: 'words', type: 'VARCHAR' },
  ];
  const rows = [
    [
      '123456789012345678901234567890.12345678',
      '0.0000000000000001',
      '2026-03-18T00:00:00.000Z',
      '9007199254740993',
      '',
    ],
    [
      '-0.00000001',
      '9999999999999999999999.9999999999999999',
      '2026-03-18T23:59:59.999999Z',
      '-1',
      `'; DROP TABLE cells; -- "x" 币 \n`,
    ],
    [null, null, null, null, null],
  ];
  assert.deepEqual(await readBack(await files.parquet(columns, rows)), rows);
  assert.deepEqual(await readBack(await files.parquet(columns, [])), []);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.string({ unit: 'grapheme' }), { nil: null }), { minLength: 1, maxLength: 20 }),
      async (words) => {
        const given = words.map((word) => [word]);
        assert.deepEqual(await readBack(await files.parquet([{ name: 'words', type: 'VARCHAR' }], given)), given);
      },
    ),
    { numRuns: 15 },
  );
  assert.deepEqual(readdirSync(join(folder, 'scratch')), []);
});

test('a cell that its type cannot read fails whole and leaves no file', async () => {
  const scratch = join(folder, 'failing');
  const write = openTableFiles(scratch).parquet([{ name: 'count', type: 'BIGINT' }], [['1'], ['one']]);
  await assert.rejects(write, (error: unknown) => error instanceof TidemarkError && error.code === 'table-file-failed');
  assert.deepEqual(existsSync(scratch) ? readdirSync(scratch) : [], []);
});
