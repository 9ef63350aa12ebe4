import type { CandleKey } from '../candles/candle-builder.ts';
import { Batch } from '../domain/batch.ts';
import { nextOpenTimeUs } from '../domain/interval.ts';
import { candles, gaps, instruments } from '../domain/tables/index.ts';
import type { Gap } from '../ledger/gap.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';
import type { Derivation } from './derivation.ts';
import type { InstrumentState } from './instrument-state.ts';
import { Pending } from './pending.ts';
import { addGapRow } from './rows.ts';

export interface CommitOptions {
  /** At least so often, by receive time of the records. */
  readonly periodUs: number;
  /** Rows that may wait in memory. */
  readonly maxRows: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Turns pending rows into lake commits. Boundaries come from receive times and row counts, never from a timer. */
export class Committer {
  readonly #lake: Lake;
  readonly #derivation: Derivation;
  readonly #options: CommitOptions;
  #dueAtUs = 0;
  #running: Promise<void> | undefined;
  #waitsForSync = false;
  /** Rows on their way into the lake and not visible in `version` yet. */
  #inFlight: Pending | undefined;
  /** Candles whose committed rows are older than what memory holds, by `interval/openedAtUs`. */
  #dueCandles: DueCandles = new Map();
  #inFlightCandles: DueCandles = new Map();
  #inFlightGaps: Derivation['changedGaps'] = new Map();
  version: number;
  /** Commits done by this process. */
  commits = 0;
  committedAtUs: number | null = null;
  /** Where a restart would go on reading. */
  committedPositions: readonly JournalPosition[] = [];
  /** Size of the lake when it was last looked at. */
  files = 0;
  bytes = 0;

  constructor(lake: Lake, derivation: Derivation, version: number, options: CommitOptions) {
    this.#lake = lake;
    this.#derivation = derivation;
    this.#options = options;
    this.version = version;
  }

