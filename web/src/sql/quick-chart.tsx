import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { SqlAnswer } from '../../../src/protocol/api.ts';
import { hatch, readPalette } from '../chart/palette.ts';
import { sizeCanvas } from '../chart/size-canvas.ts';
import { useStore } from '../live/store.ts';
import { themeRevision } from '../state/preferences.ts';
import { coordinateText, groupDigits } from '../text/number-text.ts';
import { clockText, dayText, minuteText } from '../text/time-text.ts';
import { instantText } from './cells.ts';
import { chartable, type SeriesPoint, seriesOf, symbolsOf } from './chart-series.ts';

const top = 10;
const axisX = 24;
const axisY = 74;
const dayUs = 86_400e6;

/** Round steps that give about `count` lines over a span. */
function roundStep(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((part) => part * power).find((step) => step >= rough)!;
}

const timeSteps = [1, 5, 15, 30, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400, 7 * 86_400, 30 * 86_400].map(
  (s) => s * 1e6,
);

interface Drawn {
  readonly xOf: (atUs: number) => number;
  readonly yOf: (value: number) => number;
}

function paint(
  canvas: HTMLCanvasElement,
  runs: readonly (readonly SeriesPoint[])[],
  cursor: SeriesPoint | undefined,
): Drawn | undefined {
  const sized = sizeCanvas(canvas);
  const points = runs.flat();
  if (sized === undefined || points.length === 0) return undefined;
  const { context, width, height } = sized;
  const palette = readPalette();
  const [fromUs, toUs] = [points[0]!.atUs, points.at(-1)!.atUs];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { value } of points) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === high) {
    low -= Math.abs(low) * 0.001 || 1;
    high += Math.abs(high) * 0.001 || 1;
  }
  const [left, right, bottom] = [12, width - axisY, height - axisX];
  const xOf = (atUs: number): number => left + ((atUs - fromUs) / Math.max(1, toUs - fromUs)) * (right - left);
  const yOf = (value: number): number => top + ((high - value) / (high - low)) * (bottom - top - 6);
  context.font = `450 10.5px ${palette.font}`;
  context.textBaseline = 'middle';
  const step = roundStep(high - low, Math.max(2, Math.floor(bottom / 48)));
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(step))));
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    context.fillStyle = palette.line1;
    context.fillRect(left, Math.round(yOf(value)), right - left, 1);
    context.fillStyle = palette.ink3;
    context.textAlign = 'right';
    context.fillText(coordinateText(value, decimals), width - 12, yOf(value));
  }
  const wanted = (toUs - fromUs) / Math.max(1, Math.floor((right - left) / 84));
  const timeStep = timeSteps.find((each) => each >= wanted) ?? 365 * dayUs;
  let free = 0;
  for (let atUs = Math.ceil(fromUs / timeStep) * timeStep; atUs <= toUs; atUs += timeStep) {
    const text = atUs % dayUs === 0 ? dayText(atUs) : timeStep < 60e6 ? clockText(atUs) : minuteText(atUs);
    const half = context.measureText(text).width / 2;
    const x = xOf(atUs);
    if (x - half < free || x + half > right + 30) continue;
    context.fillStyle = palette.ink3;
    context.textAlign = 'center';
    context.fillText(text, x, height - 10);
    free = x + half + 12;
  }
  // Between two runs something is absent: no line is drawn across, and the place is marked.
  for (const [at, run] of runs.entries()) {
    const before = runs[at - 1]?.at(-1);
    if (before === undefined) continue;
    const x = xOf(before.atUs);
    hatch(context, x, 0, Math.max(2, xOf(run[0]!.atUs) - x), bottom, palette.line2, palette.hatch, 'rising', 1);
  }
  context.strokeStyle = palette.ink1;
  context.fillStyle = palette.ink1;
  context.lineWidth = 1.4;
  context.lineJoin = 'round';
  for (const run of runs) {
    context.beginPath();
    for (const [at, point] of run.entries())
      at === 0 ? context.moveTo(xOf(point.atUs), yOf(point.value)) : context.lineTo(xOf(point.atUs), yOf(point.value));
    context.stroke();
    if (run.length === 1) context.fillRect(xOf(run[0]!.atUs) - 1, yOf(run[0]!.value) - 1, 3, 3);
  }
  if (cursor !== undefined) {
    context.fillStyle = palette.line3;
    context.fillRect(Math.round(xOf(cursor.atUs)), 0, 1, bottom);
    context.fillStyle = palette.ink1;
    context.beginPath();
    context.arc(xOf(cursor.atUs), yOf(cursor.value), 3, 0, 7);
    context.fill();
  }
  return { xOf, yOf };
}

