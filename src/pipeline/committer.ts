import { Batch } from '../domain/batch.ts';
import { candles } from '../domain/tables/index.ts';
import type { JournalPosition } from '../ports/journal.ts';
import type { Lake } from '../ports/lake.ts';
import type { Derivation, TouchedCandle } from './derivation.ts';
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
  /** Rows on their way into the lake and not visible in `version` yet. */
  #inFlight: Pending | undefined;
  #inFlightCandles: { state: InstrumentState; touched: TouchedCandle[] }[] = [];
  version: number;
  committedAtUs: number | null = null;

  constructor(lake: Lake, derivation: Derivation, version: number, options: CommitOptions) {
    this.#lake = lake;
    this.#derivation = derivation;
    this.#options = options;
    this.version = version;
  }

  get isDue(): boolean {
    if (this.#dueAtUs === 0) this.#dueAtUs = this.#derivation.recordedAtUs + this.#options.periodUs;
    return this.#derivation.recordedAtUs >= this.#dueAtUs || this.#derivation.pending.rowCount >= this.#options.maxRows;
  }

  /** Batches whose rows are in no committed version, oldest first. */
  get uncommitted(): Pending[] {
    return this.#inFlight === undefined ? [this.#derivation.pending] : [this.#inFlight, this.#derivation.pending];
  }

  /**
   * Cuts the pending rows at `positions`, to which everything processed must be synced, and commits them in the background;
   * waits for the commit before. A failure surfaces in the next call or in `settled`.
   */
  async commit(positions: readonly JournalPosition[]): Promise<void> {
    await this.#running;
    const derivation = this.#derivation;
    const pending = derivation.pending;
    derivation.pending = new Pending();
    this.#inFlightCandles = this.#takeUnsettled();
    for (const { state, touched } of this.#inFlightCandles) this.#writeCandles(state, touched, pending.candles);
    for (const { state, gap } of derivation.changedGaps.values()) {
      addGapRow(pending.gaps, derivation.currentSlot(state).index, gap, derivation.recordedAtUs);
    }
    derivation.changedGaps.clear();
    const checkpoint = encoder.encode(JSON.stringify(derivation.checkpoint()));
    this.#dueAtUs = derivation.recordedAtUs + this.#options.periodUs;
    this.#inFlight = pending;
    const recordedAtUs = derivation.recordedAtUs;
    this.#running = this.#lake
      .commit({ slots: derivation.slots, batches: pending.batches, positions, checkpoint })
      .then((version) => {
        this.version = version;
        this.committedAtUs = recordedAtUs;
        this.#inFlight = undefined;
        this.#inFlightCandles = [];
      });
    // The rejection is delivered to whoever awaits next; without a handler now it would end the process first.
    this.#running.catch(() => {});
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  /** Candle rows that differ from the committed ones, as they are now. */
  candleTail(): Batch<(typeof candles)['columns']> {
    const batch = new Batch(candles, 256);
    const seen = new Set<string>();
    const add = (state: InstrumentState, touched: readonly TouchedCandle[]) => {
      const fresh = touched.filter((candle) => {
        const key = `${state.id}/${candle.interval}/${candle.openedAtUs}`;
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      });
      this.#writeCandles(state, fresh, batch);
    };
    for (const state of this.#derivation.instruments) {
      if (state === undefined) continue;
      for (const [interval, opens] of state.unsettled) {
        add(state, [...opens].map((openedAtUs) => ({ interval, openedAtUs })));
      }
    }
    for (const { state, touched } of this.#inFlightCandles) add(state, touched);
    return batch;
  }

  /** Takes what must be written; candles that are not final yet stay noted for the next commit. */
  #takeUnsettled(): { state: InstrumentState; touched: TouchedCandle[] }[] {
    const taken: { state: InstrumentState; touched: TouchedCandle[] }[] = [];
    for (const state of this.#derivation.instruments) {
      if (state === undefined) continue;
      const touched: TouchedCandle[] = [];
      for (const [interval, opens] of state.unsettled) {
        for (const openedAtUs of opens) touched.push({ interval, openedAtUs });
        opens.clear();
      }
      for (const candle of touched) if (!state.isCandleSettled(candle, this.#derivation)) state.noteUnsettled(candle);
      if (touched.length > 0) taken.push({ state, touched });
    }
    return taken;
  }

  #writeCandles(state: InstrumentState, touched: readonly TouchedCandle[], batch: Batch<(typeof candles)['columns']>): void {
    state.writeCandles(batch, touched, this.#derivation);
  }
}

/** Reads what `commit` stored. */
export function parseCheckpoint(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}
