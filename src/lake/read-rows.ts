import type { DuckDBConnection, DuckDBDecimalValue, DuckDBValue } from '@duckdb/node-api';
import { Batch } from '../domain/batch.ts';
import { rescaleWide } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import type { Market } from '../domain/instrument.ts';
import { type Slot, Slots } from '../domain/slots.ts';
import type { Column, TableSpec } from '../domain/table.ts';
import { sqlName } from '../domain/table-sql.ts';
import type { LakeQuery, LakeRows } from '../ports/lake.ts';
import { parquetRelation } from './parquet-files.ts';

/** Largest scale at which the values of these columns are safe integers, as SQL. It is at least the scale they came with. */
function scaleThatFits(columns: readonly string[]): string {
  if (columns.length === 0) return '8';
  const largest = `greatest(${columns.map((name) => `abs(coalesce(${sqlName(name)}, 0))`).join(', ')}, 0)`;
  const steps = [8, 7, 6, 5, 4, 3, 2, 1].map((scale) => {
    const limit = `9007199254740991${'0'.repeat(8 - scale)}`.padStart(9, '0');
    return `WHEN ${largest} <= ${limit.slice(0, -8)}.${limit.slice(-8)}::DECIMAL(38,8) THEN ${scale}`;
  });
  return `CASE ${steps.join(' ')} ELSE 0 END`;
}

const powerOf = (scale: string) =>
  `(CASE ${scale} ${[0, 1, 2, 3, 4, 5, 6, 7, 8].map((s) => `WHEN ${s} THEN 1${'0'.repeat(s)}`).join(' ')} END)::DECIMAL(9,0)`;

/**
 * Rows of one symbol as a batch. Values come at scale 8 where they fit; a row with a larger value has a slot with the
 * largest scale that holds it, which loses nothing, because it once came in at some such scale.
 */
export async function readRows(
  connection: DuckDBConnection,
  spec: TableSpec,
  paths: readonly string[],
  query: LakeQuery,
): Promise<LakeRows> {
  const columns = Object.entries(spec.columns);
  const slots = new Slots();
  const batch = new Batch(spec, 1024);
  const instrument = { venue: 'binance', market: query.market as Market, symbol: query.symbol } as const;
  const { where, values } = conditions(spec, query);
  const direction = query.newestFirst ? ' DESC' : '';
  const order = spec.order.map((name) => `${sqlName(name)}${direction}`).join(', ');
  const limit = query.limit === undefined ? '' : `LIMIT ${Math.max(0, Math.floor(query.limit))}`;
  const named = (type: string) => columns.filter(([, column]) => column.type === type).map(([name]) => name);
  const out = columns.map(([name, column]) => {
    const value = sqlName(name);
    switch (column.type) {
      case 'price':
        return `(${value} * price_power)::BIGINT::DOUBLE`;
      case 'quantity':
        return `(${value} * quantity_power)::BIGINT::DOUBLE`;
      case 'sum':
      case 'product':
      case 'wide':
        return value;
      case 'time':
        return `epoch_us(${value})::DOUBLE`;
      case 'flag':
        return `${value}::UTINYINT`;
      case 'text':
        return value;
      default:
        return `${value}::DOUBLE`;
    }
  });
  const result = await connection.stream(
    `WITH found AS (
       SELECT * FROM ${parquetRelation(spec, paths)} WHERE ${where} ORDER BY ${order} ${limit}
     ), scaled AS (
       SELECT *, ${scaleThatFits(named('price'))} AS price_scale, ${scaleThatFits(named('quantity'))} AS quantity_scale
       FROM found
     ), powered AS (
       SELECT *, ${powerOf('price_scale')} AS price_power, ${powerOf('quantity_scale')} AS quantity_power FROM scaled
     )
     SELECT price_scale::UTINYINT, quantity_scale::UTINYINT, ${out.join(', ')} FROM powered ORDER BY ${order}`,
    values,
  );
  const slotOf = new Map<number, number>();
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    const rows = chunk.rowCount;
    const from = batch.length;
    const priceScale = chunk.getColumnVector(0);
    const quantityScale = chunk.getColumnVector(1);
    for (let row = 0; row < rows; row++) {
      const code = (priceScale.getItem(row) as number) * 16 + (quantityScale.getItem(row) as number);
      let slot = slotOf.get(code);
      if (slot === undefined) {
        slot = slots.exactly(instrument, code >> 4, code & 15).index;
        slotOf.set(code, slot);
      }
      batch.add(slot);
    }
    const target = batch.columns as Record<string, { [index: number]: unknown }>;
    columns.forEach(([name, column], at) => {
      const vector = chunk.getColumnVector(at + 2);
      const into = target[name]!;
      const absent = into instanceof Float64Array ? Number.NaN : null;
      const isBig = column.type === 'sum' || column.type === 'product' || column.type === 'wide';
      for (let row = 0; row < rows; row++) {
        const item = vector.getItem(row);
        if (item === null) into[from + row] = absent;
        else if (isBig)
          into[from + row] = atSlot(item as DuckDBDecimalValue, column, slots.get(batch.slot[from + row]!));
        else into[from + row] = item;
      }
    });
  }
  return { batch, slots };
}

/** A file's decimal as the bigint that its column holds in a batch of this slot. */
function atSlot(item: DuckDBDecimalValue, column: Column, slot: Slot): bigint {
  switch (column.type) {
    case 'sum':
      return rescaleWide(item.value, item.scale, slot.quantityScale);
    case 'product':
      return rescaleWide(item.value, item.scale, slot.priceScale + slot.quantityScale);
    default:
      return item.value;
  }
}

function conditions(spec: TableSpec, query: LakeQuery): { where: string; values: DuckDBValue[] } {
  const where = ['market = ?', 'symbol = ?'];
  const values: DuckDBValue[] = [query.market, query.symbol];
  const add = (condition: string, value: DuckDBValue) => {
    where.push(condition);
    values.push(value);
  };
  const time = sqlName(spec.timeColumn);
  if (query.fromUs !== undefined) add(`${time} >= make_timestamptz(?::BIGINT)`, BigInt(Math.ceil(query.fromUs)));
  if (query.toUs !== undefined) add(`${time} < make_timestamptz(?::BIGINT)`, BigInt(Math.ceil(query.toUs)));
  if (query.interval !== undefined) add(`${ownColumn(spec, 'interval')} = ?`, query.interval);
  if (query.beforeId !== undefined) {
    add(`${ownColumn(spec, query.idColumn ?? spec.key[0]!)} < ?::BIGINT`, BigInt(Math.floor(query.beforeId)));
  }
  return { where: where.join(' AND '), values };
}

function ownColumn(spec: TableSpec, name: string): string {
  if (name in spec.columns) return sqlName(name);
  throw new TidemarkError('no-such-column', { doing: 'read', what: `${spec.name}.${name}` });
}
