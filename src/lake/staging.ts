import {
  DOUBLE,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  HUGEINT,
  UINTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import type { Batch } from '../domain/batch.ts';
import { assert } from '../domain/error.ts';
import type { Slots } from '../domain/slots.ts';
import type { Column, ColumnType, TableSpec } from '../domain/table.ts';
import { sqlName, sqlTypeOf } from '../domain/table-sql.ts';

/** Rows in a vector of DuckDB. */
const chunkRows = 2048;
const slotsAtOnce = 200;

function stagedType(type: ColumnType): DuckDBType {
  switch (type) {
    case 'text':
      return VARCHAR;
    case 'sum':
    case 'product':
    case 'wide':
      return HUGEINT;
    case 'flag':
      return UTINYINT;
    default:
      return DOUBLE;
  }
}

/**
 * Copies a batch as it is into the temporary table `staged` (columns `slot`, then the declared ones), vector by vector:
 * an integer below 2^53 passes a DOUBLE column unchanged, and whole columns of doubles are the fastest way in.
 */
export async function stageBatch(connection: DuckDBConnection, batch: Batch, staged: string): Promise<void> {
  const columns = Object.entries(batch.spec.columns);
  const types = [UINTEGER, ...columns.map(([, column]) => stagedType(column.type))];
  const definition = ['slot', ...columns.map(([name]) => name)].map((name, at) => `${sqlName(name)} ${types[at]}`);
  await connection.run(`CREATE TEMP TABLE ${staged} (${definition.join(', ')})`);
  const appender = await connection.createAppender(staged, null, 'temp');
  const chunk = DuckDBDataChunk.create(types, chunkRows);
  const data = batch.columns as Record<string, Float64Array | Uint8Array | (string | null)[] | (bigint | null)[]>;
  for (let from = 0; from < batch.length; from += chunkRows) {
    const rows = Math.min(chunkRows, batch.length - from);
    chunk.reset();
    chunk.rowCount = rows;
    fill(chunk, 0, batch.slot, from, rows);
    columns.forEach(([name], at) => {
      fill(chunk, at + 1, data[name]!, from, rows);
    });
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

function fill(chunk: DuckDBDataChunk, at: number, column: ArrayLike<unknown>, from: number, rows: number): void {
  const vector = chunk.getColumnVector(at) as unknown as {
    items: { set(values: ArrayLike<unknown>): void };
    setItem(row: number, value: unknown): void;
    flush(): void;
  };
  if (Array.isArray(column)) {
    for (let row = 0; row < rows; row++) vector.setItem(row, column[from + row] ?? null);
  } else {
    vector.items.set((column as Float64Array).subarray(from, from + rows));
  }
  vector.flush();
}

/** The table `slots`, a row for each slot in use: whose it is, and what one unit of its integers is worth, exactly. */
export async function stageSlots(connection: DuckDBConnection, slots: Slots, batches: readonly Batch[]): Promise<void> {
  await connection.run(
    `CREATE TEMP TABLE slots (slot UINTEGER, market VARCHAR, symbol VARCHAR, price_unit DECIMAL(9,8),
     quantity_unit DECIMAL(9,8), product_unit DECIMAL(17,16))`,
  );
  const used = new Uint8Array(slots.all.length);
  for (const batch of batches) for (let row = 0; row < batch.length; row++) used[batch.slot[row]!] = 1;
  const inUse = slots.all.filter((slot) => used[slot.index] === 1);
  for (let from = 0; from < inUse.length; from += slotsAtOnce) {
    const some = inUse.slice(from, from + slotsAtOnce);
    const marks = some.map(() => '(?, ?, ?, ?::DECIMAL(9,8), ?::DECIMAL(9,8), ?::DECIMAL(17,16))').join(', ');
    const values = some.flatMap((slot) => [
      slot.index,
      slot.instrument.market,
      slot.instrument.symbol,
      unitText(slot.priceScale),
      unitText(slot.quantityScale),
      unitText(slot.priceScale + slot.quantityScale),
    ]);
    await connection.run(`INSERT INTO slots VALUES ${marks}`, values);
  }
}

function unitText(scale: number): string {
  assert(scale >= 0 && scale <= 16, 'files keep 8 digits of a value and 16 of a product');
  return scale === 0 ? '1' : `0.${'1'.padStart(scale, '0')}`;
}

/** Staged columns as the table's own: exact decimals by multiplication (`/` would go through a double). */
function ownColumn(name: string, column: Column): string {
  const staged = `t.${sqlName(name)}`;
  const value = () => {
    switch (column.type) {
      case 'id':
      case 'count':
        return `${staged}::BIGINT`;
      case 'time':
        return `make_timestamptz(${staged}::BIGINT)`;
      case 'price':
        return `(${staged}::BIGINT::DECIMAL(19,0) * s.price_unit)`;
      case 'quantity':
        return `(${staged}::BIGINT::DECIMAL(19,0) * s.quantity_unit)`;
      case 'sum':
        return `(${staged}::DECIMAL(38,0) * s.quantity_unit)`;
      case 'product':
        return `(${staged}::DECIMAL(38,0) * s.product_unit)`;
      case 'wide':
        return `(${staged}::DECIMAL(38,0) * 0.00000001::DECIMAL(9,8))`;
      case 'flag':
        return `(${staged} = 1)`;
      case 'text':
        return staged;
    }
  };
  const isNumber = !['sum', 'product', 'wide', 'flag', 'text'].includes(column.type);
  const typed = `${value()}::${sqlTypeOf(column.type)}`;
  return isNumber && column.nullable ? `CASE WHEN isnan(${staged}) THEN NULL ELSE ${typed} END` : typed;
}

/** SELECT that turns staged rows into rows of the table, with `rowid` to tell which of two came later. */
export function ownRows(spec: TableSpec, staged: string, withPosition = false): string {
  const time = `t.${sqlName(spec.timeColumn)}`;
  const columns = Object.entries(spec.columns).map(
    ([name, column]) => `${ownColumn(name, column)} AS ${sqlName(name)}`,
  );
  return `SELECT s.market AS market, make_timestamp(${time}::BIGINT)::DATE AS date, s.symbol AS symbol, ${columns.join(', ')}${
    withPosition ? ', t.rowid AS position' : ''
  } FROM ${staged} t JOIN slots s USING (slot)`;
}
