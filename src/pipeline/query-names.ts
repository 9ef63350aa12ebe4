import { tables } from '../domain/tables/index.ts';
import type { Lake } from '../ports/lake.ts';

/** What a statement needs of the lake: all files of the tables that it names, and the columns of other computed ones. */
export interface QueryNames {
  readonly named: readonly string[];
  readonly columnsOf: readonly string[];
}

/** By the text, which holds the name of each table that it asks about, and maybe more. */
export async function queryNames(lake: Lake, sql: string): Promise<QueryNames> {
  const lowered = sql.toLowerCase();
  const declared = tables.map((table) => table.name);
  const { files } = await lake.state();
  const computed = [...new Set(files.map((file) => file.table))].filter((name) => !declared.includes(name));
  const isNamed = (name: string) => lowered.includes(name.toLowerCase());
  return {
    named: [...declared, ...computed].filter(isNamed),
    columnsOf: computed.filter((name) => !isNamed(name)),
  };
}
