import { type FormEvent, useState } from 'react';
import type { JobRow } from '../../../src/protocol/jobs.ts';
import { WorkDialog } from '../shell/work-dialog.tsx';
import { catchUpCommand } from './catch-up-grid.ts';
import type { CatchUpWish } from './jobs-api.ts';

function yesterday(nowUs: number, back = 1): string {
  return new Date(Math.floor(nowUs / 1000) - back * 86_400_000).toISOString().slice(0, 10);
}

function Failure({ error }: { error: Error | null }) {
  return error === null ? null : (
    <p className="form-wide panel-fault" role="alert">
      {error.message}
    </p>
  );
}

export function RunNowDialog({
  jobs,
  start,
  nowUs,
  error,
  isBusy,
  onRun,
  onClose,
}: {
  jobs: readonly JobRow[];
  start: string | undefined;
  nowUs: number;
  error: Error | null;
  isBusy: boolean;
  onRun: (job: string, partition: string | undefined) => void;
  onClose: () => void;
}) {
  const able = jobs.filter((job) => job.notAvailable === null);
  const [name, setName] = useState(able.find((job) => job.name === start)?.name ?? able[0]?.name ?? '');
  const [day, setDay] = useState(() => yesterday(nowUs));
  const job = jobs.find((other) => other.name === name);
  const byDay = job?.partitioning === 'day';
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (name !== '') onRun(name, byDay ? day : undefined);
  };
  return (
    <WorkDialog title="Run now" onClose={onClose}>
      <form className="form" onSubmit={onSubmit}>
        <label htmlFor="run-job">Job</label>
        <select id="run-job" className="field" value={name} onChange={(event) => setName(event.target.value)}>
          {jobs.map((other) => (
            <option key={other.name} value={other.name} disabled={other.notAvailable !== null}>
              {other.name}
              {other.notAvailable === null ? '' : `: not available, ${other.notAvailable}`}
            </option>
          ))}
        </select>
        {byDay && (
          <>
            <label htmlFor="run-day">Day, UTC</label>
            <input
              id="run-day"
              className="field"
              pattern="\d{4}-\d\d-\d\d"
              placeholder="2026-03-18"
              spellCheck={false}
              required
              value={day}
              onChange={(event) => setDay(event.target.value)}
            />
          </>
        )}
        <p className="form-wide soft">{job?.description} Running it twice changes nothing.</p>
        <p className="form-wide">
          <code>
            tidemark jobs run {name}
            {byDay ? ` --day ${day}` : ''}
          </code>
        </p>
        <Failure error={error} />
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" className="button main" disabled={isBusy || name === ''}>
            Run
          </button>
        </div>
      </form>
    </WorkDialog>
  );
}

export function CatchUpDialog({
  jobs,
  start,
  nowUs,
  error,
  isBusy,
  onStart,
  onClose,
}: {
  jobs: readonly JobRow[];
  start: string | undefined;
  nowUs: number;
  error: Error | null;
  isBusy: boolean;
  onStart: (wish: CatchUpWish) => void;
  onClose: () => void;
}) {
  const able = jobs.filter((job) => job.partitioning === 'day' && job.notAvailable === null);
  const [wish, setWish] = useState<CatchUpWish>({
    job: able.find((job) => job.name === start)?.name ?? able[0]?.name ?? '',
    from: yesterday(nowUs, 28),
    to: yesterday(nowUs),
    atOnce: 2,
    order: 'oldest-first',
    withFollowing: true,
  });
  const change = (next: Partial<CatchUpWish>): void => setWish((held) => ({ ...held, ...next }));
  const days = Math.round((Date.parse(wish.to) - Date.parse(wish.from)) / 86_400_000) + 1;
  const isEmpty = !(days > 0);
  return (
    <WorkDialog title="Catch up over days" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isEmpty && wish.job !== '') onStart(wish);
        }}
      >
        <label htmlFor="catch-up-job">Job</label>
        <select
          id="catch-up-job"
          className="field"
          value={wish.job}
          onChange={(event) => change({ job: event.target.value })}
        >
          {able.map((job) => (
            <option key={job.name}>{job.name}</option>
          ))}
        </select>
        <label htmlFor="catch-up-from">First day</label>
        <input
          id="catch-up-from"
          className="field"
          pattern="\d{4}-\d\d-\d\d"
          placeholder="2026-03-18"
          spellCheck={false}
          required
          value={wish.from}
          onChange={(event) => change({ from: event.target.value })}
        />
        <label htmlFor="catch-up-to">Last day</label>
        <input
          id="catch-up-to"
          className="field"
          pattern="\d{4}-\d\d-\d\d"
          placeholder="2026-03-18"
          spellCheck={false}
          required
          value={wish.to}
          onChange={(event) => change({ to: event.target.value })}
        />
        <label htmlFor="catch-up-once">At a time</label>
        <input
          id="catch-up-once"
          className="field"
          type="number"
          min={1}
          max={16}
          value={wish.atOnce}
          onChange={(event) => change({ atOnce: Math.max(1, Number(event.target.value) || 1) })}
        />
        <label htmlFor="catch-up-order">Order</label>
        <select
          id="catch-up-order"
          className="field"
          value={wish.order}
          onChange={(event) => change({ order: event.target.value as CatchUpWish['order'] })}
        >
          <option value="oldest-first">oldest first</option>
          <option value="newest-first">newest first</option>
        </select>
        <span className="form-name">Then</span>
        <label>
          <input
            type="checkbox"
            checked={wish.withFollowing}
            onChange={(event) => change({ withFollowing: event.target.checked })}
          />{' '}
          the jobs that come after it, too
        </label>
        <p className="form-wide soft" role="status">
          {isEmpty
            ? 'The first day is after the last.'
            : `${days} ${days === 1 ? 'day' : 'days'}, one run a day and job; days whose inputs are unchanged are left alone.`}
        </p>
        <p className="form-wide">
          <code>{catchUpCommand(wish)}</code>
        </p>
        <Failure error={error} />
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" className="button main" disabled={isBusy || isEmpty || wish.job === ''}>
            Catch up
          </button>
        </div>
      </form>
    </WorkDialog>
  );
}

/** Asks once more, and says what stays true. */
export function SureDialog({
  title,
  stays,
  action,
  isBusy,
  onSure,
  onClose,
}: {
  title: string;
  stays: string;
  action: string;
  isBusy: boolean;
  onSure: () => void;
  onClose: () => void;
}) {
  return (
    <WorkDialog title={title} onClose={onClose}>
      <div className="form">
        <p className="form-wide">{stays}</p>
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            Keep it
          </button>
          <button type="button" className="button main" disabled={isBusy} onClick={onSure}>
            {action}
          </button>
        </div>
      </div>
    </WorkDialog>
  );
}
