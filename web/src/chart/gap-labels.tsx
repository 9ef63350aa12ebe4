import { useStore } from '../live/store.ts';
import type { GapBand } from './gap-bands.ts';
import type { ChartHandle } from './use-chart.ts';

interface Placed {
  readonly band: GapBand;
  readonly x: number;
  readonly stem: number;
  readonly row: number;
}

const labelWidth = 236;
const rows = 3;

/** Labels of the gap bands in view; two that would cover each other stand in different rows, and what has no place is counted. */
export function GapLabels({ handle, width }: { handle: ChartHandle; width: number }) {
  const facts = useStore(handle.facts);
  const viewport = facts.viewport;
  if (viewport === undefined) return null;
  const placed: Placed[] = [];
  const ends = Array.from({ length: rows }, () => Number.NEGATIVE_INFINITY);
  let hidden = 0;
  // The newest first: when there is no room for all, the newest have it.
  for (const band of facts.bands.toReversed()) {
    if (band.to < viewport.from - 0.5 || band.from > viewport.to + 0.5) continue;
    if (band.state === 'declared' && band.reason === 'sampled') continue;
    const left = handle.chart.current?.xOf(Math.max(band.from, viewport.from));
    const right = handle.chart.current?.xOf(Math.min(band.to, viewport.to));
    if (left === undefined || right === undefined) continue;
    const x = Math.max(4, Math.min(width - labelWidth - 4, (left + right) / 2 - labelWidth / 2));
    const row = ends.findIndex((end) => end === Number.NEGATIVE_INFINITY || x + labelWidth + 6 < end);
    if (row < 0) {
      hidden++;
      continue;
    }
    ends[row] = x;
    placed.push({ band, x, row, stem: Math.max(0, Math.min(width, (left + right) / 2)) });
  }
  return (
    <div className="gap-labels">
      {placed.map(({ band, x, row }) => (
        <div
          key={band.fromUs}
          className="gap-label"
          data-state={band.state}
          style={{ transform: `translate(${Math.round(x)}px, ${row * 46}px)` }}
        >
          <strong>{band.label}</strong>
          <span>{band.detail}</span>
          {band.state === 'repairing' && (
            <i className="gap-progress" aria-hidden="true">
              <b style={{ width: `${band.done * 100}%` }} />
            </i>
          )}
        </div>
      ))}
      {placed.map(({ band, row, stem }) => (
        <i
          key={`stem ${band.fromUs}`}
          className="gap-stem"
          data-state={band.state}
          aria-hidden="true"
          style={{ transform: `translate(${Math.round(stem)}px, ${row * 46 + 40}px)` }}
        />
      ))}
      {hidden > 0 && <div className="gap-more">+ {hidden} more gaps in view</div>}
    </div>
  );
}
