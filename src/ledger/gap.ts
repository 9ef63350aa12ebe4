import type { GapReason, GapState } from '../domain/state.ts';

/** A hole in a stream, from the moment it was seen. */
export interface Gap {
  readonly stream: string;
  /** First and last missing id; −1 in streams without ids. */
  readonly fromId: number;
  readonly toId: number;
  /** Venue time of the last record held before. */
  readonly openedAtUs: number;
  /** Venue time of the first record held after; NaN while it lasts. */
  readonly closedAtUs: number;
  readonly state: GapState;
  readonly reason: GapReason;
  /** Ids of it held now, by row or by aggregate. */
  readonly heldCount: number;
  /** Of those, ids held only inside an aggregate. */
  readonly byAggregateCount: number;
  readonly tried: readonly string[];
  /** Journal time of the last change. */
  readonly decidedAtUs: number;
}

/** A gap while a ledger works on it. */
export interface OpenGap extends Gap {
  fromId: number;
  toId: number;
  openedAtUs: number;
  closedAtUs: number;
  state: GapState;
  reason: GapReason;
  heldCount: number;
  byAggregateCount: number;
  tried: string[];
  decidedAtUs: number;
}

/** In checkpoints an instant that is not known is null: JSON has no NaN. */
export type GapJson = Omit<Gap, 'closedAtUs' | 'openedAtUs' | 'decidedAtUs'> & {
  readonly openedAtUs: number | null;
  readonly closedAtUs: number | null;
  readonly decidedAtUs: number | null;
};

export function copyOfGap(gap: Gap): Gap {
  return { ...gap, tried: [...gap.tried] };
}

export function gapToJson(gap: Gap): GapJson {
  return {
    ...gap,
    openedAtUs: instantToJson(gap.openedAtUs),
    closedAtUs: instantToJson(gap.closedAtUs),
    decidedAtUs: instantToJson(gap.decidedAtUs),
    tried: [...gap.tried],
  };
}

export function gapFromJson(json: GapJson): OpenGap {
  return {
    ...json,
    openedAtUs: json.openedAtUs ?? Number.NaN,
    closedAtUs: json.closedAtUs ?? Number.NaN,
    decidedAtUs: json.decidedAtUs ?? Number.NaN,
    tried: [...json.tried],
  };
}

export function instantToJson(atUs: number): number | null {
  return Number.isNaN(atUs) ? null : atUs;
}

/**
 * Whether something of the gap can lie in [fromUs, toUs). A missing record may carry the very instant of its neighbours,
 * so both ends of the gap belong to it.
 */
export function gapTouches(gap: Gap, fromUs: number, toUs: number): boolean {
  return gap.openedAtUs < toUs && !(gap.closedAtUs < fromUs);
}
