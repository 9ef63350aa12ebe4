import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { JobRow, TimelineAnswer } from '../../../src/protocol/jobs.ts';
import { faded, hatch, readPalette } from '../chart/palette.ts';
import { sizeCanvas } from '../chart/size-canvas.ts';
import { useStore } from '../live/store.ts';
import { themeRevision } from '../state/preferences.ts';
import { clockText, dayText, minuteText, spanText } from '../text/time-text.ts';
import { faceOf, isOver, whenText } from './run-words.ts';
import { type TimelineLength, timelineLengths } from './timeline-length.ts';

const hourUs = 3_600e6;
const rowHeight = 16.6;
const barHeight = 10;

const markStepsUs = [1, 5, 10, 30, 60, 120, 360].map((minutes) => minutes * 60e6);

type Span = TimelineAnswer['spans'][number];

interface Face {
  readonly fromUs: number;
  readonly toUs: number;
  readonly nowUs: number;
  readonly rows: readonly { readonly job: string; readonly spans: readonly Span[] }[];
  readonly queued: ReadonlyMap<string, number>;
}

function xIn(face: Face, width: number): (atUs: number) => number {
  return (atUs) => ((atUs - face.fromUs) / (face.toUs - face.fromUs)) * width;
}

/** Instants at which a line stands; each with its text where there is room for one. */
function marksOf(face: Face, width: number): { x: number; text: string | undefined }[] {
  const wantedUs = ((face.toUs - face.fromUs) / width) * 58;
  const stepUs = markStepsUs.find((step) => step >= wantedUs) ?? 6 * hourUs;
  const xOf = xIn(face, width);
  const marks: { x: number; text: string | undefined }[] = [];
  for (let atUs = Math.ceil(face.fromUs / stepUs) * stepUs; atUs < face.toUs; atUs += stepUs) {
    const x = Math.round(xOf(atUs));
    const text = atUs % (24 * hourUs) === 0 ? dayText(atUs) : minuteText(atUs);
    marks.push({ x, text: x < 18 || x > width - 52 ? undefined : text });
  }
  return marks;
}

function paintAxis(canvas: HTMLCanvasElement, face: Face): void {
  const sized = sizeCanvas(canvas);
  if (sized === undefined) return;
  const { context, width } = sized;
  const palette = readPalette();
  context.font = `450 10.5px ${palette.font}`;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  context.fillStyle = palette.ink3;
  for (const { x, text } of marksOf(face, width)) if (text !== undefined) context.fillText(text, x, 12);
  const now = Math.min(width - 1, Math.round(xIn(face, width)(face.nowUs)));
  context.fillStyle = palette.ink1;
  context.fillRect(now, 0, 1, 4);
  context.font = `500 10.5px ${palette.font}`;
  context.textAlign = now > width - 20 ? 'right' : 'center';
  context.fillText(minuteText(face.nowUs), now > width - 20 ? width : now, 12);
}