  /** Never while the commit before waits for the disk: whoever reads on is who hears of it. */
  get isDue(): boolean {
    if (this.#waitsForSync) return false;
    if (this.#dueAtUs === 0) this.#dueAtUs = this.#derivation.recordedAtUs + this.#options.periodUs;
    return this.#derivation.recordedAtUs >= this.#dueAtUs || this.#derivation.pending.rowCount >= this.#options.maxRows;
  }

  /** Batches whose rows are in no committed version, oldest first. */
  get uncommitted(): Pending[] {
    return this.#inFlight === undefined ? [this.#derivation.pending] : [this.#inFlight, this.#derivation.pending];
  }

  /**
   * Cuts the pending rows at `positions`, where the journals were processed to, and commits them in the background as soon as
   * `synced` says that the records they came from survive a power cut (not at all when it says that they may not). Waits
   * for the commit before. A failure surfaces in the next call or in `settled`.
   */
  async commit(positions: readonly JournalPosition[], synced: Promise<boolean> = Promise.resolve(true)): Promise<void> {
    await this.#running;
    const derivation = this.#derivation;
    this.#noteDueCandles();
    await this.#loadDeltas();
    const pending = derivation.pending;
    derivation.pending = new Pending(pending);
    this.#inFlightCandles = this.#dueCandles;
    this.#dueCandles = new Map();
    this.#writeCandles(this.#inFlightCandles, pending.candles);
    for (const { state, gap } of derivation.changedGaps.values()) {
      addGapRow(pending.gaps, derivation.currentSlot(state).index, gap, derivation.recordedAtUs);
    }
    this.#inFlightGaps = new Map(derivation.changedGaps);
    derivation.changedGaps.clear();
    for (const state of derivation.instruments) state?.series.evict(derivation.venueNowUs);
    const checkpoint = encoder.encode(JSON.stringify(derivation.checkpoint()));
    this.#dueAtUs = derivation.recordedAtUs + this.#options.periodUs;
    this.#inFlight = pending;
    const recordedAtUs = derivation.recordedAtUs;
    this.#waitsForSync = true;
    this.#running = (async () => {
      const isSynced = await synced;
      this.#waitsForSync = false;
      if (!isSynced) return;
      this.version = await this.#lake.commit({
        slots: derivation.slots,
        batches: pending.batches,
        positions,
        checkpoint,
      });
      this.committedPositions = positions;
      this.commits++;
      this.committedAtUs = recordedAtUs;
      this.#inFlight = undefined;
      this.#inFlightCandles = new Map();
      this.#inFlightGaps = new Map();
    })();
    // The rejection is delivered to whoever awaits next; without a handler now it would end the process first.
    this.#running.catch(() => {});
  }

  get isCommitting(): boolean {
    return this.#inFlight !== undefined;
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  /** Candle rows that differ from the committed ones, as they are now. */
  candleTail(): Batch<(typeof candles)['columns']> {
    this.#noteDueCandles();
    const all: DueCandles = new Map();
    for (const due of [this.#inFlightCandles, this.#dueCandles]) {
      for (const [state, keys] of due) all.set(state, new Map([...(all.get(state) ?? []), ...keys]));
    }
    const batch = new Batch(candles, 256);
    this.#writeCandles(all, batch);
    return batch;
  }

  /** Gap rows that differ from the committed ones. */
  gapTail(): Batch<(typeof gaps)['columns']> {
    const batch = new Batch(gaps, 16);
    const changed = new Map([...this.#inFlightGaps, ...this.#derivation.changedGaps]);
    for (const { state, gap } of changed.values()) {
      addGapRow(batch, this.#derivation.currentSlot(state).index, gap, this.#derivation.recordedAtUs);
    }
    return batch;
  }

  /** Instrument rows that are in no committed version; the newest of a key wins. */
  instrumentTail(): Batch<(typeof instruments)['columns']> {
    const newest = new Map<string, { batch: Batch<(typeof instruments)['columns']>; row: number }>();
    for (const { instruments: batch } of this.uncommitted) {
      for (let row = 0; row < batch.length; row++) {
        newest.set(`${this.#derivation.slots.get(batch.slot[row]!).id}/${batch.columns.valid_from[row]}`, {
          batch,
          row,
        });
      }
    }
    const tail = new Batch(instruments, 16);
    for (const { batch, row } of newest.values()) tail.copyRow(batch, row);
    return tail;
  }

  #noteDueCandles(): void {
    const derivation = this.#derivation;
    const gapsByState = new Map<InstrumentState, Gap[]>();
    for (const { state, gap } of derivation.changedGaps.values()) {
      gapsByState.set(state, [...(gapsByState.get(state) ?? []), gap]);
    }
    for (const state of derivation.instruments) {
      if (state === undefined) continue;
      const context = state.candleContext(derivation.venueNowUs);
      const stream = state.candleLedger.stream;
      const gaps = (gapsByState.get(state) ?? []).filter((gap) => gap.stream === stream);
      const keys = state.series.takeDue(context, gaps);
      if (keys.length === 0) continue;
      let due = this.#dueCandles.get(state);
      if (due === undefined) {
        due = new Map();
        this.#dueCandles.set(state, due);
      }
      for (const key of keys) due.set(`${key.interval}/${key.openedAtUs}`, key);
    }
  }

  /** Trades that came for candles older than memory: their committed rows are read back first. */
  async #loadDeltas(): Promise<void> {
    for (const [state, keys] of this.#dueCandles) {
      const deltas = new Set(state.series.builder.deltas().map((key) => `${key.interval}/${key.openedAtUs}`));
      for (const [name, key] of keys) {
        if (!deltas.has(name)) continue;
        const { market, symbol } = state.instrument;
        const toUs = nextOpenTimeUs(key.interval, key.openedAtUs);
        const rows = await this.#lake.read({
          table: candles.name,
          market,
          symbol,
          interval: key.interval,
          fromUs: key.openedAtUs,
          toUs,
        });
        state.series.load(rows.batch as never, rows.slots);
      }
    }
  }

  #writeCandles(due: DueCandles, batch: Batch<(typeof candles)['columns']>): void {
    for (const [state, keys] of due) {
      const slot = this.#derivation.currentSlot(state);
      state.series.writeRows(batch, [...keys.values()], slot, state.candleContext(this.#derivation.venueNowUs));
    }
  }
}

type DueCandles = Map<InstrumentState, Map<string, CandleKey>>;

/** Reads what `commit` stored. */
export function parseCheckpoint(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}
