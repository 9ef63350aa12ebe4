import type { JobRow, RunAnswer } from '../../../src/protocol/jobs.ts';
import { RunStateSign } from '../shell/run-state.tsx';
import { bytesText, groupDigits } from '../text/number-text.ts';
import { clockText, dateTimeText, spanText } from '../text/time-text.ts';
import { isOver, signOf, silenceUs, stateText, tookText, waitText, whenText } from './run-words.ts';

function Fact({ name, children, strong }: { name: string; children: React.ReactNode; strong?: boolean }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className={strong === true ? 'run-command' : ''}>{children}</dd>
    </>
  );
}

function attemptText(answer: RunAnswer, nowUs: number): string {
  const { run } = answer;
  const tries = run.attempts === 0 ? 'none yet' : `${run.attempts} of ${run.maxAttempts}`;
  if (run.state !== 'running' || run.heartbeatAtUs === null) return tries;
  return `${tries}, heartbeat ${spanText(Math.max(0, nowUs - run.heartbeatAtUs))} ago`;
}

function soFarText({ run }: RunAnswer): string {
  const parts = [
    ...(run.rows === null ? [] : [`${groupDigits(String(run.rows))} rows`]),
    ...(run.bytes === null ? [] : [bytesText(run.bytes)]),
    ...(run.effect === null ? [] : [run.effect]),
  ];
  return parts.length === 0 ? 'nothing yet' : parts.join(', ');
}

export function RunPanel({
  answer,
  error,
  nowUs,
  isLocked,
  onCancel,
  onRetry,
}: {
  answer: RunAnswer;
  error: Error | null;
  nowUs: number;
  isLocked: boolean;
  onCancel: () => void;
  onRetry: () => void;
}) {
  const { run, attempts } = answer;
  const silentUs = silenceUs(run, nowUs);
  const over = isOver(run);
  return (
    <section className="panel run-panel" aria-label={`Run ${run.id}`}>
      <div className="panel-head">
        <h2>Run {groupDigits(String(run.id))}</h2>
        <span className="dim">
          {run.job}
          {run.partition === null ? '' : `, ${run.partition}`}
        </span>
        <span className="grow" />
        <span className="run-panel-state">
          <RunStateSign sign={signOf(run, nowUs)}>{stateText(run, nowUs)}</RunStateSign>
        </span>
      </div>
      {silentUs !== undefined && (
        <p className="panel-fault" role="status">
          Its heartbeat was lost {spanText(silentUs)} ago. The engine will notice, end this attempt and try again; what
          was done stays done.
        </p>
      )}
      {(run.state === 'queued' || run.state === 'held' || run.state === 'retrying') && (
        <p className="panel-wait" role="status">
          {run.state === 'retrying' ? 'Waits for its next attempt: ' : run.state === 'held' ? 'Held: ' : 'Waits: '}
          {waitText(run, nowUs)}
        </p>
      )}
      {run.error !== null && (
        <p className="panel-fault" role={over ? 'alert' : undefined}>
          {run.error.message} <span className="dim">{run.error.code}</span>
        </p>
      )}
      <dl className="pairs run-facts">
        <Fact name="Cause">{run.cause}</Fact>
        <Fact name="Attempt">{attemptText(answer, nowUs)}</Fact>
        <Fact name={run.startedAtUs === null ? 'Queued' : 'Started'}>
          {whenText(run.startedAtUs ?? run.queuedAtUs, nowUs)}
          {run.startedAtUs !== null && `, ${over ? 'took' : 'for'} ${tookText(run, nowUs)}`}
        </Fact>
        <Fact name={over ? 'Result' : 'So far'}>{soFarText(answer)}</Fact>
        {!over && <Fact name="If it dies now">{answer.ifItDies}</Fact>}
        <Fact name="Same by hand" strong>
          {answer.command}
        </Fact>
      </dl>
      {attempts.length > 1 && (
        <ol className="attempts" aria-label="Attempts">
          {attempts.map((attempt) => (
            <li key={attempt.attempt} data-outcome={attempt.outcome} title={attempt.error?.message}>
              <span>try {attempt.attempt}</span>
              <span>{dateTimeText(attempt.startedAtUs).slice(5)}</span>
              <span className="right">
                {attempt.endedAtUs === null ? '' : spanText(attempt.endedAtUs - attempt.startedAtUs)}
              </span>
              <span className="ellipsis">
                {attempt.outcome}
                {attempt.error === null ? '' : `: ${attempt.error.message}`}
              </span>
            </li>
          ))}
        </ol>
      )}
      <div className="run-actions">
        {!over && (
          <button type="button" className="button outlined" disabled={isLocked} onClick={onCancel}>
            Cancel…
          </button>
        )}
        {(run.state === 'failed' || run.state === 'cancelled') && (
          <button type="button" className="button outlined" disabled={isLocked} onClick={onRetry}>
            Retry
          </button>
        )}
        <button type="button" className="button" onClick={() => void navigator.clipboard?.writeText(answer.command)}>
          Copy as CLI
        </button>
        <button type="button" className="button" onClick={() => void navigator.clipboard?.writeText(location.href)}>
          Copy link
        </button>
        <span className="grow" />
        {run.endedAtUs !== null && <span className="dim">ended {clockText(run.endedAtUs)}</span>}
        {error !== null && (
          <span className="fault ellipsis" role="alert">
            {error.message}
          </span>
        )}
      </div>
    </section>
  );
}

/** A job that never ran, or cannot run here: what is known of it. */
export function JobPanel({ job, nowUs }: { job: JobRow; nowUs: number }) {
  return (
    <section className="panel run-panel" aria-label={`Job ${job.name}`}>
      <div className="panel-head">
        <h2>{job.name}</h2>
        <span className="dim">{job.latest === null ? 'never ran' : ''}</span>
      </div>
      <p className="panel-none">{job.description}</p>
      {job.notAvailable !== null && <p className="panel-wait">Not available: {job.notAvailable}</p>}
      <dl className="pairs run-facts">
        <Fact name="Schedule">
          {job.schedule.text}
          {job.schedule.zone === null ? '' : `, ${job.schedule.zone}`}
        </Fact>
        <Fact name="After">{job.after.length === 0 ? 'no other job' : job.after.join(', ')}</Fact>
        <Fact name="Runs">{job.partitioning === 'day' ? 'one a UTC day' : 'for everything at once'}</Fact>
        <Fact name="Next">{job.nextAtUs === null ? '–' : whenText(job.nextAtUs, nowUs)}</Fact>
      </dl>
    </section>
  );
}
