import type { GapReason } from '../domain/state.ts';
import type { Gap, GapJson, OpenGap } from './gap.ts';
import { copyOfGap, gapFromJson, gapToJson, gapTouches, instantToJson } from './gap.ts';
import type { IdRange } from './interval-set.ts';
import { IntervalSet } from './interval-set.ts';

/** Ids of a range: how many there are, and how many we hold. */
export interface IdCoverage {
  readonly expectedIds: number;
  readonly heldIds: number;
  readonly byAggregateIds: number;
}

/** A REST answer's word that at `atUs` no id after `id` existed. */
interface Evidence {
  readonly id: number;
  readonly atUs: number;
}

export interface IdLedgerJson {
  readonly stream: string;
  readonly heldByFrame: number[];
  readonly heldByRest: number[];
  readonly heldByAggregate: number[];
  readonly declared: number[];
  readonly gaps: GapJson[];
  readonly tail: { readonly tried: string[]; readonly isRepairing: boolean; readonly decidedAtUs: number | null };
  readonly changed: number[];
  readonly firstFrameAtUs: number | null;
  readonly lastFrameAtUs: number | null;
  readonly firstRest: Evidence | null;
  readonly lastRest: Evidence | null;
  readonly evidence: Evidence[];
  readonly reason: GapReason;
  readonly isDown: boolean;
  readonly journalUs: number | null;
}

/**
 * What we hold of a stream whose venue-given ids are contiguous. Gaps are the holes between the ids of *frames*: what REST
 * brings fills them and never opens or bounds one, so the end does not depend on how two journals interleave. The one
 * exception is the tail: while the connection is down, ids that REST names after the last frame are missing too. The tail
 * becomes an ordinary gap when a frame bounds it, and vanishes when the frames go on without a hole.
 */
export class IdLedger {
  readonly stream: string;
  heldByFrame = new IntervalSet();
  heldByRest = new IntervalSet();
  heldByAggregate = new IntervalSet();
  /** Journal time, written into what changes; the caller moves it where no frame does. */
  journalUs = Number.NaN;
  /** Ids that no source in reach can bring. */
  #declared = new IntervalSet();
  /** Ascending by id. */
  #gaps: OpenGap[] = [];
  #changed = new Set<OpenGap>();
  #nextFrameId = Number.NaN;
  #firstFrameAtUs = Number.NaN;
  #lastFrameAtUs = Number.NaN;
  /** Lowest id of a REST row. */
  #firstRest: Evidence | undefined;
  /** Highest id that a REST row or answer named. */
  #lastRest: Evidence | undefined;
  /** By id, ascending; one an id. */
  #evidence: Evidence[] = [];
  #reason: GapReason = 'server-drop';
  #isDown = false;
  #tailTried: string[] = [];
  #isTailRepairing = false;
  #tailDecidedAtUs = Number.NaN;

  constructor(stream: string) {
    this.stream = stream;
  }

