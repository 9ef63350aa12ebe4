import { useEffect, useRef } from 'react';
import type { BookView } from '../../../src/protocol/api.ts';
import { faded, hatch, readPalette } from '../chart/palette.ts';
import { sizeCanvas } from '../chart/size-canvas.ts';
import type { Market } from '../live/market.ts';
import { themeRevision } from '../state/preferences.ts';
import { shortText } from '../text/number-text.ts';
import { cumulativeDepth, type DepthPoint } from './grouping.ts';

const steps = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000];

function paint(canvas: HTMLCanvasElement, book: BookView | undefined, baseAsset: string): void {
  const sized = sizeCanvas(canvas);
  if (sized === undefined) return;
  const { context, width, height } = sized;
  const palette = readPalette();
  const depth =
    book === undefined || book.state === 'none'
      ? undefined
      : cumulativeDepth(book.bids, book.asks, book.knownFrom, book.knownTo);
  context.font = `450 10.5px ${palette.font}`;
  context.textBaseline = 'middle';
  if (depth === undefined) {
    context.fillStyle = palette.ink3;
    context.textAlign = 'center';
    context.fillText('no depth yet', width / 2, height / 2);
    return;
  }
  const reach = Math.min(depth.bids.at(-1)?.bps ?? 0, depth.asks.at(-1)?.bps ?? 0);
  // The largest round distance that both sides fill; a very thin book is shown as far as it goes.
  const limit = steps.findLast((step) => step <= reach) ?? Math.max(0.01, reach);
  const within = (points: readonly DepthPoint[]): DepthPoint[] => points.filter((point) => point.bps <= limit);
  const bids = within(depth.bids);
  const asks = within(depth.asks);
  const most = Math.max(bids.at(-1)?.total ?? 0, asks.at(-1)?.total ?? 0, 1e-12);
  const top = 24;
  const bottom = height - 19;
  const middle = Math.round(width / 2);
  const y = (total: number): number => bottom - (total / most) * (bottom - top);
  const side = (points: readonly DepthPoint[], colour: string, sign: -1 | 1): void => {
    context.beginPath();
    context.moveTo(middle, bottom);
    let level = bottom;
    for (const point of points) {
      const x = middle + sign * (point.bps / limit) * (width / 2);
      context.lineTo(x, level);
      level = y(point.total);
      context.lineTo(x, level);
    }
    const end = sign < 0 ? 0 : width;
    context.lineTo(end, level);
    context.strokeStyle = colour;
    context.lineWidth = 1.3;
    context.stroke();
    context.lineTo(end, bottom);
    context.closePath();
    context.fillStyle = faded(colour, 0.14);
    context.fill();
  };
  side(bids, palette.up, -1);
  side(asks, palette.down, 1);
  for (const [known, sign] of [
    [depth.bidsKnownBps, -1],
    [depth.asksKnownBps, 1],
  ] as const) {
    if (known >= limit) continue;
    const wide = (1 - known / limit) * (width / 2);
    hatch(context, sign < 0 ? 0 : width - wide, top, wide, bottom - top, faded(palette.ink3, 0.4), 6, 'rising', 1);
  }
  context.strokeStyle = palette.line2;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(middle + 0.5, top - 4);
  context.lineTo(middle + 0.5, bottom);
  context.moveTo(0, bottom + 0.5);
  context.lineTo(width, bottom + 0.5);
  context.stroke();
  context.font = `600 10.5px ${palette.font}`;
  context.textAlign = 'left';
  context.fillStyle = palette.up;
  context.fillText(`${shortText(bids.at(-1)?.total ?? 0)} ${baseAsset} bid`, 12, 12);
  context.textAlign = 'right';
  context.fillStyle = palette.down;
  context.fillText(`ask ${shortText(asks.at(-1)?.total ?? 0)} ${baseAsset}`, width - 12, 12);
  context.font = `450 10.5px ${palette.font}`;
  context.fillStyle = palette.ink3;
  context.textAlign = 'center';
  context.fillText('mid', middle, height - 9);
  const unit = (bps: number): string => (limit >= 100 ? `${bps / 100} %` : `${Number(bps.toPrecision(2))} bps`);
  for (const part of [-0.8, -0.4, 0.4, 0.8])
    context.fillText(`${part < 0 ? '−' : '+'}${unit(Math.abs(part) * limit)}`, middle + (part * width) / 2, height - 9);
}

export function DepthChart({ market, baseAsset }: { market: Market; baseAsset: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const node = canvas.current!;
    let frame = 0;
    const draw = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => paint(node, market.book.current, baseAsset));
    };
    const ends = [market.book.subscribe(draw), themeRevision.subscribe(draw)];
    const observer = new ResizeObserver(draw);
    observer.observe(node);
    draw();
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      for (const end of ends) end();
    };
  }, [market, baseAsset]);
  return (
    <section className="panel depth live" aria-label="Cumulative depth">
      <canvas ref={canvas} role="img" aria-label="Cumulative size of bids and asks by distance from the middle price" />
    </section>
  );
}
