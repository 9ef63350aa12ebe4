import { useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { JobRow } from '../../../src/protocol/jobs.ts';
import { RunStateSign } from '../shell/run-state.tsx';
import { type GraphEdge, layoutGraph } from './graph-layout.ts';
import { faceOf } from './run-words.ts';

const nodeHeight = 40;
const leastPitch = { x: 148, y: 46 };
const gapX = 32;

type Shown = 'linked' | 'all';

/** A job and everything that is tied to it, before and after. */
function tiedTo(jobs: readonly JobRow[]): JobRow[] {
  const named = new Set(jobs.flatMap((job) => job.after));
  return jobs.filter((job) => job.after.length > 0 || named.has(job.name));
}

export function GraphPanel({
  jobs,
  nowUs,
  selected,
  onSelect,
  children,
}: {
  jobs: readonly JobRow[];
  nowUs: number;
  selected: string | undefined;
  onSelect: (job: JobRow) => void;
  children: React.ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 900, height: 210 });
  const linked = useMemo(() => tiedTo(jobs), [jobs]);
  const [shown, setShown] = useState<Shown>('all');
  const drawn = shown === 'linked' ? linked : jobs;
  const shape = JSON.stringify(drawn.map(({ name, after }) => [name, after]));
  const layout = useMemo(
    () => layoutGraph((JSON.parse(shape) as [string, string[]][]).map(([name, after]) => ({ name, after }))),
    [shape],
  );
  useLayoutEffect(() => {
    const node = box.current!;
    const observer = new ResizeObserver(() => setSize({ width: node.clientWidth, height: node.clientHeight }));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const pitchX = Math.max(leastPitch.x, (size.width - 24 + gapX) / layout.columns);
  const pitchY = Math.max(leastPitch.y, Math.min(64, (size.height - 10) / layout.rows));
  const nodeWidth = Math.min(200, pitchX - gapX);
  const width = (layout.columns - 1) * pitchX + nodeWidth + 24;
  const height = layout.rows * pitchY + 4;
  const place = (column: number, row: number): { x: number; y: number } => ({
    x: Math.round(12 + column * pitchX),
    y: Math.round(2 + row * pitchY),
  });
  const way = ({ from, to }: GraphEdge): { line: string; tip: string } => {
    const start = place(from.column, from.row);
    const end = place(to.column, to.row);
    const x0 = start.x + nodeWidth + 0.5;
    const x1 = end.x - 0.5;
    const y0 = start.y + nodeHeight / 2 + 0.5;
    const y1 = end.y + nodeHeight / 2 + 0.5;
    const near = Math.round(x1 - (pitchX - nodeWidth) / 2) + 0.5;
    const tip = `M${x1 - 5} ${y1 - 3}l4 3-4 3`;
    if (to.column === from.column + 1) return { line: `M${x0} ${y0}H${near}V${y1}H${x1 - 1}`, tip };
    // A long arrow keeps to the space between two rows, so that it passes behind no box.
    const lane =
      Math.round(end.y + (from.row <= to.row ? -(pitchY - nodeHeight) / 2 : nodeHeight + (pitchY - nodeHeight) / 2)) +
      0.5;
    const far = Math.round(x0 + (pitchX - nodeWidth) / 2) + 0.5;
    return { line: `M${x0} ${y0}H${far}V${lane}H${near}V${y1}H${x1 - 1}`, tip };
  };
  const latestOf = (name: string) => byName.get(name)?.latest ?? null;
  return (
    <section className="panel graph-panel" aria-label="Graph">
      <div className="panel-head">
        <h2>Graph</h2>
        <span className="dim wide">latest run of each job; an arrow means “after that job”</span>
        <span className="grow" />
        <span className="act">
          {linked.length > 0 && linked.length < jobs.length && (
            <>
              <button
                type="button"
                className="button wide"
                aria-pressed={shown === 'linked'}
                onClick={() => setShown('linked')}
              >
                Linked {linked.length}
              </button>
              <button
                type="button"
                className="button wide"
                aria-pressed={shown === 'all'}
                onClick={() => setShown('all')}
              >
                All {jobs.length}
              </button>
            </>
          )}
          {children}
        </span>
      </div>
      <section className="panel-body graph" ref={box} aria-label="Jobs and what they come after">
        <div className="graph-sheet" style={{ width: `${width}px`, height: `${height}px` }}>
          <svg width={width} height={height} aria-hidden="true" focusable="false">
            {layout.edges.map((edge) => {
              const { line, tip } = way(edge);
              const isHot = selected !== undefined && (edge.from.name === selected || edge.to.name === selected);
              const job = byName.get(edge.to.name);
              const waits = job !== undefined && faceOf(job, nowUs, latestOf).sign === 'waiting';
              return (
                <g key={`${edge.from.name} ${edge.to.name}`} data-hot={isHot} data-waits={waits}>
                  <path d={line} />
                  <path d={tip} className="tip" />
                </g>
              );
            })}
          </svg>
          {layout.nodes.map((node) => {
            const job = byName.get(node.name);
            if (job === undefined) return null;
            const { x, y } = place(node.column, node.row);
            const face = faceOf(job, nowUs, latestOf);
            const progress = job.latest?.state === 'running' ? job.latest.progress : null;
            return (
              <button
                key={node.name}
                type="button"
                className="node"
                data-sign={face.sign}
                data-absent={job.notAvailable !== null}
                aria-pressed={selected === node.name}
                title={`${job.description}\n${face.line}`}
                style={{ left: `${x}px`, top: `${y}px`, width: `${nodeWidth}px` }}
                onClick={() => onSelect(job)}
              >
                <RunStateSign sign={face.sign}>
                  <span className="node-name">{node.name}</span>
                </RunStateSign>
                <small>
                  <span className="visually-hidden">{face.sign}: </span>
                  {face.line}
                </small>
                {progress !== null && (
                  <span className="progress" data-lost={face.sign === 'lost'}>
                    <i style={{ width: `${progress * 100}%` }} />
                  </span>
                )}
              </button>
            );
          })}
        </div>
      </section>
      <ul className="graph-list">
        {jobs
          .map((job) => ({ job, face: faceOf(job, nowUs, latestOf) }))
          .filter(({ face }) => !['done', 'skipped', 'off'].includes(face.sign))
          .map(({ job, face }) => (
            <li key={job.name}>
              <button type="button" onClick={() => onSelect(job)}>
                <span className="strong ellipsis">{job.name}</span>
                <RunStateSign sign={face.sign} />
                <span className="ellipsis">{face.line}</span>
              </button>
            </li>
          ))}
      </ul>
    </section>
  );
}
