import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { TableExport } from '../ports/table-exporter.ts';
import { openDuckdbExporter } from './table-exporter.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-exporter-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const exporter = openDuckdbExporter({ scratchFolder: join(folder, 'scratch') });
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
const startUs = Date.UTC(2026, 2, 9) * 1000;

/** Trades of two symbols, a second apart, the `part`th of every `parts`. */
async function part(name: string, parts: number, part: number, count = 1000): Promise<string> {
  const path = join(folder, `${name}-${part}.parquet`);
  await connection.run(`COPY (
    SELECT 'spot' AS market, DATE '2026-03-09' AS date, ['BTCUSDT', 'ETHUSDT'][1 + i % 2] AS symbol, i AS trade_id,
      (i * 7919 % 100003)::DECIMAL(38,8) * 0.00000001::DECIMAL(9,8) AS price,
      make_timestamptz(${startUs}::BIGINT + i * 1000000) AS traded_at, CASE i WHEN 5 THEN 'a "b", c' END AS note
    FROM range(${count}) AS numbers(i) WHERE i % ${parts} = ${part} ORDER BY i DESC
  ) TO '${path}' (FORMAT parquet)`);
  return path;
}

const base = { table: 'trades', order: ['trade_id'], timeColumn: 'traded_at' } as const;
const to = (name: string) => join(folder, name);

test('the same rows make the same bytes, however they lie in files', async () => {
  const whole = [await part('whole', 1, 0)];
  const pieces = [await part('piece', 3, 2), await part('piece', 3, 0), await part('piece', 3, 1)];
  for (const format of ['parquet', 'csv'] as const) {
    const one = await exporter.write({ ...base, format, paths: whole, localPath: to(`one.${format}`) });
    const other = await exporter.write({ ...base, format, paths: pieces, localPath: to(`other.${format}`) });
    assert.deepEqual(one, other);
    const bytes = readFileSync(to(`one.${format}`));
    assert.deepEqual(
      [one.rows, one.bytes, one.sha256],
      [1000, bytes.byteLength, createHash('sha256').update(bytes).digest('hex')],
    );
  }
});

test('only the rows asked for are written, sorted, with all digits and times in UTC', async () => {
  const request: TableExport = {
    ...base,
    format: 'csv',
    paths: [await part('range', 1, 0)],
    market: 'spot',
    symbol: 'ETHUSDT',
    fromUs: startUs + 3_000_000,
    toUs: startUs + 7_000_000,
    localPath: to('range.csv'),
  };
  const { rows, columns } = await exporter.write(request);
  assert.equal(rows, 2);
  assert.deepEqual(columns.slice(3, 6), [
    { name: 'trade_id', type: 'BIGINT' },
    { name: 'price', type: 'DECIMAL(38,16)' },
    { name: 'traded_at', type: 'TIMESTAMP WITH TIME ZONE' },
  ]);
  assert.deepEqual(readFileSync(to('range.csv'), 'utf8').trim().split('\n'), [
    'market,date,symbol,trade_id,price,traded_at,note',
    'spot,2026-03-09,ETHUSDT,3,0.0002375700000000,2026-03-09T00:00:03.000000Z,',
    'spot,2026-03-09,ETHUSDT,5,0.0003959500000000,2026-03-09T00:00:05.000000Z,"a ""b"", c"',
  ]);
});

test('a file that cannot be read and a caller who goes away leave nothing behind', async () => {
  const paths = [join(folder, 'missing.parquet')];
  await assert.rejects(exporter.write({ ...base, format: 'csv', paths, localPath: to('none.csv') }), {
    code: 'export-failed',
  });
  const gone = new AbortController();
  const request: TableExport = {
    ...base,
    format: 'csv',
    paths: [await part('big', 1, 0, 3_000_000)],
    localPath: to('gone.csv'),
  };
  const writing = exporter.write(request, gone.signal);
  setTimeout(() => gone.abort(new Error('gone')), 200);
  await assert.rejects(writing, /gone/);
  assert.ok(!existsSync(to('none.csv')) && !existsSync(to('gone.csv')));
  assert.deepEqual(readdirSync(join(folder, 'scratch')), []);
});
