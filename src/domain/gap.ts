import type { GapReason, GapState } from './state.ts';

/**
 * A hole in one stream of one instrument. Ids are −1 in streams without ids to ask for. `openedAtUs` is the venue time of
 * the last record held before the hole, `closedAtUs` that of the first one after it (NaN while it lasts).
 */
export interface Gap {
  readonly stream: string;
  readonly fromId: number;
  readonly toId: number;
  readonly openedAtUs: number;
  closedAtUs: number;
  state: GapState;
  reason: GapReason;
  heldCount: number;
  byAggregateCount: number;
  tried: string[];
}
