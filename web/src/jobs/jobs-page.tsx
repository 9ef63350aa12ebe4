import './jobs.css';
import '../shell/working.css';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { JobRow, JobsAnswer, RunRow, RunState } from '../../../src/protocol/jobs.ts';
import { ApiError } from '../live/api.ts';
import { isCold } from '../live/connection-word.ts';
import { usePageTitle } from '../shell/pages.ts';
import { useConnection } from '../shell/use-connection.ts';
import { groupDigits } from '../text/number-text.ts';
import { spanText } from '../text/time-text.ts';
import type { JobsSearch } from '../url/jobs-url.ts';
import { CatchUpPanel } from './catch-up-panel.tsx';
import { layoutGraph } from './graph-layout.ts';
import { GraphPanel } from './graph-panel.tsx';
import { changeCatchUp, changeJob, changeRun, runNow, startCatchUp } from './jobs-api.ts';
import { CatchUpDialog, RunNowDialog, SureDialog } from './jobs-dialogs.tsx';
import { LogPanel } from './log-panel.tsx';
import { JobPanel, RunPanel } from './run-panel.tsx';
import { isOver, needsLook, silenceUs } from './run-words.ts';
import { RunsPanel } from './runs-panel.tsx';
import { fittingLength, type TimelineLength, timelineLengths } from './timeline-length.ts';
import { TimelinePanel } from './timeline-panel.tsx';
import { useAction, useJobs, useLog, useRun, useServerNowUs, useTimeline } from './use-jobs.ts';

type Open = 'run-now' | 'catch-up' | 'cancel-run' | 'cancel-catch-up';

