import { html, type Markup } from '../markup.ts';
import { box, drawing, px, roundStep, stepText, TimeAxis, timeLabels, valueLabel, valueLine } from './plot.ts';

export interface Point {
  readonly atUs: number;
  readonly value: number;
  /** Least and most of what the value is the mean of. */
  readonly low?: number;
  readonly high?: number;
}

export interface Line {
  readonly look: 'ink' | 'up' | 'down' | 'a' | 'b' | 'c' | 'd' | 'e' | 'f';
  /** Ascending; a step of more than `longestStepUs` is a hole. */
  readonly points: readonly Point[];
  /** Stands at the end of the line. */
  readonly label?: string;
}

export interface LineChart {
  readonly range: { readonly fromUs: number; readonly toUs: number };
  readonly lines: readonly Line[];
  readonly longestStepUs: number;
  /** Time that is not known. */
  readonly gaps?: readonly { readonly openedAtUs: number; readonly closedAtUs: number | undefined }[];
  readonly width: number;
  readonly height: number;
  /** From 0 up, else around what the lines have. */
  readonly isFromZero: boolean;
  readonly unit?: string;
  readonly description: string;
}

const axisWidth = 44;
const labelHeight = 16;

/** Values over time; what is not known is a hole, never a straight line across. */
export function lineChart(chart: LineChart): Markup {
  const values = chart.lines.flatMap(({ points }) =>
    points.flatMap(({ value, low = value, high = value }) => [low, value, high]),
  );
  if (values.length === 0) return html`<p class="none">Nothing to draw.</p>`;
  const right = chart.lines.some(({ label }) => label !== undefined) ? 74 : axisWidth;
  const plotWidth = chart.width - right;
  const plot = chart.height - labelHeight;
  const axis = new TimeAxis(chart.range, plotWidth);
  let low = chart.isFromZero ? 0 : Math.min(0, ...values);
  let high = Math.max(0, ...values);
  if (high === low) {
    high += 1;
    if (!chart.isFromZero) low -= 1;
  }
  const step = roundStep(high - low, 6);
  const y = (value: number) => plot - ((value - low) / (high - low)) * (plot - 10) - 1;
  const grid: Markup[] = [];
  const labels: Markup[] = [];
  for (let index = Math.ceil(low / step); index * step <= high; index++) {
    const label = `${stepText(index * step, step).replace('-', '\u2212')}${chart.unit ?? ''}`;
    grid.push(valueLine(y(index * step), plotWidth));
    labels.push(valueLabel(y(index * step), right === axisWidth ? chart.width : plotWidth - 2, label));
  }
  const gaps = (chart.gaps ?? []).map(({ openedAtUs, closedAtUs }) => {
    const left = axis.x(openedAtUs);
    return box(left, 0, Math.max(2, axis.x(closedAtUs ?? chart.range.toUs) - left), plot);
  });
  return drawing(
    chart.width,
    chart.height,
    chart.description,
    html`${grid}<path class="gap" d="${gaps.join('')}"/>${chart.lines.map(({ look, points }) => {
      let path = '';
      let dots = '';
      for (const [at, point] of points.entries()) {
        const before = points[at - 1];
        const after = points[at + 1];
        const isJoined = before !== undefined && point.atUs - before.atUs <= chart.longestStepUs;
        const isAlone = !isJoined && !(after !== undefined && after.atUs - point.atUs <= chart.longestStepUs);
        if (isAlone) dots += box(axis.x(point.atUs) - 1.2, y(point.value) - 1.2, 2.4, 2.4);
        else path += `${isJoined ? 'L' : 'M'}${px(axis.x(point.atUs))} ${px(y(point.value))}`;
      }
      return html`<path class="f-${look} band" d="${bandOf(points, chart.longestStepUs, axis, y)}"/><path class="line s-${look}" d="${path}"/><path class="f-${look}" d="${dots}"/>`;
    })}${labels}${endLabels(chart, y, plotWidth, plot)}${timeLabels(axis, chart.height - 4, chart.width > 400 ? 8 : 5)}`,
  );
}

/** Between least and most, a piece for each stretch without a hole. */
function bandOf(points: readonly Point[], longestStepUs: number, axis: TimeAxis, y: (value: number) => number): string {
  let path = '';
  let stretch: Required<Point>[] = [];
  const finish = () => {
    const up = stretch.map(({ atUs, high }) => `${px(axis.x(atUs))} ${px(y(high))}`);
    const back = stretch.toReversed().map(({ atUs, low }) => `${px(axis.x(atUs))} ${px(y(low))}`);
    if (stretch.length > 1) path += `M${[...up, ...back].join('L')}z`;
    stretch = [];
  };
  for (const { atUs, value, low, high } of points) {
    if (low === undefined || high === undefined) continue;
    const before = stretch.at(-1);
    if (before !== undefined && atUs - before.atUs > longestStepUs) finish();
    stretch.push({ atUs, value, low, high });
  }
  finish();
  return path;
}

/** Names at the right, moved apart where lines end close together. */
function endLabels(chart: LineChart, y: (value: number) => number, plotWidth: number, plot: number): Markup {
  const named = chart.lines
    .flatMap(({ label, look, points }) =>
      label === undefined || points.length === 0 ? [] : [{ label, look, y: y(points.at(-1)!.value) }],
    )
    .sort((a, b) => a.y - b.y);
  let lowest = 6;
  const placed = named.map(({ label, look, y: wanted }) => {
    const at = Math.max(lowest, Math.min(wanted, plot));
    lowest = at + 11;
    return { label, look, at };
  });
  const beyond = Math.max(0, lowest - 11 - plot);
  return html`${placed.map(({ label, look, at }) => html`<path class="f-${look}" d="${box(plotWidth + 4, at - beyond - 1, 6, 2)}"/><text class="v" x="${plotWidth + 13}" y="${px(at - beyond + 3.5)}">${label}</text>`)}`;
}
