import type { CatalogState, DataFile } from '../ports/catalog.ts';
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

/** A file that a later version added or removed. */
export interface ChangedFileRow extends FileRow {
  removed_version: number | null;
}

/** `files` as they are ordered in the answer. */
export function stateOf(row: VersionRow, files: readonly FileRow[]): CatalogState {
  return stateWith(row, files.map(dataFile));
}

/**
 * The state of a later version, from what changed since a known one: a lake of years has more files than a commit should
 * read.
 */
export function stateAfter(known: CatalogState, row: VersionRow, changed: readonly ChangedFileRow[]): CatalogState {
  if (changed.length === 0) return stateWith(row, known.files);
  const files = new Map(known.files.map((file) => [file.name, file]));
  // A file may be removed and added again: what is live now comes last.
  for (const { name } of changed) files.delete(name);
  for (const file of changed) if (file.removed_version === null) files.set(file.name, dataFile(file));
  return stateWith(row, [...files.values()].sort(inFileOrder));
}

function stateWith(row: VersionRow, files: readonly DataFile[]): CatalogState {
  return {
    version: row.version,
    committedAtUs: row.committed_at_us,
    positions: JSON.parse(row.positions) as JournalPosition[],
    checkpoint: row.checkpoint ?? undefined,
    files,
  };
}

/** The order that the database gives. */
function inFileOrder(a: DataFile, b: DataFile): number {
  return (
    compared(a.table, b.table) ||
    compared(a.market, b.market) ||
    compared(a.date, b.date) ||
    a.minTimeUs - b.minTimeUs ||
    compared(a.name, b.name)
  );
}

function compared(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function dataFile(row: FileRow): DataFile {
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
