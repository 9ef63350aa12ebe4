export type IdRange = [from: number, to: number];

/** A set of integers as sorted closed ranges that neither touch nor overlap. Adding at the end costs O(1). */
export class IntervalSet {
  #starts = new Float64Array(8);
  #ends = new Float64Array(8);
  #length = 0;
  #count = 0;

  /** How many integers are in the set. */
  get count(): number {
    return this.#count;
  }

  get rangeCount(): number {
    return this.#length;
  }

  /** NaN when empty. */
  get first(): number {
    return this.#length === 0 ? Number.NaN : this.#starts[0]!;
  }

  /** NaN when empty. */
  get last(): number {
    return this.#length === 0 ? Number.NaN : this.#ends[this.#length - 1]!;
  }

  /** Adds `from … to`; the number of integers that were not there before. */
  add(from: number, to: number = from): number {
    if (to < from) return 0;
    const last = this.#length - 1;
    if (last >= 0 && from === this.#ends[last]! + 1) {
      this.#ends[last] = to;
      this.#count += to - from + 1;
      return to - from + 1;
    }
    if (last < 0 || from > this.#ends[last]!) {
      this.#insert(this.#length, from, to);
      return to - from + 1;
    }
    // Ranges first … end − 1 overlap or touch the new one.
    const first = this.#firstEndingAtOrAfter(from - 1);
    let end = first;
    let held = 0;
    while (end < this.#length && this.#starts[end]! <= to + 1) {
      held += this.#ends[end]! - this.#starts[end]! + 1;
      end++;
    }
    if (end === first) {
      this.#insert(first, from, to);
      return to - from + 1;
    }
    const start = Math.min(from, this.#starts[first]!);
    const stop = Math.max(to, this.#ends[end - 1]!);
    this.#starts[first] = start;
    this.#ends[first] = stop;
    if (end > first + 1) {
      this.#starts.copyWithin(first + 1, end, this.#length);
      this.#ends.copyWithin(first + 1, end, this.#length);
      this.#length -= end - first - 1;
    }
    const added = stop - start + 1 - held;
    this.#count += added;
    return added;
  }

  has(id: number): boolean {
    const index = this.#firstEndingAtOrAfter(id);
    return index < this.#length && this.#starts[index]! <= id;
  }

  /** How many integers of `from … to` are in the set. */
  countIn(from: number, to: number): number {
    let count = 0;
    for (let i = this.#firstEndingAtOrAfter(from); i < this.#length && this.#starts[i]! <= to; i++) {
      count += Math.min(to, this.#ends[i]!) - Math.max(from, this.#starts[i]!) + 1;
    }
    return count;
  }

  /** The parts of `from … to` that are not in the set, ascending. */
  missingIn(from: number, to: number): IdRange[] {
    const missing: IdRange[] = [];
    let next = from;
    for (let i = this.#firstEndingAtOrAfter(from); i < this.#length && this.#starts[i]! <= to; i++) {
      if (this.#starts[i]! > next) missing.push([next, this.#starts[i]! - 1]);
      next = this.#ends[i]! + 1;
    }
    if (next <= to) missing.push([next, to]);
    return missing;
  }

  ranges(): IdRange[] {
    const ranges: IdRange[] = [];
    for (let i = 0; i < this.#length; i++) ranges.push([this.#starts[i]!, this.#ends[i]!]);
    return ranges;
  }

  /** Starts and ends in turn. */
  toJSON(): number[] {
    return this.ranges().flat();
  }

  static fromJSON(json: readonly number[]): IntervalSet {
    const set = new IntervalSet();
    for (let i = 0; i + 1 < json.length; i += 2) set.add(json[i]!, json[i + 1]!);
    return set;
  }

  #firstEndingAtOrAfter(id: number): number {
    let low = 0;
    let high = this.#length;
    // Nearly every question is about the end.
    if (high > 0 && id > this.#ends[high - 1]!) return high;
    if (high > 1 && id > this.#ends[high - 2]!) return high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #insert(at: number, from: number, to: number): void {
    if (this.#length === this.#starts.length) {
      const starts = new Float64Array(this.#length * 2);
      starts.set(this.#starts);
      this.#starts = starts;
      const ends = new Float64Array(this.#length * 2);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    this.#starts.copyWithin(at + 1, at, this.#length);
    this.#ends.copyWithin(at + 1, at, this.#length);
    this.#starts[at] = from;
    this.#ends[at] = to;
    this.#length++;
    this.#count += to - from + 1;
  }
}
