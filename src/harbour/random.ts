/** Seeded generator (sfc32). Streams are forked by label, so that an extra draw in one place leaves all others as they were. */
export class SeededRandom {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string | number) {
    this.#seed = String(seed);
    let a = 0x9e3779b9;
    let b = 0x243f6a88;
    let c = 0xb7e15162;
    for (let i = 0; i < this.#seed.length; i++) {
      const code = this.#seed.charCodeAt(i);
      a = Math.imul(a ^ code, 0x85ebca6b);
      b = Math.imul(b ^ (a >>> 13) ^ code, 0xc2b2ae35);
      c = Math.imul(c ^ (b >>> 16) ^ code, 0x27d4eb2f);
    }
    this.#a = a | 0;
    this.#b = b | 0;
    this.#c = c | 0;
    for (let i = 0; i < 15; i++) this.#next();
  }

  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${label}`);
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / 4294967296;
  }

  /** In [0, below). */
  integer(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.fraction())) * Math.cos(2 * Math.PI * this.fraction());
  }

  /** At least 1, tail exponent `alpha`. */
  pareto(alpha: number): number {
    return (1 - this.fraction()) ** (-1 / alpha);
  }
}

/** A distribution given by some of its quantiles; between them it is linear in the logarithm. */
export class QuantileTable {
  readonly #shares: readonly number[];
  readonly #logs: readonly number[];

  constructor(points: readonly (readonly [share: number, value: number])[]) {
    this.#shares = points.map(([share]) => share);
    this.#logs = points.map(([, value]) => Math.log(value));
  }

  draw(random: SeededRandom): number {
    const share = random.fraction();
    let i = 1;
    while (i < this.#shares.length - 1 && this.#shares[i]! < share) i++;
    const from = this.#shares[i - 1]!;
    const position = (share - from) / (this.#shares[i]! - from);
    const low = this.#logs[i - 1]!;
    return Math.exp(low + (this.#logs[i]! - low) * position);
  }
}
