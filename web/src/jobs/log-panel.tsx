import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import { logLevels, type RunLogLine } from '../../../src/protocol/jobs.ts';
import { groupDigits } from '../text/number-text.ts';
import { clockText } from '../text/time-text.ts';
import type { FollowedLog } from './use-jobs.ts';

const lineHeight = 17;

export function LogPanel({ log, run }: { log: FollowedLog; run: number | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const [level, setLevel] = useState<RunLogLine['level']>('info');
  const [follows, setFollows] = useState(true);
  const [search, setSearch] = useState('');
  const lines = useMemo(() => {
    const least = logLevels.indexOf(level);
    const wanted = search.trim().toLowerCase();
    return log.lines.filter(
      (line) => logLevels.indexOf(line.level) >= least && (wanted === '' || line.text.toLowerCase().includes(wanted)),
    );
  }, [log.lines, level, search]);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => lineHeight,
    overscan: 20,
  });
  useEffect(() => {
    if (follows && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: 'end' });
  }, [follows, lines.length, virtual]);
  useEffect(() => {
    if (run !== undefined) setFollows(true);
  }, [run]);
  const firstError = lines.findIndex((line) => line.level === 'error');
  const toFirstError = (): void => {
    setFollows(false);
    virtual.scrollToIndex(firstError, { align: 'center' });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    if (event.key === 'f') setFollows(!follows);
    else if (event.key === 'e' && firstError >= 0) toFirstError();
    else return;
    event.preventDefault();
  };
  return (
    <section className="panel log-panel" aria-label="Log">
      <div className="panel-head">
        <h2>Log</h2>
        <span className="dim">
          {run === undefined ? '' : log.isEnded ? `${groupDigits(String(log.lines.length))} lines` : 'live'}
        </span>
        <span className="grow" />
        <span className="act">
          <input
            className="field log-search wide"
            type="search"
            placeholder="find"
            aria-label="Find in the log"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
          <select
            className="field"
            aria-label="Least level"
            value={level}
            onChange={(event) => setLevel(event.target.value as RunLogLine['level'])}
          >
            {logLevels.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
          <button type="button" className="button" disabled={firstError < 0} onClick={toFirstError}>
            First error
          </button>
          <button type="button" className="button" aria-pressed={follows} onClick={() => setFollows(!follows)}>
            Follow
          </button>
        </span>
      </div>
      <div
        className="log"
        ref={box}
        role="log"
        // The last lines are told by the run's state; a voice for each line would never end.
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the log is scrolled by keys
        tabIndex={0}
        aria-label="Lines of the log; f follows, e goes to the first error"
        onKeyDown={onKeyDown}
        onWheel={(event) => event.deltaY < 0 && setFollows(false)}
        data-testid="log"
      >
        {lines.length === 0 ? (
          <p className="panel-none">
            {run === undefined
              ? 'Choose a run to read its log.'
              : log.lines.length > 0
                ? `0 of ${log.lines.length} lines match.`
                : log.isEnded
                  ? 'It said nothing.'
                  : 'It has said nothing yet.'}
          </p>
        ) : (
          <div className="log-lines" style={{ height: `${virtual.getTotalSize()}px` }}>
            {virtual.getVirtualItems().map((item) => {
              const line = lines[item.index]!;
              return (
                <div
                  key={line.sequence}
                  className="log-line"
                  data-level={line.level}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <span>{clockText(line.atUs, true)}</span>
                  <span>{line.level}</span>
                  <span title={line.text}>{line.text}</span>
                </div>
              );
            })}
          </div>
        )}
      </div>
    </section>
  );
}
