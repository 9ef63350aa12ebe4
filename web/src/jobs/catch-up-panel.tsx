import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { CatchUpRow, RunState } from '../../../src/protocol/jobs.ts';
import { hatch, type Palette, readPalette } from '../chart/palette.ts';
import { sizeCanvas } from '../chart/size-canvas.ts';
import { useStore } from '../live/store.ts';
import { themeRevision } from '../state/preferences.ts';
import { groupDigits } from '../text/number-text.ts';
import { catchUpCommand, catchUpGrid, countDays } from './catch-up-grid.ts';

const cellHeight = 16;
const legend: readonly (readonly [RunState, string])[] = [
  ['done', 'done'],
  ['skipped', 'inputs unchanged, left alone'],
  ['running', 'running'],
  ['queued', 'queued'],
  ['retrying', 'retrying'],
  ['failed', 'failed'],
  ['held', 'held'],
  ['cancelled', 'cancelled'],
];

function paintCell(
  context: CanvasRenderingContext2D,
  palette: Palette,
  state: RunState | undefined,
  x: number,
  y: number,
  wide: number,
  high: number,
): void {
  const outline = (colour: string, width = 1): void => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x + width / 2, y + width / 2, Math.max(1, wide - width), high - width);
  };
  context.fillStyle = palette.panel;
  context.fillRect(x, y, wide, high);
  switch (state) {
    case 'done':
      context.fillStyle = palette.ink3;
      context.fillRect(x, y, wide, high);
      return;
    case 'skipped':
      context.fillStyle = palette.line2;
      context.fillRect(x, y, wide, high);
      return;
    case 'running':
      context.fillStyle = palette.ink1;
      context.fillRect(x, y + high / 2, wide, high / 2);
      outline(palette.ink1, 1.5);
      return;
    case 'retrying':
      outline(palette.caution, 1.5);
      return;
    case 'failed': {
      outline(palette.fault, 1.5);
      const size = Math.min(3.5, wide / 2 - 1.5);
      context.fillStyle = palette.fault;
      context.beginPath();
      context.moveTo(x + wide / 2, y + high / 2 - size);
      context.lineTo(x + wide / 2 + size, y + high / 2 + size * 0.8);
      context.lineTo(x + wide / 2 - size, y + high / 2 + size * 0.8);
      context.fill();
      return;
    }
    case 'held':
      hatch(context, x, y, wide, high, palette.fault, 4, 'rising', 1);
      return;
    case 'cancelled':
      context.fillStyle = palette.line3;
      context.fillRect(x, y + high / 2, wide, 1);
      return;
    default:
      outline(palette.line2);
  }
}

function Sample({ state }: { state: RunState }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useStore(themeRevision);
  useEffect(() => {
    if (theme < 0 || canvas.current === null) return;
    const sized = sizeCanvas(canvas.current);
    if (sized !== undefined) paintCell(sized.context, readPalette(), state, 0, 0, sized.width, sized.height);
  }, [state, theme]);
  return <canvas ref={canvas} className="day-sample" />;
}

export function CatchUpPanel({
  catchUp,
  others,
  isLocked,
  onChoose,
  onChange,
  onNew,
  onRun,
}: {
  catchUp: CatchUpRow | undefined;
  others: readonly CatchUpRow[];
  isLocked: boolean;
  onChoose: (id: number) => void;
  onChange: (action: 'pause' | 'resume' | 'cancel') => void;
  onNew: () => void;
  onRun: (run: number) => void;
}) {
  return (
    <section className="panel catch-up" aria-label="Catch-up">
      <div className="panel-head">
        <h2>Catch-up</h2>
        {others.length > 1 ? (
          <select
            className="field"
            aria-label="Which catch-up"
            value={catchUp?.id ?? ''}
            onChange={(event) => onChoose(Number(event.target.value))}
          >
            {others.map((other) => (
              <option key={other.id} value={other.id}>
                {other.id}, {other.job}, {other.state}
              </option>
            ))}
          </select>
        ) : (
          catchUp !== undefined && (
            <span className="dim">
              {catchUp.id}, <b>{catchUp.job}</b>
              {catchUp.jobs.length > 1 ? ' and what follows' : ''}
              {catchUp.state === 'running' ? '' : `, ${catchUp.state}`}
            </span>
          )
        )}
        <span className="grow" />
        <button type="button" className="button" disabled={isLocked} onClick={onNew}>
          New…
        </button>
      </div>
      {catchUp === undefined ? (
        <p className="panel-none">None under way. A catch-up runs a job for each day of a range, one run a day.</p>
      ) : (
        <Days catchUp={catchUp} isLocked={isLocked} onChange={onChange} onRun={onRun} />
      )}
    </section>
  );
}

