import type { BookView, TradeRow } from '../../../src/protocol/api.ts';
import { channelKey } from '../../../src/protocol/live.ts';
import { getBook, getTrades } from './api.ts';
import type { LiveClient } from './client.ts';
import { mergeTape, missingIds, type TapeEntry } from './continuity.ts';
import { Store } from './store.ts';
import { SyncWatch } from './sync-watch.ts';

const tapeLength = 300;
/** A sync takes some ten ms: only what waits longer than this is worth a word. */
export const unsyncedAfterMs = 1_000;

export interface Last {
  readonly price: string;
  readonly direction: 'up' | 'down' | 'same';
  readonly tradedAtUs: number;
  /** Monotonic ms of this page when it came. */
  readonly seenAtMs: number;
}

export interface Tape {
  readonly entries: readonly TapeEntry[];
  readonly missing: number;
  /** Trades seen in all, to count what is new while the tape is held. */
  readonly seen: number;
  readonly skipped: number;
  readonly perSecond: number;
}

const emptyTape: Tape = { entries: [], missing: 0, seen: 0, skipped: 0, perSecond: 0 };

/** Book, tape and last price of one instrument. */
export class Market {
  readonly instrument: string;
  readonly book = new Store<BookView | undefined>(undefined);
  readonly tape = new Store<Tape>(emptyTape);
  readonly last = new Store<Last | undefined>(undefined);
  /** Trades above this id have been shown for a while and are not on disk; undefined when all is well. */
  readonly unsynced = new Store<{ readonly aboveId: number; readonly sinceMs: number } | undefined>(undefined);
  readonly #watch = new SyncWatch();
  #lookAgain: ReturnType<typeof setTimeout> | undefined;
  readonly #ends: (() => void)[] = [];
  readonly #abort = new AbortController();
  #rateFromMs = performance.now();
  #rateCount = 0;

  constructor(client: LiveClient, instrument: string) {
    this.instrument = instrument;
    this.#ends.push(
      client.follow(channelKey({ kind: 'trades', instrument }), {
        delta: (delta) => {
          this.#addTrades(delta.trades ?? [], delta.skippedTrades ?? 0, true);
          for (const { tradeId } of delta.trades ?? []) this.#watch.shown(tradeId, performance.now());
          if (delta.syncedThroughId !== undefined) this.#watch.synced(delta.syncedThroughId);
          this.#lookAtSync();
        },
        refetch: (reason) => {
          this.#watch.forget();
          this.#lookAtSync();
          // Another life of the server may tell another story: a made-up market begins anew.
          if (reason === 'server-restarted') this.tape.set(emptyTape);
          void this.#fetchTrades();
        },
      }),
      client.follow(channelKey({ kind: 'book', instrument }), {
        delta: (delta) => {
          if (delta.book !== undefined) this.book.set(delta.book);
        },
        refetch: (reason) => {
          if (reason === 'server-restarted') this.book.set(undefined);
          void this.#fetchBook();
        },
      }),
    );
    void this.#fetchTrades();
    void this.#fetchBook();
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#lookAgain);
    for (const end of this.#ends) end();
  }

  #lookAtSync(): void {
    const { sinceMs, throughTradeId } = this.#watch;
    clearTimeout(this.#lookAgain);
    const waitMs = sinceMs === undefined ? 0 : sinceMs + unsyncedAfterMs - performance.now();
    if (sinceMs !== undefined && waitMs > 0) this.#lookAgain = setTimeout(() => this.#lookAtSync(), waitMs);
    const next = sinceMs === undefined || waitMs > 0 ? undefined : { aboveId: throughTradeId, sinceMs };
    if (next?.sinceMs !== this.unsynced.current?.sinceMs) this.unsynced.set(next);
  }

  async #fetchTrades(): Promise<void> {
    try {
      const answer = await getTrades(this.instrument, 200, this.#abort.signal);
      this.#addTrades(answer.trades, 0, false);
    } catch {
      // The strip says that the server is away; the next subscription asks again.
    }
  }

  async #fetchBook(): Promise<void> {
    try {
      const book = await getBook(this.instrument, 500, this.#abort.signal);
      const held = this.book.current;
      if (held === undefined || (book.updateId ?? 0) >= (held.updateId ?? 0) || book.state !== 'synced')
        this.book.set(book);
    } catch {
      // As above.
    }
  }

  #addTrades(trades: readonly TradeRow[], skipped: number, live: boolean): void {
    if (trades.length === 0 || this.#abort.signal.aborted) return;
    const held = this.tape.current;
    const entries = mergeTape(held.entries, trades, tapeLength);
    const nowMs = performance.now();
    if (live) this.#rateCount += trades.length + skipped;
    let perSecond = held.perSecond;
    if (nowMs - this.#rateFromMs > 1000) {
      perSecond = (this.#rateCount * 1000) / (nowMs - this.#rateFromMs);
      this.#rateFromMs = nowMs;
      this.#rateCount = 0;
    }
    this.tape.set({
      entries,
      missing: missingIds(entries),
      seen: held.seen + (live ? trades.length + skipped : 0),
      skipped: held.skipped + skipped,
      perSecond,
    });
    const newest = entries.find((entry) => entry.kind === 'trade');
    const before = this.last.current;
    if (newest?.kind !== 'trade' || newest.trade.tradedAtUs < (before?.tradedAtUs ?? 0)) return;
    const { price, tradedAtUs } = newest.trade;
    let direction: Last['direction'] = before?.direction ?? (newest.trade.buyerIsMaker ? 'down' : 'up');
    if (before !== undefined && price !== before.price)
      direction = Number(price) > Number(before.price) ? 'up' : 'down';
    this.last.set({ price, direction, tradedAtUs, seenAtMs: nowMs });
  }
}
