import {
  DuckDBBlobValue,
  DuckDBListValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/** A cell as text that loses nothing; instants in ISO 8601, UTC, with microseconds where there are any. */
export function cellText(value: DuckDBValue): string | null {
  if (value === null) return null;
  if (typeof value === 'string') return value;
  if (value instanceof DuckDBTimestampTZValue) return isoText(value.micros, 'Z');
  if (value instanceof DuckDBTimestampValue) return isoText(value.micros, '');
  if (value instanceof DuckDBListValue) return `[${value.items.map((item) => cellText(item) ?? 'NULL').join(', ')}]`;
  if (value instanceof DuckDBStructValue) {
    const parts = Object.entries(value.entries).map(([name, item]) => `${name}: ${cellText(item) ?? 'NULL'}`);
    return `{${parts.join(', ')}}`;
  }
  if (value instanceof DuckDBBlobValue) return value.toString();
  return String(value);
}

/** The calendar of JavaScript ends in the year 275760; DuckDB's infinities lie beyond it. */
const lastMilliseconds = 8_640_000_000_000_000n;

function isoText(micros: bigint, zone: string): string {
  const fraction = ((micros % 1000n) + 1000n) % 1000n;
  const milliseconds = (micros - fraction) / 1000n;
  if (milliseconds > lastMilliseconds || milliseconds < -lastMilliseconds)
    return micros > 0n ? 'infinity' : '-infinity';
  const iso = new Date(Number(milliseconds)).toISOString().slice(0, -1);
  return `${iso}${fraction === 0n ? '' : String(fraction).padStart(3, '0')}${zone}`;
}
