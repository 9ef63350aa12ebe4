import type { Batch } from '../domain/batch.ts';
import type { Instrument } from '../domain/instrument.ts';
import { type Interval, nominalLengthUs } from '../domain/interval.ts';
import type { Gap } from '../ledger/gap.ts';
import type { BookView, CandleRow, StatusAnswer } from '../protocol/api.ts';
import type { Channel, LivePayload } from '../protocol/live.ts';
import { channelKey } from '../protocol/live.ts';
import type { Derivation, LiveListener } from './derivation.ts';
import type { InstrumentState } from './instrument-state.ts';
import type { LiveUpdate } from './market-view.ts';
import { gapRow, shownDigits, tradeRow } from './rows.ts';

/** What closes candles and what proves them. */
export interface Progress {
  readonly venueNowUs: number;
  readonly tidemarkUs: number;
}

/** What the hub asks for when it has something to send. */
export interface LiveSource {
  find(instrument: string): InstrumentState | undefined;
  recentCandles(state: InstrumentState, interval: Interval, fromUs: number): CandleRow[];
  progress(state: InstrumentState): Progress;
  book(instrument: Instrument, levels: number): BookView;
  status(): StatusAnswer;
}

type Listener = (update: LiveUpdate) => void;

interface Followed {
  readonly channel: Channel;
  readonly key: string;
  readonly listeners: Set<Listener>;
  /** Candles: oldest open time that changed since the last tick. */
  dirtyFromUs: number;
  /** Candles: how far things were at the last pulse, and the oldest candle that was sent neither closed nor proven. */
  progress: Progress | undefined;
  unprovenFromUs: number;
  /** Book: changed since the last tick. */
  isDirty: boolean;
  /** Trades: newest id sent, and by block what can be told when that block is synced. */
  sentId: number;
  readonly toTell: { block: number; throughTradeId: number }[];
}

const bookLevels = 400;
/** So many intervals back a candle without proof is looked at again each second. */
const mostUnproven = 60;

/**
 * Passes changes to live followers: trades at once, candles and books when `tick` is called, about ten times a second.
 * Everything is shown before it is synced, and marked so.
 */
export class Hub implements LiveListener {
  readonly #derivation: Derivation;
  readonly #market: LiveSource;
  readonly #followed = new Map<string, Followed>();
  /** Channels that sent trades of the block being derived. */
  readonly #sentTrades = new Set<Followed>();
  #derivedBlock = 0;
  isSynced = true;

  constructor(derivation: Derivation, market: LiveSource) {
    this.#derivation = derivation;
    this.#market = market;
  }

