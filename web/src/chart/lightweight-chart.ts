import {
  ColorType,
  CrosshairMode,
  createChart,
  type IChartApi,
  type ISeriesApi,
  LineStyle,
  type Logical,
  type MouseEventParams,
  TickMarkType,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts';
import { nominalLengthUs } from '../../../src/protocol/figures.ts';
import { coordinateText, shortText } from '../text/number-text.ts';
import { clockText, dateTimeText, dayText, minuteText, monthText } from '../text/time-text.ts';
import { type ChartAdapter, type Instruments, newestInView, type Overlays, type Viewport } from './adapter.ts';
import { CandleView, type Look, type SlotPoint, VolumeView } from './candle-series.ts';
import { OverlayPrimitive, type Scene } from './overlay.ts';
import { readPalette } from './palette.ts';
import { isEmpty, type Slot, type SlotChange } from './slots.ts';

type Series = ISeriesApi<'Custom', UTCTimestamp>;

/** More changed slots than this in one frame are set at once. */
const fewChanges = 4;

function pointOf(slot: Slot): SlotPoint {
  return { time: (slot.openUs / 1e6) as UTCTimestamp, slot };
}

/** The drawing library behind the adapter's promises. */
export class LightweightChart implements ChartAdapter {
  readonly #chart: IChartApi;
  readonly #candles: Series;
  readonly #volume: Series;
  readonly #overlayOfPrice: OverlayPrimitive;
  readonly #overlayOfVolume: OverlayPrimitive;
  readonly #look: Look;
  readonly #scene: Scene;
  #interval: Instruments['interval'] = '1m';
  #baseAsset = '';
  #coming: Viewport | undefined;

  constructor(container: HTMLElement) {
    const palette = readPalette();
    this.#look = { palette, simulated: false };
    this.#scene = {
      slots: [],
      overlays: { bands: [], tidemarkUs: null, dataKind: 'live', cold: false, note: '' },
      priceDecimals: 2,
      look: this.#look,
    };
    this.#chart = createChart(container, {
      autoSize: true,
      // The library's own mark needs an inline style, which the policy refuses: the notice stands below the chart.
      layout: { attributionLogo: false },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.16, bottom: 0.06 }, entireTextOnly: true },
      timeScale: {
        rightOffset: 8,
        barSpacing: 8,
        minBarSpacing: 0.5,
        timeVisible: true,
        shiftVisibleRangeOnNewBar: true,
        allowShiftVisibleRangeOnWhitespaceReplacement: true,
        tickMarkFormatter: (time: Time, kind: TickMarkType) => this.#tickText(Number(time) * 1e6, kind),
      },
      localization: {
        timeFormatter: (time: Time) => dateTimeText(Number(time) * 1e6),
      },
      handleScale: { axisDoubleClickReset: true, mouseWheel: true, pinch: true, axisPressedMouseMove: true },
      kineticScroll: { mouse: false, touch: true },
    });
    this.#candles = this.#chart.addCustomSeries(new CandleView(this.#look), {
      priceLineVisible: false,
      lastValueVisible: false,
    }) as unknown as Series;
    this.#volume = this.#chart.addCustomSeries(
      new VolumeView(this.#look),
      {
        priceLineVisible: false,
        lastValueVisible: false,
        priceFormat: {
          type: 'custom',
          minMove: 0.00000001,
          formatter: (value: number) => (value < 0 ? '' : `${shortText(value)} ${this.#baseAsset}`.trim()),
          tickmarksFormatter: (values: number[]) => values.map((value) => (value > 0 ? shortText(value) : '')),
        },
      },
      1,
    ) as unknown as Series;
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.16, bottom: 0 } });
    const [pricePane, volumePane] = this.#chart.panes();
    pricePane?.setStretchFactor(0.82);
    volumePane?.setStretchFactor(0.18);
    this.#overlayOfPrice = new OverlayPrimitive(this.#scene, 'price');
    this.#overlayOfVolume = new OverlayPrimitive(this.#scene, 'volume');
    this.#candles.attachPrimitive(this.#overlayOfPrice as never);
    this.#volume.attachPrimitive(this.#overlayOfVolume as never);
    this.readTheme();
  }

  configure(instrument: Instruments): void {
    this.#interval = instrument.interval;
    this.#baseAsset = instrument.baseAsset;
    this.#scene.priceDecimals = instrument.priceDecimals;
    this.#chart.applyOptions({
      timeScale: {
        timeVisible: nominalLengthUs(instrument.interval) < 86400e6,
        secondsVisible: nominalLengthUs(instrument.interval) < 60e6,
      },
    });
    this.#candles.applyOptions({
      priceFormat: {
        type: 'custom',
        minMove: 10 ** -instrument.priceDecimals,
        formatter: (price: number) => coordinateText(price, instrument.priceDecimals),
      },
    });
  }

  setBars(slots: readonly Slot[], prepended: number): void {
    const before = this.viewport();
    const hadBars = this.#scene.slots.length > 0;
    this.#scene.slots = slots;
    const points = slots.map(pointOf);
    this.#candles.setData(points);
    this.#volume.setData(points);
    if (before === undefined || !hadBars) return;
    // The library holds on to the right edge, which moves when bars are dropped there; what was visible has to stay.
    const after = this.#coming === undefined ? this.#shown() : undefined;
    const wanted = { from: before.from + prepended, to: before.to + prepended };
    if (after === undefined || Math.abs(after.from - wanted.from) > 0.001 || Math.abs(after.to - wanted.to) > 0.001)
      this.setViewport(wanted);
  }

  applyDelta(slots: readonly Slot[], change: SlotChange): void {
    this.#scene.slots = slots;
    if (change.rebuilt || change.changed.length > fewChanges) {
      const range = this.viewport();
      const points = slots.map(pointOf);
      this.#candles.setData(points);
      this.#volume.setData(points);
      if (range === undefined) return;
      // As with single bars: a view that shows the newest one goes on showing it, any other stays.
      const appended = Math.max(0, slots.length - change.appendedFrom);
      const by = range.to >= slots.length - appended - 1 ? appended : 0;
      this.setViewport({ from: range.from + by, to: range.to + by });
    } else {
      for (const at of change.changed) {
        const point = pointOf(slots[at]!);
        const late = at < change.appendedFrom && at < slots.length - 1;
        this.#candles.update(point, late);
        this.#volume.update(point, late);
      }
    }
  }

  markStates(overlays: Overlays): void {
    this.#scene.overlays = overlays;
    this.#look.simulated = overlays.dataKind === 'simulated' || overlays.dataKind === 'replay';
    this.#overlayOfPrice.refresh();
    this.#overlayOfVolume.refresh();
  }

  setViewport(viewport: Viewport): void {
    this.#coming = viewport;
    requestAnimationFrame(() => {
      if (this.#coming === viewport) this.#coming = undefined;
    });
    this.#chart.timeScale().setVisibleLogicalRange({ from: viewport.from as Logical, to: viewport.to as Logical });
  }

  /** Where the view is, or will be with the next frame: the library only then moves it, and two quick keys are two steps. */
  viewport(): Viewport | undefined {
    return this.#coming ?? this.#shown();
  }

  #shown(): Viewport | undefined {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    return range === null ? undefined : { from: range.from, to: range.to };
  }

  onViewport(listener: (viewport: Viewport) => void): () => void {
    const handler = (range: { from: number; to: number } | null): void => {
      if (range !== null) listener({ from: range.from, to: range.to });
    };
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(handler);
    return () => this.#chart.timeScale().unsubscribeVisibleLogicalRangeChange(handler);
  }

  onCursor(listener: (at: number, byPointer: boolean) => void): () => void {
    const handler = (event: MouseEventParams<Time>): void => {
      const at = event.logical === undefined || event.time === undefined ? -1 : Math.round(event.logical);
      listener(at, event.sourceEvent !== undefined);
    };
    this.#chart.subscribeCrosshairMove(handler);
    return () => this.#chart.unsubscribeCrosshairMove(handler);
  }

  setCursor(at: number | undefined, reveal = true): void {
    const slot = at === undefined ? undefined : this.#scene.slots[at];
    if (slot === undefined) {
      this.#chart.clearCrosshairPosition();
      return;
    }
    const price = isEmpty(slot) ? (this.#scene.slots.findLast((other) => !isEmpty(other))?.close ?? 0) : slot.close;
    this.#chart.setCrosshairPosition(price, (slot.openUs / 1e6) as UTCTimestamp, this.#candles as never);
    const range = this.viewport();
    if (!reveal || range === undefined || at === undefined) return;
    const width = range.to - range.from;
    if (at < range.from + 1) this.setViewport({ from: at - width * 0.1, to: at + width * 0.9 });
    else if (at > range.to - 1) this.setViewport({ from: at - width * 0.9, to: at + width * 0.1 });
  }

  onPick(listener: (at: number) => void): () => void {
    const handler = (event: MouseEventParams<Time>): void => {
      if (event.logical !== undefined && event.time !== undefined) listener(Math.round(event.logical));
    };
    this.#chart.subscribeClick(handler);
    return () => this.#chart.unsubscribeClick(handler);
  }

  zoom(factor: number): void {
    const range = this.viewport();
    if (range === undefined) return;
    // The newest bar keeps its place in the picture, and so does the room beside it.
    const anchor = Math.min(range.to, this.#scene.slots.length - 1);
    const by = Math.max(factor, 6 / (range.to - range.from));
    this.setViewport({ from: anchor - (anchor - range.from) * by, to: anchor + (range.to - anchor) * by });
  }

  followLive(): void {
    const range = this.viewport();
    // At once: the library's own scrolling takes its time, and ends halfway when bars arrive meanwhile.
    if (range !== undefined) this.setViewport(newestInView(this.#scene.slots.length, range.to - range.from + 1));
  }

  resetPriceScale(): void {
    this.#candles.priceScale().applyOptions({ autoScale: true });
    this.#volume.priceScale().applyOptions({ autoScale: true });
  }

  xOf(at: number): number | undefined {
    return this.#chart.timeScale().logicalToCoordinate(at as Logical) ?? undefined;
  }

  readTheme(): void {
    const palette = readPalette();
    this.#look.palette = palette;
    const label = {
      color: palette.ink3,
      labelBackgroundColor: palette.selected,
      style: LineStyle.Dashed,
      width: 1 as const,
    };
    this.#chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: palette.panel },
        textColor: palette.ink3,
        fontFamily: palette.font,
        fontSize: 11,
        panes: { separatorColor: palette.panel, separatorHoverColor: palette.selected, enableResize: true },
      },
      grid: { vertLines: { color: palette.line1 }, horzLines: { color: palette.line1 } },
      crosshair: { vertLine: label, horzLine: label },
      rightPriceScale: { borderColor: palette.line1, minimumWidth: palette.axisY },
      timeScale: { borderColor: palette.line1 },
    });
    this.#overlayOfPrice.refresh();
    this.#overlayOfVolume.refresh();
  }

  snapshot(): HTMLCanvasElement {
    return this.#chart.takeScreenshot();
  }

  destroy(): void {
    this.#chart.remove();
  }

  #tickText(atUs: number, kind: TickMarkType): string {
    switch (kind) {
      case TickMarkType.Year:
        return new Date(atUs / 1000).getUTCFullYear().toString();
      case TickMarkType.Month:
        return monthText(atUs);
      case TickMarkType.DayOfMonth:
        return dayText(atUs);
      case TickMarkType.TimeWithSeconds:
        return clockText(atUs);
      default:
        return minuteText(atUs);
    }
  }

  get interval(): Instruments['interval'] {
    return this.#interval;
  }
}