function Days({
  catchUp,
  isLocked,
  onChange,
  onRun,
}: {
  catchUp: CatchUpRow;
  isLocked: boolean;
  onChange: (action: 'pause' | 'resume' | 'cancel') => void;
  onRun: (run: number) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useStore(themeRevision);
  const [width, setWidth] = useState(0);
  const [hint, setHint] = useState<string>();
  const grid = useMemo(() => catchUpGrid(catchUp, Math.max(1, Math.floor(width / 3))), [catchUp, width]);
  const counts = useMemo(() => countDays(catchUp), [catchUp]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, []);
  const pitch = width / Math.max(1, grid.columns.length);
  useEffect(() => {
    if (theme < 0 || canvas.current === null) return;
    const sized = sizeCanvas(canvas.current);
    if (sized === undefined) return;
    const palette = readPalette();
    sized.context.font = `450 10.5px ${palette.font}`;
    sized.context.fillStyle = palette.ink3;
    sized.context.textBaseline = 'middle';
    let free = -1;
    for (const [at, column] of grid.columns.entries()) {
      const x = Math.round(at * pitch);
      const isMarked = at === 0 || column.from.endsWith('-01') || column.from.endsWith('-15');
      const text = at === 0 || column.from.endsWith('-01') ? column.from.slice(5) : column.from.slice(8);
      if (isMarked && x > free && x + 30 < sized.width + 8) {
        sized.context.fillText(text, x, 7);
        free = x + sized.context.measureText(text).width + 6;
      }
      for (const [row, job] of catchUp.jobs.entries())
        paintCell(
          sized.context,
          palette,
          grid.stateOf(job, at),
          x,
          16 + row * (cellHeight + 2),
          Math.max(2, Math.round((at + 1) * pitch) - x - 1),
          cellHeight,
        );
    }
  }, [catchUp, grid, pitch, theme]);
  const dayAt = (event: PointerEvent<HTMLCanvasElement> | React.MouseEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / pitch);
    const job = catchUp.jobs[Math.floor((event.clientY - box.top - 16) / (cellHeight + 2))];
    return job === undefined ? undefined : grid.daysOf(job, column)[0];
  };
  const looks = catchUp.days.filter((day) => day.state === 'failed' && day.run !== null).slice(0, 4);
  const height = 16 + catchUp.jobs.length * (cellHeight + 2);
  const summary = legend
    .flatMap(([state, words]) => (counts[state] > 0 ? [`${counts[state]} ${words}`] : []))
    .join(', ');
  return (
    <>
      <div className="catch-up-range">
        <span className="figure">
          {catchUp.fromDate} <span className="dim">to</span> {catchUp.toDate}
        </span>
        <span className="dim">
          {catchUp.atOnce} at a time, {catchUp.order === 'oldest-first' ? 'oldest first' : 'newest first'}
        </span>
      </div>
      <div className="catch-up-days">
        <div className="catch-up-names">
          {catchUp.jobs.map((job) => (
            <span key={job} className="ellipsis">
              {job}
            </span>
          ))}
        </div>
        <canvas
          ref={canvas}
          style={{ height: `${height}px` }}
          role="img"
          aria-label={`${catchUp.fromDate} to ${catchUp.toDate}: ${summary}`}
          onPointerMove={(event) => {
            const day = dayAt(event);
            setHint(day === undefined ? undefined : `${day.job}, ${day.date}: ${day.state}`);
          }}
          onPointerLeave={() => setHint(undefined)}
          onClick={(event) => {
            const day = dayAt(event);
            if (day?.run != null) onRun(day.run);
          }}
        />
      </div>
      <p className="catch-up-legend">
        {legend.map(
          ([state, words]) =>
            counts[state] > 0 && (
              <span key={state}>
                <Sample state={state} />
                <b>{groupDigits(String(counts[state]))}</b> {words}
              </span>
            ),
        )}
      </p>
      {looks.length > 0 && (
        <p className="catch-up-looks">
          {looks.map((day) => (
            <button
              key={`${day.job} ${day.date}`}
              type="button"
              className="button outlined"
              onClick={() => onRun(day.run!)}
            >
              {day.job} {day.date.slice(5)} failed
            </button>
          ))}
        </p>
      )}
      <div className="run-actions">
        {(catchUp.state === 'running' || catchUp.state === 'paused') && (
          <>
            <button
              type="button"
              className="button outlined"
              disabled={isLocked}
              onClick={() => onChange(catchUp.state === 'paused' ? 'resume' : 'pause')}
            >
              {catchUp.state === 'paused' ? 'Resume' : 'Pause'}
            </button>
            <button type="button" className="button" disabled={isLocked} onClick={() => onChange('cancel')}>
              Cancel…
            </button>
          </>
        )}
        <button
          type="button"
          className="button"
          onClick={() =>
            void navigator.clipboard?.writeText(
              catchUpCommand({
                ...catchUp,
                withFollowing: catchUp.jobs.length > 1,
                from: catchUp.fromDate,
                to: catchUp.toDate,
              }),
            )
          }
        >
          Copy as CLI
        </button>
        <span className="grow" />
        <span className="dim ellipsis">{hint ?? ''}</span>
      </div>
    </>
  );
}
