import type {
  CustomData,
  CustomSeriesOptions,
  CustomSeriesPricePlotValues,
  CustomSeriesWhitespaceData,
  ICustomSeriesPaneRenderer,
  ICustomSeriesPaneView,
  PaneRendererCustomData,
  PriceToCoordinateConverter,
  UTCTimestamp,
} from 'lightweight-charts';
import { customSeriesDefaultOptions } from 'lightweight-charts';
import { faded, hatch, type Palette } from './palette.ts';
import { isEmpty, type Slot } from './slots.ts';

export interface SlotPoint extends CustomData<UTCTimestamp> {
  readonly slot: Slot;
}

type Target = Parameters<ICustomSeriesPaneRenderer['draw']>[0];
type Points = PaneRendererCustomData<UTCTimestamp, SlotPoint>;

export interface Look {
  palette: Palette;
  simulated: boolean;
}

/** Width of a bar in device pixels: odd, so that the wick stands in its middle. */
function barWidth(spacing: number, ratio: number, share: number): number {
  const width = Math.max(1, Math.round(spacing * ratio * share));
  return width > 2 && width % 2 === 0 ? width - 1 : width;
}

function visible(points: Points): [number, number] {
  const range = points.visibleRange;
  return range === null
    ? [0, -1]
    : [Math.max(0, Math.floor(range.from) - 1), Math.min(points.bars.length - 1, Math.ceil(range.to) + 1)];
}

abstract class SlotView implements ICustomSeriesPaneView<UTCTimestamp, SlotPoint, CustomSeriesOptions> {
  protected readonly look: Look;
  protected points: Points | undefined;

  constructor(look: Look) {
    this.look = look;
  }

  renderer(): ICustomSeriesPaneRenderer {
    return {
      draw: (target: Target, toY: PriceToCoordinateConverter) => {
        const points = this.points;
        if (points === undefined || points.bars.length === 0) return;
        target.useBitmapCoordinateSpace(({ context, horizontalPixelRatio, verticalPixelRatio, bitmapSize }) => {
          context.save();
          this.paint(context, points, toY, horizontalPixelRatio, verticalPixelRatio, bitmapSize.height);
          context.restore();
        });
      },
    };
  }

  update(points: Points): void {
    this.points = points;
  }

  isWhitespace(
    data: SlotPoint | CustomSeriesWhitespaceData<UTCTimestamp>,
  ): data is CustomSeriesWhitespaceData<UTCTimestamp> {
    const slot = (data as Partial<SlotPoint>).slot;
    return slot === undefined || isEmpty(slot);
  }

  defaultOptions(): CustomSeriesOptions {
    return customSeriesDefaultOptions;
  }

  abstract priceValueBuilder(point: SlotPoint): CustomSeriesPricePlotValues;

  protected abstract paint(
    context: CanvasRenderingContext2D,
    points: Points,
    toY: PriceToCoordinateConverter,
    horizontal: number,
    vertical: number,
    height: number,
  ): void;
}

/** Candles whose state can be read from their shape: see the vocabulary in the help. */
export class CandleView extends SlotView {
  priceValueBuilder({ slot }: SlotPoint): CustomSeriesPricePlotValues {
    return [slot.high, slot.low, slot.close];
  }

