/** Rows in number columns, with ids that only rise; the oldest fall off when there are more than `keep`. */
export class Rows<Name extends string> {
  readonly names: readonly Name[];
  readonly #keep: number;
  length = 0;
  #start = 0;
  #capacity = 1024;
  readonly #columns: Record<Name | 'id', Float64Array>;

  constructor(names: readonly Name[], keep = Number.POSITIVE_INFINITY) {
    this.names = names;
    this.#keep = keep;
    this.#columns = Object.fromEntries(
      ['id', ...names].map((name) => [name, new Float64Array(this.#capacity)]),
    ) as Record<Name | 'id', Float64Array>;
  }

  get firstId(): number | undefined {
    return this.length === 0 ? undefined : this.at(0, 'id');
  }

  get lastId(): number | undefined {
    return this.length === 0 ? undefined : this.at(this.length - 1, 'id');
  }

  /** A new row; the result addresses it in `set` and `at` until the next `add`. */
  add(id: number): number {
    if (this.length >= this.#keep) this.dropOldest(Math.max(1, Math.floor(this.#keep / 4)));
    if (this.#start + this.length === this.#capacity) {
      const isMostlyFree = this.#start > this.#capacity / 2;
      const capacity = isMostlyFree ? this.#capacity : this.#capacity * 2;
      for (const name of ['id', ...this.names] as const) {
        const column = new Float64Array(capacity);
        column.set(this.#columns[name].subarray(this.#start, this.#start + this.length));
        this.#columns[name] = column;
      }
      this.#start = 0;
      this.#capacity = capacity;
    }
    this.#columns.id[this.#start + this.length] = id;
    return this.length++;
  }

  dropOldest(count: number): void {
    this.#start += count;
    this.length -= count;
  }

  set(row: number, name: Name, value: number): void {
    this.#columns[name][this.#start + row] = value;
  }

  at(row: number, name: Name | 'id'): number {
    return this.#columns[name][this.#start + row]!;
  }

  /** Row of an id; −1 when it is not kept. */
  rowOf(id: number): number {
    const row = this.firstAtLeast('id', id);
    return row < this.length && this.at(row, 'id') === id ? row : -1;
  }

  /** First row whose value is `>= value` in a column that never falls. */
  firstAtLeast(name: Name | 'id', value: number): number {
    const column = this.#columns[name];
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (column[this.#start + middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
