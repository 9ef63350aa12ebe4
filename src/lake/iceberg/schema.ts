import { TidemarkError } from '../../domain/error.ts';
import type { TableSpec } from '../../domain/table.ts';
import { sqlColumns } from '../../domain/table-sql.ts';
import { fieldId } from './field-id.ts';

export interface IcebergField {
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: string;
  readonly doc?: string;
}

export interface IcebergSchema {
  readonly type: 'struct';
  readonly 'schema-id': number;
  readonly fields: readonly IcebergField[];
}

export interface PartitionField {
  readonly 'source-id': number;
  readonly 'field-id': number;
  readonly name: string;
  readonly transform: 'identity';
}

export interface SortOrder {
  readonly 'order-id': number;
  readonly fields: readonly {
    readonly transform: 'identity';
    readonly 'source-id': number;
    readonly direction: 'asc';
    readonly 'null-order': 'nulls-last';
  }[];
}

/** What a table looks like to Iceberg's readers. */
export interface TableShape {
  readonly fields: readonly IcebergField[];
  readonly partition: readonly PartitionField[];
  readonly order: SortOrder;
  /** Columns whose smallest and largest value stand beside each file, so that readers skip files. */
  readonly bounded: readonly IcebergField[];
  readonly doc: string | undefined;
}

export interface SqlColumn {
  readonly name: string;
  readonly sqlType: string;
}

export const unsorted: SortOrder = { 'order-id': 0, fields: [] };

const types: Readonly<Record<string, string>> = {
  VARCHAR: 'string',
  BOOLEAN: 'boolean',
  TINYINT: 'int',
  SMALLINT: 'int',
  INTEGER: 'int',
  BIGINT: 'long',
  FLOAT: 'float',
  DOUBLE: 'double',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
  'TIMESTAMP WITH TIME ZONE': 'timestamptz',
  BLOB: 'binary',
};

function icebergType(table: string, { name, sqlType }: SqlColumn): string {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(sqlType);
  const type = decimal === null ? types[sqlType] : `decimal(${decimal[1]}, ${decimal[2]})`;
  if (type !== undefined) return type;
  throw new TidemarkError('no-iceberg-type', {
    doing: 'publish for Iceberg',
    what: `${table}.${name}`,
    why: `Iceberg has no type for ${sqlType}`,
    now: 'cast the column to a type that docs/iceberg.md lists',
  });
}

function fieldsOf(table: string, columns: readonly SqlColumn[], doc: (name: string) => string | undefined) {
  const fields = columns.map((column): IcebergField => {
    const text = doc(column.name);
    return {
      id: fieldId(column.name),
      name: column.name,
      // A column that came later is absent in older files.
      required: false,
      type: icebergType(table, column),
      ...(text === undefined ? {} : { doc: text }),
    };
  });
  if (new Set(fields.map((field) => field.id)).size === fields.length) return fields;
  throw new TidemarkError('no-iceberg-type', {
    doing: 'publish for Iceberg',
    what: table,
    why: 'two of its columns have one id',
    now: 'rename one of them',
  });
}

function partitionOf(fields: readonly IcebergField[]): PartitionField[] {
  const wanted = [
    ['market', 'string', 1000],
    ['date', 'date', 1001],
  ] as const;
  return wanted.flatMap(([name, type, id]) => {
    const field = fields.find((one) => one.name === name && one.type === type);
    return field === undefined ? [] : [{ 'source-id': field.id, 'field-id': id, name, transform: 'identity' as const }];
  });
}

/** A table that is declared in `domain/tables`. */
export function declaredShape(spec: TableSpec): TableShape {
  const fields = fieldsOf(spec.name, sqlColumns(spec), (name) => spec.columns[name]?.meaning);
  const named = (name: string) => fields.find((field) => field.name === name)!;
  const sorted = ['symbol', ...spec.order].map((name) => ({
    transform: 'identity' as const,
    'source-id': named(name).id,
    direction: 'asc' as const,
    'null-order': 'nulls-last' as const,
  }));
  const bounded = new Set(['symbol', spec.timeColumn, ...spec.key, spec.order[0]!]);
  return {
    fields,
    partition: partitionOf(fields),
    order: { 'order-id': 1, fields: sorted },
    bounded: [...bounded].map(named).filter(({ type }) => ['string', 'long', 'timestamptz', 'date'].includes(type)),
    doc: spec.meaning,
  };
}

/** A computed table, which only its files know. */
export function computedShape(table: string, columns: readonly SqlColumn[]): TableShape {
  const fields = fieldsOf(table, columns, () => undefined);
  return {
    fields,
    partition: partitionOf(fields),
    order: unsorted,
    bounded: fields.filter(({ name, type }) => name === 'symbol' || type === 'timestamptz'),
    doc: undefined,
  };
}

/** For files without ids: those of computed tables, and older ones. */
export function nameMapping(fields: readonly IcebergField[]): string {
  return JSON.stringify(fields.map(({ id, name }) => ({ 'field-id': id, names: [name] })));
}

/** As it was published last, when no file is there to tell. */
export function publishedShape(fields: readonly IcebergField[], partition: readonly PartitionField[]): TableShape {
  return { fields, partition, order: unsorted, bounded: [], doc: undefined };
}
