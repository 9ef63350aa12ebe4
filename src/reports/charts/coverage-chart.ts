import type { StreamFigure } from '../figures.ts';
import { html, type Markup } from '../markup.ts';
import { box, drawing, TimeAxis } from './plot.ts';

const width = 520;
const height = 10;

/** What is held of one stream over the range, in place. */
export function coverageBar(range: { fromUs: number; toUs: number }, stream: StreamFigure): Markup {
  const axis = new TimeAxis(range, width);
  const left = axis.x(stream.fromUs);
  const places = { repaired: '', declared: '', open: '' };
  for (const { openedAtUs, closedAtUs, state } of stream.gaps) {
    const from = axis.x(openedAtUs);
    const shape = box(from, 0, Math.max(2, axis.x(closedAtUs ?? range.toUs) - from), height);
    if (state === 'repaired') places.repaired += shape;
    else if (state === 'declared') places.declared += shape;
    else places.open += shape;
  }
  const description = `${stream.stream} of ${stream.instrument}: ${stream.gaps.length} gaps`;
  const content = html`<path class="absent" d="${box(0, 0, width, height)}"/><path class="f-proof-fill" d="${box(left, 0, Math.max(2, axis.x(stream.toUs) - left), height)}"/><path class="fixed" d="${places.repaired}"/><path class="lost" d="${places.declared}"/><path class="lost" d="${places.open}"/><path class="hatch-fault" d="${places.open}"/>`;
  return drawing(width, height, description, content);
}
