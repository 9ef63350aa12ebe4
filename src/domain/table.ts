/**
 * What a column holds; memory, Parquet and SQL types follow from it.
 *
 * | type       | in a batch                          | Parquet and SQL   |
 * |------------|-------------------------------------|-------------------|
 * | id, count  | Float64Array, safe integers         | BIGINT            |
 * | time       | Float64Array, µs since 1970 UTC     | TIMESTAMPTZ       |
 * | price      | Float64Array at the slot's priceScale    | DECIMAL(38,8) |
 * | quantity   | Float64Array at the slot's quantityScale | DECIMAL(38,8) |
 * | sum        | bigint[] at the slot's quantityScale     | DECIMAL(38,8) |
 * | product    | bigint[] at priceScale + quantityScale   | DECIMAL(38,16) |
 * | wide       | bigint[] at scale 8                 | DECIMAL(38,8)     |
 * | flag       | Uint8Array, 0 or 1                  | BOOLEAN           |
 * | text       | string[]                            | VARCHAR           |
 *
 * Absent values: NaN in a Float64Array, `null` in an array; only where the column is nullable.
 */
export type ColumnType = 'id' | 'count' | 'time' | 'price' | 'quantity' | 'sum' | 'product' | 'wide' | 'flag' | 'text';

export interface Column {
  readonly type: ColumnType;
  /** One line for people: what it is, with its unit and the venue's field where it has one. */
  readonly meaning: string;
  readonly nullable?: true;
  /** Part of the content hash: identity, what the venue gave, or what is computed from that. Never our clocks or decisions. */
  readonly content?: true;
}

export type Layer = 'silver' | 'gold';

/**
 * A table, declared once; batches, Parquet, SQL, API schemas and the dictionary come from it. Every table also has the
 * columns `market`, `date` and `symbol`, which come from the row's slot and from `timeColumn`.
 */
export interface TableSpec<C extends Record<string, Column> = Record<string, Column>> {
  readonly name: string;
  readonly layer: Layer;
  readonly meaning: string;
  readonly columns: C;
  /** Columns that identify a row together with market and symbol. */
  readonly key: readonly (keyof C & string)[];
  /** Order of rows within a symbol. */
  readonly order: readonly (keyof C & string)[];
  /** Decides the `date` partition. */
  readonly timeColumn: keyof C & string;
  /** `events` only gain rows; a row of a `state` table can be replaced by a newer one with its key. */
  readonly kind: 'events' | 'state';
}

export function defineTable<const C extends Record<string, Column>>(spec: TableSpec<C>): TableSpec<C> {
  return spec;
}
