import '../shell/working.css';
import './reports.css';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import type { RunRow } from '../../../src/protocol/jobs.ts';
import { type ReportFile, type ReportRow, reportKinds } from '../../../src/protocol/reports.ts';
import { isOver, outcomeText, signOf } from '../jobs/run-words.ts';
import { useRun } from '../jobs/use-jobs.ts';
import { ApiError } from '../live/api.ts';
import { isCold } from '../live/connection-word.ts';
import { usePageTitle } from '../shell/pages.ts';
import { RunStateSign } from '../shell/run-state.tsx';
import { useConnection } from '../shell/use-connection.ts';
import { WorkDialog } from '../shell/work-dialog.tsx';
import { useInstruments } from '../state/context.tsx';
import { bytesText, groupDigits, shareText } from '../text/number-text.ts';
import { readInstant } from '../text/read-instant.ts';
import { dateTimeText, isoText } from '../text/time-text.ts';
import { marketName, parseInstrument } from '../url/chart-url.ts';
import { filesOf, listedReports, type ReportFilter, rangeText } from './report-list.ts';
import { fileAddress, getReports, makeReport, type ReportWish } from './reports-api.ts';

export function ReportsPage() {
  usePageTitle('Reports');
  const { word } = useConnection();
  const reports = useQuery({
    queryKey: ['reports'],
    queryFn: ({ signal }) => getReports(signal),
    refetchInterval: 5_000,
  });
  const [filter, setFilter] = useState<ReportFilter>({ kind: undefined, subject: undefined, withSuperseded: true });
  const [isAsking, setIsAsking] = useState(false);
  const [asked, setAsked] = useState<RunRow>();
  const all = reports.data?.reports ?? [];
  const rows = listedReports(all, filter);
  const subjects = [...new Set(all.map((report) => report.subject))].sort();
  const isMissing = reports.error instanceof ApiError && reports.error.status === 404;
  return (
    <main className="page reports-page" aria-label="Reports">
      <h1 className="visually-hidden">Reports</h1>
      <section className="panel" aria-label="List">
        <div className="panel-head">
          <h2>Reports</h2>
          <span className="dim wide">
            {all.length === 0
              ? ''
              : `${groupDigits(String(rows.length))} of ${groupDigits(String(all.length))}, newest first`}
          </span>
          <span className="grow" />
          <span className="act">
            <button
              type="button"
              className="button"
              aria-pressed={filter.kind === undefined}
              onClick={() => setFilter({ ...filter, kind: undefined })}
            >
              All
            </button>
            {reportKinds.map((kind) => (
              <button
                key={kind}
                type="button"
                className="button"
                aria-pressed={filter.kind === kind}
                onClick={() => setFilter({ ...filter, kind })}
              >
                {kind}
              </button>
            ))}
            <select
              className="field wide"
              aria-label="Subject"
              value={filter.subject ?? ''}
              onChange={(event) =>
                setFilter({ ...filter, subject: event.target.value === '' ? undefined : event.target.value })
              }
            >
              <option value="">Subject: all</option>
              {subjects.map((subject) => (
                <option key={subject} value={subject}>
                  {subjectText(subject)}
                </option>
              ))}
            </select>
            <button
              type="button"
              className="button wide"
              aria-pressed={filter.withSuperseded}
              onClick={() => setFilter({ ...filter, withSuperseded: !filter.withSuperseded })}
            >
              Superseded
            </button>
            <button
              type="button"
              className="button outlined"
              disabled={isCold(word) || isMissing}
              onClick={() => setIsAsking(true)}
            >
              Make a report…
            </button>
          </span>
        </div>
        {asked !== undefined && <AskedReport asked={asked} onClose={() => setAsked(undefined)} />}
        {reports.error !== null && all.length === 0 ? (
          <p className="panel-fault" role="alert">
            {isMissing ? 'This server makes no reports.' : `The reports could not be read: ${reports.error.message}`}
          </p>
        ) : rows.length === 0 ? (
          <p className="panel-none" aria-busy={reports.isPending}>
            {reports.isPending
              ? 'Asking for the reports…'
              : all.length > 0
                ? `0 of ${all.length} reports match.`
                : 'No report yet. One of each instrument and of the market is made once a day is settled; of a range of your own at once, with “Make a report…”.'}
          </p>
        ) : (
          <section className="listing reports" aria-label="List of reports">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a list that scrolls is scrolled by keys */}
            <table tabIndex={0} aria-label="Reports, newest first">
              <thead>
                <tr>
                  <th scope="col">Report</th>
                  <th scope="col">Kind</th>
                  <th scope="col">Subject</th>
                  <th scope="col">Range, UTC</th>
                  <th scope="col" className="right">
                    Held
                  </th>
                  <th scope="col" className="right">
                    Version
                  </th>
                  <th scope="col">Made</th>
                  <th scope="col">Files</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((report) => (
                  <ReportLine key={report.id} report={report} />
                ))}
              </tbody>
            </table>
          </section>
        )}
      </section>
      {isAsking && (
        <MakeReport
          onMade={(run) => {
            setIsAsking(false);
            setAsked(run);
          }}
          onClose={() => setIsAsking(false)}
        />
      )}
    </main>
  );
}

