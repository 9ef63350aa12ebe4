import { html, type Markup } from '../markup.ts';
import { box, drawing, roundStep, stepText, TimeAxis, timeLabels, valueLabel, valueLine } from './plot.ts';

export interface Column {
  readonly fromUs: number;
  readonly toUs: number;
  readonly value: number;
}

const width = 339;
const height = 128;
const axisWidth = 44;
const labelHeight = 16;

/** Values over time as columns; the largest stands out. */
export function columnChart(
  range: { fromUs: number; toUs: number },
  columns: readonly Column[],
  description: string,
): Markup {
  const most = columns.reduce((found, { value }) => Math.max(found, value), 0);
  if (most === 0) return html`<p class="none">Nothing to draw.</p>`;
  const axis = new TimeAxis(range, width - axisWidth);
  const plot = height - labelHeight;
  const y = (value: number) => plot - (value / most) * (plot - 8);
  const step = roundStep(most, 4);
  const lines: Markup[] = [];
  for (let value = 0; value <= most; value += step) {
    lines.push(valueLine(y(value), width - axisWidth), valueLabel(y(value), width, stepText(value, step)));
  }
  let plain = '';
  let largest = '';
  for (const { fromUs, toUs, value } of columns) {
    const left = axis.x(fromUs) + 0.8;
    const shape = box(left, y(value), Math.max(0.8, axis.x(toUs) - left - 0.8), plot - y(value));
    if (value === most && largest === '') largest = shape;
    else plain += shape;
  }
  return drawing(
    width,
    height,
    description,
    html`${lines}<path class="f-ink soft" d="${plain}"/><path class="f-ink" d="${largest}"/>${timeLabels(axis, height - 4, 5)}`,
  );
}
