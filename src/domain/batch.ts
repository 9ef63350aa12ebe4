import type { Column, ColumnType, TableSpec } from './table.ts';

type Storage<T extends ColumnType> = T extends 'text'
  ? (string | null)[]
  : T extends 'sum' | 'product' | 'wide'
    ? (bigint | null)[]
    : T extends 'flag'
      ? Uint8Array
      : Float64Array;

export type Columns<C extends Record<string, Column>> = { [K in keyof C]: Storage<C[K]['type']> };

function allocate(type: ColumnType, capacity: number): Float64Array | Uint8Array | unknown[] {
  switch (type) {
    case 'text':
    case 'sum':
    case 'product':
    case 'wide':
      return [];
    case 'flag':
      return new Uint8Array(capacity);
    default:
      return new Float64Array(capacity);
  }
}

/**
 * Many rows of one table in columns. Rows `0 … length − 1` are valid; `slot[row]` names instrument and scales. A writer
 * takes `const row = batch.add(slotIndex)` and fills every column at `row`. Columns move when the batch grows, so take
 * them from `columns` after `add`.
 */
export class Batch<C extends Record<string, Column> = Record<string, Column>> {
  readonly spec: TableSpec<C>;
  slot: Uint32Array;
  columns: Columns<C>;
  length = 0;
  #capacity: number;

  constructor(spec: TableSpec<C>, capacity = 1024) {
    this.spec = spec;
    this.#capacity = capacity;
    this.slot = new Uint32Array(capacity);
    const columns: Record<string, unknown> = {};
    for (const [name, column] of Object.entries(spec.columns)) columns[name] = allocate(column.type, capacity);
    this.columns = columns as Columns<C>;
  }

  /** Index of a new row. */
  add(slot: number): number {
    if (this.length === this.#capacity) this.#grow();
    this.slot[this.length] = slot;
    return this.length++;
  }

  /** Index of the first of `count` new rows. */
  addMany(slot: number, count: number): number {
    const first = this.length;
    while (first + count > this.#capacity) this.#grow();
    this.slot.fill(slot, first, first + count);
    this.length = first + count;
    return first;
  }

  /** Forgets all rows and keeps the memory. */
  clear(): void {
    this.length = 0;
    for (const column of Object.values(this.columns)) if (Array.isArray(column)) column.length = 0;
  }

  /** Appends row `row` of `from`, a batch of the same table. */
  copyRow(from: Batch<C>, row: number): number {
    const at = this.add(from.slot[row]!);
    const target = this.columns as Record<string, { [index: number]: unknown }>;
    const source = from.columns as Record<string, { [index: number]: unknown }>;
    for (const name in target) target[name]![at] = source[name]![row];
    return at;
  }

  /** Appends rows `first … end − 1` of `from`, a batch of the same table; typed columns move as blocks. */
  appendRows(from: Batch<C>, first: number, end: number): void {
    const count = end - first;
    while (this.length + count > this.#capacity) this.#grow();
    this.slot.set(from.slot.subarray(first, end), this.length);
    const target = this.columns as Record<string, unknown>;
    const source = from.columns as Record<string, unknown>;
    for (const name in target) {
      const column = target[name];
      const values = source[name];
      if (column instanceof Float64Array) column.set((values as Float64Array).subarray(first, end), this.length);
      else if (column instanceof Uint8Array) column.set((values as Uint8Array).subarray(first, end), this.length);
      else for (let row = first; row < end; row++) (column as unknown[]).push((values as unknown[])[row]);
    }
    this.length += count;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.slot = grown(this.slot, this.#capacity);
    const columns = this.columns as Record<string, unknown>;
    for (const [name, column] of Object.entries(columns)) {
      if (column instanceof Float64Array || column instanceof Uint8Array) columns[name] = grown(column, this.#capacity);
    }
  }
}

function grown<T extends Float64Array | Uint8Array | Uint32Array>(from: T, capacity: number): T {
  const to = new (from.constructor as new (length: number) => T)(capacity);
  to.set(from as never);
  return to;
}
