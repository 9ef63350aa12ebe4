import { dayUs } from '../../domain/interval.ts';
import type { IcebergField } from './schema.ts';

/** Smallest and largest value of a column in one file, in Iceberg's binary form. */
export interface Bound {
  readonly fieldId: number;
  readonly lower: Uint8Array;
  readonly upper: Uint8Array;
}

/** One value as the specification's single-value serialisation has it. */
export function valueBytes(type: string, value: string | bigint): Uint8Array {
  if (type === 'string') return Buffer.from(String(value), 'utf8');
  const bytes = Buffer.alloc(type === 'date' || type === 'int' ? 4 : 8);
  if (bytes.byteLength === 4) bytes.writeInt32LE(Number(value));
  else bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

export function daysOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / (dayUs / 1000);
}

/** What the footer of a Parquet file says of one column in one row group, as DuckDB shows it. */
export interface ColumnStatistics {
  readonly column: string;
  readonly min: string | null;
  readonly max: string | null;
  readonly isExact: boolean;
}

/** Bounds of the columns that every row group has exact statistics of. */
export function boundsFrom(statistics: readonly ColumnStatistics[], fields: readonly IcebergField[]): Bound[] {
  const byColumn = Map.groupBy(statistics, ({ column }) => column);
  return fields.flatMap(({ id, name, type }) => {
    const groups = byColumn.get(name);
    if (groups === undefined || groups.some(({ min, max, isExact }) => min === null || max === null || !isExact))
      return [];
    const lowers = groups.map(({ min }) => parsed(type, min!));
    const uppers = groups.map(({ max }) => parsed(type, max!));
    const compare = (a: string | bigint, b: string | bigint) =>
      typeof a === 'bigint' ? (a < (b as bigint) ? -1 : 1) : Buffer.compare(Buffer.from(a), Buffer.from(b as string));
    const lower = lowers.reduce((least, one) => (compare(one, least) < 0 ? one : least));
    const upper = uppers.reduce((most, one) => (compare(one, most) > 0 ? one : most));
    return [{ fieldId: id, lower: valueBytes(type, lower), upper: valueBytes(type, upper) }];
  });
}

function parsed(type: string, text: string): string | bigint {
  switch (type) {
    case 'string':
      return text;
    case 'date':
      return BigInt(daysOf(text));
    case 'timestamptz':
      return microseconds(text);
    default:
      return BigInt(text);
  }
}

/** `2026-01-02 03:04:05.000678+00` */
function microseconds(text: string): bigint {
  const [, whole, fraction = ''] = /^(\d+-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text)!;
  return BigInt(Date.parse(`${whole!.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'));
}
