import type { DataFile } from '../../../src/ports/catalog.ts';

/** What a catalog knows of a file; there is none. */
export function dataFile(name: string): DataFile {
  return {
    name, table: 'trades', market: 'spot', date: '2026-01-02', level: 'minute',
    rows: 3, bytes: 400, minTimeUs: 1_767_312_000_000_000, maxTimeUs: 1_767_312_059_999_999, sha256: name,
  }; // biome-ignore format: a row
}
