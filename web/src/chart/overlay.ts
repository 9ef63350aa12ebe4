import type {
  IChartApi,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesApi,
  ISeriesPrimitive,
  ISeriesPrimitiveAxisView,
  Logical,
  SeriesAttachedParameter,
  UTCTimestamp,
} from 'lightweight-charts';
import { coordinateText } from '../text/number-text.ts';
import { clockText } from '../text/time-text.ts';
import type { Overlays } from './adapter.ts';
import type { Look } from './candle-series.ts';
import type { GapBand } from './gap-bands.ts';
import { faded, hatch, type Palette } from './palette.ts';
import { isEmpty, type Slot } from './slots.ts';

type Target = Parameters<IPrimitivePaneRenderer['draw']>[0];
type Paint = (context: CanvasRenderingContext2D, width: number, height: number) => void;

/** What the drawing needs to know; one object, changed in place, shared by the primitives of both panes. */
export interface Scene {
  slots: readonly Slot[];
  overlays: Overlays;
  priceDecimals: number;
  look: Look;
}

export const waterlineHeight = 5;

function view(zOrder: 'bottom' | 'normal' | 'top', paint: Paint): IPrimitivePaneView {
  const renderer: IPrimitivePaneRenderer = {
    draw: (target: Target) => {
      target.useMediaCoordinateSpace(({ context, mediaSize }) => {
        context.save();
        paint(context, mediaSize.width, mediaSize.height);
        context.restore();
      });
    },
  };
  return { zOrder: () => zOrder, renderer: () => renderer };
}

/** Position of an instant among the slots, parts of a slot included; undefined outside of them. */
export function positionOf(slots: readonly Slot[], atUs: number): number | undefined {
  const first = slots[0];
  const last = slots.at(-1);
  if (first === undefined || last === undefined || atUs < first.openUs) return undefined;
  let low = 0;
  let high = slots.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (slots[middle]!.openUs <= atUs) low = middle;
    else high = middle - 1;
  }
  const lengthUs =
    low + 1 < slots.length
      ? slots[low + 1]!.openUs - slots[low]!.openUs
      : last.openUs - (slots.at(-2)?.openUs ?? last.openUs - 1);
  return low + Math.min(1, (atUs - slots[low]!.openUs) / Math.max(1, lengthUs));
}

/** Everything around the candles of one pane: watermark, gap bands, waterline, tidemark, last price. Draws what is visible only. */
export class OverlayPrimitive implements ISeriesPrimitive<UTCTimestamp> {
  readonly #scene: Scene;
  readonly #role: 'price' | 'volume';
  #chart: IChartApi | undefined;
  #series: ISeriesApi<'Custom', UTCTimestamp> | undefined;
  #requestUpdate: (() => void) | undefined;
  readonly #paneViews: readonly IPrimitivePaneView[];
  readonly #axisViews: readonly IPrimitivePaneView[];
  readonly #timeViews: readonly ISeriesPrimitiveAxisView[];

  constructor(scene: Scene, role: 'price' | 'volume') {
    this.#scene = scene;
    this.#role = role;
    this.#paneViews = [
      view('bottom', (context, width, height) => {
        this.#paintWatermark(context, width, height);
        this.#paintBands(context, width, height);
      }),
      // Above the grid, which would cut it in pieces.
      view('normal', (context, _, height) => this.#paintTidemark(context, height)),
      view('top', (context, width) => {
        if (role === 'volume') this.#paintWaterline(context, width);
        if (role === 'price') this.#paintLastPriceLine(context, width);
      }),
    ];
    this.#axisViews =
      role === 'price' ? [view('normal', (context, width) => this.#paintPriceLabel(context, width))] : [];
    this.#timeViews =
      role === 'price'
        ? [
            {
              coordinate: () => this.#tidemarkX() ?? -1000,
              text: () => `tidemark ${clockText(scene.overlays.tidemarkUs ?? 0)}`,
              textColor: () => scene.look.palette.onFill,
              backColor: () => scene.look.palette.proof,
              visible: () => this.#tidemarkX() !== undefined,
              tickVisible: () => false,
            },
          ]
        : [];
  }

  attached(parameters: SeriesAttachedParameter<UTCTimestamp>): void {
    this.#chart = parameters.chart as unknown as IChartApi;
    this.#series = parameters.series as unknown as ISeriesApi<'Custom', UTCTimestamp>;
    this.#requestUpdate = parameters.requestUpdate;
  }

  detached(): void {
    this.#chart = undefined;
    this.#series = undefined;
    this.#requestUpdate = undefined;
  }

  refresh(): void {
    this.#requestUpdate?.();
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#paneViews;
  }

  priceAxisPaneViews(): readonly IPrimitivePaneView[] {
    return this.#axisViews;
  }

  timeAxisViews(): readonly ISeriesPrimitiveAxisView[] {
    return this.#timeViews;
  }

  get #palette(): Palette {
    return this.#scene.look.palette;
  }

  #x(position: number): number {
    const scale = this.#chart!.timeScale();
    const whole = Math.floor(position);
    const x = scale.logicalToCoordinate(whole as Logical);
    if (x === null) return Number.NaN;
    return x + (position - whole - 0.5) * this.#spacing();
  }

