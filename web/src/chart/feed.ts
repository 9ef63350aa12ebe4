import type { CandleRow, CandlesAnswer, Coverage, GapRow, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs, nominalLengthUs } from '../../../src/protocol/figures.ts';
import { gapKey } from '../live/gather.ts';
import type { ChartAdapter, Viewport } from './adapter.ts';
import { isEmpty, type Slot, SlotSeries } from './slots.ts';

export const pageBars = 2_000;
export const windowBars = 20_000;
const firstBars = 600;
/** Live rows of a repaired gap are given this time before the stretch is fetched. */
const repairPatienceMs = 1_500;
const mostRepairPages = 10;

export interface FeedState {
  readonly phase: 'loading' | 'ready' | 'empty' | 'failed';
  readonly failure: string | undefined;
  readonly loadingOlder: boolean;
  /** There is nothing before the first slot. */
  readonly startReached: boolean;
  /** Newer slots were let go while looking far back: live candles wait until the newest are loaded again. */
  readonly detached: boolean;
  readonly revision: number;
}

export interface FeedSource {
  readonly candles: (
    query: { fromUs?: number | undefined; toUs?: number | undefined; limit: number },
    signal: AbortSignal,
  ) => Promise<CandlesAnswer>;
}

/**
 * Feeds one chart with the candles of one instrument and interval: the newest first, older pages as the viewport nears
 * them, live changes at the end. Viewport and data never touch each other but here.
 */
