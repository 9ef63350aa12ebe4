import type { DataKind, Interval } from '../../../src/protocol/api.ts';
import type { GapBand } from './gap-bands.ts';
import type { Slot, SlotChange } from './slots.ts';

/** Visible stretch in positions of the slots; parts of a slot count. */
export interface Viewport {
  readonly from: number;
  readonly to: number;
}

/** The newest of `count` bars, `bars` wide, with some room to the right for what comes. */
export function newestInView(count: number, bars: number): Viewport {
  const room = Math.max(3, Math.round(bars * 0.08));
  return { from: count + room - bars, to: count - 1 + room };
}

/** What is drawn around the candles. */
export interface Overlays {
  readonly bands: readonly GapBand[];
  readonly tidemarkUs: number | null;
  readonly dataKind: DataKind;
  /** Prices may no longer be true: the last price loses its colour and says when it was. */
  readonly cold: boolean;
  /** Second line of the price label: a countdown, or when the price was. */
  readonly note: string;
}

export interface Instruments {
  readonly priceDecimals: number;
  readonly interval: Interval;
  readonly baseAsset: string;
}

/**
 * The one door to the drawing library. Data never own the viewport: `setBars` and `applyDelta` leave every visible bar
 * where it is unless told to fit.
 */
export interface ChartAdapter {
  configure(instrument: Instruments): void;
  /** All slots anew. `prepended` says how many of them are new in front, so that what was visible stays in place. */
  setBars(slots: readonly Slot[], prepended: number): void;
  applyDelta(slots: readonly Slot[], change: SlotChange): void;
  markStates(overlays: Overlays): void;
  setViewport(viewport: Viewport): void;
  viewport(): Viewport | undefined;
  onViewport(listener: (viewport: Viewport) => void): () => void;
  /** The slot under the pointer or the data cursor; −1 when there is none. */
  onCursor(listener: (at: number, byPointer: boolean) => void): () => void;
  /** Puts the data cursor on a slot, and the slot into view unless told to leave the view alone. */
  setCursor(at: number | undefined, reveal?: boolean): void;
  /** Where a click fell. */
  onPick(listener: (at: number) => void): () => void;
  zoom(factor: number): void;
  followLive(): void;
  resetPriceScale(): void;
  /** Pixels from the left edge of the plot; undefined outside of it. */
  xOf(at: number): number | undefined;
  readTheme(): void;
  snapshot(): HTMLCanvasElement;
  destroy(): void;
}
