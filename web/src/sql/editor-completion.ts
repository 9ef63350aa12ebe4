import type { Completion, CompletionContext, CompletionResult, CompletionSource } from '@codemirror/autocomplete';
import type { TableRow } from '../../../src/protocol/api.ts';
import { typeText } from './cells.ts';
import { statementAt, wordsOf } from './statements.ts';

/** What the editor knows of the tables, to offer their names. */
export interface KnownNames {
  readonly tables: readonly TableRow[];
  /** Columns of models, as they were asked for. */
  readonly modelColumns: ReadonlyMap<string, readonly { readonly name: string; readonly type: string }[]>;
  readonly symbols: readonly string[];
  readonly parameters: readonly string[];
}

/** Tables, columns of the tables that the statement names, symbols inside quotes, and parameters behind a colon. */
export function nameCompletion(known: () => KnownNames): CompletionSource {
  return (context: CompletionContext): CompletionResult | null => {
    const { tables, modelColumns, symbols, parameters } = known();
    const parameter = context.matchBefore(/(?<!:):\w*/);
    if (parameter !== null)
      return { from: parameter.from + 1, options: parameters.map((label) => ({ label, type: 'variable' })) };
    const quoted = context.matchBefore(/'[\w-]*/);
    if (quoted !== null) return { from: quoted.from + 1, options: symbols.map((label) => ({ label, type: 'text' })) };
    const word = context.matchBefore(/[\w.]*/);
    if (word === null || (word.from === word.to && !context.explicit)) return null;
    const text = context.state.doc.toString();
    const statement = statementAt(text, context.pos);
    const words = wordsOf(statement === undefined ? '' : text.slice(statement.from, statement.to));
    const dot = word.text.lastIndexOf('.');
    const named = tables.filter((table) => words.has(table.name));
    const columns = new Map<string, Completion>();
    for (const table of named)
      for (const column of table.columns ?? modelColumns.get(table.name) ?? [])
        if (!columns.has(column.name))
          columns.set(column.name, {
            label: column.name,
            type: 'property',
            detail: typeText(column.type),
            ...('meaning' in column && column.meaning !== '' ? { info: String(column.meaning) } : {}),
            boost: 1,
          });
    if (dot >= 0) return { from: word.from + dot + 1, options: [...columns.values()] };
    return {
      from: word.from,
      options: [
        ...columns.values(),
        ...tables.map((table) => ({ label: table.name, type: 'class', detail: table.layer, info: table.meaning })),
      ],
      validFor: /^\w*$/,
    };
  };
}
