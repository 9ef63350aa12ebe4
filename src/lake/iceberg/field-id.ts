import { createHash } from 'node:crypto';

/**
 * The Iceberg id of a column. It depends on the name alone, so that a column that is added in the middle, or goes, moves no
 * other: the ids lie in the Parquet files, which never change.
 */
export function fieldId(name: string): number {
  const known = ids.get(name);
  if (known !== undefined) return known;
  const id = 1 + (createHash('sha256').update(name).digest().readUInt32BE() % 2 ** 30);
  ids.set(name, id);
  return id;
}

const ids = new Map<string, number>();
