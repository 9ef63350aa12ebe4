/** How many requests an address may make: so many a second, twice as many at once. */
export class RequestBudget {
  readonly #perSecond: number;
  readonly #callers = new Map<string, { tokens: number; atUs: number }>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  take(address: string, nowUs: number): boolean {
    const most = 2 * this.#perSecond;
    const caller = this.#callers.get(address);
    if (caller === undefined) {
      // A full bucket forgotten is a full bucket again: dropping all costs strictness for one second, not memory.
      if (this.#callers.size >= 10_000) this.#callers.clear();
      this.#callers.set(address, { tokens: most - 1, atUs: nowUs });
      return true;
    }
    caller.tokens = Math.min(most, caller.tokens + ((nowUs - caller.atUs) / 1_000_000) * this.#perSecond);
    caller.atUs = nowUs;
    if (caller.tokens < 1) return false;
    caller.tokens -= 1;
    return true;
  }
}