  protected paint(
    context: CanvasRenderingContext2D,
    points: Points,
    toY: PriceToCoordinateConverter,
    horizontal: number,
    vertical: number,
  ): void {
    const { palette, simulated } = this.look;
    const spacing = points.barSpacing * points.conflationFactor;
    const width = barWidth(spacing, horizontal, palette.body);
    const line = Math.max(1, Math.floor(horizontal));
    const [from, to] = visible(points);
    for (let at = from; at <= to; at++) {
      const bar = points.bars[at];
      const slot = bar?.originalData.slot;
      if (bar === undefined || slot === undefined || slot.row === null) continue;
      const state = slot.row.state;
      const y = (price: number): number => Math.round((toY(price) ?? 0) * vertical);
      const x = Math.round(bar.x * horizontal);
      const colour = slot.close >= slot.open ? palette.up : palette.down;
      const open = y(slot.open);
      const close = y(slot.close);
      const full = state === 'forming' && width > 2 ? width + 2 * line : width;
      const left = x - Math.floor(full / 2);
      const top = Math.min(open, close);
      const height = Math.max(line, Math.abs(open - close));
      // Nothing traded, or nothing known yet: a place at the last close, not a body.
      if (state === 'no-trades' || slot.row.tradeCount === 0) {
        context.strokeStyle = palette.ink3;
        context.lineWidth = line;
        context.setLineDash([1.5 * horizontal, 2 * horizontal]);
        context.beginPath();
        context.moveTo(left - line, close + line / 2);
        context.lineTo(left + full + line, close + line / 2);
        context.stroke();
        context.setLineDash([]);
        continue;
      }
      const high = y(slot.high);
      const low = y(slot.low);
      context.fillStyle = colour;
      const wickLeft = x - Math.floor(line / 2);
      context.fillRect(wickLeft, high, line, Math.max(0, top - high));
      context.fillRect(wickLeft, top + height, line, Math.max(0, low - top - height));
      const outlined = full >= 3 * line;
      const outline = (dash: number[]): void => {
        context.strokeStyle = colour;
        context.lineWidth = line;
        context.setLineDash(dash);
        context.strokeRect(left + line / 2, top + line / 2, full - line, Math.max(line / 2, height - line));
        context.setLineDash([]);
      };
      if (!outlined || state === 'final') {
        context.globalAlpha = state === 'provisional' || state === 'forming' ? 0.6 : 1;
        if (simulated && state === 'final' && full >= 5 * line && height > 2 * line) {
          context.fillStyle = faded(colour, 0.3);
          context.fillRect(left, top, full, height);
          hatch(context, left, top, full, height, colour, 4 * horizontal, 'falling', 1.7 * horizontal);
          outline([]);
        } else context.fillRect(left, top, full, height);
        context.globalAlpha = 1;
      } else if (state === 'forming') {
        context.fillStyle = palette.panel;
        context.fillRect(left, top, full, height);
        outline([2 * horizontal, 2 * horizontal]);
      } else if (state === 'provisional') {
        context.fillStyle = palette.panel;
        context.fillRect(left, top, full, height);
        context.fillStyle = faded(colour, 0.32);
        context.fillRect(left, top, full, height);
        outline([]);
      } else {
        context.fillStyle = palette.panel;
        context.fillRect(left, top, full, height);
        hatch(context, left, top, full, height, colour, 4 * horizontal, 'rising', 1.3 * horizontal);
        outline([]);
      }
      if (slot.row.marks.length === 0 || points.barSpacing < 2.5) continue;
      const half = palette.mark * horizontal;
      const middle = x + line / 2;
      if (slot.row.marks.includes('repaired')) {
        const centre = low + 7 * vertical;
        context.fillStyle = palette.proof;
        context.beginPath();
        context.moveTo(middle, centre - half);
        context.lineTo(middle + half, centre);
        context.lineTo(middle, centre + half);
        context.lineTo(middle - half, centre);
        context.fill();
      }
      if (slot.row.marks.includes('revised')) {
        const centre = high - 7 * vertical;
        context.fillStyle = palette.caution;
        context.beginPath();
        context.moveTo(middle, centre + half);
        context.lineTo(middle + half, centre - half);
        context.lineTo(middle - half, centre - half);
        context.fill();
      }
    }
  }
}

/** Volume split by who took: buyers below, sellers above. */
export class VolumeView extends SlotView {
  priceValueBuilder({ slot }: SlotPoint): CustomSeriesPricePlotValues {
    return [0, slot.volume, slot.volume];
  }

  protected paint(
    context: CanvasRenderingContext2D,
    points: Points,
    toY: PriceToCoordinateConverter,
    horizontal: number,
    vertical: number,
    height: number,
  ): void {
    const { palette } = this.look;
    const width = barWidth(points.barSpacing * points.conflationFactor, horizontal, palette.body);
    const base = Math.min(height, Math.round((toY(0) ?? 0) * vertical));
    const [from, to] = visible(points);
    for (let at = from; at <= to; at++) {
      const bar = points.bars[at];
      const slot = bar?.originalData.slot;
      if (bar === undefined || slot === undefined || slot.row === null || slot.volume <= 0) continue;
      const top = Math.min(base - 1, Math.round((toY(slot.volume) ?? 0) * vertical));
      const share = Math.min(1, Math.max(0, slot.takerBuy / slot.volume));
      const bought = Math.round((base - top) * share);
      const left = Math.round(bar.x * horizontal) - Math.floor(width / 2);
      const strength = slot.row.state === 'forming' ? 0.34 : 0.64;
      context.fillStyle = faded(palette.down, strength * 0.85);
      context.fillRect(left, top, width, base - top - bought);
      context.fillStyle = faded(palette.up, strength);
      context.fillRect(left, base - bought, width, bought);
    }
  }
}