  /** True when no row of this id was held before: the caller writes it. */
  holdFrame(id: number, atUs: number, receivedAtUs: number): boolean {
    if (id === this.#nextFrameId) {
      this.#nextFrameId = id + 1;
      this.#lastFrameAtUs = atUs;
      this.heldByFrame.add(id, id);
      if (this.#isDown) this.#up();
      return this.heldByRest.count === 0 || !this.heldByRest.has(id);
    }
    this.journalUs = receivedAtUs;
    if (id > this.#nextFrameId) {
      const from = this.#nextFrameId;
      this.#hold(this.heldByFrame, id);
      this.#openGap(from, id - 1, this.#lastFrameAtUs, atUs, this.#reason);
      this.#nextFrameId = id + 1;
      this.#lastFrameAtUs = atUs;
      this.#up();
      return !this.heldByRest.has(id);
    }
    if (this.heldByFrame.count === 0) {
      this.#firstFrameAtUs = atUs;
      this.#lastFrameAtUs = atUs;
      this.#nextFrameId = id + 1;
      this.heldByFrame.add(id, id);
      this.#up();
      return !this.heldByRest.has(id);
    }
    // Late or twice.
    const isNewRow = !this.heldByFrame.has(id) && !this.heldByRest.has(id);
    const firstBefore = this.heldByFrame.first;
    this.#hold(this.heldByFrame, id);
    if (id < firstBefore) {
      if (id < firstBefore - 1) this.#openGap(id + 1, firstBefore - 1, atUs, this.#firstFrameAtUs, 'unknown');
      this.#firstFrameAtUs = atUs;
    }
    return isNewRow;
  }

  /** True when no row of this id was held before. */
  holdRest(id: number, atUs: number): boolean {
    const isNewRow = !this.heldByRest.has(id) && !this.heldByFrame.has(id);
    this.#hold(this.heldByRest, id);
    if (this.#firstRest === undefined || id < this.#firstRest.id) this.#firstRest = { id, atUs };
    if (this.#lastRest === undefined || id > this.#lastRest.id) this.#lastRest = { id, atUs };
    return isNewRow;
  }

  /** Ids inside an aggregate that we hold; how many of them nothing held before. */
  holdAggregate(firstId: number, lastId: number): number {
    const fresh = this.unheldIn(firstId, lastId);
    this.heldByAggregate.add(firstId, lastId);
    for (const [from, to] of fresh) {
      for (const gap of this.#gapsWithIds(from, to)) {
        const ids = Math.min(to, gap.toId) - Math.max(from, gap.fromId) + 1;
        gap.heldCount += ids;
        gap.byAggregateCount += ids;
        this.#settle(gap);
      }
    }
    return sizeOf(fresh);
  }

  /** No frames come from now on; `reason` explains the next jump. */
  disconnected(reason: GapReason): void {
    this.#reason = reason;
    this.#isDown = true;
  }

  /** A REST answer says that `id` was the last one at `atUs`. */
  latestKnown(id: number, atUs: number): void {
    if (this.#lastRest === undefined || id > this.#lastRest.id) this.#lastRest = { id, atUs };
    const at = this.#evidence.findIndex((known) => known.id >= id);
    const same = at < 0 ? undefined : this.#evidence[at]!;
    if (same?.id === id) {
      if (atUs > same.atUs) this.#evidence[at] = { id, atUs };
      return;
    }
    this.#evidence.splice(at < 0 ? this.#evidence.length : at, 0, { id, atUs });
    this.#forgetOldEvidence();
  }

  /** No source in reach can bring the ids of this range that are not held. `reason` replaces the gap's where given. */
  declare(fromId: number, toId: number, why: string, reason?: GapReason): void {
    this.#declared.add(fromId, toId);
    for (const gap of this.#gapsWithIds(fromId, toId)) {
      if (reason !== undefined) gap.reason = reason;
      if (why !== '') gap.tried.push(why);
      this.#settle(gap);
    }
    const tail = this.#tailRange();
    if (tail !== undefined && toId >= tail[0] && fromId <= tail[1] && why !== '') this.#tailTried.push(why);
  }

  /** A source that was not there before: what was declared of the range is asked for again. */
  reopen(fromId: number, toId: number): void {
    const declared = new IntervalSet();
    for (const [from, to] of this.#declared.ranges()) {
      if (from < fromId) declared.add(from, Math.min(to, fromId - 1));
      if (to > toId) declared.add(Math.max(from, toId + 1), to);
    }
    this.#declared = declared;
    for (const gap of this.#gapsWithIds(fromId, toId)) {
      if (gap.state !== 'declared' || this.toFetchIn(gap.fromId, gap.toId).length === 0) continue;
      gap.state = 'repairing';
      this.#touch(gap);
    }
  }

  repairing(fromId: number, toId: number): void {
    for (const gap of this.#gapsWithIds(fromId, toId)) {
      if (gap.state !== 'open') continue;
      gap.state = 'repairing';
      this.#touch(gap);
    }
    if (this.#isInTail(fromId, toId)) this.#isTailRepairing = true;
  }

  tried(fromId: number, toId: number, text: string): void {
    for (const gap of this.#gapsWithIds(fromId, toId)) {
      gap.tried.push(text);
      this.#touch(gap);
    }
    if (this.#isInTail(fromId, toId)) {
      this.#tailTried.push(text);
      this.#tailDecidedAtUs = this.journalUs;
    }
  }

  /** All gaps by id, the tail last. */
  gaps(): Gap[] {
    const gaps = this.#gaps.map(copyOfGap);
    const tail = this.tail();
    if (tail !== undefined) gaps.push(tail);
    return gaps;
  }

  /** Ids after the last frame that REST named while the connection is down; undefined when there are none. */
  tail(): Gap | undefined {
    const range = this.#tailRange();
    if (range === undefined) return undefined;
    const [fromId, toId] = range;
    const unheld = this.unheldIn(fromId, toId);
    const heldCount = toId - fromId + 1 - sizeOf(unheld);
    return {
      stream: this.stream,
      fromId,
      toId,
      openedAtUs: this.#lastFrameAtUs,
      closedAtUs: Number.NaN,
      state:
        unheld.length === 0
          ? 'repaired'
          : unheld.every(([from, to]) => this.#declared.countIn(from, to) === to - from + 1)
            ? 'declared'
            : this.#isTailRepairing
              ? 'repairing'
              : 'open',
      reason: this.#reason,
      heldCount,
      byAggregateCount: heldCount - (toId - fromId + 1 - sizeOf(this.rowsMissingIn(fromId, toId))),
      tried: [...this.#tailTried],
      decidedAtUs: this.#tailDecidedAtUs,
    };
  }

  /** Gaps with ids still to fetch, the tail included; which ids: `toFetchIn`. */
  missing(): Gap[] {
    return this.gaps().filter((gap) => gap.state === 'open' || gap.state === 'repairing');
  }

  /** Gaps that changed since the last call. The tail is not among them until a frame bounds it. */
  takeChanged(): Gap[] {
    const changed = [...this.#changed].sort((a, b) => a.fromId - b.fromId).map(copyOfGap);
    this.#changed.clear();
    return changed;
  }

  /** Gaps that can lie in [fromUs, toUs). */
  gapsIn(fromUs: number, toUs: number): Gap[] {
    return this.gaps().filter((gap) => gapTouches(gap, fromUs, toUs));
  }

  /** Ranges held neither by row nor by aggregate. */
  unheldIn(fromId: number, toId: number): IdRange[] {
    return this.#missingFromAll([this.heldByFrame, this.heldByRest, this.heldByAggregate], fromId, toId);
  }

  /** Ranges without a row, whether or not an aggregate holds them. */
  rowsMissingIn(fromId: number, toId: number): IdRange[] {
    return this.#missingFromAll([this.heldByFrame, this.heldByRest], fromId, toId);
  }

  /** Ranges worth asking for: neither held nor declared. */
  toFetchIn(fromId: number, toId: number): IdRange[] {
    return this.#missingFromAll(
      [this.heldByFrame, this.heldByRest, this.heldByAggregate, this.#declared],
      fromId,
      toId,
    );
  }

  /** First id we answer for: the first frame's, or before any frame the first that anything brought. NaN when nothing is held. */
  get firstId(): number {
    if (this.heldByFrame.count > 0) return this.heldByFrame.first;
    return lowest(this.heldByRest.first, this.heldByAggregate.first);
  }

  /** Last id we answer for, the tail included. NaN when nothing is held. */
  get lastId(): number {
    if (this.heldByFrame.count > 0) return this.#tailRange()?.[1] ?? this.heldByFrame.last;
    return highest(this.heldByRest.last, this.heldByAggregate.last);
  }

  /** Ids of `firstId … lastId` that are held. */
  get heldIds(): number {
    return this.#total().heldIds;
  }

  /** Ids of `firstId … lastId` that are not held, declared ones among them. */
  get missingIds(): number {
    const total = this.#total();
    return total.expectedIds - total.heldIds;
  }

  /** Ids of `firstId … lastId` that only an aggregate holds. */
  get byAggregateIds(): number {
    return this.#total().byAggregateIds;
  }

  /** Time of the first record from which on all is answered for: the first frame, or REST rows that lead up to it. NaN before any. */
  get heldFromUs(): number {
    const rest = this.#firstRest;
    if (rest === undefined) return this.#firstFrameAtUs;
    if (this.heldByFrame.count === 0) return rest.atUs;
    const firstFrame = this.heldByFrame.first;
    return rest.id < firstFrame && this.proves(rest.id, firstFrame - 1) ? rest.atUs : this.#firstFrameAtUs;
  }

  /** Every id before this instant is held or declared; NaN before the first evidence. */
  get tidemarkUs(): number {
    const unsettled = this.#firstUnsettled();
    let tidemarkUs = unsettled === undefined ? this.#lastFrameAtUs : unsettled.openedAtUs;
    // Ids are contiguous up to here; what REST said of an id counts as soon as all up to it are held.
    const contiguousTo = this.#contiguousTo(unsettled);
    for (const known of this.#evidence) {
      if (known.id <= contiguousTo && !(known.atUs <= tidemarkUs)) tidemarkUs = known.atUs;
    }
    const rest = this.#lastRest;
    if (rest !== undefined && rest.id <= contiguousTo && !(rest.atUs <= tidemarkUs)) tidemarkUs = rest.atUs;
    return tidemarkUs;
  }

  coverage(fromId: number, toId: number): IdCoverage {
    const expectedIds = Math.max(0, toId - fromId + 1);
    const heldIds = expectedIds - sizeOf(this.unheldIn(fromId, toId));
    const rows = expectedIds - sizeOf(this.rowsMissingIn(fromId, toId));
    return { expectedIds, heldIds, byAggregateIds: heldIds - rows };
  }

  /** Every id of the range is held by row or aggregate. */
  proves(firstId: number, lastId: number): boolean {
    if (this.heldByFrame.countIn(firstId, lastId) === lastId - firstId + 1) return true;
    return this.unheldIn(firstId, lastId).length === 0;
  }

  toJSON(): IdLedgerJson {
    return {
      stream: this.stream,
      heldByFrame: this.heldByFrame.toJSON(),
      heldByRest: this.heldByRest.toJSON(),
      heldByAggregate: this.heldByAggregate.toJSON(),
      declared: this.#declared.toJSON(),
      gaps: this.#gaps.map(gapToJson),
      tail: {
        tried: [...this.#tailTried],
        isRepairing: this.#isTailRepairing,
        decidedAtUs: instantToJson(this.#tailDecidedAtUs),
      },
      changed: this.#gaps.flatMap((gap, index) => (this.#changed.has(gap) ? [index] : [])),
      firstFrameAtUs: instantToJson(this.#firstFrameAtUs),
      lastFrameAtUs: instantToJson(this.#lastFrameAtUs),
      firstRest: this.#firstRest ?? null,
      lastRest: this.#lastRest ?? null,
      evidence: [...this.#evidence],
      reason: this.#reason,
      isDown: this.#isDown,
      journalUs: instantToJson(this.journalUs),
    };
  }

  static fromJSON(json: IdLedgerJson): IdLedger {
    const ledger = new IdLedger(json.stream);
    ledger.heldByFrame = IntervalSet.fromJSON(json.heldByFrame);
    ledger.heldByRest = IntervalSet.fromJSON(json.heldByRest);
    ledger.heldByAggregate = IntervalSet.fromJSON(json.heldByAggregate);
    ledger.#declared = IntervalSet.fromJSON(json.declared);
    ledger.#gaps = json.gaps.map(gapFromJson);
    ledger.#tailTried = [...json.tail.tried];
    ledger.#isTailRepairing = json.tail.isRepairing;
    ledger.#tailDecidedAtUs = json.tail.decidedAtUs ?? Number.NaN;
    for (const index of json.changed) ledger.#changed.add(ledger.#gaps[index]!);
    ledger.#nextFrameId = ledger.heldByFrame.last + 1;
    ledger.#firstFrameAtUs = json.firstFrameAtUs ?? Number.NaN;
    ledger.#lastFrameAtUs = json.lastFrameAtUs ?? Number.NaN;
    ledger.#firstRest = json.firstRest ?? undefined;
    ledger.#lastRest = json.lastRest ?? undefined;
    ledger.#evidence = [...json.evidence];
    ledger.#reason = json.reason;
    ledger.#isDown = json.isDown;
    ledger.journalUs = json.journalUs ?? Number.NaN;
    return ledger;
  }

  /** A row of `id`, and what it changes in the gap around it. */
  #hold(set: IntervalSet, id: number): void {
    const hadRow = this.heldByFrame.has(id) || this.heldByRest.has(id);
    set.add(id, id);
    if (hadRow) return;
    const gap = this.#gapWithId(id);
    if (gap === undefined) return;
    if (this.heldByAggregate.has(id)) gap.byAggregateCount--;
    else gap.heldCount++;
    this.#settle(gap);
  }

  #openGap(fromId: number, toId: number, openedAtUs: number, closedAtUs: number, reason: GapReason): void {
    const wasTail = this.#isDown && fromId === this.#nextFrameId;
    const covered = this.coverage(fromId, toId);
    const gap: OpenGap = {
      stream: this.stream,
      fromId,
      toId,
      openedAtUs,
      closedAtUs,
      state: wasTail && this.#isTailRepairing ? 'repairing' : 'open',
      reason,
      heldCount: covered.heldIds,
      byAggregateCount: covered.byAggregateIds,
      tried: wasTail ? this.#tailTried : [],
      decidedAtUs: this.journalUs,
    };
    const at = this.#firstGapEndingAtOrAfter(fromId);
    this.#gaps.splice(at, 0, gap);
    this.#settle(gap);
  }

  #up(): void {
    this.#isDown = false;
    this.#reason = 'server-drop';
    this.#tailTried = [];
    this.#isTailRepairing = false;
    this.#tailDecidedAtUs = Number.NaN;
  }

  #settle(gap: OpenGap): void {
    const size = gap.toId - gap.fromId + 1;
    if (gap.heldCount === size) gap.state = 'repaired';
    else if (this.#declared.count > 0 && this.toFetchIn(gap.fromId, gap.toId).length === 0) gap.state = 'declared';
    this.#touch(gap);
  }

  #touch(gap: OpenGap): void {
    gap.decidedAtUs = this.journalUs;
    this.#changed.add(gap);
  }

  #tailRange(): IdRange | undefined {
    const last = this.#lastRest;
    if (!this.#isDown || last === undefined || !(last.id >= this.#nextFrameId)) return undefined;
    return [this.#nextFrameId, last.id];
  }

  #isInTail(fromId: number, toId: number): boolean {
    const tail = this.#tailRange();
    return tail !== undefined && toId >= tail[0] && fromId <= tail[1];
  }

  #firstUnsettled(): OpenGap | undefined {
    return this.#gaps.find((gap) => gap.state === 'open' || gap.state === 'repairing');
  }

  /** Last id such that all from the first up to it are held or declared. */
  #contiguousTo(unsettled: OpenGap | undefined): number {
    if (this.heldByFrame.count === 0) {
      const first = this.firstId;
      const last = this.lastId;
      return (this.toFetchIn(first, last)[0]?.[0] ?? last + 1) - 1;
    }
    if (unsettled !== undefined) return this.toFetchIn(unsettled.fromId, unsettled.toId)[0]![0] - 1;
    const last = this.heldByFrame.last;
    const known = this.#lastRest?.id ?? last;
    if (known <= last) return last;
    return (this.toFetchIn(last + 1, known)[0]?.[0] ?? known + 1) - 1;
  }

  /** Of evidence about ids that frames have long passed without a hole only the newest matters. */
  #forgetOldEvidence(): void {
    if (this.#evidence.length < 64) return;
    const contiguousTo = this.#contiguousTo(this.#firstUnsettled());
    const settled = this.#evidence.filter((known) => known.id <= contiguousTo);
    const newest = settled.reduce<Evidence | undefined>(
      (best, known) => (best === undefined || known.atUs > best.atUs ? known : best),
      undefined,
    );
    this.#evidence = this.#evidence.filter((known) => known.id > contiguousTo || known === newest);
    if (this.#evidence.length > 4096) this.#evidence.splice(1, this.#evidence.length - 4096);
  }

  #total(): IdCoverage {
    const first = this.firstId;
    return Number.isNaN(first) ? { expectedIds: 0, heldIds: 0, byAggregateIds: 0 } : this.coverage(first, this.lastId);
  }

  #missingFromAll(sets: readonly IntervalSet[], fromId: number, toId: number): IdRange[] {
    let missing: IdRange[] = toId < fromId ? [] : [[fromId, toId]];
    for (const set of sets) {
      if (set.count === 0 || missing.length === 0) continue;
      missing = missing.flatMap(([from, to]) => set.missingIn(from, to));
    }
    return missing;
  }

  #gapWithId(id: number): OpenGap | undefined {
    const gap = this.#gaps[this.#firstGapEndingAtOrAfter(id)];
    return gap !== undefined && gap.fromId <= id ? gap : undefined;
  }

  #gapsWithIds(fromId: number, toId: number): OpenGap[] {
    const found: OpenGap[] = [];
    for (let i = this.#firstGapEndingAtOrAfter(fromId); i < this.#gaps.length; i++) {
      const gap = this.#gaps[i]!;
      if (gap.fromId > toId) break;
      found.push(gap);
    }
    return found;
  }

  #firstGapEndingAtOrAfter(id: number): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#gaps[middle]!.toId < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function sizeOf(ranges: readonly IdRange[]): number {
  let size = 0;
  for (const [from, to] of ranges) size += to - from + 1;
  return size;
}

function lowest(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b);
}

function highest(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
}
