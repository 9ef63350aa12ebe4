import type { Interval } from '../domain/interval.ts';
import { nominalLengthUs, openTimeUs } from '../domain/interval.ts';
import type { GapReason } from '../domain/state.ts';
import type { Gap } from './gap.ts';
import type { IdLedgerJson } from './id-ledger.ts';
import { IdLedger } from './id-ledger.ts';
import type { IdRange } from './interval-set.ts';

export interface KlineLedgerJson {
  readonly interval: Interval;
  readonly anchorUs: number;
  readonly ordinals: IdLedgerJson;
}

/**
 * Venue candles of one interval: every open time of the grid is expected. Inside, open times are counted as ordinals of the
 * grid, so that the id ledger does the work; outside, ids of gaps are open times in µs.
 */
export class KlineLedger {
  readonly interval: Interval;
  readonly #anchorUs: number;
  #ordinals: IdLedger;

  constructor(interval: Interval, anchorUs = 0, stream = `kline_${interval}`) {
    this.interval = interval;
    this.#anchorUs = anchorUs;
    this.#ordinals = new IdLedger(stream);
  }

  get stream(): string {
    return this.#ordinals.stream;
  }

  set journalUs(atUs: number) {
    this.#ordinals.journalUs = atUs;
  }

  /** A closed candle from a frame; true when new. */
  hold(openedAtUs: number, receivedAtUs: number): boolean {
    return this.#ordinals.holdFrame(this.#ordinal(openedAtUs), openedAtUs, receivedAtUs);
  }

  /** A closed candle from REST; true when new. */
  holdRest(openedAtUs: number): boolean {
    return this.#ordinals.holdRest(this.#ordinal(openedAtUs), openedAtUs);
  }

  /** Open time of the candle expected next; NaN before the first. */
  get nextOpenUs(): number {
    return this.#openUs(this.#ordinals.heldByFrame.last + 1);
  }

  disconnected(reason: GapReason): void {
    this.#ordinals.disconnected(reason);
  }

  declare(fromOpenUs: number, toOpenUs: number, why: string, reason?: GapReason): void {
    this.#ordinals.declare(this.#ordinal(fromOpenUs), this.#ordinal(toOpenUs), why, reason);
  }

  repairing(fromOpenUs: number, toOpenUs: number): void {
    this.#ordinals.repairing(this.#ordinal(fromOpenUs), this.#ordinal(toOpenUs));
  }

  tried(fromOpenUs: number, toOpenUs: number, text: string): void {
    this.#ordinals.tried(this.#ordinal(fromOpenUs), this.#ordinal(toOpenUs), text);
  }

  gaps(): Gap[] {
    return this.#ordinals.gaps().map((gap) => this.#withOpenTimes(gap));
  }

  missing(): Gap[] {
    return this.#ordinals.missing().map((gap) => this.#withOpenTimes(gap));
  }

  takeChanged(): Gap[] {
    return this.#ordinals.takeChanged().map((gap) => this.#withOpenTimes(gap));
  }

  gapsIn(fromUs: number, toUs: number): Gap[] {
    return this.#ordinals.gapsIn(fromUs, toUs).map((gap) => this.#withOpenTimes(gap));
  }

  /** Ranges of open times (first, last) worth asking for. */
  toFetchIn(fromOpenUs: number, toOpenUs: number): IdRange[] {
    return this.#ordinals
      .toFetchIn(this.#ordinal(fromOpenUs), this.#ordinal(toOpenUs))
      .map(([from, to]) => [this.#openUs(from), this.#openUs(to)]);
  }

  get heldIds(): number {
    return this.#ordinals.heldIds;
  }

  get missingIds(): number {
    return this.#ordinals.missingIds;
  }

  toJSON(): KlineLedgerJson {
    return { interval: this.interval, anchorUs: this.#anchorUs, ordinals: this.#ordinals.toJSON() };
  }

  static fromJSON(json: KlineLedgerJson): KlineLedger {
    const ledger = new KlineLedger(json.interval, json.anchorUs);
    ledger.#ordinals = IdLedger.fromJSON(json.ordinals);
    return ledger;
  }

  #withOpenTimes(gap: Gap): Gap {
    return { ...gap, fromId: this.#openUs(gap.fromId), toId: this.#openUs(gap.toId) };
  }

  #ordinal(openUs: number): number {
    if (this.interval === '1M') {
      const at = new Date(openUs / 1000);
      return at.getUTCFullYear() * 12 + at.getUTCMonth();
    }
    return Math.floor((openUs - openTimeUs(this.interval, 0, this.#anchorUs)) / nominalLengthUs(this.interval));
  }

  #openUs(ordinal: number): number {
    if (this.interval === '1M') return Date.UTC(Math.floor(ordinal / 12), ordinal % 12, 1) * 1000;
    return openTimeUs(this.interval, 0, this.#anchorUs) + ordinal * nominalLengthUs(this.interval);
  }
}
