import { sqlColumns } from '../domain/table-sql.ts';
import { tables } from '../domain/tables/index.ts';
import type { DataFile } from '../ports/catalog.ts';
import type { TableColumnRow, TableRow, TablesAnswer } from '../protocol/api.ts';

type FileFacts = Pick<DataFile, 'table' | 'rows' | 'bytes' | 'minTimeUs' | 'maxTimeUs'>;

const partitionMeanings: Readonly<Record<string, string>> = {
  market: 'Market of the venue: `spot`, `usdm`, `coinm`.',
  date: 'UTC day of the row.',
  symbol: 'The venue’s symbol.',
};

/** Declared tables in their order, then the computed ones that have rows, each with what its files say of it. */
export function tableList(state: { readonly version: number; readonly files: readonly FileFacts[] }): TablesAnswer {
  const declared = tables.map((spec): TableRow => {
    const columns = sqlColumns(spec).map(
      ({ name, sqlType }): TableColumnRow => ({
        name,
        type: sqlType,
        meaning: spec.columns[name]?.meaning ?? partitionMeanings[name] ?? '',
        isKey: name === 'market' || name === 'symbol' || spec.key.includes(name),
      }),
    );
    return { name: spec.name, layer: spec.layer, meaning: spec.meaning, columns, ...factsOf(spec.name, state.files) };
  });
  const known = new Set(tables.map((spec) => spec.name));
  const computed = [...new Set(state.files.map((file) => file.table))].filter((name) => !known.has(name)).sort();
  return {
    catalogVersion: state.version,
    tables: [
      ...declared,
      ...computed.map(
        (name): TableRow => ({
          name,
          layer: 'model',
          meaning: 'Computed from other tables by a model.',
          columns: null,
          ...factsOf(name, state.files),
        }),
      ),
    ],
  };
}

function factsOf(
  name: string,
  files: readonly FileFacts[],
): Pick<TableRow, 'rows' | 'bytes' | 'files' | 'fromUs' | 'toUs'> {
  let [rows, bytes, count] = [0, 0, 0];
  let [fromUs, toUs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const file of files) {
    if (file.table !== name) continue;
    rows += file.rows;
    bytes += file.bytes;
    count++;
    fromUs = Math.min(fromUs, file.minTimeUs);
    toUs = Math.max(toUs, file.maxTimeUs);
  }
  return { rows, bytes, files: count, fromUs: count === 0 ? null : fromUs, toUs: count === 0 ? null : toUs };
}
