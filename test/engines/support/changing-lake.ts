// A lake that changes while others read it: rows in every table, rows that are replaced, merges, sweeps and a computed
// table. What each table held at each catalog version is kept beside it, as exact sums that no file took part in.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { openSqliteCatalog } from '../../../src/catalog/sqlite.ts';
import { Batch } from '../../../src/domain/batch.ts';
import { minuteUs } from '../../../src/domain/interval.ts';
import { Slots } from '../../../src/domain/slots.ts';
import type { TableSpec } from '../../../src/domain/table.ts';
import { tables } from '../../../src/domain/tables/index.ts';
import { IcebergPublisher } from '../../../src/lake/iceberg/publisher.ts';
import { openParquetLake } from '../../../src/lake/parquet-lake.ts';
import type { BlobStore } from '../../../src/ports/blob-store.ts';
import type { Lake } from '../../../src/ports/lake.ts';

/** Rows and the exact sum of each column with numbers, as text; null where it has none. */
export interface Sums {
  readonly count: number;
  readonly sums: Readonly<Record<string, string | null>>;
}

export interface ChangingLake {
  readonly lake: Lake;
  readonly publisher: IcebergPublisher;
  readonly tables: readonly { readonly name: string; readonly summed: readonly string[] }[];
  /** One commit of new rows, and now and then replaced ones, a merge, a computed day, a sweep. */
  step(): Promise<void>;
  /** What a table holds at a version. */
  at(table: string, version: number): Sums;
  /** All that it held from one version to another. */
  between(table: string, from: number, to: number): readonly Sums[];
  /** The catalog version that is published of a table. */
  published(table: string): Promise<number>;
  readonly counts: { commits: number; corrections: number; merges: number; swept: number };
  close(): Promise<void>;
}

const startUs = Date.UTC(2026, 0, 2) * 1000;
const stepUs = 17 * minuteUs;
const rowsAStep = 12;
const computed = 'computed_totals';

/** Digits after the point, and what one unit of a batch's integers is worth in them, at price scale 2 and quantity scale 5. */
const scales: Readonly<Record<string, { digits: number; unit: bigint }>> = {
  id: { digits: 0, unit: 1n },
  count: { digits: 0, unit: 1n },
  price: { digits: 8, unit: 10n ** 6n },
  quantity: { digits: 8, unit: 10n ** 3n },
  sum: { digits: 8, unit: 10n ** 3n },
  product: { digits: 16, unit: 10n ** 9n },
  wide: { digits: 8, unit: 1n },
};

