import { groupDigits } from '../text/number-text.ts';

/** What a column holds, as screens treat it. */
export type CellKind = 'integer' | 'decimal' | 'float' | 'time' | 'date' | 'flag' | 'text' | 'other';

export function kindOf(type: string): CellKind {
  const name = type.toUpperCase();
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(name)) return 'integer';
  if (name.startsWith('DECIMAL')) return 'decimal';
  if (name === 'DOUBLE' || name === 'FLOAT') return 'float';
  if (name.startsWith('TIMESTAMP')) return 'time';
  if (name === 'DATE') return 'date';
  if (name === 'BOOLEAN') return 'flag';
  if (name === 'VARCHAR' || name.startsWith('ENUM') || name === 'UUID') return 'text';
  return 'other';
}

export function isNumeric(kind: CellKind): boolean {
  return kind === 'integer' || kind === 'decimal' || kind === 'float';
}

/** A type as people write it: `decimal(38,8)`, `timestamptz`. */
export function typeText(type: string): string {
  return type.toLowerCase().replace('timestamp with time zone', 'timestamptz').replace('varchar', 'text');
}

/** A figure in two parts: what says something, and the zeros at its end, which step back. */
export function figureParts(text: string, kind: CellKind): readonly [string, string] {
  if (kind === 'integer') return [groupDigits(text), ''];
  if (kind !== 'decimal') return [text, ''];
  const zeros = /\.\d*?(0+)$/.exec(text)?.[1] ?? '';
  const kept = zeros === '' ? text : text.slice(0, -zeros.length);
  return [groupDigits(kept), zeros];
}

/** An instant as rows show it; the text that is copied is the one that came. */
export function instantText(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.(\d+)Z?$/.exec(text);
  if (match === null) return text;
  const fraction = match[3]!.replace(/0+$/, '');
  return `${match[1]} ${match[2]}${fraction === '' ? '' : `.${fraction}`}`;
}

/** µs since 1970 of an instant or a day; undefined of what is neither. */
export function instantUs(text: string | null): number | undefined {
  if (text === null) return undefined;
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z?)?$/.exec(text);
  if (match === null) return undefined;
  const atMs = Date.parse(`${match[1]}T${match[2] ?? '00:00:00'}Z`);
  return Number.isNaN(atMs) ? undefined : atMs * 1000 + Number((match[3] ?? '').padEnd(6, '0'));
}

type Row = readonly (string | null)[];

/** Order of rows by one column, exactly: figures by value to the last digit, all else as text; absent cells last. */
export function sortedRows(rows: readonly Row[], column: number, kind: CellKind, descending: boolean): number[] {
  const order = rows.map((_, at) => at);
  const sign = descending ? -1 : 1;
  const keys = rows.map((row) => keyOf(row[column] ?? null, kind));
  return order.sort((a, b) => {
    const [left, right] = [keys[a], keys[b]];
    if (left === undefined || right === undefined) return left === right ? a - b : left === undefined ? 1 : -1;
    return left < right ? -sign : left > right ? sign : a - b;
  });
}

const wideScale = 18;

function keyOf(text: string | null, kind: CellKind): string | number | bigint | undefined {
  if (text === null) return undefined;
  if (kind === 'float') {
    const value = Number(text.toLowerCase().replace('inf', 'Infinity').replace('Infinityinity', 'Infinity'));
    return Number.isNaN(value) ? undefined : value;
  }
  if (kind !== 'integer' && kind !== 'decimal') return text;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const digits = BigInt(match[2]! + (match[3] ?? '').slice(0, wideScale).padEnd(wideScale, '0'));
  return match[1] === '-' ? -digits : digits;
}

export type CopyFormat = 'csv' | 'markdown' | 'values';

/** Cells as text for elsewhere, every digit as it came. CSV follows RFC 4180; absent cells are empty. */
export function copyText(
  columns: readonly { readonly name: string; readonly type: string }[],
  rows: readonly Row[],
  format: CopyFormat,
): string {
  if (format === 'markdown') {
    const unpiped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    return [
      line(columns.map(({ name }) => unpiped(name))),
      line(columns.map(({ type }) => (isNumeric(kindOf(type)) ? '---:' : '---'))),
      ...rows.map((row) => line(columns.map((_, at) => unpiped(row[at] ?? '')))),
    ].join('\n');
  }
  if (format === 'values') {
    const literal = (text: string | null, type: string): string =>
      text === null ? 'NULL' : isNumeric(kindOf(type)) ? text : `'${text.replaceAll("'", "''")}'`;
    const tuples = rows.map((row) => `(${columns.map(({ type }, at) => literal(row[at] ?? null, type)).join(', ')})`);
    return `VALUES ${tuples.join(',\n       ')}`;
  }
  const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [columns.map(({ name }) => quote(name)), ...rows.map((row) => columns.map((_, at) => quote(row[at] ?? '')))]
    .map((cells) => cells.join(','))
    .join('\r\n');
}
