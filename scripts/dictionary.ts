// Writes docs/dictionary.md from the declared tables: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Column, TableSpec } from '../src/domain/table.ts';
import { sqlTypeOf } from '../src/domain/table-sql.ts';
import { tables } from '../src/domain/tables/index.ts';
import { root } from './install-state.mjs';

export const dictionaryPath = join(root, 'docs', 'dictionary.md');

const units: Readonly<Record<Column['type'], string>> = {
  id: 'the venue’s number',
  count: 'number',
  time: 'µs, UTC',
  price: 'quote asset',
  quantity: 'base asset',
  sum: 'base asset',
  product: 'quote asset',
  wide: 'as its meaning says',
  flag: 'true or false',
  text: '',
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');

function columnRow(table: TableSpec, name: string, column: Column): string {
  const notes = [
    ...(table.key.includes(name) ? ['key'] : []),
    ...(column.nullable ? ['may be absent'] : []),
    ...(column.content ? ['hashed'] : []),
  ];
  const cells = [`\`${name}\``, sqlTypeOf(column.type), units[column.type], column.meaning, notes.join(', ')];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function section(table: TableSpec): string {
  const kind =
    table.kind === 'events' ? 'Rows are only ever added.' : 'A row can be replaced by a newer one with the same key.';
  const facts = [
    `One row per \`market\`, \`symbol\`${table.key.length > 0 ? `, ${code(table.key)}` : ''}`,
    `ordered by ${code(['symbol', ...table.order])}`,
    `\`date\` is the UTC day of \`${table.timeColumn}\``,
  ];
  const rows = Object.entries(table.columns).map(([name, column]) => columnRow(table, name, column));
  return [
    `## ${table.name}`,
    `*${table.layer}.* ${table.meaning}`,
    `${facts.join('; ')}. ${kind}`,
    ['| column | SQL type | unit | meaning | notes |', '|---|---|---|---|---|', ...rows].join('\n'),
  ].join('\n\n');
}

export function dictionary(all: readonly TableSpec[]): string {
  const contents = all.map(({ name, layer, meaning }) => `| [\`${name}\`](#${name}) | ${layer} | ${cell(meaning)} |`);
  return `${[
    '# Data dictionary',
    'Every table of the lake, as files and SQL have it. Generated from `src/domain/tables/` by `npm run docs`; a test fails when this page is stale.',
    'Every table also has `market` (`spot`, `usdm`, `coinm`), `date` and `symbol`. Times are UTC. Prices and quantities are exact decimals; dividing them in SQL gives a floating-point number. *Hashed* columns are part of the content hash: identity, what the venue gave, or what is computed from that.',
    ['| table | layer | meaning |', '|---|---|---|', ...contents].join('\n'),
    ...all.map(section),
  ].join('\n\n')}\n`;
}

if (import.meta.main) {
  const wanted = dictionary(tables);
  let present = '';
  try {
    present = readFileSync(dictionaryPath, 'utf8');
  } catch {
    // The first time there is none.
  }
  if (wanted !== present) writeFileSync(dictionaryPath, wanted);
  console.log(wanted === present ? 'docs/dictionary.md is up to date' : 'wrote docs/dictionary.md');
}