function decimal(value: bigint, digits: number): string {
  if (digits === 0) return String(value);
  const text = String(value < 0n ? -value : value).padStart(digits + 1, '0');
  return `${value < 0n ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** The rows of one table as they are now, by number; a replaced row keeps its number. */
class Model {
  readonly spec: TableSpec;
  readonly summed: readonly string[];
  readonly #rows: Map<number, (bigint | null)[]> = new Map();
  readonly #totals: bigint[];
  readonly #present: number[];
  readonly history: { version: number; sums: Sums }[] = [];

  constructor(spec: TableSpec) {
    this.spec = spec;
    this.summed = Object.entries(spec.columns)
      .filter(([, column]) => column.type in scales)
      .map(([name]) => name);
    this.#totals = this.summed.map(() => 0n);
    this.#present = this.summed.map(() => 0);
  }

  put(row: number, values: (bigint | null)[]): void {
    const before = this.#rows.get(row);
    values.forEach((value, at) => {
      const old = before?.[at] ?? null;
      this.#totals[at]! += (value ?? 0n) - (old ?? 0n);
      this.#present[at]! += (value === null ? 0 : 1) - (old === null ? 0 : 1);
    });
    this.#rows.set(row, values);
  }

  note(version: number): void {
    const sums = Object.fromEntries(
      this.summed.map((name, at) => {
        const { digits } = scales[this.spec.columns[name]!.type]!;
        return [name, this.#present[at] === 0 ? null : decimal(this.#totals[at]!, digits)];
      }),
    );
    this.history.push({ version, sums: { count: this.#rows.size, sums } });
  }
}

/** The same number and revision give the same row. The key and the time come from the number alone. */
function addRow(batch: Batch, slot: number, model: Model, number: number, revision: number): void {
  const { spec } = batch;
  const row = batch.add(slot);
  const atUs = startUs + Math.floor(number / rowsAStep) * stepUs + (number % rowsAStep) * 1_000_000;
  const columns = batch.columns as Record<string, { [index: number]: unknown }>;
  const values: (bigint | null)[] = [];
  for (const [name, column] of Object.entries(spec.columns)) {
    const isKey = spec.key.includes(name);
    const value = isKey ? number : ((number * 31 + revision * 17) % 1_000_003) + 1;
    const isAbsent = column.nullable === true && !isKey && (number + revision) % 3 === 0;
    const isWide = ['sum', 'product', 'wide'].includes(column.type);
    let stored: unknown;
    if (column.type === 'time') stored = atUs;
    else if (column.type === 'text') stored = isKey ? 'k' : `revision ${revision}`;
    else if (column.type === 'flag') stored = isKey ? number % 2 : (number + revision) % 2;
    else stored = isWide ? BigInt(value) : value;
    if (isAbsent) stored = ['sum', 'product', 'wide', 'text'].includes(column.type) ? null : Number.NaN;
    columns[name]![row] = stored;
    const scale = scales[column.type];
    if (scale !== undefined) values.push(isAbsent ? null : BigInt(value) * scale.unit);
  }
  model.put(number, values);
}

export async function openChangingLake(folder: string, blobs: BlobStore): Promise<ChangingLake> {
  const catalog = await openSqliteCatalog(join(folder, 'catalog.db'));
  const publisher = new IcebergPublisher({ catalog, blobs, retryDelayMs: 100 });
  const lake = await openParquetLake({
    catalog,
    blobs,
    iceberg: publisher,
    scratchFolder: join(folder, 'scratch'),
    threads: 1,
    graceSeconds: 30,
    keptVersions: 8,
  });
  await lake.open();
  const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
  const slots = new Slots();
  const slot = slots.exactly({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, 2, 5).index;
  const other = slots.exactly({ venue: 'binance', market: 'usdm', symbol: 'ETHUSDT' }, 2, 5).index;
  const models = tables.map((spec) => new Model(spec));
  const totals: { version: number; sums: Sums }[] = [];
  const days = new Map<string, { rows: number; total: bigint }>();
  const counts = { commits: 0, corrections: 0, merges: 0, swept: 0 };
  let steps = 0;

  const commit = async (): Promise<void> => {
    const corrects = steps % 3 === 2;
    const batches = models.map((model) => {
      const batch = new Batch(model.spec, 32) as unknown as Batch;
      const row = (number: number, revision: number) =>
        addRow(batch, number % 2 ? slot : other, model, number, revision);
      for (let at = 0; at < rowsAStep; at++) row(steps * rowsAStep + at, 0);
      if (model.spec.kind === 'state' && corrects) {
        for (const back of [1, 2, 40]) if (steps >= back) row((steps - back) * rowsAStep + (steps % rowsAStep), steps);
      }
      return batch;
    });
    const version = await lake.commit({ slots, batches, positions: [], checkpoint: Buffer.from(String(steps)) });
    for (const model of models) model.note(version);
    counts.commits++;
    if (corrects) counts.corrections++;
  };

  const replaceDay = async (): Promise<void> => {
    const date = new Date((startUs + (steps % 5) * 1440 * minuteUs) / 1000).toISOString().slice(0, 10);
    const rows = 5 + (steps % 7);
    const localPath = join(folder, `computed-${steps}.parquet`);
    const connection = await duckdb.connect();
    await connection.run(
      `COPY (SELECT 'spot' AS market, DATE '${date}' AS date, 'BTCUSDT' AS symbol, i::BIGINT AS number,
         ((${steps} * 1000 + i)::DECIMAL(30,0) * 0.00000001::DECIMAL(9,8))::DECIMAL(38,8) AS total, i * 0.5 AS share
       FROM range(${rows}) numbers(i)) TO '${localPath}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const day = { table: computed, market: 'spot', date };
    const change = { ...day, symbol: 'BTCUSDT', minTimeUs: startUs, maxTimeUs: startUs };
    const given = { ...day, localPath, rows, minTimeUs: startUs, maxTimeUs: startUs, rowsChanged: [change] };
    const version = await lake.replaceDays([given]);
    days.set(date, {
      rows,
      total: Array.from({ length: rows }, (_, i) => BigInt(steps * 1000 + i)).reduce((a, b) => a + b, 0n),
    });
    const all = [...days.values()];
    const numbers = all.reduce((sum, one) => sum + (one.rows * (one.rows - 1)) / 2, 0);
    totals.push({
      version,
      sums: {
        count: all.reduce((sum, one) => sum + one.rows, 0),
        sums: { number: String(numbers), total: decimal(all.reduce((sum, one) => sum + one.total, 0n), 8) },
      },
    }); // biome-ignore format: sums
  };

  const historyOf = (table: string) =>
    table === computed ? totals : models.find((model) => model.spec.name === table)!.history;
  const at = (table: string, version: number): Sums => {
    const found = historyOf(table).findLast((one) => one.version <= version);
    if (found === undefined) throw new Error(`${table} has nothing at version ${version}`);
    return found.sums;
  };
  return {
    lake,
    publisher,
    tables: [
      ...models.map((model) => ({ name: model.spec.name, summed: model.summed })),
      { name: computed, summed: ['number', 'total'] },
    ],
    step: async () => {
      await commit();
      if (steps % 2 === 0) await replaceDay();
      if (steps % 3 === 1 && (await lake.compact())) counts.merges++;
      if (steps % 10 === 9) counts.swept += await lake.sweep();
      steps++;
    },
    at,
    between: (table, from, to) => [
      at(table, from),
      ...historyOf(table)
        .filter(({ version }) => version > from && version <= to)
        .map(({ sums }) => sums),
    ],
    published: async (table) => {
      const { metadata } = (await publisher.newest(table))! as unknown as {
        metadata: { snapshots: { summary: Record<string, string> }[] };
      };
      return Number(metadata.snapshots.at(-1)!.summary['tidemark.catalog-version']);
    },
    counts,
    close: async () => {
      await lake.close();
      await catalog.close();
      duckdb.closeSync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
