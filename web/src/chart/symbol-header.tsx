import { useQuery } from '@tanstack/react-query';
import type { InstrumentRow } from '../../../src/protocol/api.ts';
import { getCandles } from '../live/api.ts';
import type { Market } from '../live/market.ts';
import { useStore } from '../live/store.ts';
import { setUi } from '../shell/ui-state.ts';
import { type Connection, serverNowUs } from '../shell/use-connection.ts';
import {
  decimalsOf,
  differenceText,
  figureText,
  shareText,
  shortText,
  signedText,
  sumText,
} from '../text/number-text.ts';
import { clockText, dateTimeText, spanText } from '../text/time-text.ts';
import { marketName, parseInstrument, venueName } from '../url/chart-url.ts';
import { isEmpty } from './slots.ts';
import type { ChartHandle } from './use-chart.ts';

const dayUs = 86_400e6;
const quarterUs = 900e6;

export interface DayFigures {
  readonly fromUs: number;
  readonly open: number;
  readonly high: string;
  readonly low: string;
  readonly volume: string;
  readonly turnover: string;
  readonly missing: number;
}

function useDayFigures(instrument: string, sinceUs: number | null, connection: Connection): DayFigures | undefined {
  const ready = connection.link.status !== undefined;
  const query = useQuery({
    queryKey: ['day', instrument],
    enabled: ready,
    refetchInterval: 15_000,
    queryFn: async ({ signal }): Promise<DayFigures | null> => {
      const nowUs = serverNowUs(connection);
      const fromUs = Math.ceil((nowUs - dayUs) / quarterUs) * quarterUs;
      const { candles } = await getCandles({ instrument, interval: '15m', fromUs, limit: 97 }, signal);
      const filled = candles.filter((row) => row.state !== 'missing' && row.state !== 'no-trades');
      const first = filled[0];
      if (first === undefined) return null;
      return {
        fromUs: first.openedAtUs,
        open: Number(first.open),
        high: filled.reduce((most, row) => (Number(row.high) > Number(most) ? row.high : most), first.high),
        low: filled.reduce((least, row) => (Number(row.low) < Number(least) ? row.low : least), first.low),
        volume: sumText(filled.map((row) => row.volume)),
        turnover: sumText(filled.map((row) => row.quoteVolume)),
        missing: candles.filter((row) => row.state === 'missing').length,
      };
    },
  });
  if (query.data == null) return undefined;
  const fromUs = Math.max(query.data.fromUs, sinceUs ?? 0);
  return { ...query.data, fromUs };
}

function Figure({
  name,
  text,
  tone = '',
  wide = false,
}: {
  name: string;
  text: string;
  tone?: string;
  wide?: boolean;
}) {
  return (
    <div className={`stat ${wide ? 'wide' : ''}`}>
      <span className="micro">{name}</span>
      <span className={`figure ${tone}`}>{text}</span>
    </div>
  );
}

/** Where the visible range is whole: a bar is always a stretch of time, never a bare percent. */
function Claim({ handle, connection }: { handle: ChartHandle; connection: Connection }) {
  const facts = useStore(handle.facts);
  const { facts: view, link } = connection;
  const from = Math.max(0, Math.ceil(facts.viewport?.from ?? 0));
  const to = Math.min(facts.slots.length - 1, Math.floor(facts.viewport?.to ?? -1));
  const count = Math.max(1, to - from + 1);
  const share = (at: number): string => `${(Math.max(0, Math.min(count, at - from)) / count) * 100}%`;
  const expected = view.expectedIds ?? 0;
  const held = view.heldIds ?? 0;
  const { whole } = view;
  let tidemarkAt: number | undefined;
  if (facts.tidemarkUs !== null) {
    tidemarkAt = facts.slots.findLastIndex((slot) => slot.openUs <= facts.tidemarkUs!);
    if (tidemarkAt < 0) tidemarkAt = undefined;
  }
  const proven = tidemarkAt === undefined ? from : Math.min(to + 1, tidemarkAt + 1);
  const unreal = link.dataKind === 'simulated' || link.dataKind === 'replay';
  const bands = facts.bands.filter((band) => band.to >= from && band.from <= to);
  const filled = facts.slots.slice(from, to + 1).some((slot) => !isEmpty(slot));
  return (
    <div className="claim" data-testid="claim">
      <span>
        {unreal ? (
          <span className="unreal caps">
            {link.dataKind === 'simulated' ? 'SIMULATED' : 'REPLAY'}
            {link.status?.seed == null ? '' : `, seed ${link.status.seed}`}
          </span>
        ) : (
          <>
            <span className="micro">Proven to </span>
            <b className="figure">{facts.tidemarkUs === null ? 'nothing yet' : clockText(facts.tidemarkUs, true)}</b>
          </>
        )}
      </span>
      <span>
        <b className="figure">
          {view.expectedIds === null
            ? '–'
            : whole
              ? 'complete'
              : held >= expected
                ? `${view.bars - view.emptyBars} of ${view.bars}`
                : shareText(held, expected)}
        </b>
        <span className="micro">
          {whole
            ? ` ${view.bars} bars in view`
            : held >= expected && expected > 0
              ? ' bars in view'
              : ` held of ${view.bars} bars`}
        </span>
      </span>
      <span
        className="cover"
        role="img"
        aria-label={whole ? 'everything in view is held' : 'parts of the view are missing'}
      >
        {filled && (
          <>
            <i className={unreal ? 'cover-unreal' : 'cover-proof'} style={{ left: 0, width: share(proven) }} />
            <i className={unreal ? 'cover-unreal' : 'cover-held'} style={{ left: share(proven), right: 0 }} />
          </>
        )}
        {bands.map((band) => (
          <i
            key={band.fromUs}
            className={band.state === 'declared' ? 'cover-declared' : 'cover-gap'}
            style={{
              left: share(band.from),
              width: `${(Math.max(1, Math.min(band.to, to) - Math.max(band.from, from) + 1) / count) * 100}%`,
            }}
          />
        ))}
        {tidemarkAt !== undefined && proven > from && (
          <i className="cover-mark" style={{ left: `calc(${share(proven)} - 2px)` }} />
        )}
      </span>
    </div>
  );
}

