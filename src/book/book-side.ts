import { powerOfTen } from '../domain/decimal.ts';

/**
 * One side of a book: parallel arrays sorted so that the best level stands last, where most changes happen. Bids are keyed
 * by price, asks by minus the price.
 */
export class BookSide {
  readonly sign: 1 | -1;
  length = 0;
  #keys = new Float64Array(1024);
  #quantities = new Float64Array(1024);

  constructor(isBid: boolean) {
    this.sign = isBid ? 1 : -1;
  }

  /** `rank` 0 is the best level. */
  price(rank: number): number {
    return this.#keys[this.length - 1 - rank]! * this.sign;
  }

  quantity(rank: number): number {
    return this.#quantities[this.length - 1 - rank]!;
  }

  /** Absolute quantity at a price; zero removes, and removing what is not there is normal. */
  set(price: number, quantity: number): void {
    const key = price * this.sign;
    const at = this.#find(key);
    const isThere = at < this.length && this.#keys[at] === key;
    if (quantity === 0) {
      if (!isThere) return;
      this.#keys.copyWithin(at, at + 1, this.length);
      this.#quantities.copyWithin(at, at + 1, this.length);
      this.length--;
    } else if (isThere) this.#quantities[at] = quantity;
    else {
      if (this.length === this.#keys.length) this.#grow();
      if (at < this.length) {
        this.#keys.copyWithin(at + 1, at, this.length);
        this.#quantities.copyWithin(at + 1, at, this.length);
      }
      this.#keys[at] = key;
      this.#quantities[at] = quantity;
      this.length++;
    }
  }

  quantityAt(price: number): number {
    const key = price * this.sign;
    const at = this.#find(key);
    return at < this.length && this.#keys[at] === key ? this.#quantities[at]! : 0;
  }

  clear(): void {
    this.length = 0;
  }

  /** Forgets the levels at `price` and better. */
  clearTo(price: number): void {
    this.length = this.#find(price * this.sign);
  }

  rescale(priceDigits: number, quantityDigits: number): void {
    const priceFactor = powerOfTen(priceDigits);
    const quantityFactor = powerOfTen(quantityDigits);
    for (let i = 0; i < this.length; i++) {
      this.#keys[i] = this.#keys[i]! * priceFactor;
      this.#quantities[i] = this.#quantities[i]! * quantityFactor;
    }
  }

  /** Index of the first key that is not below `key`. */
  #find(key: number): number {
    const keys = this.#keys;
    let low = 0;
    let high = this.length;
    // Gallop from the best level: most changes are near it.
    for (let step = 1, at = high - 1; at >= 0; at = high - step) {
      if (keys[at]! < key) {
        low = at + 1;
        break;
      }
      high = at;
      step *= 2;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #grow(): void {
    const keys = new Float64Array(this.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
    const quantities = new Float64Array(this.length * 2);
    quantities.set(this.#quantities);
    this.#quantities = quantities;
  }
}