function paintRows(canvas: HTMLCanvasElement, face: Face): void {
  const sized = sizeCanvas(canvas);
  if (sized === undefined) return;
  const { context, width, height } = sized;
  const palette = readPalette();
  const xOf = xIn(face, width);
  context.fillStyle = palette.line1;
  for (const { x } of marksOf(face, width)) context.fillRect(x, 0, 1, height);
  for (const [at, row] of face.rows.entries()) {
    const middle = Math.round(at * rowHeight + rowHeight / 2);
    const y = middle - barHeight / 2;
    context.fillStyle = palette.line1;
    context.fillRect(0, Math.round((at + 1) * rowHeight), width, 1);
    // Waiting first: work is drawn over it.
    for (const pass of ['waiting', 'work'] as const)
      for (const span of row.spans) {
        if ((span.kind === 'waiting') !== (pass === 'waiting')) continue;
        const x = Math.round(xOf(Math.max(face.fromUs, span.fromUs)));
        const wide = Math.max(2, Math.round(xOf(Math.min(face.toUs, span.toUs))) - x);
        if (span.kind === 'waiting') {
          context.fillStyle = palette.ink3;
          context.fillRect(x, middle, wide, 1);
        } else if (span.kind === 'failed') {
          context.fillStyle = palette.panel;
          context.fillRect(x, y, wide, barHeight);
          hatch(context, x, y, wide, barHeight, palette.fault, 4, 'rising', 1.4);
          context.strokeStyle = palette.fault;
          context.lineWidth = 1;
          context.strokeRect(x + 0.5, y + 0.5, Math.max(1, wide - 1), barHeight - 1);
        } else {
          context.fillStyle = span.kind === 'running' ? palette.ink1 : faded(palette.ink3, 0.75);
          context.fillRect(x, y, wide, barHeight);
        }
      }
    const queuedAtUs = face.queued.get(row.job);
    if (queuedAtUs !== undefined) {
      const x = Math.round(xOf(Math.max(face.fromUs, queuedAtUs)));
      const wide = Math.max(5, Math.round(xOf(face.nowUs)) - x);
      context.strokeStyle = palette.ink3;
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y + 0.5, wide - 1, barHeight - 1);
    }
  }
  context.fillStyle = palette.ink1;
  context.fillRect(Math.min(width - 1, Math.round(xOf(face.nowUs))), 0, 1, height);
}

function Sample({ kind }: { kind: 'running' | 'done' | 'waiting' | 'failed' }) {
  return <i className="span-sample" data-kind={kind} aria-hidden="true" />;
}

