import type { ChartAdapter, Viewport } from './adapter.ts';
import type { Slot } from './slots.ts';

/** A chart without a canvas: keeps the promises about the viewport, so that what feeds a chart can be tested anywhere. */
export class NullChart implements ChartAdapter {
  slots: readonly Slot[] = [];
  setCalls = 0;
  deltaCalls = 0;
  #viewport: Viewport | undefined;
  readonly #viewportListeners = new Set<(viewport: Viewport) => void>();

  configure(): void {}
  setBars(slots: readonly Slot[], prepended: number): void {
    this.setCalls++;
    this.slots = slots;
    if (this.#viewport !== undefined)
      this.#viewport = { from: this.#viewport.from + prepended, to: this.#viewport.to + prepended };
  }
  applyDelta(slots: readonly Slot[]): void {
    this.deltaCalls++;
    this.slots = slots;
  }
  markStates(): void {}
  setViewport(viewport: Viewport): void {
    this.#viewport = viewport;
    for (const listener of this.#viewportListeners) listener(viewport);
  }
  viewport(): Viewport | undefined {
    return this.#viewport;
  }
  onViewport(listener: (viewport: Viewport) => void): () => void {
    this.#viewportListeners.add(listener);
    return () => this.#viewportListeners.delete(listener);
  }
  onCursor(): () => void {
    return () => {};
  }
  setCursor(): void {}
  onPick(): () => void {
    return () => {};
  }
  zoom(): void {}
  followLive(): void {}
  resetPriceScale(): void {}
  xOf(): number | undefined {
    return undefined;
  }
  readTheme(): void {}
  snapshot(): HTMLCanvasElement {
    throw new Error('a chart without a canvas has no picture');
  }
  destroy(): void {}
}
