import type { DataFile } from '../ports/catalog.ts';
import type { JournalPosition } from '../ports/journal.ts';

/** Rows as both databases give them; their columns have the same names. */
export interface DayRow {
  table_name: string;
  market: string;
  symbol: string;
  date: string;
}

export function dayOf({ table_name, market, symbol, date }: DayRow): {
  table: string;
  market: string;
  symbol: string;
  date: string;
} {
  return { table: table_name, market, symbol, date };
}

export interface VersionRow {
  version: number;
  fence: number;
  committed_at_us: number;
  positions: string;
  checkpoint: string | null;
}

export interface FileRow {
  name: string;
  table_name: string;
  market: string;
  date: string;
  level: DataFile['level'];
  row_count: number;
  bytes: number;
  min_time_us: number;
  max_time_us: number;
  sha256: string;
}

export function dataFile(row: FileRow): DataFile {
  return {
    name: row.name,
    table: row.table_name,
    market: row.market,
    date: row.date,
    level: row.level,
    rows: row.row_count,
    bytes: row.bytes,
    minTimeUs: row.min_time_us,
    maxTimeUs: row.max_time_us,
    sha256: row.sha256,
  };
}

/** A commit names the journals that it read; the positions of the others stay. */
export function mergedPositions(known: string, changed: readonly JournalPosition[]): string {
  const positions = new Map((JSON.parse(known) as JournalPosition[]).map((position) => [position.writer, position]));
  for (const position of changed) positions.set(position.writer, position);
  return JSON.stringify([...positions.values()].sort((a, b) => (a.writer < b.writer ? -1 : 1)));
}