export class CandleFeed {
  readonly series: SlotSeries;
  readonly gaps = new Map<string, GapRow>();
  coverage: Coverage | undefined;
  readonly #source: FeedSource;
  readonly #chart: ChartAdapter;
  readonly #changed: (state: FeedState) => void;
  readonly #abort = new AbortController();
  #state: FeedState = {
    phase: 'loading',
    failure: undefined,
    loadingOlder: false,
    startReached: false,
    detached: false,
    revision: 0,
  };
  #waitingRows: CandleRow[] = [];
  #older: Promise<void> | undefined;
  #tail: Promise<void> | undefined;
  /** The first page is older than the subscription: what changed between the two is asked for after it. */
  #owesTail = false;
  #repaired: { fromUs: number; toUs: number } | undefined;
  #repairTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: FeedSource, chart: ChartAdapter, interval: Interval, changed: (state: FeedState) => void) {
    this.#source = source;
    this.#chart = chart;
    this.#changed = changed;
    this.series = new SlotSeries(interval);
  }

  get state(): FeedState {
    return this.#state;
  }

  get gapRows(): GapRow[] {
    return [...this.gaps.values()];
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#repairTimer);
  }

  async load(bars = firstBars): Promise<void> {
    this.#change({ phase: this.series.slots.length > 0 ? 'ready' : 'loading', failure: undefined });
    try {
      const answer = await this.#source.candles({ limit: Math.min(pageBars, bars) }, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      this.#take(answer);
      const before = this.series.slots;
      this.series.replaceAll(answer.candles);
      this.series.apply(this.#waitingRows);
      this.#waitingRows = [];
      // What was in view stays there by its time, when it is still among the bars.
      const last = before.at(-1);
      const now = last === undefined ? -1 : this.series.indexOf(last.openUs);
      this.#chart.setBars(this.series.slots, now < 0 ? 0 : now - (before.length - 1));
      if (last !== undefined && now < 0) this.#chart.followLive();
      this.#change({
        phase: this.series.slots.length === 0 ? 'empty' : 'ready',
        startReached: answer.previousUs === null,
        detached: false,
      });
      if (this.#owesTail) {
        this.#owesTail = false;
        void this.refetchTail();
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#change({ phase: 'failed', failure: error instanceof Error ? error.message : String(error) });
    }
  }

  /**
   * The server began anew. Where it goes on with the same market, all that is here stays and what changed meanwhile is
   * fetched; another market (ids differ) replaces it.
   */
  async reload(): Promise<void> {
    const { slots } = this.series;
    if (this.#state.detached) return;
    if (this.#state.phase !== 'ready' || slots.length === 0) return this.load();
    try {
      const limit = Math.min(pageBars, slots.length + 1);
      const answer = await this.#source.candles({ limit }, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      const isSame = answer.candles.some((row) => {
        const held = slots[this.series.indexOf(row.openedAtUs)]?.row;
        return held != null && held.state === 'final' && row.state === 'final' && held.lastTradeId === row.lastTradeId;
      });
      if (!isSame) return await this.load();
      this.#take(answer);
      const change = this.series.apply(answer.candles);
      if (change.changed.length > 0 || change.rebuilt) this.#chart.applyDelta(this.series.slots, change);
      this.#change({});
    } catch {
      // It may not answer yet; the subscription that follows asks again.
      if (!this.#abort.signal.aborted) void this.refetchTail();
    }
  }

  /** Live candles; whole rows. */
  apply(rows: readonly CandleRow[]): void {
    if (this.#state.phase === 'loading' || this.#state.phase === 'failed') {
      this.#waitingRows.push(...rows);
      this.#waitingRows = this.#waitingRows.slice(-100);
      return;
    }
    if (this.#state.detached) return;
    const change = this.series.apply(rows);
    if (change.changed.length === 0 && !change.rebuilt) return;
    this.#chart.applyDelta(this.series.slots, change);
    this.#trimOldest();
    this.#change({ phase: 'ready' });
  }

  applyGaps(gaps: readonly GapRow[], coverage: Coverage | undefined): void {
    for (const gap of gaps) {
      const before = this.gaps.get(gapKey(gap));
      this.gaps.set(gapKey(gap), gap);
      if (gap.state === 'repaired' && before?.state !== 'repaired') this.#await(gap);
    }
    if (coverage !== undefined) this.coverage = coverage;
    this.#change({});
  }

  /** What was missing is there now. Its candles come live, but of a long gap not all: those still lacking are fetched. */
  #await(gap: GapRow): void {
    const fromUs = gap.openedAtUs;
    const toUs = gap.closedAtUs ?? this.series.lastUs ?? fromUs;
    const held = this.#repaired;
    this.#repaired = {
      fromUs: Math.min(fromUs, held?.fromUs ?? fromUs),
      toUs: Math.max(toUs, held?.toUs ?? toUs),
    };
    this.#repairTimer ??= setTimeout(() => {
      this.#repairTimer = undefined;
      void this.refetchRepaired();
    }, repairPatienceMs);
  }

  async refetchRepaired(): Promise<void> {
    const stretch = this.#repaired;
    this.#repaired = undefined;
    if (stretch === undefined || this.#state.phase !== 'ready') return;
    const { slots } = this.series;
    const first = Math.max(0, this.series.lowerBound(stretch.fromUs) - 1);
    const last = Math.min(slots.length - 1, this.series.lowerBound(stretch.toUs));
    const lacks = (slot: Slot): boolean => isEmpty(slot) || slot.row!.state === 'partial';
    const from = slots.findIndex((slot, at) => at >= first && at <= last && lacks(slot));
    const to = slots.findLastIndex((slot, at) => at >= first && at <= last && lacks(slot));
    if (from < 0) return;
    const fromUs = slots[from]!.openUs;
    let toUs = nextOpenTimeUs(this.series.interval, slots[to]!.openUs);
    try {
      for (let page = 0; page < mostRepairPages && toUs > fromUs; page++) {
        const answer = await this.#source.candles({ fromUs, toUs, limit: pageBars }, this.#abort.signal);
        if (this.#abort.signal.aborted) return;
        const oldest = answer.candles[0];
        if (oldest === undefined) break;
        const change = this.series.apply(answer.candles);
        if (change.changed.length > 0 || change.rebuilt) this.#chart.applyDelta(this.series.slots, change);
        toUs = oldest.openedAtUs;
      }
      this.#change({});
    } catch {
      // The connection state says so already; the next subscription fetches again.
    }
  }

  /** Messages were lost or the connection was: what may have changed since the last certain bar is fetched again. */
  refetchTail(): Promise<void> {
    this.#tail ??= this.#refetchTail().finally(() => {
      this.#tail = undefined;
    });
    return this.#tail;
  }

  async #refetchTail(): Promise<void> {
    const { slots } = this.series;
    if (this.#state.phase === 'failed' || this.#state.phase === 'empty') return this.load();
    if (this.#state.phase === 'loading') {
      this.#owesTail = true;
      return;
    }
    if (this.#state.detached) return;
    // The newest stretch that may still change: back to the first bar of it that is not final.
    let at = slots.length - 1;
    while (at > 0 && slots.length - at < pageBars && slots[at - 1]!.row?.state !== 'final') at--;
    const fromUs = slots[Math.max(0, at - 2)]!.openUs;
    try {
      const answer = await this.#source.candles({ fromUs, limit: pageBars }, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      if (answer.candles.length >= pageBars) return await this.load();
      this.#take(answer);
      const change = this.series.apply(answer.candles);
      if (change.changed.length > 0 || change.rebuilt) this.#chart.applyDelta(this.series.slots, change);
      this.#change({});
    } catch {
      // The connection state says so already; the next subscription fetches again.
    }
  }

  /** Fetches the page before the first slot when the viewport comes within one screen of it. */
  nearEdge(viewport: Viewport): void {
    const screen = viewport.to - viewport.from;
    if (viewport.from < screen && viewport.from < 400) void this.loadOlder();
  }

  loadOlder(bars = pageBars): Promise<void> {
    if (this.#state.startReached || this.#state.phase !== 'ready') return Promise.resolve();
    this.#older ??= this.#loadOlder(Math.min(bars, pageBars)).finally(() => {
      this.#older = undefined;
    });
    return this.#older;
  }

  async #loadOlder(bars: number): Promise<void> {
    const toUs = this.series.firstUs;
    if (toUs === undefined) return;
    this.#change({ loadingOlder: true });
    try {
      const answer = await this.#source.candles({ toUs, limit: bars }, this.#abort.signal);
      if (this.#abort.signal.aborted) return;
      this.#take(answer);
      const added = this.series.prepend(answer.candles);
      const dropped = this.series.slots.length > windowBars ? this.series.dropNewest(windowBars) : 0;
      if (added > 0) this.#chart.setBars(this.series.slots, added);
      this.#change({
        loadingOlder: false,
        startReached: answer.previousUs === null || added === 0,
        detached: this.#state.detached || dropped > 0,
      });
    } catch {
      if (!this.#abort.signal.aborted) this.#change({ loadingOlder: false });
    }
  }

  /** Makes sure that the last `lengthUs` (or everything) is here as far as the window allows, and shows it. */
  async showLast(lengthUs: number | undefined): Promise<void> {
    if (this.#state.detached) await this.load();
    const barsWanted =
      lengthUs === undefined ? windowBars : Math.ceil(lengthUs / nominalLengthUs(this.series.interval));
    while (this.series.slots.length < Math.min(barsWanted, windowBars) && !this.#state.startReached) {
      const before = this.series.slots.length;
      await this.loadOlder();
      if (this.series.slots.length === before || this.#abort.signal.aborted) break;
    }
    const count = this.series.slots.length;
    const shown = Math.max(5, Math.min(barsWanted, count));
    this.#chart.setViewport({ from: count - shown, to: count - 1 + Math.max(2, shown * 0.04) });
  }

  #trimOldest(): void {
    if (this.series.slots.length <= windowBars + 500) return;
    const dropped = this.series.dropOldest(windowBars);
    this.#chart.setBars(this.series.slots, -dropped);
    this.#state = { ...this.#state, startReached: false };
  }

  #take(answer: CandlesAnswer): void {
    for (const gap of answer.coverage.gaps) this.gaps.set(gapKey(gap), gap);
    const held = this.coverage;
    // Pages answer for their own stretch; the tidemark is the same for all and the newest answer knows it best.
    if (held === undefined || (answer.coverage.toUs ?? 0) >= (held.toUs ?? 0)) this.coverage = answer.coverage;
  }

  #change(next: Partial<FeedState>): void {
    this.#state = { ...this.#state, ...next, revision: this.#state.revision + 1 };
    this.#changed(this.#state);
  }
}
