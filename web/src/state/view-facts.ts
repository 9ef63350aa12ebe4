import type { Coverage } from '../../../src/protocol/api.ts';
import { Store } from '../live/store.ts';

/** What the chart in view tells the strip. */
export interface ViewFacts {
  readonly instrument: string | undefined;
  readonly heldIds: number | null;
  readonly expectedIds: number | null;
  /** Every id that existed is held, no bar is empty, no gap touches the view. */
  readonly whole: boolean;
  readonly emptyBars: number;
  readonly bars: number;
  readonly fromUs: number | undefined;
  readonly toUs: number | undefined;
  readonly tidemarkUs: number | null;
  readonly openGaps: number;
  readonly repairingGaps: number;
  readonly declaredGaps: number;
  readonly repairedBars: number;
  readonly coverage: Coverage | undefined;
  readonly lastTradeSeenAtMs: number | undefined;
  /** Since when trades are shown that are not yet on disk; undefined when the disk keeps up. */
  readonly unsyncedSinceMs: number | undefined;
}

export const noFacts: ViewFacts = {
  instrument: undefined,
  heldIds: null,
  expectedIds: null,
  whole: false,
  emptyBars: 0,
  bars: 0,
  fromUs: undefined,
  toUs: undefined,
  tidemarkUs: null,
  openGaps: 0,
  repairingGaps: 0,
  declaredGaps: 0,
  repairedBars: 0,
  coverage: undefined,
  lastTradeSeenAtMs: undefined,
  unsyncedSinceMs: undefined,
};

export const viewFacts = new Store<ViewFacts>(noFacts, 200);
