import type { ColumnType, TableSpec } from './table.ts';

/** SQL type of a column; Parquet types follow from it. */
export function sqlTypeOf(type: ColumnType): string {
  switch (type) {
    case 'id':
    case 'count':
      return 'BIGINT';
    case 'time':
      return 'TIMESTAMP WITH TIME ZONE';
    case 'price':
    case 'quantity':
    case 'sum':
    case 'wide':
      return 'DECIMAL(38,8)';
    case 'product':
      return 'DECIMAL(38,16)';
    case 'flag':
      return 'BOOLEAN';
    case 'text':
      return 'VARCHAR';
  }
}

export interface SqlColumn {
  readonly name: string;
  readonly sqlType: string;
}

/** The columns of a table as files and SQL have them: market, date and symbol first, then the declared ones. */
export function sqlColumns(spec: TableSpec): readonly SqlColumn[] {
  return [
    { name: 'market', sqlType: 'VARCHAR' },
    { name: 'date', sqlType: 'DATE' },
    { name: 'symbol', sqlType: 'VARCHAR' },
    ...Object.entries(spec.columns).map(([name, column]) => ({ name, sqlType: sqlTypeOf(column.type) })),
  ];
}

/** An SQL identifier: always quoted, because some of our names (`interval`, `close`) are also keywords somewhere. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
