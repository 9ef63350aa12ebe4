import type { Market } from '../domain/instrument.ts';
import type { GapReason } from '../domain/state.ts';
import type { Gap, GapJson, OpenGap } from './gap.ts';
import { copyOfGap, gapFromJson, gapToJson, gapTouches, instantToJson } from './gap.ts';

export interface DepthLedgerJson {
  readonly stream: string;
  readonly market: Market;
  readonly firstUpdateId: number | null;
  readonly lastUpdateId: number | null;
  readonly lastEventAtUs: number | null;
  readonly heldEvents: number;
  readonly gaps: GapJson[];
  readonly changed: number[];
  readonly reason: GapReason;
  readonly isDown: boolean;
}

/**
 * Continuity of diff depth events: on spot an event begins where the one before ended (`U == u + 1`), on futures it names
 * the one before (`pu == u`). No source has lost events, so a gap is declared at once. An event that begins inside what is
 * held (another connection cuts the stream elsewhere) continues it: its quantities are absolute.
 */
export class DepthLedger {
  readonly stream: string;
  readonly market: Market;
  journalUs = Number.NaN;
  firstUpdateId = Number.NaN;
  lastUpdateId = Number.NaN;
  heldEvents = 0;
  #lastEventAtUs = Number.NaN;
  #gaps: OpenGap[] = [];
  #changed = new Set<OpenGap>();
  #reason: GapReason = 'server-drop';
  #isDown = false;

  constructor(market: Market, stream = 'depth') {
    this.market = market;
    this.stream = stream;
  }

  /** Event time up to which every event is held or its loss declared; NaN before the first. */
  get watchedUntilUs(): number {
    return this.#lastEventAtUs;
  }

  /** `previousUpdateId` is `pu`, NaN on spot. */
  hold(
    firstUpdateId: number,
    finalUpdateId: number,
    previousUpdateId: number,
    eventAtUs: number,
  ): 'next' | 'duplicate' | 'gap' {
    const last = this.lastUpdateId;
    if (finalUpdateId <= last) return 'duplicate';
    const before = this.market === 'spot' ? firstUpdateId - 1 : previousUpdateId;
    let verdict: 'next' | 'gap' = 'next';
    if (Number.isNaN(last)) this.firstUpdateId = firstUpdateId;
    else if (before > last) {
      this.#declareGap(last + 1, before, eventAtUs);
      verdict = 'gap';
    }
    this.lastUpdateId = finalUpdateId;
    this.#lastEventAtUs = eventAtUs;
    this.heldEvents++;
    if (this.#isDown) {
      this.#isDown = false;
      this.#reason = 'server-drop';
    }
    return verdict;
  }

  /** No events come from now on; `reason` explains the next jump. */
  disconnected(reason: GapReason): void {
    this.#reason = reason;
    this.#isDown = true;
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

  toJSON(): DepthLedgerJson {
    return {
      stream: this.stream,
      market: this.market,
      firstUpdateId: instantToJson(this.firstUpdateId),
      lastUpdateId: instantToJson(this.lastUpdateId),
      lastEventAtUs: instantToJson(this.#lastEventAtUs),
      heldEvents: this.heldEvents,
      gaps: this.#gaps.map(gapToJson),
      changed: this.#gaps.flatMap((gap, index) => (this.#changed.has(gap) ? [index] : [])),
      reason: this.#reason,
      isDown: this.#isDown,
    };
  }

  static fromJSON(json: DepthLedgerJson): DepthLedger {
    const ledger = new DepthLedger(json.market, json.stream);
    ledger.firstUpdateId = json.firstUpdateId ?? Number.NaN;
    ledger.lastUpdateId = json.lastUpdateId ?? Number.NaN;
    ledger.#lastEventAtUs = json.lastEventAtUs ?? Number.NaN;
    ledger.heldEvents = json.heldEvents;
    ledger.#gaps = json.gaps.map(gapFromJson);
    for (const index of json.changed) ledger.#changed.add(ledger.#gaps[index]!);
    ledger.#reason = json.reason;
    ledger.#isDown = json.isDown;
    return ledger;
  }

  #declareGap(fromId: number, toId: number, closedAtUs: number): void {
    const gap: OpenGap = {
      stream: this.stream,
      fromId,
      toId,
      openedAtUs: this.#lastEventAtUs,
      closedAtUs,
      state: 'declared',
      reason: this.#reason,
      heldCount: 0,
      byAggregateCount: 0,
      tried: ['no source has lost depth events; the book starts again from a snapshot'],
      decidedAtUs: this.journalUs,
    };
    this.#gaps.push(gap);
    this.#changed.add(gap);
  }
}