export function SymbolHeader(properties: {
  instrument: string;
  row: InstrumentRow | undefined;
  market: Market;
  handle: ChartHandle;
  connection: Connection;
}) {
  const { instrument, row, market, handle, connection } = properties;
  const name = parseInstrument(instrument);
  const last = useStore(market.last);
  const book = useStore(market.book);
  const day = useDayFigures(instrument, row?.firstCandleUs ?? null, connection);
  const decimals = decimalsOf(row?.tickSize ?? '0.01');
  const price = last?.price ?? row?.lastPrice ?? undefined;
  const bid = book?.bids[0]?.price;
  const ask = book?.asks[0]?.price;
  const change =
    day === undefined || price === undefined || day.open === 0 ? undefined : (Number(price) / day.open - 1) * 100;
  const spanUs = day === undefined ? dayUs : serverNowUs(connection) - day.fromUs;
  // Less than a day is here: the figures say of how much they are.
  const span = spanUs > dayUs - 2 * quarterUs ? '24 h' : spanUs < 120e6 ? '1 min' : spanText(spanUs);
  const high =
    day === undefined ? undefined : price !== undefined && Number(price) > Number(day.high) ? price : day.high;
  const low = day === undefined ? undefined : price !== undefined && Number(price) < Number(day.low) ? price : day.low;
  return (
    <section className="symbol" aria-label={name?.symbol ?? instrument}>
      <button type="button" className="symbol-name" onClick={() => setUi({ palette: '' })} data-testid="symbol-picker">
        <h1>{name?.symbol ?? instrument}</h1>
        <span className="micro">
          {venueName(name?.venue ?? '')}
          <br />
          {marketName(name?.market ?? '')}
        </span>
        <span className="caret" aria-hidden="true" />
        <span className="visually-hidden">, choose another symbol</span>
      </button>
      <div className="price figure live" data-testid="last-price">
        {price === undefined ? (
          <span className="dim">–</span>
        ) : (
          <span className={`tri ${last?.direction === 'down' ? 'down' : 'up'}`}>{figureText(price, decimals)}</span>
        )}
      </div>
      <div className="stats live">
        <Figure
          name={`${span} change`}
          text={change === undefined ? '–' : `${signedText(change, 2)} %`}
          tone={change === undefined || change === 0 ? '' : change > 0 ? 'up' : 'down'}
        />
        <Figure name={`${span} high`} text={high === undefined ? '–' : figureText(high, decimals)} />
        <Figure name={`${span} low`} text={low === undefined ? '–' : figureText(low, decimals)} />
        <Figure
          wide
          name={`${span} volume`}
          text={day === undefined ? '–' : `${shortText(Number(day.volume))} ${row?.baseAsset ?? ''}`}
        />
        <Figure
          wide
          name={`${span} turnover`}
          text={day === undefined ? '–' : `${shortText(Number(day.turnover))} ${row?.quoteAsset ?? ''}`}
        />
        <Figure
          wide
          name="Spread"
          text={bid === undefined || ask === undefined ? '–' : figureText(differenceText(ask, bid), decimals)}
        />
        {row?.firstCandleUs != null && (
          <Figure wide name="Recorded since" text={dateTimeText(row.firstCandleUs).slice(5, 16)} />
        )}
      </div>
      <Claim handle={handle} connection={connection} />
    </section>
  );
}
