import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useRef } from 'react';
import type { JobsAnswer, RunState } from '../../../src/protocol/jobs.ts';
import { RunStateSign } from '../shell/run-state.tsx';
import { Spacer } from '../shell/spacer.tsx';
import { bytesText, groupDigits } from '../text/number-text.ts';
import type { JobsSearch } from '../url/jobs-url.ts';
import { outcomeText, signOf, stateText, tookText, whenText } from './run-words.ts';
import { useRuns } from './use-jobs.ts';

const chips: readonly (readonly [RunState, string])[] = [
  ['running', 'Running'],
  ['queued', 'Queued'],
  ['retrying', 'Retrying'],
  ['failed', 'Failed'],
];

const columns: readonly (readonly [string, string])[] = [
  ['State', ''],
  ['Run', 'right'],
  ['Job', ''],
  ['Part', ''],
  ['Cause', ''],
  ['Started', 'right'],
  ['Took', 'right'],
  ['Tries', 'right'],
  ['Rows', 'right'],
  ['Bytes', 'right'],
  ['Effect', ''],
];

export function RunsPanel({
  answer,
  filter,
  nowUs,
  onFilter,
  onRun,
}: {
  answer: JobsAnswer | undefined;
  filter: JobsSearch;
  nowUs: number;
  onFilter: (change: { state?: RunState | undefined; job?: string | undefined; cause?: string | undefined }) => void;
  onRun: (run: number) => void;
}) {
  const runs = useRuns(filter);
  const box = useRef<HTMLDivElement>(null);
  const rowHeight = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 26;
  const virtual = useVirtualizer({
    count: runs.rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  const { loadOlder } = runs;
  const nearsEnd = runs.hasOlder && lastSeen > runs.rows.length - 60;
  useEffect(() => {
    if (nearsEnd) loadOlder();
  });
  const at = runs.rows.findIndex((run) => run.id === filter.run);
  const isDrawn = items.some((item) => item.index === at);
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / rowHeight) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const step = steps[event.key];
    const last = runs.rows.length - 1;
    const next =
      event.key === 'Home'
        ? 0
        : event.key === 'End'
          ? last
          : step === undefined
            ? undefined
            : Math.max(0, at) + (at < 0 ? 0 : step);
    if (next === undefined || last < 0) return;
    event.preventDefault();
    const bounded = Math.max(0, Math.min(last, next));
    virtual.scrollToIndex(bounded);
    onRun(runs.rows[bounded]!.id);
  };
  const isFiltered = filter.state !== undefined || filter.job !== undefined || filter.cause !== undefined;
  const count = (state: RunState): number => answer?.counts[state] ?? 0;
  const causes = [
    ...new Set([...(filter.cause === undefined ? [] : [filter.cause]), ...runs.rows.map((run) => run.cause)]),
  ];
  return (
    <section className="panel runs-panel" aria-label="Runs">
      <div className="panel-head">
        <h2>Runs</h2>
        <span className="dim wide">
          {runs.kept === undefined
            ? ''
            : `${groupDigits(String(runs.kept))} ${isFiltered ? 'match' : 'kept'}, newest first`}
        </span>
        <span className="grow" />
        <span className="act">
          <button
            type="button"
            className="button"
            aria-pressed={filter.state === undefined}
            onClick={() => onFilter({ state: undefined })}
          >
            All
          </button>
          {chips.map(([state, name]) => (
            <button
              key={state}
              type="button"
              className={`button ${state === 'queued' ? 'wide' : ''}`}
              aria-pressed={filter.state === state}
              onClick={() => onFilter({ state: filter.state === state ? undefined : state })}
            >
              {name} {count(state) > 0 && groupDigits(String(count(state)))}
            </button>
          ))}
          <select
            className="field wide"
            aria-label="Job"
            value={filter.job ?? ''}
            onChange={(event) => onFilter({ job: event.target.value === '' ? undefined : event.target.value })}
          >
            <option value="">Job: all</option>
            {answer?.jobs.map((job) => (
              <option key={job.name} value={job.name}>
                {job.name}
              </option>
            ))}
          </select>
          <select
            className="field wide"
            aria-label="Cause"
            value={filter.cause ?? ''}
            onChange={(event) => onFilter({ cause: event.target.value === '' ? undefined : event.target.value })}
          >
            <option value="">Cause: all</option>
            {causes.slice(0, 200).map((cause) => (
              <option key={cause} value={cause}>
                {cause}
              </option>
            ))}
          </select>
        </span>
      </div>
      {runs.error !== null && runs.rows.length === 0 ? (
        <p className="panel-fault" role="alert">
          The runs could not be read: {runs.error.message}
        </p>
      ) : runs.rows.length === 0 && !runs.isLoading ? (
        <p className="panel-none">
          {isFiltered ? (
            <>
              0 of {answer === undefined ? '' : groupDigits(String(runs.kept ?? 0))} runs match.{' '}
              <button
                type="button"
                className="button outlined"
                onClick={() => onFilter({ state: undefined, job: undefined, cause: undefined })}
              >
                Show all
              </button>
            </>
          ) : (
            'Nothing ran yet. Jobs begin by their schedules, or with “Run now…”.'
          )}
        </p>
      ) : (
        <div className="listing runs" ref={box}>
          <table
            // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: rows are chosen in it, by keys and by pointer
            role="grid"
            tabIndex={0}
            aria-label="Runs, newest first"
            aria-rowcount={runs.kept ?? -1}
            aria-activedescendant={isDrawn ? `run-${filter.run}` : undefined}
            aria-busy={runs.isLoading}
            onKeyDown={onKeyDown}
            onClick={(event) => {
              const id = (event.target as HTMLElement).closest('tr')?.dataset['run'];
              if (id !== undefined) onRun(Number(id));
            }}
            data-testid="runs"
          >
            <thead>
              <tr>
                {columns.map(([name, side]) => (
                  <th key={name} scope="col" className={side}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              <Spacer height={items[0]?.start ?? 0} />
              {items.map((item) => {
                const run = runs.rows[item.index]!;
                const outcome = outcomeText(run, nowUs);
                return (
                  <tr
                    key={run.id}
                    id={`run-${run.id}`}
                    data-run={run.id}
                    aria-rowindex={item.index + 1}
                    aria-selected={run.id === filter.run}
                  >
                    <td>
                      <RunStateSign sign={signOf(run, nowUs)}>{stateText(run, nowUs)}</RunStateSign>
                    </td>
                    <td className="right">{groupDigits(String(run.id))}</td>
                    <td className="strong">{run.job}</td>
                    <td>{run.partition ?? '–'}</td>
                    <td title={run.cause}>{run.cause}</td>
                    <td className="right">{run.startedAtUs === null ? '–' : whenText(run.startedAtUs, nowUs)}</td>
                    <td className="right strong">{tookText(run, nowUs)}</td>
                    <td className="right">{run.attempts}</td>
                    <td className="right">{run.rows === null ? '–' : groupDigits(String(run.rows))}</td>
                    <td className="right">{run.bytes === null ? '–' : bytesText(run.bytes)}</td>
                    <td title={outcome}>{outcome}</td>
                  </tr>
                );
              })}
              <Spacer height={virtual.getTotalSize() - (items.at(-1)?.end ?? 0)} />
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