export function JobsPage() {
  usePageTitle('Jobs');
  const search = useSearch({ from: '/jobs' });
  const navigate = useNavigate({ from: '/jobs' });
  const { word } = useConnection();
  const jobs = useJobs();
  const answer = jobs.data;
  const nowUs = useServerNowUs(answer, jobs.dataUpdatedAt);
  const [length, setLength] = useState<TimelineLength>('24 h');
  const timeline = useTimeline(timelineLengths[length], answer === undefined ? undefined : nowUs);
  const isFitted = useRef(false);
  useEffect(() => {
    if (isFitted.current || timeline.data === undefined) return;
    isFitted.current = true;
    setLength(fittingLength(timeline.data));
  }, [timeline.data]);
  const shownRun = search.run ?? newestActive(answer);
  const run = useRun(shownRun);
  const log = useLog(shownRun);
  const [open, setOpen] = useState<Open>();
  const [chosenCatchUp, setChosenCatchUp] = useState<number>();
  const catchUp = answer?.catchUps.find(({ id }) => id === chosenCatchUp) ?? answer?.catchUps[0];
  const change = (next: { [K in keyof JobsSearch]?: JobsSearch[K] | undefined }): void =>
    void navigate({ search: (held) => ({ ...held, ...next }) as JobsSearch, replace: true });
  const order = useMemo(() => layoutGraph(answer?.jobs ?? []).nodes.map((node) => node.name), [answer?.jobs]);
  const selected = answer?.jobs.find((job) => job.name === search.job);

  const startRun = useAction(({ job, partition }: { job: string; partition: string | undefined }) =>
    runNow(job, partition).then((started) => {
      setOpen(undefined);
      change({ run: started.id });
    }),
  );
  const startDays = useAction((wish: Parameters<typeof startCatchUp>[0]) =>
    startCatchUp(wish).then((started) => {
      setOpen(undefined);
      setChosenCatchUp(started.id);
    }),
  );
  const actOnJob = useAction(({ job, action }: { job: string; action: 'pause' | 'resume' }) => changeJob(job, action));
  const actOnRun = useAction(({ id, action }: { id: number; action: 'cancel' | 'retry' }) =>
    changeRun(id, action).finally(() => setOpen(undefined)),
  );
  const actOnCatchUp = useAction(({ id, action }: { id: number; action: 'pause' | 'resume' | 'cancel' }) =>
    changeCatchUp(id, action).finally(() => setOpen(undefined)),
  );
  const isLocked = isCold(word) || actOnRun.isPending || actOnJob.isPending || actOnCatchUp.isPending;

  if (answer === undefined)
    return (
      <main className="page-message" aria-busy={jobs.isPending}>
        {jobs.error === null ? (
          <p className="dim">Asking for the jobs…</p>
        ) : (
          <>
            <h1>{isMissing(jobs.error) ? 'This server runs no jobs' : 'The jobs could not be read'}</h1>
            <p>{jobs.error.message} Recording and everything else go on.</p>
            <code>tidemark jobs</code>
          </>
        )}
      </main>
    );

  const onKeyDown = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, select, textarea') !== null) return;
    const shown = run.data?.run;
    if (shown === undefined || isLocked) return;
    if (event.key === 'c' && !isOver(shown)) setOpen('cancel-run');
    else if (event.key === 'r' && (shown.state === 'failed' || shown.state === 'cancelled'))
      actOnRun.mutate({ id: shown.id, action: 'retry' });
    else return;
    event.preventDefault();
  };
  const onJob = (job: JobRow): void =>
    change(search.job === job.name ? { job: undefined } : { job: job.name, run: job.latest?.id });
  const onRun = (id: number): void => change({ run: id });
  return (
    <main className="page jobs" aria-label="Jobs" onKeyDown={onKeyDown}>
      <h1 className="visually-hidden">Jobs</h1>
      <Tiles answer={answer} nowUs={nowUs} />
      <GraphPanel jobs={answer.jobs} nowUs={nowUs} selected={search.job} onSelect={onJob}>
        {selected !== undefined && selected.notAvailable === null && (
          <button
            type="button"
            className="button"
            disabled={isLocked}
            onClick={() => actOnJob.mutate({ job: selected.name, action: selected.isPaused ? 'resume' : 'pause' })}
          >
            {selected.isPaused ? 'Resume' : 'Pause'} {selected.name}
          </button>
        )}
        <button type="button" className="button outlined" disabled={isLocked} onClick={() => setOpen('run-now')}>
          Run now…
        </button>
      </GraphPanel>
      <TimelinePanel
        jobs={answer.jobs}
        order={order}
        timeline={timeline.data}
        length={length}
        nowUs={nowUs}
        onLength={setLength}
        onRun={onRun}
      />
      <RunsPanel
        answer={answer}
        filter={{ ...search, ...(shownRun === undefined ? {} : { run: shownRun }) }}
        nowUs={nowUs}
        onFilter={change}
        onRun={onRun}
      />
      <div className="jobs-side">
        <CatchUpPanel
          catchUp={catchUp}
          others={answer.catchUps}
          isLocked={isLocked}
          onChoose={setChosenCatchUp}
          onNew={() => setOpen('catch-up')}
          onRun={onRun}
          onChange={(action) =>
            action === 'cancel' ? setOpen('cancel-catch-up') : actOnCatchUp.mutate({ id: catchUp!.id, action })
          }
        />
        {selected !== undefined && search.run === undefined ? (
          <JobPanel job={selected} nowUs={nowUs} />
        ) : run.data !== undefined ? (
          <RunPanel
            answer={run.data}
            error={actOnRun.error}
            nowUs={nowUs}
            isLocked={isLocked}
            onCancel={() => setOpen('cancel-run')}
            onRetry={() => actOnRun.mutate({ id: run.data.run.id, action: 'retry' })}
          />
        ) : (
          <section className="panel run-panel" aria-label="Run">
            <div className="panel-head">
              <h2>Run</h2>
            </div>
            <p className={run.error === null ? 'panel-none' : 'panel-fault'}>
              {run.error?.message ?? (shownRun === undefined ? 'Choose a run, or a job of the graph.' : 'Reading…')}
            </p>
          </section>
        )}
        <LogPanel log={log} run={shownRun} />
      </div>
      {open === 'run-now' && (
        <RunNowDialog
          jobs={answer.jobs}
          start={search.job}
          nowUs={nowUs}
          error={startRun.error}
          isBusy={startRun.isPending}
          onRun={(job, partition) => startRun.mutate({ job, partition })}
          onClose={() => setOpen(undefined)}
        />
      )}
      {open === 'catch-up' && (
        <CatchUpDialog
          jobs={answer.jobs}
          start={search.job}
          nowUs={nowUs}
          error={startDays.error}
          isBusy={startDays.isPending}
          onStart={(wish) => startDays.mutate(wish)}
          onClose={() => setOpen(undefined)}
        />
      )}
      {open === 'cancel-run' && run.data !== undefined && (
        <SureDialog
          title={`Cancel run ${run.data.run.id}?`}
          stays={`What it has published stays, what it has not is left out: ${run.data.ifItDies}`}
          action="Cancel the run"
          isBusy={actOnRun.isPending}
          onSure={() => actOnRun.mutate({ id: run.data.run.id, action: 'cancel' })}
          onClose={() => setOpen(undefined)}
        />
      )}
      {open === 'cancel-catch-up' && catchUp !== undefined && (
        <SureDialog
          title={`Cancel catch-up ${catchUp.id}?`}
          stays="Days that are done stay done. Days that have not begun are not run; those under way end first."
          action="Cancel the catch-up"
          isBusy={actOnCatchUp.isPending}
          onSure={() => actOnCatchUp.mutate({ id: catchUp.id, action: 'cancel' })}
          onClose={() => setOpen(undefined)}
        />
      )}
    </main>
  );
}