/** One figure of the answer over its time. */
export function QuickChart({ answer, isOld }: { answer: SqlAnswer; isOld: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useStore(themeRevision);
  const drawn = useRef<Drawn>(undefined);
  const [chosen, setChosen] = useState<string>();
  const [cursor, setCursor] = useState<SeriesPoint>();
  const [size, setSize] = useState('');
  const choice = useMemo(() => chartable(answer.columns), [answer.columns]);
  const value = choice?.values.find(({ name }) => name === chosen) ?? choice?.values[0];
  const groups = useMemo(() => symbolsOf(answer.columns, answer.rows), [answer]);
  const [wanted, setWanted] = useState<string>();
  const symbol = groups?.symbols.find((one) => one === wanted) ?? groups?.symbols[0];
  const runs = useMemo(
    () =>
      choice === undefined || value === undefined
        ? []
        : seriesOf(
            answer.rows,
            choice.time,
            value.column,
            groups === undefined ? undefined : { column: groups.column, value: symbol ?? '' },
          ),
    [answer.rows, choice, value, groups, symbol],
  );
  const isEmpty = runs.length === 0;
  useEffect(() => {
    if (canvas.current === null) return;
    const observer = new ResizeObserver(([entry]) =>
      setSize(`${entry?.contentRect.width} ${entry?.contentRect.height}`),
    );
    observer.observe(canvas.current);
    return () => observer.disconnect();
  }, [isEmpty]);
  useEffect(() => {
    if (theme < 0 || size === '' || canvas.current === null) return;
    drawn.current = paint(canvas.current, runs, cursor);
  }, [runs, cursor, theme, size]);
  const onMove = (event: PointerEvent<HTMLCanvasElement>): void => {
    const { xOf } = drawn.current ?? {};
    if (xOf === undefined) return;
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    let nearest: SeriesPoint | undefined;
    for (const run of runs)
      for (const point of run)
        if (nearest === undefined || Math.abs(xOf(point.atUs) - x) < Math.abs(xOf(nearest.atUs) - x)) nearest = point;
    setCursor(nearest);
  };
  const cells = cursor === undefined ? undefined : answer.rows[cursor.row];
  const points = runs.reduce((sum, run) => sum + run.length, 0);
  return (
    <section className="panel quick-chart" aria-label="Chart of this answer" data-old={isOld}>
      <div className="panel-head">
        <h2>Chart</h2>
        <span className="grow" />
        {choice !== undefined && (
          <span className="act">
            {groups !== undefined && (
              <select
                className="field"
                aria-label="Drawn symbol"
                value={symbol ?? ''}
                onChange={(event) => setWanted(event.target.value)}
              >
                {groups.symbols.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
            {choice.values.length <= 3 ? (
              choice.values.map((each) => (
                <button
                  key={each.name}
                  type="button"
                  className="button"
                  aria-pressed={each === value}
                  onClick={() => setChosen(each.name)}
                >
                  {each.name}
                </button>
              ))
            ) : (
              <select
                className="field"
                aria-label="Drawn column"
                value={value?.name ?? ''}
                onChange={(event) => setChosen(event.target.value)}
              >
                {choice.values.map((each) => (
                  <option key={each.name}>{each.name}</option>
                ))}
              </select>
            )}
          </span>
        )}
      </div>
      {isEmpty ? (
        <p className="panel-none">
          {choice === undefined
            ? 'An answer with a time and a figure is drawn here.'
            : 'There is no row with both a time and a figure.'}
        </p>
      ) : (
        <div className="quick-chart-box">
          <canvas
            ref={canvas}
            role="img"
            aria-label={`${value?.name} over time, ${points} points${runs.length > 1 ? `, interrupted ${runs.length - 1} times` : ''}`}
            onPointerMove={onMove}
            onPointerLeave={() => setCursor(undefined)}
          />
          {cells != null && choice !== undefined && value !== undefined && (
            <p className="quick-chart-value figure">
              {instantText(cells[choice.time] ?? '')} <b>{groupDigits(cells[value.column] ?? '')}</b>
            </p>
          )}
        </div>
      )}
    </section>
  );
}
