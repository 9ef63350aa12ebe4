import { useEffect, useRef, useState } from 'react';
import type { InstrumentRow, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs, nominalLengthUs } from '../../../src/protocol/figures.ts';
import { useStore } from '../live/store.ts';
import { type Connection, serverNowUs } from '../shell/use-connection.ts';
import { decimalsOf, figureText, groupDigits } from '../text/number-text.ts';
import { clockText, dateTimeText } from '../text/time-text.ts';
import { candleWords } from './candle-words.ts';
import { reproducingCurl, reproducingSql } from './reproduce.ts';
import { isEmpty } from './slots.ts';
import type { ChartHandle } from './use-chart.ts';

const sources: Record<string, string> = {
  trades: 'trades, each with its own id',
  'agg-trades': 'aggregates of trades',
  venue: 'the venue’s own candle',
  none: 'nothing',
};

function CopyButton({ text, children, main = false }: { text: string; children: string; main?: boolean }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      className={main ? 'button main' : 'button outlined'}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1500);
        });
      }}
    >
      {copied ? 'Copied' : children}
    </button>
  );
}

/** Where one bar comes from, how whole it is, and how to compute it again. */
export function Provenance(properties: {
  handle: ChartHandle;
  openUs: number;
  instrument: string;
  row: InstrumentRow | undefined;
  interval: Interval;
  connection: Connection;
  onClose: () => void;
}) {
  const { handle, openUs, instrument, interval, connection } = properties;
  const facts = useStore(handle.facts);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  const at = facts.slots.findIndex((slot) => slot.openUs === openUs);
  const slot = facts.slots[at];
  const band = facts.bands.find((other) => at >= other.from && at <= other.to);
  const endUs = nextOpenTimeUs(interval, openUs);
  const gaps = (handle.feed.current?.gapRows ?? []).filter(
    (gap) => gap.openedAtUs < endUs && (gap.closedAtUs ?? endUs) > openUs && gap.stream !== 'depth',
  );
  const decimals = decimalsOf(properties.row?.tickSize ?? '0.01');
  const quantityDecimals = decimalsOf(properties.row?.stepSize ?? '0.00001');
  const row = slot === undefined || isEmpty(slot) ? undefined : slot.row!;
  const words = row === undefined ? undefined : candleWords(row, interval, serverNowUs(connection), false);
  const ids = row === undefined || row.firstTradeId < 0 ? 0 : row.lastTradeId - row.firstTradeId + 1;
  const sql =
    row === undefined || row.source === 'venue' || row.source === 'none'
      ? undefined
      : reproducingSql(instrument, interval, row);
  const tidemarkUs = facts.tidemarkUs;
  const opened =
    nominalLengthUs(interval) < 86400e6 ? dateTimeText(openUs).slice(5) : dateTimeText(openUs).slice(0, 10);
  return (
    <section
      className="provenance"
      aria-label="Provenance"
      onKeyDown={(event) => event.key === 'Escape' && properties.onClose()}
    >
      <div className="panel-head">
        <h2>Provenance</h2>
        <span className="grow" />
        <button ref={close} type="button" className="button" onClick={properties.onClose}>
          Esc
        </button>
      </div>
      <div className="provenance-bar">
        <b className="figure">{opened}</b>
        <span className="dim">{interval}, half-open, UTC</span>
        <span className="grow" />
        <span className={words === undefined ? 'fault' : words.tone === 'plain' ? 'soft' : words.tone}>
          {row === undefined ? 'missing' : [row.state, ...row.marks].join(', ')}
        </span>
      </div>
      {connection.link.dataKind === 'simulated' && (
        <p className="provenance-kind unreal">SIMULATED: made by the simulated exchange, no market behind it.</p>
      )}
      {row === undefined ? (
        <p className="provenance-none">
          Nothing is known of this bar{band === undefined ? '' : ` (${band.label}, ${band.detail})`}. It is drawn as a
          gap, never as zero.
        </p>
      ) : (
        <>
          <dl className="pairs">
            <dt>State</dt>
            <dd>{words?.text}</dd>
            <dt>Built from</dt>
            <dd>{sources[row.source]}</dd>
            <dt>First trade id</dt>
            <dd>{row.firstTradeId < 0 ? '–' : groupDigits(String(row.firstTradeId))}</dd>
            <dt>Last trade id</dt>
            <dd>{row.lastTradeId < 0 ? '–' : groupDigits(String(row.lastTradeId))}</dd>
            <dt>Continuity</dt>
            <dd>
              {groupDigits(String(row.tradeCount))} of {groupDigits(String(ids))} ids{' '}
              {row.tradeCount >= ids ? (
                <span className="proof">whole</span>
              ) : (
                <span className="fault">{groupDigits(String(ids - row.tradeCount))} missing</span>
              )}
            </dd>
            <dt>Tidemark</dt>
            <dd>
              {tidemarkUs === null
                ? 'no evidence yet'
                : tidemarkUs >= endUs
                  ? 'has passed it'
                  : `at ${clockText(tidemarkUs)}, not past it`}
            </dd>
          </dl>
          <h3>Values, exact</h3>
          <dl className="pairs">
            <dt>Open</dt>
            <dd>{figureText(row.open, decimals)}</dd>
            <dt>High</dt>
            <dd>{figureText(row.high, decimals)}</dd>
            <dt>Low</dt>
            <dd>{figureText(row.low, decimals)}</dd>
            <dt>Close</dt>
            <dd>{figureText(row.close, decimals)}</dd>
            <dt>Volume</dt>
            <dd>{figureText(row.volume, quantityDecimals)}</dd>
            <dt>Turnover</dt>
            <dd>{figureText(row.quoteVolume, 2)}</dd>
            <dt>Taker buy</dt>
            <dd>{figureText(row.takerBuyVolume, quantityDecimals)}</dd>
          </dl>
        </>
      )}
      {gaps.length > 0 && (
        <>
          <h3>Gaps that touch it</h3>
          <ul className="provenance-gaps">
            {gaps.map((gap) => (
              <li key={`${gap.stream}${gap.fromId}${gap.openedAtUs}`}>
                <span className="figure dim">{clockText(gap.openedAtUs)}</span>
                <i className="gap-sign" data-state={gap.state} aria-hidden="true" />
                <span>
                  {gap.stream}, {gap.reason}, {gap.state}
                  {gap.fromId !== null &&
                    gap.toId !== null &&
                    `: ${groupDigits(String(gap.toId - gap.fromId + 1))} ids`}
                  {gap.tried !== '' && <span className="dim"> · tried {gap.tried}</span>}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {sql !== undefined && row !== undefined && (
        <>
          <h3>Reproduce</h3>
          <pre>{sql}</pre>
          <div className="provenance-actions">
            <CopyButton text={sql} main>
              Copy SQL
            </CopyButton>
            <CopyButton text={reproducingCurl(location.origin, instrument, interval, row)}>Copy cURL</CopyButton>
          </div>
        </>
      )}
    </section>
  );
}
