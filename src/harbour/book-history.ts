import { Rows } from './rows.ts';

/** Mixes one level change into a rolling hash; the same steps give the same 53-bit number anywhere. */
export function mixLevel(hash: number, updateId: number, isBid: boolean, tick: number, lots: number): number {
  let low = hash | 0;
  let high = Math.floor(hash / 4294967296) | 0;
  for (const part of [updateId, isBid ? 1 : 0, tick, lots]) {
    low = Math.imul(low ^ (part | 0), 0x85ebca6b);
    high = Math.imul(high ^ (Math.floor(part / 4294967296) | 0) ^ (low >>> 15), 0xc2b2ae35);
    low ^= high >>> 13;
  }
  return (high & 0x1fffff) * 4294967296 + (low >>> 0);
}

/** Every state that a book had: the changes, one a book update id, over the oldest state that is kept. */
export class BookHistory {
  readonly changes: Rows<'isBid' | 'tick' | 'lots' | 'hash'>;
  readonly #base = { bids: new Map<number, number>(), asks: new Map<number, number>() };
  readonly #keep: number;
  #baseId = 0;
  #hash = 0;

  constructor(keep: number) {
    this.#keep = keep;
    this.changes = new Rows(['isBid', 'tick', 'lots', 'hash']);
  }

  begin(updateId: number, bids: { ticks: number[]; lots: number[] }, asks: { ticks: number[]; lots: number[] }): void {
    this.#baseId = updateId;
    for (let i = 0; i < bids.ticks.length; i++) this.#base.bids.set(bids.ticks[i]!, bids.lots[i]!);
    for (let i = 0; i < asks.ticks.length; i++) this.#base.asks.set(asks.ticks[i]!, asks.lots[i]!);
  }

  add(isBid: boolean, tick: number, lots: number, updateId: number): void {
    this.#hash = mixLevel(this.#hash, updateId, isBid, tick, lots);
    if (this.#keep === 0) return;
    const { changes } = this;
    if (changes.length >= this.#keep) this.#forget(Math.ceil(this.#keep / 4));
    const row = changes.add(updateId);
    changes.set(row, 'isBid', isBid ? 1 : 0);
    changes.set(row, 'tick', tick);
    changes.set(row, 'lots', lots);
    changes.set(row, 'hash', this.#hash);
  }

  #forget(count: number): void {
    this.#apply(this.#base, count);
    this.#baseId = this.changes.at(count - 1, 'id');
    this.changes.dropOldest(count);
  }

  #apply(book: { bids: Map<number, number>; asks: Map<number, number> }, end: number): void {
    for (let row = 0; row < end; row++) {
      const side = this.changes.at(row, 'isBid') === 1 ? book.bids : book.asks;
      const tick = this.changes.at(row, 'tick');
      const lots = this.changes.at(row, 'lots');
      if (lots === 0) side.delete(tick);
      else side.set(tick, lots);
    }
  }

  /** Rolling hash over all changes up to an update id; undefined when it is not kept. */
  hashAt(updateId: number): number | undefined {
    const row = this.changes.rowOf(updateId);
    return row < 0 ? undefined : this.changes.at(row, 'hash');
  }

  /** The whole book right after an update id, best first; undefined when it is not kept. */
  at(updateId: number): { bids: [tick: number, lots: number][]; asks: [tick: number, lots: number][] } | undefined {
    const row = this.changes.rowOf(updateId);
    if (row < 0 && updateId !== this.#baseId) return undefined;
    const book = { bids: new Map(this.#base.bids), asks: new Map(this.#base.asks) };
    this.#apply(book, row + 1);
    return {
      bids: [...book.bids].sort(([a], [b]) => b - a),
      asks: [...book.asks].sort(([a], [b]) => a - b),
    };
  }
}