  follow(channel: Channel, listener: Listener): () => void {
    const key = channelKey(channel);
    let followed = this.#followed.get(key);
    if (followed === undefined) {
      followed = {
        channel,
        key,
        listeners: new Set(),
        dirtyFromUs: Number.POSITIVE_INFINITY,
        progress: undefined,
        unprovenFromUs: Number.POSITIVE_INFINITY,
        isDirty: true,
        sentId: -1,
        toTell: [],
      };
      this.#followed.set(key, followed);
    }
    followed.listeners.add(listener);
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size === 0) this.#followed.delete(key);
    };
  }

  tradesAdded(state: InstrumentState, batch: Batch, first: number, end: number): void {
    this.isSynced = false;
    const followed = this.#followed.get(`trades/${state.id}`);
    if (followed === undefined) return;
    const digits = shownDigits(state, this.#derivation.slots);
    const trades = [];
    for (let row = first; row < end; row++) trades.push(tradeRow(batch, row, this.#derivation.slots, digits));
    // With a late trade under way nothing up to a later id can be told before it.
    if (trades.some(({ tradeId }) => tradeId <= followed.sentId)) followed.toTell.length = 0;
    for (const { tradeId } of trades) followed.sentId = Math.max(followed.sentId, tradeId);
    this.#sentTrades.add(followed);
    this.#send(followed, { kind: 'trades', trades });
  }

  candlesChanged(state: InstrumentState, fromUs: number): void {
    this.isSynced = false;
    for (const followed of this.#followed.values()) {
      if (followed.channel.kind === 'candles' && followed.channel.instrument === state.id) {
        followed.dirtyFromUs = Math.min(followed.dirtyFromUs, fromUs);
      }
    }
  }

  bookChanged(state: InstrumentState): void {
    const followed = this.#followed.get(`book/${state.id}`);
    if (followed !== undefined) followed.isDirty = true;
  }

  gapsChanged(state: InstrumentState, gaps: readonly Gap[]): void {
    const followed = this.#followed.get(`gaps/${state.id}`);
    if (followed !== undefined) {
      this.#send(followed, { kind: 'gaps', gaps: gaps.map((gap) => gapRow(state, gap)), coverage: null });
    }
    const oldestUs = Math.min(...gaps.map((gap) => gap.openedAtUs));
    for (const other of this.#followed.values()) {
      if (other.channel.kind === 'candles' && other.channel.instrument === state.id) {
        other.dirtyFromUs = Math.min(other.dirtyFromUs, oldestUs);
      }
    }
  }

  /** A second passed: candles can have closed or become final without a trade. */
  pulsed(): void {
    for (const followed of this.#followed.values()) {
      if (followed.channel.kind === 'candles') {
        const state = this.#market.find(followed.channel.instrument);
        if (state === undefined) continue;
        const now = this.#market.progress(state);
        // What closed since the last pulse, what the tidemark passed, and what a later trade may have proven by its id.
        const isFirst = followed.progress === undefined;
        const { venueNowUs, tidemarkUs } = followed.progress ?? now;
        const closedUs = (Number.isNaN(venueNowUs) ? now.venueNowUs : venueNowUs) - 1;
        const passedUs = now.tidemarkUs === tidemarkUs || Number.isNaN(tidemarkUs) ? closedUs : tidemarkUs - 1;
        const oldestUs = now.venueNowUs - mostUnproven * nominalLengthUs(followed.channel.interval);
        // Before the first pulse nothing was sent: what the follower read meanwhile may be waiting for its proof.
        const unprovenUs = isFirst ? oldestUs : Math.max(followed.unprovenFromUs, oldestUs);
        followed.dirtyFromUs = Math.min(followed.dirtyFromUs, closedUs, passedUs, unprovenUs);
        followed.progress = now;
      } else if (followed.channel.kind === 'status') {
        this.#send(followed, { kind: 'status', status: this.#market.status() });
      }
    }
  }

  /** Sends candles and books that changed since the last call. */
  tick(): void {
    for (const followed of this.#followed.values()) {
      const { channel } = followed;
      if (channel.kind === 'candles' && followed.dirtyFromUs !== Number.POSITIVE_INFINITY) {
        const state = this.#market.find(channel.instrument);
        const fromUs = followed.dirtyFromUs;
        followed.dirtyFromUs = Number.POSITIVE_INFINITY;
        if (state === undefined) continue;
        const candles = this.#market.recentCandles(state, channel.interval, fromUs);
        const unproven = candles.find(({ state }) => state === 'forming' || state === 'provisional');
        const lookedFromUs = candles[0]?.openedAtUs ?? fromUs;
        const unlookedUs = followed.unprovenFromUs < lookedFromUs ? followed.unprovenFromUs : Number.POSITIVE_INFINITY;
        followed.unprovenFromUs = Math.min(unlookedUs, unproven?.openedAtUs ?? Number.POSITIVE_INFINITY);
        if (candles.length > 0) this.#send(followed, { kind: 'candles', candles });
      } else if (channel.kind === 'book' && followed.isDirty) {
        followed.isDirty = false;
        const state = this.#market.find(channel.instrument);
        if (state !== undefined) {
          this.#send(followed, { kind: 'book', book: this.#market.book(state.instrument, bookLevels) });
        }
      }
    }
  }

  /** Status goes out even when no pulse comes: a dead recorder must be seen. */
  heartbeat(): void {
    for (const followed of this.#followed.values()) {
      if (followed.channel.kind === 'status') this.#send(followed, { kind: 'status', status: this.#market.status() });
    }
  }

  /** All of this block of the journal was derived. */
  derived(block: number): void {
    this.#derivedBlock = block;
    for (const followed of this.#sentTrades) followed.toTell.push({ block, throughTradeId: followed.sentId });
    this.#sentTrades.clear();
  }

  /** Everything derived up to this block survives a power cut. */
  synced(block: number): void {
    this.isSynced = block === this.#derivedBlock;
    for (const followed of this.#followed.values()) {
      let told: number | undefined;
      while (followed.toTell.length > 0 && followed.toTell[0]!.block <= block) {
        told = followed.toTell.shift()!.throughTradeId;
      }
      if (told !== undefined) this.#send(followed, { kind: 'synced', throughTradeId: told });
    }
  }

  #send(followed: Followed, payload: LivePayload): void {
    const update: LiveUpdate = { channel: followed.key, synced: this.isSynced, payload };
    for (const listener of followed.listeners) listener(update);
  }
}
