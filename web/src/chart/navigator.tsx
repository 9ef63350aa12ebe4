import { type PointerEvent, useCallback, useEffect, useRef } from 'react';
import { useStore } from '../live/store.ts';
import { themeRevision } from '../state/preferences.ts';
import { spanText } from '../text/time-text.ts';
import { positionOf } from './overlay.ts';
import { faded, hatch, readPalette } from './palette.ts';
import { sizeCanvas } from './size-canvas.ts';
import { isEmpty } from './slots.ts';
import { timeMarks } from './time-marks.ts';
import type { ChartFacts, ChartHandle } from './use-chart.ts';

const stripe = 5;

function paint(canvas: HTMLCanvasElement, facts: ChartFacts, unreal: boolean): void {
  const sized = sizeCanvas(canvas);
  if (sized === undefined) return;
  const { context, width, height } = sized;
  const { slots, viewport } = facts;
  const palette = readPalette();
  if (slots.length === 0) return;
  const toX = (at: number): number => (at / slots.length) * width;
  const bottom = height - stripe - 2;
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  const step = Math.max(1, Math.floor(slots.length / 2000));
  for (let at = 0; at < slots.length; at += step) {
    const slot = slots[at]!;
    if (isEmpty(slot)) continue;
    low = Math.min(low, slot.close);
    high = Math.max(high, slot.close);
  }
  const toY = (price: number): number => 7 + ((high - price) / Math.max(1e-12, high - low)) * (bottom - 12);
  let from: number | undefined;
  const close = (to: number): void => {
    context.strokeStyle = palette.ink3;
    context.lineWidth = 1;
    context.stroke();
    context.lineTo(toX(to), bottom);
    context.lineTo(toX(from ?? 0), bottom);
    context.fillStyle = faded(palette.ink3, 0.1);
    context.fill();
    from = undefined;
  };
  for (let at = 0; at < slots.length; at += step) {
    const slot = slots[at]!;
    if (isEmpty(slot)) {
      if (from !== undefined) close(at - step);
      continue;
    }
    if (from === undefined) {
      from = at;
      context.beginPath();
      context.moveTo(toX(at), toY(slot.close));
    } else context.lineTo(toX(at), toY(slot.close));
  }
  if (from !== undefined) close(slots.length - 1);
  const y = height - stripe;
  const mark = facts.tidemarkUs === null ? undefined : positionOf(slots, facts.tidemarkUs);
  if (unreal) hatch(context, 0, y, width, stripe, palette.unreal, 5, 'falling', 1.4);
  else {
    context.fillStyle = palette.proofHeld;
    context.fillRect(0, y, width, stripe);
    context.fillStyle = palette.proofFill;
    context.fillRect(0, y, mark === undefined ? 0 : toX(mark), stripe);
  }
  for (const band of facts.bands) {
    const left = toX(band.from);
    const wide = Math.max(2, toX(band.to + 1) - left);
    hatch(context, left, 0, wide, bottom, faded(palette.fault, 0.5), 5, 'rising', 1);
    context.fillStyle = palette.panel;
    context.fillRect(left, y, wide, stripe);
    hatch(context, left, y, wide, stripe, palette.fault, 3.5, 'rising', 1.5);
  }
  if (viewport !== undefined) {
    const left = Math.max(0, toX(Math.max(0, viewport.from)));
    const right = Math.min(width, toX(Math.min(slots.length, viewport.to + 1)));
    context.fillStyle = faded(palette.void, 0.6);
    context.fillRect(0, 0, left, bottom);
    context.fillRect(right, 0, width - right, bottom);
    context.strokeStyle = palette.line3;
    context.strokeRect(left + 0.5, 0.5, Math.max(2, right - left - 1), bottom - 1);
    context.fillStyle = palette.ink2;
    for (const x of [left, Math.max(left, right - 4)]) context.fillRect(x, bottom / 2 - 8, 4, 16);
  }
  if (mark !== undefined) {
    context.fillStyle = palette.proof;
    context.fillRect(Math.min(width - 2, Math.round(toX(mark)) - 1), 0, 2, height);
  }
  context.font = `450 10.5px ${palette.font}`;
  context.textBaseline = 'top';
  context.textAlign = 'center';
  context.fillStyle = palette.ink3;
  for (const { atUs, text } of timeMarks(slots[0]!.openUs, slots.at(-1)!.openUs, Math.floor(width / 150))) {
    const x = toX(positionOf(slots, atUs) ?? 0);
    if (x > 24 && x < width - 24) context.fillText(text, x, 3);
  }
}

/** All bars that are here, what of them is in view, and where something is missing. A drag moves the view. */
export function Navigator({ handle, unreal }: { handle: ChartHandle; unreal: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const facts = useStore(handle.facts);
  const theme = useStore(themeRevision);
  const feed = handle.feedState;
  const spanUs = (facts.slots.at(-1)?.openUs ?? 0) - (facts.slots[0]?.openUs ?? 0);
  useEffect(() => {
    if (theme >= 0 && canvas.current !== null) paint(canvas.current, facts, unreal);
  }, [facts, unreal, theme]);
  useEffect(() => {
    const node = canvas.current!;
    const observer = new ResizeObserver(() => paint(node, handle.facts.current, unreal));
    observer.observe(node);
    return () => observer.disconnect();
  }, [handle.facts, unreal]);
  const drag = useCallback(
    (event: PointerEvent<HTMLCanvasElement>) => {
      if (event.buttons !== 1) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      const box = event.currentTarget.getBoundingClientRect();
      const { slots, viewport } = handle.facts.current;
      if (viewport === undefined || slots.length === 0) return;
      const middle = ((event.clientX - box.left) / box.width) * slots.length;
      const half = (viewport.to - viewport.from) / 2;
      handle.chart.current?.setViewport({ from: middle - half, to: middle + half });
    },
    [handle],
  );
  return (
    <div className="navigator">
      <canvas
        ref={canvas}
        role="img"
        aria-label="All bars that are here; the frame is what is in view"
        onPointerDown={drag}
        onPointerMove={drag}
        data-testid="navigator"
      />
      {spanUs > 0 && (
        <span className="navigator-note micro" aria-hidden="true">
          {feed?.startReached === true ? 'all recorded' : 'loaded'}
          <br />
          {spanText(spanUs)}
        </span>
      )}
    </div>
  );
}