/** What ran when, work and waiting apart; a row a job that did or does something in the range. */
export function TimelinePanel({
  jobs,
  order,
  timeline,
  length,
  nowUs,
  onLength,
  onRun,
}: {
  jobs: readonly JobRow[];
  order: readonly string[];
  timeline: TimelineAnswer | undefined;
  length: TimelineLength;
  nowUs: number;
  onLength: (length: TimelineLength) => void;
  onRun: (run: number) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const axis = useRef<HTMLCanvasElement>(null);
  const theme = useStore(themeRevision);
  const [hint, setHint] = useState<{ x: number; y: number; text: string; run: number }>();
  const [width, setWidth] = useState(0);
  const rows = useMemo(() => {
    const spans = new Map<string, Span[]>();
    for (const span of timeline?.spans ?? []) spans.set(span.job, [...(spans.get(span.job) ?? []), span]);
    const isShown = (name: string): boolean => {
      const latest = jobs.find((job) => job.name === name)?.latest ?? null;
      return spans.has(name) || (latest !== null && !isOver(latest));
    };
    return order.filter(isShown).map((job) => ({ job, spans: spans.get(job) ?? [] }));
  }, [timeline, jobs, order]);
  const lengthUs = timelineLengths[length];
  const face: Face = {
    fromUs: nowUs - lengthUs,
    toUs: nowUs + lengthUs / 120,
    nowUs,
    rows,
    queued: new Map(
      jobs.flatMap((job) => (job.latest?.state === 'queued' ? [[job.name, job.latest.queuedAtUs] as const] : [])),
    ),
  };
  useEffect(() => {
    if (canvas.current === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(canvas.current);
    return () => observer.disconnect();
  }, [rows.length === 0]);
  useEffect(() => {
    if (theme < 0 || canvas.current === null || axis.current === null) return;
    paintRows(canvas.current, face);
    paintAxis(axis.current, face);
  });
  const spanAt = (event: PointerEvent<HTMLCanvasElement>): { span: Span; x: number; y: number } | undefined => {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const row = rows[Math.floor(y / rowHeight)];
    const reachUs = (4 / Math.max(1, box.width)) * (face.toUs - face.fromUs);
    const atUs = face.fromUs + (x / box.width) * (face.toUs - face.fromUs);
    const under = (row?.spans ?? []).filter((span) => span.fromUs - reachUs <= atUs && atUs <= span.toUs + reachUs);
    const span = under.find(({ kind }) => kind !== 'waiting') ?? under[0];
    return span === undefined ? undefined : { span, x, y };
  };
  const textOf = (job: JobRow): string => {
    const { sign, line } = faceOf(job, nowUs, (name) => jobs.find((other) => other.name === name)?.latest ?? null);
    if (sign === 'retrying' && job.latest?.nextAttemptAtUs != null)
      return `in ${spanText(Math.max(0, job.latest.nextAttemptAtUs - nowUs))}`;
    if (sign === 'running' || sign === 'lost' || sign === 'queued' || sign === 'held') return sign;
    if (sign === 'waiting') return 'waits';
    if (sign === 'paused' || sign === 'off') return line.split(',')[0]!;
    return job.nextAtUs === null ? '' : whenText(job.nextAtUs, nowUs).slice(0, 11);
  };
  const failed = (timeline?.spans ?? []).filter(({ kind }) => kind === 'failed').length;
  const height = rows.length * rowHeight + 1;
  return (
    <section className="panel timeline-panel" aria-label="Timeline">
      <div className="panel-head">
        <h2>Timeline</h2>
        <span className="dim wide">UTC; work and waiting are drawn apart</span>
        <span className="grow" />
        <span className="act">
          {(Object.keys(timelineLengths) as TimelineLength[]).map((each) => (
            <button
              key={each}
              type="button"
              className="button wide"
              aria-pressed={each === length}
              onClick={() => onLength(each)}
            >
              {each}
            </button>
          ))}
        </span>
        <span className="timeline-legend">
          {(['running', 'done', 'waiting', 'failed'] as const).map((kind) => (
            <span key={kind}>
              <Sample kind={kind} />
              {kind === 'failed' ? 'failed try' : kind}
            </span>
          ))}
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: more rows than fit are scrolled to by keys */}
      <section className="panel-body timeline" tabIndex={0} aria-label={`Runs of the last ${length}`}>
        {rows.length === 0 ? (
          <p className="panel-none">Nothing ran in the last {length}.</p>
        ) : (
          <div className="timeline-sheet">
            <div className="timeline-names">
              {rows.map(({ job }) => (
                <span key={job} className="ellipsis">
                  {job}
                </span>
              ))}
            </div>
            <div className="timeline-plot" style={{ height: `${height}px` }}>
              <canvas
                ref={canvas}
                role="img"
                aria-label={`Runs of ${rows.length} jobs over ${length}, ${failed} failed tries`}
                onPointerMove={(event) => {
                  const found = spanAt(event);
                  setHint(
                    found === undefined
                      ? undefined
                      : {
                          x: found.x,
                          y: found.y,
                          run: found.span.run,
                          text: `${found.span.job}, run ${found.span.run}: ${found.span.kind === 'failed' ? 'failed try' : found.span.kind}, ${clockText(found.span.fromUs)}–${clockText(found.span.toUs)}, ${spanText(found.span.toUs - found.span.fromUs)}`,
                        },
                  );
                }}
                onPointerLeave={() => setHint(undefined)}
                onClick={() => hint !== undefined && onRun(hint.run)}
              />
              {hint !== undefined && (
                <span
                  className="plot-hint"
                  data-side={hint.x > width / 2 ? 'left' : 'right'}
                  style={{ left: `${hint.x}px`, top: `${hint.y}px` }}
                >
                  {hint.text}
                </span>
              )}
            </div>
            <div className="timeline-next wide">
              {rows.map(({ job }) => {
                const row = jobs.find((other) => other.name === job);
                return (
                  <span key={job} className="ellipsis">
                    {row === undefined ? '' : textOf(row)}
                  </span>
                );
              })}
            </div>
            <div className="timeline-axis">
              <canvas ref={axis} />
            </div>
          </div>
        )}
      </section>
    </section>
  );
}
