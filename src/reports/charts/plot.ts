import { dayUs, hourUs, minuteUs } from '../../domain/interval.ts';
import { grouped, shortDayText } from '../figure-text.ts';
import { html, type Markup } from '../markup.ts';

/** Lengths are in units of the drawing, one CSS pixel where it is shown in full width. */

/** Time from left to right. */
export class TimeAxis {
  readonly fromUs: number;
  readonly toUs: number;
  readonly width: number;

  constructor(range: { readonly fromUs: number; readonly toUs: number }, width: number) {
    this.fromUs = range.fromUs;
    this.toUs = range.toUs;
    this.width = width;
  }

  x(atUs: number): number {
    const inside = Math.min(this.toUs, Math.max(this.fromUs, atUs));
    return ((inside - this.fromUs) / (this.toUs - this.fromUs)) * this.width;
  }

  /** Round instants, `most` of them at most, with their labels. */
  ticks(most: number): { readonly x: number; readonly label: string }[] {
    const steps = [minuteUs, 2 * minuteUs, 5 * minuteUs, 10 * minuteUs, 15 * minuteUs, 30 * minuteUs, hourUs, 2 * hourUs, 3 * hourUs, 6 * hourUs, 12 * hourUs, dayUs, 2 * dayUs, 7 * dayUs, 14 * dayUs, 30 * dayUs, 60 * dayUs]; // biome-ignore format: one row
    const stepUs = steps.find((step) => (this.toUs - this.fromUs) / step <= most) ?? 60 * dayUs;
    const ticks: { x: number; label: string }[] = [];
    for (let atUs = Math.ceil(this.fromUs / stepUs) * stepUs; atUs < this.toUs; atUs += stepUs) {
      const label = stepUs >= dayUs ? shortDayText(atUs) : new Date(atUs / 1000).toISOString().slice(11, 16);
      ticks.push({ x: this.x(atUs), label });
    }
    return ticks;
  }
}

/** Labels below, and a hairline above each where `gridTo` says how far up. */
export function timeLabels(
  axis: TimeAxis,
  y: number,
  most: number,
  grid?: { readonly from: number; readonly to: number },
): Markup {
  return html`${axis.ticks(most).map(({ x, label }) => {
    const anchor = x < 14 ? 'start' : x > axis.width - 16 ? 'end' : 'middle';
    const line =
      grid === undefined || x < 1 ? undefined : html`<path class="g" d="M${px(x)} ${grid.from}V${grid.to}"/>`;
    return html`${line}<text x="${px(x)}" y="${y}" text-anchor="${anchor}">${label}</text>`;
  })}`;
}

/** A horizontal hairline. */
export function valueLine(y: number, width: number): Markup {
  return html`<path class="g" d="M0 ${px(y)}H${width}"/>`;
}

/** The value of a hairline, ending at `right`; it stays readable on what it crosses. */
export function valueLabel(y: number, right: number, label: string): Markup {
  return html`<text class="halo" x="${right}" y="${px(Math.max(8, y + 3.5))}" text-anchor="end">${label}</text>`;
}

/** Two decimals are finer than any screen or printer here. */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** A filled rectangle as a piece of a path. */
export function box(x: number, y: number, width: number, height: number): string {
  return `M${px(x)} ${px(y)}h${px(width)}v${px(height)}h${px(-width)}z`;
}

/** A whole drawing: its description is what people hear who do not see it. */
export function drawing(width: number, height: number, description: string, content: Markup): Markup {
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${description}">${content}</svg>`;
}

/** 1, 2 or 5 times a power of ten that divides [0, most] into at most `parts`. */
export function roundStep(most: number, parts: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most / parts));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => most / step <= parts) ?? 10 * power;
}

/** A round multiple of a step, with as many decimals as the step needs. */
export function stepText(value: number, step: number): string {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return grouped(value.toFixed(Math.min(12, digits)));
}

/** Of none it is 0. */
export function largest(values: Iterable<bigint>): bigint {
  let most = 0n;
  for (const value of values) if (value > most) most = value;
  return most;
}
