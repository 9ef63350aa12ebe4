import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { TableRow, TablesAnswer } from '../../../src/protocol/api.ts';
import type { ModelRow } from '../../../src/protocol/models.ts';
import { bytesText, groupDigits, shortText } from '../text/number-text.ts';
import { dateTimeText } from '../text/time-text.ts';
import { typeText } from './cells.ts';
import { getModels, modelsPage, runSql } from './sql-api.ts';

const layers: readonly (readonly [TableRow['layer'], string])[] = [
  ['silver', 'silver: what the venue said'],
  ['gold', 'gold: what is computed from it'],
  ['model', 'models: computed by SQL'],
];

/** Columns of a model, which only its rows know. */
export function useModelColumns(name: string | undefined) {
  return useQuery({
    queryKey: ['model-columns', name],
    enabled: name !== undefined,
    staleTime: 60_000,
    queryFn: async ({ signal }) =>
      (
        await runSql(
          `SELECT * FROM "${name!.replaceAll('"', '""')}" LIMIT 0`,
          { maxRows: 1, timeoutMs: 10_000 },
          signal,
        )
      ).columns,
  });
}

export function SchemaTree({
  answer,
  error,
  onInsert,
  onColumns,
}: {
  answer: TablesAnswer | undefined;
  error: Error | null;
  onInsert: (text: string) => void;
  onColumns: (table: string, columns: readonly { name: string; type: string }[]) => void;
}) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set(['trades']));
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLowerCase();
  const fits = (table: TableRow): boolean =>
    wanted === '' ||
    table.name.includes(wanted) ||
    (table.columns ?? []).some((column) => column.name.toLowerCase().includes(wanted));
  const tables = (answer?.tables ?? []).filter(fits);
  const hasModels = tables.some((table) => table.layer === 'model');
  const models = useQuery({
    queryKey: ['models'],
    enabled: hasModels,
    staleTime: 60_000,
    queryFn: ({ signal }) => getModels(signal),
  });
  const modelOf = (name: string) => models.data?.models.find((model) => model.name === name);
  return (
    <section className="panel schema" aria-label="Tables">
      <div className="panel-head">
        <h2>Tables</h2>
        <span className="dim">
          {answer === undefined ? '' : `catalog version ${groupDigits(String(answer.catalogVersion))}`}
        </span>
      </div>
      <input
        className="field schema-filter"
        type="search"
        placeholder="filter tables and columns"
        aria-label="Filter tables and columns"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      <div className="panel-body">
        {error !== null && answer === undefined && (
          <p className="panel-fault" role="alert">
            The tables could not be read: {error.message}
          </p>
        )}
        {answer !== undefined && tables.length === 0 && (
          <p className="panel-none">0 of {answer.tables.length} tables match.</p>
        )}
        {layers.map(([layer, name]) => {
          const rows = tables.filter((table) => table.layer === layer);
          if (rows.length === 0) return null;
          return (
            <div key={layer}>
              <h3 className="schema-layer">
                <span>{name}</span>
                {layer === 'model' && models.data !== undefined && (
                  <a href={modelsPage} target="_blank" rel="noreferrer">
                    documentation
                  </a>
                )}
                <span>rows</span>
              </h3>
              {rows.map((table) => (
                <SchemaTable
                  key={table.name}
                  table={table}
                  model={modelOf(table.name)}
                  isOpen={wanted !== '' || open.has(table.name)}
                  wanted={wanted}
                  onToggle={() => {
                    const next = new Set(open);
                    if (!next.delete(table.name)) next.add(table.name);
                    setOpen(next);
                  }}
                  onInsert={onInsert}
                  onColumns={onColumns}
                />
              ))}
            </div>
          );
        })}
      </div>
    </section>
  );
}

function SchemaTable({
  table,
  model,
  isOpen,
  wanted,
  onToggle,
  onInsert,
  onColumns,
}: {
  table: TableRow;
  model: ModelRow | undefined;
  isOpen: boolean;
  wanted: string;
  onToggle: () => void;
  onInsert: (text: string) => void;
  onColumns: (table: string, columns: readonly { name: string; type: string }[]) => void;
}) {
  const asked = useModelColumns(isOpen && table.columns === null ? table.name : undefined);
  const columns: readonly { name: string; type: string; meaning?: string; isKey?: boolean }[] =
    table.columns ??
    asked.data?.map((column) => ({
      ...column,
      meaning: model?.columns.find(({ name }) => name === column.name)?.description ?? '',
    })) ??
    [];
  const meaning = model?.description ?? table.meaning;
  if (asked.data !== undefined) onColumns(table.name, asked.data);
  const span =
    table.fromUs === null || table.toUs === null
      ? 'no committed row yet'
      : `${dateTimeText(table.fromUs)} – ${dateTimeText(table.toUs)}`;
  return (
    <>
      <div className="schema-table">
        <button type="button" aria-expanded={isOpen} title={meaning} onClick={onToggle}>
          <i aria-hidden="true" />
          <span className="ellipsis">{table.name}</span>
          <span className="figure dim">
            {table.rows === 0 ? '–' : table.rows < 100_000 ? groupDigits(String(table.rows)) : shortText(table.rows)}
          </span>
        </button>
        <button
          type="button"
          className="schema-insert"
          aria-label={`Insert ${table.name}`}
          onClick={() => onInsert(table.name)}
        >
          +
        </button>
      </div>
      {isOpen && (
        <>
          <p className="schema-span" title={`${table.files} files, ${bytesText(table.bytes)}`}>
            {meaning} <span className="figure">{span}</span>
          </p>
          <ul className="schema-columns">
            {columns
              .filter(
                (column) => wanted === '' || table.name.includes(wanted) || column.name.toLowerCase().includes(wanted),
              )
              .map((column) => (
                <li key={column.name}>
                  <button type="button" title={column.meaning} onClick={() => onInsert(column.name)}>
                    <span className="ellipsis">
                      {column.isKey === true ? (
                        <>
                          <b>{column.name}</b> key
                        </>
                      ) : (
                        column.name
                      )}
                    </span>
                    <span>{typeText(column.type)}</span>
                  </button>
                </li>
              ))}
          </ul>
        </>
      )}
    </>
  );
}
