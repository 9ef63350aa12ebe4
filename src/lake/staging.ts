import { setImmediate } from 'node:timers/promises';
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
import type { Slot, Slots } from '../domain/slots.ts';
import type { Column, ColumnType, TableSpec } from '../domain/table.ts';
import { sqlName, sqlText, sqlTypeOf } from '../domain/table-sql.ts';
import type { FileOrder } from './file-order.ts';

/** Rows in a vector of DuckDB. */
const chunkRows = 2048;
/** Chunks handed over in one go, some milliseconds of work: appending is synchronous, and sockets wait for it. */
const chunksAtOnce = 10;
/** The same for so many rows as come only to who catches up: fewer pieces are less work. */
const chunksAtOnceInBulk = 48;
const bulkRows = 250_000;
const slotsAtOnce = 200;

/** Who commits so much at once catches up, and has nobody live to keep waiting. */
export function isBulk(batches: readonly Batch[]): boolean {
  return batches.reduce((sum, { length }) => sum + length, 0) >= bulkRows;
}

function stagedType(type: ColumnType): DuckDBType {
  switch (type) {
    case 'text':
      return UINTEGER;
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

/** Stands for an absent text: no text has it. */
const noText = 0xffffffff;

/**
 * Copies a batch as it is into the temporary table `staged` (columns `slot`, then the declared ones), vector by vector:
 * an integer below 2^53 passes a DOUBLE column unchanged, and whole columns of doubles are the fastest way in. Texts
 * repeat, so they go in as codes, with a table of the texts beside them.
 */
export async function stageBatch(connection: DuckDBConnection, batch: Batch, staged: string): Promise<void> {
  const columns = Object.entries(batch.spec.columns);
  const types = [UINTEGER, ...columns.map(([, column]) => stagedType(column.type))];
  const data = batch.columns as Record<string, Float64Array | Uint8Array | (string | null)[] | (bigint | null)[]>;
  const sources: ArrayLike<unknown>[] = [batch.slot];
  for (const [name, column] of columns) {
    if (column.type !== 'text') sources.push(data[name]!);
    else {
      const { codes, texts } = coded(data[name] as (string | null)[], batch.length);
      sources.push(codes);
      await append(
        connection,
        textsOf(staged, name),
        ['code', 'text'],
        [UINTEGER, VARCHAR],
        [texts.map((_, at) => at), texts],
      );
    }
  }
  await append(connection, staged, ['slot', ...columns.map(([name]) => name)], types, sources, batch.length);
}

/** The same in the order of the file, and the SELECT that turns it into rows of the table without a join or a sort. */
export async function stageInOrder(
  connection: DuckDBConnection,
  batch: Batch,
  order: FileOrder,
  staged: string,
): Promise<string> {
  const columns = Object.entries(batch.spec.columns);
  const types = [UINTEGER, ...columns.map(([, column]) => stagedType(column.type))];
  const data = batch.columns as Record<string, ArrayLike<unknown>>;
  const texts = new Map<string, readonly string[]>();
  const sources: ArrayLike<unknown>[] = [order.codes];
  for (const [name, column] of columns) {
    let source = data[name]!;
    if (column.type === 'text') {
      const known = coded(source as (string | null)[], batch.length);
      texts.set(name, known.texts);
      source = known.codes;
    }
    sources.push(order.rows === undefined ? source : gathered(source, order.rows));
  }
  await append(connection, staged, ['slot', ...columns.map(([name]) => name)], types, sources, batch.length);
  const slots = order.slots;
  const units = (scaleOf: (slot: Slot) => number, type: string) =>
    chosen(
      slots.map((slot) => `${unitText(scaleOf(slot))}::${type}`),
      't.slot',
    );
  const values: StagedValues = {
    market: chosen(
      slots.map((slot) => sqlText(slot.instrument.market)),
      't.slot',
    ),
    symbol: chosen(
      slots.map((slot) => sqlText(slot.instrument.symbol)),
      't.slot',
    ),
    priceUnit: units((slot) => slot.priceScale, 'DECIMAL(9,8)'),
    quantityUnit: units((slot) => slot.quantityScale, 'DECIMAL(9,8)'),
    productUnit: units((slot) => slot.priceScale + slot.quantityScale, 'DECIMAL(17,16)'),
    text: (name) => {
      const known = texts.get(name)!.map(sqlText);
      const code = `t.${sqlName(name)}`;
      return `CASE WHEN ${code} = ${noText} THEN NULL ELSE ${known.length === 0 ? 'NULL' : chosen(known, code)} END`;
    },
  };
  return `SELECT ${ownColumns(batch.spec, values)} FROM ${staged} t`;
}

/** The literal that `code` counts to; just the literal where there is no choice. */
function chosen(literals: readonly string[], code: string): string {
  return new Set(literals).size === 1 ? literals[0]! : `[${literals.join(', ')}][${code}::BIGINT + 1]`;
}

function gathered(column: ArrayLike<unknown>, rows: Uint32Array): ArrayLike<unknown> {
  if (Array.isArray(column)) return Array.from(rows, (row) => column[row]);
  const from = column as Float64Array;
  const to = new (from.constructor as Float64ArrayConstructor)(rows.length);
  for (let at = 0; at < rows.length; at++) to[at] = from[rows[at]!]!;
  return to;
}

function textsOf(staged: string, column: string): string {
  return `${staged}_${column}`;
}

function coded(values: readonly (string | null)[], length: number): { codes: Uint32Array; texts: string[] } {
  const codes = new Uint32Array(length);
  const texts: string[] = [];
  const known = new Map<string, number>();
  for (let row = 0; row < length; row++) {
    const text = values[row] ?? null;
    if (text === null) {
      codes[row] = noText;
      continue;
    }
    let code = known.get(text);
    if (code === undefined) {
      code = texts.push(text) - 1;
      known.set(text, code);
    }
    codes[row] = code;
  }
  return { codes, texts };
}

async function append(
  connection: DuckDBConnection,
  table: string,
  names: readonly string[],
  types: readonly DuckDBType[],
  sources: readonly ArrayLike<unknown>[],
  length = sources[0]!.length,
): Promise<void> {
  await connection.run(
    `CREATE TEMP TABLE ${table} (${names.map((name, at) => `${sqlName(name)} ${types[at]}`).join(', ')})`,
  );
  const appender = await connection.createAppender(table, null, 'temp');
  const chunk = DuckDBDataChunk.create(types, chunkRows);
  const pieceChunks = length < bulkRows ? chunksAtOnce : chunksAtOnceInBulk;
  for (let from = 0; from < length; from += chunkRows) {
    const rows = Math.min(chunkRows, length - from);
    chunk.reset();
    chunk.rowCount = rows;
    sources.forEach((source, at) => {
      fill(chunk, at, source, from, rows);
    });
    appender.appendDataChunk(chunk);
    if ((from / chunkRows) % pieceChunks !== pieceChunks - 1) continue;
    appender.flushSync();
    await setImmediate();
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

/** SQL for what a staged row's slot and codes stand for. */
interface StagedValues {
  readonly market: string;
  readonly symbol: string;
  readonly priceUnit: string;
  readonly quantityUnit: string;
  readonly productUnit: string;
  text(column: string): string;
}

const joined: StagedValues = {
  market: 's.market',
  symbol: 's.symbol',
  priceUnit: 's.price_unit',
  quantityUnit: 's.quantity_unit',
  productUnit: 's.product_unit',
  text: (name) => `${sqlName(`of_${name}`)}.text`,
};

/** Staged columns as the table's own: exact decimals by multiplication (`/` would go through a double). */
function ownColumn(name: string, column: Column, values: StagedValues): string {
  const staged = `t.${sqlName(name)}`;
  const value = () => {
    switch (column.type) {
      case 'id':
      case 'count':
        return `${staged}::BIGINT`;
      case 'time':
        return `make_timestamptz(${staged}::BIGINT)`;
      case 'price':
        return `(${staged}::BIGINT::DECIMAL(19,0) * ${values.priceUnit})`;
      case 'quantity':
        return `(${staged}::BIGINT::DECIMAL(19,0) * ${values.quantityUnit})`;
      case 'sum':
        return `(${staged}::DECIMAL(38,0) * ${values.quantityUnit})`;
      case 'product':
        return `(${staged}::DECIMAL(38,0) * ${values.productUnit})`;
      case 'wide':
        return `(${staged}::DECIMAL(38,0) * 0.00000001::DECIMAL(9,8))`;
      case 'flag':
        return `(${staged} = 1)`;
      case 'text':
        return values.text(name);
    }
  };
  const isNumber = !['sum', 'product', 'wide', 'flag', 'text'].includes(column.type);
  const typed = `${value()}::${sqlTypeOf(column.type)}`;
  return isNumber && column.nullable ? `CASE WHEN isnan(${staged}) THEN NULL ELSE ${typed} END` : typed;
}

function ownColumns(spec: TableSpec, values: StagedValues): string {
  const columns = Object.entries(spec.columns).map(
    ([name, column]) => `${ownColumn(name, column, values)} AS ${sqlName(name)}`,
  );
  return `${values.market} AS market, ${stagedDate(spec)} AS date, ${values.symbol} AS symbol, ${columns.join(', ')}`;
}

/** SELECT that turns staged rows into rows of the table, with `rowid` to tell which of two came later. */
export function ownRows(spec: TableSpec, staged: string, withPosition = false): string {
  const declared = Object.entries(spec.columns);
  const texts = declared
    .filter(([, column]) => column.type === 'text')
    .map(([name]) => {
      const alias = sqlName(`of_${name}`);
      return `LEFT JOIN ${textsOf(staged, name)} AS ${alias} ON ${alias}.code = t.${sqlName(name)}`;
    });
  return `SELECT ${ownColumns(spec, joined)}${
    withPosition ? ', t.rowid AS position' : ''
  } FROM ${staged} t JOIN slots s USING (slot) ${texts.join(' ')}`;
}

/** Market and day of the staged rows, with their count. */
export function stagedPartitions(spec: TableSpec, staged: string): string {
  return `SELECT s.market, (${stagedDate(spec)})::VARCHAR, count(*)::DOUBLE FROM ${staged} t JOIN slots s USING (slot)
    GROUP BY ALL ORDER BY ALL`;
}

function stagedDate(spec: TableSpec): string {
  return `make_timestamp(t.${sqlName(spec.timeColumn)}::BIGINT)::DATE`;
}
