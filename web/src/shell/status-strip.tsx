import { Popover } from '@base-ui/react/popover';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { LedgerRow, StatusAnswer } from '../../../src/protocol/api.ts';
import type { JobsAnswer } from '../../../src/protocol/jobs.ts';
import { ApiError, getJson } from '../live/api.ts';
import { isCold } from '../live/connection-word.ts';
import { useLive } from '../state/context.tsx';
import type { ViewFacts } from '../state/view-facts.ts';
import { shareText } from '../text/number-text.ts';
import { clockText, dateTimeText, lagText, spanText } from '../text/time-text.ts';
import { Pill } from './pill.tsx';
import { type Connection, useConnection } from './use-connection.ts';

function Item(properties: { name: string; className?: string; label: ReactNode; children: ReactNode }) {
  return (
    <Popover.Root>
      <Popover.Trigger className={`strip-item ${properties.className ?? ''}`} data-item={properties.name}>
        {properties.label}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner className="layer-menu" side="top" sideOffset={6} align="start" collisionPadding={8}>
          <Popover.Popup className="popover">
            <Popover.Title className="popover-title">{properties.name}</Popover.Title>
            {properties.children}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

const explanations: Record<string, string> = {
  CONNECTING: 'The page is reaching the server, or the server the venue.',
  LIVE: 'The venue is heard, and its events arrive in time.',
  QUIET: 'The venue is heard and healthy; there are just no trades of this symbol.',
  LAGGING: 'Events arrive, but later than they should: the 95th percentile has been above one second for five seconds.',
  STALE: 'Nothing was heard of the venue for ten seconds. What is on the screen may no longer be true.',
  RECONNECTING: 'The server is not reached. Charts keep working on what is here; the gap is fetched on return.',
  OFFLINE: 'This device has no network. Charts keep working on what is here.',
  'VENUE DOWN': 'The server cannot reach the venue. It keeps trying and will repair what was missed.',
  HISTORICAL: 'Recorded data: the range does not touch now.',
};

/** An event cannot be received before it happened; a little less than nothing is the error of the measured offset. */
function isPlausible(lagMs: number): boolean {
  return lagMs > -5;
}

/** Second fact beside the word: why, or how fresh. */
function Beside({ connection }: { connection: Connection }) {
  const { word, link, facts, nowMs } = connection;
  const { status, statusAtMs, socket } = link;
  if (word === 'RECONNECTING' || word === 'OFFLINE') {
    const inMs = socket.nextAttemptAtMs === null ? 0 : socket.nextAttemptAtMs - (performance.timeOrigin + nowMs);
    return (
      <span className="figure">
        attempt {socket.attempt}
        {inMs > 500 ? `, next in ${Math.ceil(inMs / 1000)} s` : ', now'}
      </span>
    );
  }
  if (word === 'STALE' && status !== undefined) {
    const ageUs =
      (statusAtMs === undefined ? 0 : nowMs - statusAtMs) * 1000 +
      (status.nowUs - (status.lastPulseAtUs ?? status.nowUs));
    return (
      <span>
        as of <b>{clockText(status.lastPulseAtUs ?? status.nowUs)}</b>{' '}
        <span className="fault">{spanText(ageUs)} ago</span>
      </span>
    );
  }
  if (word === 'QUIET' && facts.lastTradeSeenAtMs !== undefined)
    return (
      <span>
        last trade <b>{spanText((nowMs - facts.lastTradeSeenAtMs) * 1000)}</b> ago
      </span>
    );
  if (status?.lagMs != null && !isPlausible(status.lagMs.p50))
    return <span className="dim">clock not synchronised</span>;
  if (status?.lagMs != null)
    return (
      <span>
        lag <b className={word === 'LAGGING' ? 'caution' : ''}>{lagText(status.lagMs.p50)}</b>{' '}
        <span className="dim">p95 {lagText(status.lagMs.p95)}</span>
      </span>
    );
  return <span className="dim">{status === undefined ? 'no server yet' : 'lag not known yet'}</span>;
}

/** What the chart in view says of itself. */
function InView({ facts }: { facts: ViewFacts }) {
  const expected = facts.expectedIds ?? 0;
  const held = facts.heldIds ?? 0;
  const { whole } = facts;
  const openGaps = facts.openGaps + facts.repairingGaps;
  const heldText =
    facts.expectedIds === null
      ? '–'
      : held < expected
        ? shareText(held, expected)
        : `${facts.bars - facts.emptyBars} of ${facts.bars} bars`;
  return (
    <>
      <Item
        name="Held in view"
        className="strip-held"
        label={
          <span>
            {whole ? (
              <>
                <b>complete</b> <span className="wide-text dim">in view</span>
              </>
            ) : (
              <>
                <span className="wide-text">held </span>
                <b className={expected > 0 && held < expected ? 'fault' : ''}>{heldText}</b>{' '}
                <span className="wide-text dim">in view</span>
              </>
            )}
          </span>
        }
      >
        <p>
          Trades held here among those that the venue numbered, in the visible range. “Complete” is said only when held
          is all of them.
        </p>
        <dl className="facts">
          <dt>Ids held</dt>
          <dd>{facts.expectedIds === null ? 'no ids in view' : `${held} of ${expected}`}</dd>
          <dt>Bars without data</dt>
          <dd>
            {facts.emptyBars} of {facts.bars}
          </dd>
          <dt>Tidemark</dt>
          <dd>{facts.tidemarkUs === null ? 'no evidence yet' : dateTimeText(facts.tidemarkUs)}</dd>
          {facts.fromUs !== undefined && facts.toUs !== undefined && (
            <>
              <dt>Range</dt>
              <dd>
                {dateTimeText(facts.fromUs)} – {clockText(facts.toUs)}
              </dd>
            </>
          )}
        </dl>
      </Item>
      <Item
        name="Gaps"
        className="strip-gaps"
        label={
          <span>
            <b className={openGaps > 0 ? 'fault' : ''}>{openGaps}</b> {openGaps === 1 ? 'gap' : 'gaps'}
            <span className="wide-text">
              {facts.repairingGaps > 0 ? ' repairing' : ' open'}
              {facts.declaredGaps > 0 && <span className="dim"> · {facts.declaredGaps} declared</span>}
            </span>
          </span>
        }
      >
        <p>
          Stretches that are missing of any stream of this symbol. A gap is closed by evidence only, and never drawn
          over.
        </p>
        <dl className="facts">
          <dt>Open</dt>
          <dd>{facts.openGaps}</dd>
          <dt>Being repaired</dt>
          <dd>{facts.repairingGaps}</dd>
          <dt>Declared: no source has it</dt>
          <dd>{facts.declaredGaps}</dd>
          <dt>Bars repaired in view</dt>
          <dd>{facts.repairedBars}</dd>
        </dl>
      </Item>
    </>
  );
}

/** Where no chart is in view: all streams together. */
function Totals({ status }: { status: StatusAnswer | undefined }) {
  const ledger = status?.ledger ?? [];
  const sum = (of: (row: LedgerRow) => number): number => ledger.reduce((total, row) => total + of(row), 0);
  const held = sum((row) => row.heldIds);
  const expected = held + sum((row) => row.missingIds);
  const openGaps = sum((row) => row.openGaps);
  const declaredGaps = sum((row) => row.declaredGaps);
  return (
    <>
      <Item
        name="Held"
        className="strip-held"
        label={
          <span>
            {expected > 0 && held === expected ? (
              <b>complete</b>
            ) : (
              <>
                <span className="wide-text">held </span>
                <b className={held < expected ? 'fault' : ''}>{shareText(held, expected)}</b>
              </>
            )}{' '}
            <span className="wide-text dim">of all ids</span>
          </span>
        }
      >
        <p>
          Ids held here among those that the venue numbered, of every stream since it is recorded. “Complete” is said
          only when held is all of them.
        </p>
        <dl className="facts">
          <dt>Ids held</dt>
          <dd>
            {held} of {expected}
          </dd>
          <dt>Streams with ids</dt>
          <dd>{ledger.filter((row) => row.firstId !== null).length}</dd>
        </dl>
      </Item>
      <Item
        name="Gaps"
        className="strip-gaps"
        label={
          <span>
            <b className={openGaps > 0 ? 'fault' : ''}>{openGaps}</b> {openGaps === 1 ? 'gap' : 'gaps'}
            <span className="wide-text">
              {' '}
              open
              {declaredGaps > 0 && <span className="dim"> · {declaredGaps} declared</span>}
            </span>
          </span>
        }
      >
        <p>Stretches that are missing of any stream. A gap is closed by evidence only.</p>
        <dl className="facts">
          <dt>Open or being repaired</dt>
          <dd>{openGaps}</dd>
          <dt>Declared: no source has it</dt>
          <dd>{declaredGaps}</dd>
        </dl>
      </Item>
    </>
  );
}

const jobsEveryMs = 10_000;

/** How many jobs run, and that one needs somebody: the way to their page. */
function JobsLink() {
  const jobs = useQuery({
    queryKey: ['jobs'],
    queryFn: ({ signal }) => getJson<JobsAnswer>('jobs', {}, signal),
    // A server without jobs has no such address, and will have none later.
    refetchInterval: ({ state }) =>
      state.error instanceof ApiError && state.error.status === 404 ? false : jobsEveryMs,
    retry: false,
  });
  if (jobs.data === undefined) return null;
  const failed = jobs.data.jobs.filter(({ latest }) => latest?.state === 'failed').length;
  return (
    <Link to="/jobs" className="strip-item strip-right wide">
      {failed > 0 ? (
        <span>
          <b className="fault">{failed}</b> {failed === 1 ? 'job' : 'jobs'} failed
        </span>
      ) : (
        <span>
          jobs running <b>{jobs.data.slots.used}</b>
        </span>
      )}
    </Link>
  );
}

export function StatusStrip() {
  const connection = useConnection();
  const { word, link, facts } = connection;
  const { status } = link;
  const kind = link.dataKind ?? 'live';
  const unreal = kind === 'simulated' || kind === 'replay';
  const kindWord = kind.toUpperCase();
  return (
    <section className="strip" aria-label="Status">
      {unreal ? (
        <Item
          name="Data kind"
          className="strip-kind"
          label={<Pill word={kind === 'simulated' ? 'SIMULATED' : 'REPLAY'} />}
        >
          <p>
            {kind === 'simulated'
              ? 'Everything here comes from a simulated exchange: no venue, no market, no money. It cannot be mistaken for live data: every answer and picture carries the word.'
              : 'Recorded frames are played again. Nothing here happens now.'}
          </p>
          {status?.seed != null && (
            <dl className="facts">
              <dt>Seed</dt>
              <dd>{status.seed}</dd>
            </dl>
          )}
        </Item>
      ) : null}
      <Item name="Connection" className="strip-connection" label={<Pill word={word} />}>
        <p>{explanations[word]}</p>
        <dl className="facts">
          <dt>Page to server</dt>
          <dd>{link.socket.socket === 'open' ? 'connected' : `not reached, attempt ${link.socket.attempt}`}</dd>
          <dt>Server to venue</dt>
          <dd>{status?.upstream ?? 'not known'}</dd>
          {status?.sessions.map((session) => (
            <div key={session.session}>
              <dt>{session.market}</dt>
              <dd>
                {session.state} since {clockText(session.sinceUs)}, {session.reconnects} reconnects
              </dd>
            </div>
          ))}
        </dl>
      </Item>
      <Item name="Lag" className="wide" label={<Beside connection={connection} />}>
        <p>From the event at the venue to the pixels here, in its three parts.</p>
        <dl className="facts">
          <dt>Venue to server</dt>
          <dd>
            {status?.lagMs == null || !isPlausible(status.lagMs.p50)
              ? 'clock not synchronised'
              : `p50 ${lagText(status.lagMs.p50)}, p95 ${lagText(status.lagMs.p95)} (estimated)`}
          </dd>
          <dt>Server to browser</dt>
          <dd>{link.halfRoundTripMs === undefined ? '–' : `${lagText(link.halfRoundTripMs)} (half a round trip)`}</dd>
          <dt>Browser to paint</dt>
          <dd>{link.paintMs === undefined ? '–' : lagText(link.paintMs)}</dd>
        </dl>
      </Item>
      {facts.instrument === undefined ? <Totals status={status} /> : <InView facts={facts} />}
      {facts.unsyncedSinceMs !== undefined && !isCold(word) && (
        <Item
          name="Not yet on disk"
          className="strip-unsynced"
          label={
            <span className="caution">
              <span className="wide-text">not yet on disk </span>
              <span className="narrow-text">disk </span>
              {spanText((connection.nowMs - facts.unsyncedSinceMs) * 1000)}
            </span>
          }
        >
          <p>
            The newest trades are shown as they were received, but would not survive a power cut yet: the journal has
            not been synced for this long. Usually that takes some ten milliseconds.
          </p>
        </Item>
      )}
      <div className="grow strip-fill" />
      <JobsLink />
      <Item
        name="Data"
        className="wide strip-right"
        label={
          <span>
            data <b className={unreal ? 'unreal' : ''}>{kindWord}</b>
          </span>
        }
      >
        <p>What the whole view is: live, historical, a replay, or simulated.</p>
        <dl className="facts">
          <dt>Version</dt>
          <dd>{status?.version ?? link.version ?? '–'}</dd>
          <dt>Lake</dt>
          <dd>
            version {status?.lake.catalogVersion ?? '–'}, {status?.lake.files ?? '–'} files
          </dd>
          <dt>Findings</dt>
          <dd>{status?.findings ?? '–'}</dd>
        </dl>
      </Item>
    </section>
  );
}

const bannerAfterMs = 2_000;

/** Says that the server is away, after two seconds: a blip does not flicker. Covers no price. */
export function Banner() {
  const live = useLive();
  const { word, link, nowMs, lostForMs } = useConnection();
  const isLost = word === 'RECONNECTING' || word === 'OFFLINE';
  if (!isLost || lostForMs === undefined || lostForMs < bannerAfterMs) return null;
  const inMs =
    link.socket.nextAttemptAtMs === null ? 0 : link.socket.nextAttemptAtMs - (performance.timeOrigin + nowMs);
  return (
    <div className="banner" role="status">
      <Pill word={word} />
      <span>
        Server not reached for {Math.floor(lostForMs / 1000)} s.{' '}
        <span className="wide-text">Charts keep working on what is here. </span>
        <span className="dim">
          Attempt {link.socket.attempt}
          {inMs > 500 ? `, next in ${Math.ceil(inMs / 1000)} s` : ''}
        </span>
      </span>
      <button type="button" className="button outlined" onClick={() => live.retryNow()}>
        Retry now
      </button>
    </div>
  );
}
