import type { GapReason } from '../domain/state.ts';
import type { Gap, GapJson, OpenGap } from './gap.ts';
import { copyOfGap, gapFromJson, gapToJson, gapTouches, instantToJson } from './gap.ts';

export interface WatchLedgerJson {
  readonly stream: string;
  readonly lastAtUs: number | null;
  readonly watchedUntilUs: number | null;
  readonly gaps: GapJson[];
  readonly changed: number[];
  readonly isOpen: boolean;
}

/**
 * A stream without ids to ask for: all that can be said is when we watched it. Time without a connection is a gap, declared
 * at once, from the last record before to the first after. What is lost while connected cannot be noticed.
 */
export class WatchLedger {
  readonly stream: string;
  journalUs = Number.NaN;
  #lastAtUs = Number.NaN;
  #watchedUntilUs = Number.NaN;
  #gaps: OpenGap[] = [];
  #changed = new Set<OpenGap>();
  /** The last gap has no record after it yet. */
  #isOpen = false;

  constructor(stream: string) {
    this.stream = stream;
  }

  /** Venue time up to which the connection was up and everything sent was held; NaN before the first record. */
  get watchedUntilUs(): number {
    return this.#watchedUntilUs;
  }

  hold(atUs: number): void {
    if (this.#isOpen) this.#close(atUs);
    if (!(atUs <= this.#lastAtUs)) this.#lastAtUs = atUs;
    if (!(atUs <= this.#watchedUntilUs)) this.#watchedUntilUs = atUs;
  }

  /** The connection was up at this venue time, with or without records. */
  watched(untilUs: number): void {
    if (this.#isOpen || Number.isNaN(this.#lastAtUs)) return;
    if (untilUs > this.#watchedUntilUs) this.#watchedUntilUs = untilUs;
  }

  disconnected(reason: GapReason): void {
    if (this.#isOpen || Number.isNaN(this.#lastAtUs)) return;
    const gap: OpenGap = {
      stream: this.stream,
      fromId: -1,
      toId: -1,
      openedAtUs: this.#lastAtUs,
      closedAtUs: Number.NaN,
      state: 'declared',
      reason,
      heldCount: 0,
      byAggregateCount: 0,
      tried: ['no source has the history of this stream'],
      decidedAtUs: this.journalUs,
    };
    this.#gaps.push(gap);
    this.#changed.add(gap);
    this.#isOpen = true;
    this.#watchedUntilUs = this.#lastAtUs;
  }

  gaps(): Gap[] {
    return this.#gaps.map(copyOfGap);
  }

  takeChanged(): Gap[] {
    const changed = [...this.#changed].map(copyOfGap);
    this.#changed.clear();
    return changed;
  }

  gapsIn(fromUs: number, toUs: number): Gap[] {
    return this.#gaps.filter((gap) => gapTouches(gap, fromUs, toUs)).map(copyOfGap);
  }

  toJSON(): WatchLedgerJson {
    return {
      stream: this.stream,
      lastAtUs: instantToJson(this.#lastAtUs),
      watchedUntilUs: instantToJson(this.#watchedUntilUs),
      gaps: this.#gaps.map(gapToJson),
      changed: this.#gaps.flatMap((gap, index) => (this.#changed.has(gap) ? [index] : [])),
      isOpen: this.#isOpen,
    };
  }

  static fromJSON(json: WatchLedgerJson): WatchLedger {
    const ledger = new WatchLedger(json.stream);
    ledger.#lastAtUs = json.lastAtUs ?? Number.NaN;
    ledger.#watchedUntilUs = json.watchedUntilUs ?? Number.NaN;
    ledger.#gaps = json.gaps.map(gapFromJson);
    for (const index of json.changed) ledger.#changed.add(ledger.#gaps[index]!);
    ledger.#isOpen = json.isOpen;
    return ledger;
  }

  #close(atUs: number): void {
    const gap = this.#gaps.at(-1)!;
    gap.closedAtUs = Math.max(atUs, gap.openedAtUs);
    gap.decidedAtUs = this.journalUs;
    this.#changed.add(gap);
    this.#isOpen = false;
  }
}
