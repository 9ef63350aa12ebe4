import type { GapReason, GapRow, GapState, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs, nominalLengthUs } from '../../../src/protocol/figures.ts';
import { stretchText } from '../text/time-text.ts';
import { isEmpty, type Slot } from './slots.ts';

export interface GapBand {
  /** First and last position of the slots that it covers. */
  readonly from: number;
  readonly to: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly bars: number;
  readonly state: GapState;
  readonly reason: GapReason;
  /** No whole bar is missing: only some trades of these are. */
  readonly within: boolean;
  /** Share of the missing ids that is back, while it is being repaired. */
  readonly done: number;
  readonly missingIds: number | null;
  readonly label: string;
  readonly detail: string;
}

function worst(gaps: readonly GapRow[]): GapRow | undefined {
  const rank: Record<GapState, number> = { open: 3, repairing: 2, declared: 1, repaired: 0 };
  return gaps.reduce<GapRow | undefined>(
    (held, gap) => (held === undefined || rank[gap.state] > rank[held.state] ? gap : held),
    undefined,
  );
}

function shareDone(gap: GapRow | undefined): number {
  if (gap === undefined || gap.fromId === null || gap.toId === null) return 0;
  const ids = gap.toId - gap.fromId + 1;
  return ids <= 0 ? 0 : Math.min(1, (gap.heldCount + gap.byAggregateCount) / ids);
}

function idsOf(gap: GapRow | undefined): number | null {
  return gap === undefined || gap.fromId === null || gap.toId === null ? null : gap.toId - gap.fromId + 1;
}

function bandOf(
  slots: readonly Slot[],
  interval: Interval,
  from: number,
  to: number,
  gap: GapRow | undefined,
): GapBand {
  const fromUs = slots[from]!.openUs;
  const lastSlot = slots[to]!;
  const toUs =
    lastSlot.span > 1 && slots[to + 1] !== undefined
      ? slots[to + 1]!.openUs
      : nextOpenTimeUs(interval, lastSlot.openUs);
  let bars = 0;
  for (let at = from; at <= to; at++) bars += slots[at]!.span;
  const within = !slots.slice(from, to + 1).some(isEmpty);
  const reason = gap?.reason ?? 'unknown';
  const state = gap?.state ?? 'open';
  const ids = idsOf(gap);
  const stretch =
    within && gap !== undefined ? ([gap.openedAtUs, gap.closedAtUs ?? toUs] as const) : ([fromUs, toUs] as const);
  const label = `gap ${stretchText(stretch[0], stretch[1], within || nominalLengthUs(interval) < 60e6)}`;
  const parts = [
    within ? `in ${bars} ${bars === 1 ? 'bar' : 'bars'}` : `${bars} ${bars === 1 ? 'bar' : 'bars'}`,
    ...(ids === null ? [] : [`${ids} ${ids === 1 ? 'id' : 'ids'}`]),
    reason,
    ...(state === 'repairing' ? [`repairing ${Math.floor(shareDone(gap) * 100)} %`] : state === 'open' ? [] : [state]),
  ];
  return {
    from,
    to,
    fromUs,
    toUs,
    bars,
    state,
    reason,
    within,
    done: shareDone(gap),
    missingIds: ids,
    label,
    detail: parts.join(' · '),
  };
}

/**
 * Where the chart is hatched: every run of empty slots, with the reason that a gap record gives, and every unrepaired gap
 * that is narrower than a bar.
 */
export function gapBands(slots: readonly Slot[], gaps: readonly GapRow[], interval: Interval): GapBand[] {
  const first = slots[0];
  if (first === undefined) return [];
  const ofTrades = gaps.filter((gap) => gap.stream === 'trade' || gap.stream === 'agg-trade');
  const endUs = nextOpenTimeUs(interval, slots.at(-1)!.openUs);
  const bands: GapBand[] = [];
  const used = new Set<GapRow>();
  for (let at = 0; at < slots.length; at++) {
    if (!isEmpty(slots[at]!)) continue;
    const from = at;
    while (at + 1 < slots.length && isEmpty(slots[at + 1]!)) at++;
    const fromUs = slots[from]!.openUs;
    const toUs = nextOpenTimeUs(interval, slots[at]!.openUs);
    const overlapping = ofTrades.filter((gap) => gap.openedAtUs < toUs && (gap.closedAtUs ?? endUs) > fromUs);
    for (const gap of overlapping) used.add(gap);
    bands.push(bandOf(slots, interval, from, at, worst(overlapping)));
  }
  for (const gap of ofTrades) {
    if (used.has(gap) || gap.state === 'repaired') continue;
    const closedUs = gap.closedAtUs ?? endUs;
    if (closedUs <= first.openUs || gap.openedAtUs >= endUs) continue;
    let from = slots.length - 1;
    while (from > 0 && slots[from]!.openUs > gap.openedAtUs) from--;
    let to = from;
    while (to + 1 < slots.length && slots[to + 1]!.openUs < closedUs) to++;
    bands.push(bandOf(slots, interval, from, to, gap));
  }
  return bands.sort((a, b) => a.from - b.from);
}