function subjectText(subject: string): string {
  const name = parseInstrument(subject);
  return name === undefined ? subject : `${name.symbol}, ${marketName(name.market)}`;
}

function ReportLine({ report }: { report: ReportRow }) {
  const { page, pdf, data } = filesOf(report);
  const { heldIds, expectedIds } = report;
  const isWhole = expectedIds !== null && heldIds !== null && heldIds >= expectedIds;
  const unreal = report.dataKind === 'simulated' || report.dataKind === 'replay';
  return (
    <tr data-superseded={report.isSuperseded}>
      <td className="strong">
        {page === undefined ? (
          report.title
        ) : (
          <a href={fileAddress(report, page)} target="_blank" rel="noreferrer">
            {report.title}
          </a>
        )}
        {report.state === 'provisional' && <span className="dim"> provisional</span>}
        {report.state === 'partial' && <span className="fault"> partial</span>}
        {report.isSuperseded && <span className="dim"> superseded</span>}
        {unreal && <span className="unreal caps"> {report.dataKind.toUpperCase()}</span>}
      </td>
      <td>{report.kind}</td>
      <td>{subjectText(report.subject)}</td>
      <td>{rangeText(report.fromUs, report.toUs)}</td>
      <td className="right" title={heldIds === null ? '' : `${heldIds} of ${expectedIds} ids`}>
        {heldIds === null || expectedIds === null ? (
          '–'
        ) : isWhole ? (
          'complete'
        ) : (
          <span className="fault">{shareText(heldIds, expectedIds)}</span>
        )}
      </td>
      <td className="right">{groupDigits(String(report.catalogVersion))}</td>
      <td title={report.sentAtUs === null ? 'not sent by e-mail' : `sent by e-mail ${dateTimeText(report.sentAtUs)}`}>
        {dateTimeText(report.madeAtUs).slice(0, 16)}
        {report.sentAtUs !== null && <span className="dim"> sent</span>}
      </td>
      <td className="report-files">
        {pdf !== undefined && <FileLink report={report} file={pdf} />}
        {report.pdfAbsence !== null && (
          <span className="dim" title={report.pdfAbsence}>
            no PDF
          </span>
        )}
        {data.length > 0 && (
          <details>
            <summary>data, {data.length} files</summary>
            {data.map((file) => (
              <FileLink key={file.name} report={report} file={file} />
            ))}
          </details>
        )}
      </td>
    </tr>
  );
}