  #spacing(): number {
    return this.#chart!.timeScale().options().barSpacing;
  }

  #visible(): [number, number] {
    const range = this.#chart?.timeScale().getVisibleLogicalRange();
    if (range === null || range === undefined) return [0, -1];
    return [Math.max(0, Math.floor(range.from)), Math.min(this.#scene.slots.length - 1, Math.ceil(range.to))];
  }

  #paintWatermark(context: CanvasRenderingContext2D, width: number, height: number): void {
    const kind = this.#scene.overlays.dataKind;
    if (kind !== 'simulated' && kind !== 'replay') return;
    const word = kind === 'simulated' ? 'SIMULATED' : 'REPLAY';
    context.fillStyle = faded(this.#palette.unreal, 0.13);
    context.font = `600 ${width < 520 ? 24 : 30}px ${this.#palette.font}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const offset = this.#role === 'price' ? 60 : 40;
    const apart = width < 520 ? width : 300;
    for (let y = offset, line = 0; y < height + 100; y += 130, line++) {
      for (let x = ((line + 1) % 2) * (apart / 2); x < width + 160; x += apart) {
        context.save();
        context.translate(x, y);
        context.rotate(-Math.PI / 9);
        context.fillText(word, 0, 0);
        context.restore();
      }
    }
  }

  #bandEdges(band: GapBand): [number, number] {
    const { slots } = this.#scene;
    if (!band.within) {
      const left = Math.round(this.#x(band.from));
      return [left, Math.max(this.#palette.gapMin, Math.round(this.#x(band.to + 1)) - left)];
    }
    const from = Math.round(this.#x(band.from + 0.5)) - 1;
    const to = band.to > band.from ? Math.round(this.#x(positionOf(slots, band.toUs) ?? band.to)) : from + 2;
    return [from, Math.max(this.#palette.gapMin, to - from)];
  }

  #paintBands(context: CanvasRenderingContext2D, width: number, height: number): void {
    const [first, last] = this.#visible();
    const palette = this.#palette;
    for (const band of this.#scene.overlays.bands) {
      if (band.to < first || band.from > last) continue;
      const [left, wide] = this.#bandEdges(band);
      if (Number.isNaN(left) || left > width || left + wide < 0) continue;
      const edge = (colour: string, dash: number[]): void => {
        context.strokeStyle = colour;
        context.lineWidth = 1;
        context.setLineDash(dash);
        context.beginPath();
        context.moveTo(left + 0.5, 0);
        context.lineTo(left + 0.5, height);
        if (wide > 3) {
          context.moveTo(left + wide - 0.5, 0);
          context.lineTo(left + wide - 0.5, height);
        }
        context.stroke();
        context.setLineDash([]);
      };
      if (band.state === 'declared' && band.reason === 'venue-closed') {
        context.fillStyle = faded(palette.ink3, 0.13);
        context.fillRect(left, 0, wide, height);
        edge(palette.ink3, []);
      } else if (band.state === 'declared' && band.reason === 'off-book') {
        context.fillStyle = faded(palette.ink3, 0.55);
        for (let x = left + 4; x < left + wide - 2; x += 6)
          for (let y = 4; y < height; y += 6) context.fillRect(x, y, 1.5, 1.5);
        edge(palette.ink3, [1.5, 2.5]);
      } else if (band.state === 'declared' && band.reason === 'sampled') {
        edge(palette.ink2, [2, 3]);
      } else if (band.state === 'declared') {
        context.fillStyle = faded(palette.fault, 0.05);
        context.fillRect(left, 0, wide, height);
        hatch(context, left, 0, wide, height, faded(palette.fault, 0.3), palette.hatch + 1, 'rising', 1);
        hatch(context, left, 0, wide, height, faded(palette.fault, 0.3), palette.hatch + 1, 'falling', 1);
        edge(faded(palette.fault, 0.75), []);
      } else {
        const risen = band.state === 'repairing' ? Math.round(height * band.done) : 0;
        if (risen > 0) {
          context.globalAlpha = 0.55;
          context.fillStyle = palette.proofHeld;
          context.fillRect(left, height - risen, wide, risen);
          context.globalAlpha = 1;
          context.fillStyle = palette.proof;
          context.fillRect(left, height - risen, wide, 1);
        }
        context.fillStyle = faded(palette.fault, 0.05);
        context.fillRect(left, 0, wide, height - risen);
        hatch(context, left, 0, wide, height, faded(palette.fault, 0.34), palette.hatch, 'rising', 1);
        edge(faded(palette.fault, 0.75), []);
      }
    }
  }

  /** Completeness in place, between price and volume. */
  #paintWaterline(context: CanvasRenderingContext2D, width: number): void {
    const { slots, overlays } = this.#scene;
    const palette = this.#palette;
    context.fillStyle = palette.panel;
    context.fillRect(0, 0, width, waterlineHeight + 1);
    const [first, last] = this.#visible();
    if (last < first) return;
    const tidemark = overlays.tidemarkUs === null ? undefined : positionOf(slots, overlays.tidemarkUs);
    const unreal = overlays.dataKind === 'simulated' || overlays.dataKind === 'replay';
    const kindAt = (at: number): string => {
      const slot = slots[at]!;
      if (isEmpty(slot)) return 'missing';
      const state = slot.row!.state;
      if (state === 'forming') return 'none';
      if (state === 'partial' || state === 'provisional') return 'thin';
      if (unreal) return 'unreal';
      return tidemark !== undefined && at + 1 <= tidemark + 0.01 ? 'proof' : 'held';
    };
    for (let at = first; at <= last; ) {
      const kind = kindAt(at);
      let end = at + 1;
      while (end <= last && kindAt(end) === kind) end++;
      const left = Math.round(this.#x(at));
      const wide = Math.max(kind === 'missing' ? palette.gapMin : 1, Math.round(this.#x(end)) - left);
      if (kind === 'missing') hatch(context, left, 1, wide, waterlineHeight - 1, palette.fault, 4, 'rising', 1.6);
      else if (kind === 'unreal') hatch(context, left, 1, wide, waterlineHeight - 1, palette.unreal, 5, 'falling', 1.4);
      else if (kind === 'thin') {
        context.fillStyle = unreal ? palette.unreal : palette.proofHeld;
        context.fillRect(left, waterlineHeight - 3, wide, 1);
      } else if (kind !== 'none') {
        context.fillStyle = kind === 'proof' ? palette.proofFill : palette.proofHeld;
        context.fillRect(left, 1, wide, waterlineHeight - 2);
      }
      at = end;
    }
  }

  #tidemarkX(): number | undefined {
    const { slots, overlays } = this.#scene;
    if (overlays.tidemarkUs === null || this.#chart === undefined) return undefined;
    let position = positionOf(slots, overlays.tidemarkUs);
    if (position === undefined) return undefined;
    // A bar that still grows is not behind the line, however near the line comes.
    if (slots[Math.floor(position)]?.row?.state === 'forming') position = Math.floor(position);
    const [first, last] = this.#visible();
    if (position < first || position > last + 1) return undefined;
    const x = this.#x(position);
    return Number.isNaN(x) ? undefined : x;
  }

  #paintTidemark(context: CanvasRenderingContext2D, height: number): void {
    const x = this.#tidemarkX();
    if (x === undefined) return;
    context.fillStyle = this.#palette.proof;
    context.fillRect(Math.round(x) - 1, 0, 2, height);
  }

  #lastShown(): Slot | undefined {
    return this.#scene.slots.findLast((slot) => !isEmpty(slot));
  }

  #lastColour(slot: Slot): string {
    if (this.#scene.overlays.cold) return this.#palette.ink3;
    return slot.close >= slot.open ? this.#palette.up : this.#palette.down;
  }

  #paintLastPriceLine(context: CanvasRenderingContext2D, width: number): void {
    const slot = this.#lastShown();
    const y = slot === undefined ? null : this.#series?.priceToCoordinate(slot.close);
    if (slot === undefined || y === null || y === undefined) return;
    context.strokeStyle = this.#lastColour(slot);
    context.setLineDash([1, 3]);
    context.beginPath();
    context.moveTo(Math.max(0, this.#x(this.#scene.slots.length - 0.5)), Math.round(y) + 0.5);
    context.lineTo(width, Math.round(y) + 0.5);
    context.stroke();
    context.setLineDash([]);
  }

  #paintPriceLabel(context: CanvasRenderingContext2D, width: number): void {
    const slot = this.#lastShown();
    const at = slot === undefined ? null : this.#series?.priceToCoordinate(slot.close);
    if (slot === undefined || at === null || at === undefined) return;
    const palette = this.#palette;
    const y = Math.round(at);
    const { note } = this.#scene.overlays;
    const half = note === '' ? 10 : 16;
    context.fillStyle = palette.panel;
    context.fillRect(1, y - half - 6, width, half * 2 + 12);
    context.fillStyle = this.#lastColour(slot);
    context.fillRect(1, y - half, width, half * 2);
    context.fillStyle = palette.onFill;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.font = `600 11.5px ${palette.font}`;
    context.fillText(coordinateText(slot.close, this.#scene.priceDecimals), width - 8, note === '' ? y + 0.5 : y - 6);
    if (note === '') return;
    context.font = `450 10.5px ${palette.font}`;
    context.fillText(note, width - 8, y + 8);
  }
}
