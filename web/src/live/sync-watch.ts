interface Shown {
  tradeId: number;
  readonly atMs: number;
}

/** Marks of what was shown kept at most; beyond them the newest mark takes on what follows. */
const mostShown = 600;

/** Which trades were shown and not yet confirmed to survive a power cut, and for how long. Time is given, never read. */
export class SyncWatch {
  readonly #shown: Shown[] = [];
  #throughTradeId = -1;

  /** Trades up to this id are on the screen since `nowMs`. */
  shown(tradeId: number, nowMs: number): void {
    if (tradeId <= this.#throughTradeId) return;
    const newest = this.#shown.at(-1);
    if (newest !== undefined && tradeId <= newest.tradeId) return;
    if (newest !== undefined && this.#shown.length >= mostShown) newest.tradeId = tradeId;
    else this.#shown.push({ tradeId, atMs: nowMs });
  }

  /** Trades up to this id are on disk. */
  synced(throughTradeId: number): void {
    this.#throughTradeId = Math.max(this.#throughTradeId, throughTradeId);
    while (this.#shown.length > 0 && this.#shown[0]!.tradeId <= this.#throughTradeId) this.#shown.shift();
  }

  /** What was fetched anew is of the server's state, and what was said of earlier messages holds no more. */
  forget(): void {
    this.#shown.length = 0;
    this.#throughTradeId = -1;
  }

  /** Since when the oldest unsynced trade has been on the screen; undefined when there is none. */
  get sinceMs(): number | undefined {
    return this.#shown[0]?.atMs;
  }

  /** Trades above this id are not confirmed. */
  get throughTradeId(): number {
    return this.#throughTradeId;
  }
}
