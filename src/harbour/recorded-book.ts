import type { Level } from '../sources/binance/encode.ts';
import type { BookView } from './listing.ts';

/**
 * A book kept up from recorded frames, in the texts as recorded: the recorded snapshot and every diff since. It waits for
 * the snapshot and keeps what came before.
 */
export class RecordedBook {
  readonly #isFutures: boolean;
  readonly #bids = new Map<string, string>();
  readonly #asks = new Map<string, string>();
  #lastUpdateId: number | undefined;
  #waiting: { u: number; b: Level[]; a: Level[] }[] = [];

  constructor(isFutures: boolean) {
    this.#isFutures = isFutures;
  }

  get isStarted(): boolean {
    return this.#lastUpdateId !== undefined;
  }

  start(snapshot: { lastUpdateId: number; bids: Level[]; asks: Level[] }): void {
    this.#bids.clear();
    this.#asks.clear();
    for (const [price, quantity] of snapshot.bids) this.#bids.set(price, quantity);
    for (const [price, quantity] of snapshot.asks) this.#asks.set(price, quantity);
    this.#lastUpdateId = snapshot.lastUpdateId;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const event of waiting) this.apply(event);
  }

  apply(event: { u: number; b: Level[]; a: Level[] }): void {
    if (this.#lastUpdateId === undefined) {
      // Only what a snapshot of this moment could need.
      if (this.#waiting.length < 5_000) this.#waiting.push(event);
      return;
    }
    if (this.#isFutures ? event.u < this.#lastUpdateId : event.u <= this.#lastUpdateId) return;
    change(this.#bids, event.b);
    change(this.#asks, event.a);
    this.#lastUpdateId = event.u;
  }

  /** The book now; undefined before the recorded snapshot. */
  view(limit: number): BookView | undefined {
    if (this.#lastUpdateId === undefined) return undefined;
    const sorted = (side: Map<string, string>, sign: number) =>
      [...side].sort(([a], [b]) => sign * (Number(a) - Number(b))).slice(0, limit);
    return { lastUpdateId: this.#lastUpdateId, bids: sorted(this.#bids, -1), asks: sorted(this.#asks, 1) };
  }
}

function change(side: Map<string, string>, levels: readonly Level[]): void {
  for (const [price, quantity] of levels) {
    if (Number(quantity) === 0) side.delete(price);
    else side.set(price, quantity);
  }
}
