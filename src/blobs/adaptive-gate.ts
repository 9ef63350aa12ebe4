/**
 * How many requests are under way at once: one more after each round without a complaint, half as many after the store
 * said that it is too busy.
 */
export class AdaptiveGate {
  readonly #most: number;
  #limit: number;
  #entered = 0;
  /** Requests that entered before the last halving say nothing new about it. */
  #round = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Runs `work` when it is its turn; `isBusy` tells which of its failures is a complaint. */
  async pass<T>(work: () => Promise<T>, isBusy: (error: unknown) => boolean): Promise<T> {
    if (this.#entered >= this.limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#entered++;
    const round = this.#round;
    try {
      const result = await work();
      this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit);
      return result;
    } catch (error) {
      if (round === this.#round && isBusy(error)) {
        this.#limit = Math.max(1, this.#limit / 2);
        this.#round++;
      }
      throw error;
    } finally {
      this.#leave();
    }
  }

  /** The turn goes over to who waits longest, as far as the limit allows. */
  #leave(): void {
    this.#entered--;
    while (this.#entered < this.limit && this.#waiting.length > 0) {
      this.#entered++;
      this.#waiting.shift()!();
    }
  }
}
