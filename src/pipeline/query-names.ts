import { tables } from '../domain/tables/index.ts';
import type { Lake } from '../ports/lake.ts';

/** Tables that SQL may ask about: the declared ones, and computed ones that have rows. */
export async function queryNames(lake: Lake): Promise<string[]> {
  const { files } = await lake.state();
  return [...new Set([...tables.map((table) => table.name), ...files.map((file) => file.table)])];
}