function isMissing(error: Error): boolean {
  return error instanceof ApiError && error.status === 404;
}

const worthALook: readonly RunState[] = ['running', 'retrying', 'failed', 'held', 'queued', 'done'];

/** The run that is most worth a look when none is chosen: by its state, then the newest. */
function newestActive(answer: JobsAnswer | undefined): number | undefined {
  const rank = ({ state }: RunRow): number => {
    const at = worthALook.indexOf(state);
    return at < 0 ? worthALook.length : at;
  };
  return (answer?.jobs ?? [])
    .flatMap((job) => (job.latest === null ? [] : [job.latest]))
    .sort((a, b) => rank(a) - rank(b) || b.id - a.id)[0]?.id;
}

function Tile({ name, value, beside, note }: { name: string; value: string; beside?: string; note: string }) {
  return (
    <div>
      <dt className="micro">{name}</dt>
      <dd className="value">
        {value}
        {beside !== undefined && <small>{beside}</small>}
      </dd>
      <dd className="micro">{note}</dd>
    </div>
  );
}

function Tiles({ answer, nowUs }: { answer: JobsAnswer; nowUs: number }) {
  const { slots, counts, weight } = answer;
  const beats = answer.jobs.flatMap(({ latest }) =>
    latest?.state === 'running' && latest.heartbeatAtUs !== null && silenceUs(latest, nowUs) === undefined
      ? [nowUs - latest.heartbeatAtUs]
      : [],
  );
  const look = needsLook(answer.jobs, nowUs);
  const catchUp = answer.catchUps.find(({ state }) => state === 'running' || state === 'paused');
  const ofCatchUp = catchUp?.days.filter(({ state }) => state === 'queued').length ?? 0;
  const next = answer.jobs
    .filter((job) => job.nextAtUs !== null && !job.isPaused)
    .sort((a, b) => a.nextAtUs! - b.nextAtUs!)[0];
  const unavailable = answer.jobs.filter((job) => job.notAvailable !== null).length;
  const words = [
    ...(look.retrying > 0 ? [`${look.retrying} retrying`] : []),
    ...(look.failed > 0 ? [`${look.failed} failed`] : []),
    ...(look.silent > 0 ? [`${look.silent} silent`] : []),
  ];
  return (
    <dl className="score" aria-label="Jobs in figures">
      <Tile
        name="Running"
        value={String(slots.used)}
        beside={`of ${slots.all} slots`}
        note={beats.length === 0 ? 'nothing under way' : `heartbeats within ${spanText(Math.max(1e6, ...beats))}`}
      />
      <Tile
        name="Queued"
        value={groupDigits(String(counts.queued))}
        {...(ofCatchUp > 0 ? { beside: `${groupDigits(String(ofCatchUp))} of catch-up ${catchUp!.id}` } : {})}
        note={
          counts.held > 0
            ? `${counts.held} held for data`
            : next === undefined
              ? 'nothing is due'
              : `next: ${next.name} in ${spanText(Math.max(0, next.nextAtUs! - nowUs))}`
        }
      />
      <Tile
        name="Needs a look"
        value={String(look.retrying + look.failed + look.silent)}
        note={words.length === 0 ? 'by the latest run of each job' : words.join(', ')}
      />
      {weight === null ? (
        <Tile name="Jobs" value={String(answer.jobs.length)} note={`${unavailable} not available here`} />
      ) : (
        <Tile
          name="Request weight"
          value={groupDigits(String(weight.usedPerMinute))}
          beside={`of ${groupDigits(String(weight.limitPerMinute))} a minute`}
          note="what repair and backfill spend"
        />
      )}
      <Tile name="Done, 24 h" value={groupDigits(String(answer.doneLastDay))} note="running twice changes nothing" />
    </dl>
  );
}