/** The run that makes what was asked for on this page, until somebody closes it. */
function AskedReport({ asked, onClose }: { asked: RunRow; onClose: () => void }) {
  const queries = useQueryClient();
  const { data } = useRun(asked.id);
  const run = data?.run ?? asked;
  const hasEnded = isOver(run);
  useEffect(() => {
    if (hasEnded) void queries.invalidateQueries({ queryKey: ['reports'] });
  }, [hasEnded, queries]);
  const nowUs = Date.now() * 1000;
  const number = groupDigits(String(asked.id));
  return (
    <p className="reports-asked" role="status">
      <RunStateSign sign={signOf(run, nowUs)}>
        {!hasEnded
          ? `Asked for: run ${number} makes it. It appears here when it is done.`
          : run.state === 'done' || run.state === 'skipped'
            ? `Run ${number}: ${outcomeText(run, nowUs)}`
            : `Not made: ${outcomeText(run, nowUs)}`}
        {run.state === 'retrying' && ` ${outcomeText(run, nowUs)}`}
      </RunStateSign>
      <Link to="/jobs" search={{ run: asked.id }}>
        Look at the run
      </Link>
      <button type="button" className="button" onClick={onClose}>
        Close
      </button>
    </p>
  );
}

function FileLink({ report, file }: { report: ReportRow; file: ReportFile }) {
  return (
    <a
      href={fileAddress(report, file)}
      download={`${report.id}-${file.name}`}
      title={`${bytesText(file.bytes)}, SHA-256 ${file.sha256}`}
    >
      {file.name.replace('report.', '')} <span className="dim">{bytesText(file.bytes)}</span>
    </a>
  );
}

function MakeReport({ onMade, onClose }: { onMade: (run: RunRow) => void; onClose: () => void }) {
  const queries = useQueryClient();
  const { rows } = useInstruments();
  const [wish, setWish] = useState<ReportWish>(() => {
    const today = new Date().toISOString().slice(0, 10);
    return { subject: 'market', from: today, to: 'now' };
  });
  // A report never cuts a candle in two: now is the last whole minute.
  const nowUs = Math.floor(Date.now() / 60_000) * 60e6;
  const [fromUs, toUs] = [readInstant(wish.from, nowUs), readInstant(wish.to, nowUs)];
  const wrong = fromUs === undefined ? wish.from : toUs === undefined ? wish.to : undefined;
  const isEmpty = fromUs === undefined || toUs === undefined || toUs <= fromUs;
  const making = useMutation({
    mutationFn: () => makeReport({ subject: wish.subject, from: isoText(fromUs ?? 0), to: isoText(toUs ?? 0) }),
    onSuccess: (run) => {
      void queries.invalidateQueries({ queryKey: ['reports'] });
      onMade(run);
    },
  });
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    if (!isEmpty) making.mutate();
  };
  return (
    <WorkDialog title="Make a report" onClose={onClose}>
      <form className="form" onSubmit={onSubmit}>
        <label htmlFor="report-subject">Of</label>
        <select
          id="report-subject"
          className="field"
          value={wish.subject}
          onChange={(event) => setWish({ ...wish, subject: event.target.value })}
        >
          <option value="market">the market, all instruments together</option>
          {rows.map((row) => (
            <option key={row.instrument} value={row.instrument}>
              {row.symbol}, {marketName(row.market)}
            </option>
          ))}
        </select>
        <label htmlFor="report-from">From, UTC</label>
        <input
          id="report-from"
          className="field"
          placeholder="2026-03-18 09:30"
          spellCheck={false}
          required
          value={wish.from}
          onChange={(event) => setWish({ ...wish, from: event.target.value })}
        />
        <label htmlFor="report-to">To, UTC</label>
        <input
          id="report-to"
          className="field"
          placeholder="2026-03-18 09:30"
          spellCheck={false}
          required
          value={wish.to}
          onChange={(event) => setWish({ ...wish, to: event.target.value })}
        />
        <p className="form-wide soft" role="status">
          {wrong !== undefined
            ? `“${wrong}” is no time: write 2026-03-18, 2026-03-18 09:30, now or now-6h.`
            : isEmpty
              ? 'The range is empty: its end is not after its start.'
              : 'The range is half-open: its end is not part of it. What is missing in it is said in the report.'}
        </p>
        {making.error !== null && (
          <p className="form-wide panel-fault" role="alert">
            {making.error.message}
          </p>
        )}
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
          <button type="submit" className="button main" disabled={making.isPending || isEmpty}>
            Make it
          </button>
        </div>
      </form>
    </WorkDialog>
  );
}
