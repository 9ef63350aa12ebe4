import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type KeyboardEvent, memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { DataKind, Interval } from '../../../src/protocol/api.ts';
import { BookPanel } from '../book/book-panel.tsx';
import { DepthChart } from '../book/depth-chart.tsx';
import { isCold } from '../live/connection-word.ts';
import { Market } from '../live/market.ts';
import { useStore } from '../live/store.ts';
import { setUi } from '../shell/ui-state.ts';
import { serverNowUs, useConnection } from '../shell/use-connection.ts';
import { useInstruments, useLive } from '../state/context.tsx';
import { noFacts, viewFacts } from '../state/view-facts.ts';
import { TapePanel } from '../tape/tape-panel.tsx';
import { decimalsOf, figureText } from '../text/number-text.ts';
import { dateTimeText } from '../text/time-text.ts';
import {
  type ChartSearch,
  parseInstrument,
  type Range,
  readChartSearch,
  readRange,
  writeRange,
} from '../url/chart-url.ts';
import { candleWords } from './candle-words.ts';
import { GapLabels } from './gap-labels.tsx';
import { Legend } from './legend.tsx';
import { Navigator } from './navigator.tsx';
import { savePicture } from './picture.ts';
import { Provenance } from './provenance.tsx';
import { isEmpty } from './slots.ts';
import { SymbolHeader } from './symbol-header.tsx';
import { RangeBar, Toolbar } from './toolbar.tsx';
import { useChart } from './use-chart.ts';

// What did not change is not rendered again when the strip's second ticks.
const Book = memo(BookPanel);
const Depth = memo(DepthChart);
const Tape = memo(TapePanel);
const Overview = memo(Navigator);
const Ranges = memo(RangeBar);

const announceEveryMs = 1_000;

export function ChartPage() {
  const { instrument } = useParams({ from: '/chart/$instrument' });
  const search = useSearch({ from: '/chart/$instrument' });
  const live = useLive();
  const [market, setMarket] = useState<Market>();
  useEffect(() => {
    const opened = new Market(live, instrument);
    setMarket(opened);
    return () => opened.stop();
  }, [live, instrument]);
  useEffect(() => setUi({ lastChart: { instrument, search } }), [instrument, search]);
  useEffect(
    () => () => {
      const { fromUs, toUs } = viewFacts.current;
      if (fromUs !== undefined && toUs !== undefined) setUi({ lastView: { fromUs, toUs } });
      viewFacts.set(noFacts);
    },
    [],
  );
  if (market === undefined || market.instrument !== instrument)
    return <main className="workspace" aria-busy="true" aria-label="Chart" />;
  return <Workspace market={market} instrument={instrument} search={search} />;
}

function Workspace({ market, instrument, search }: { market: Market; instrument: string; search: ChartSearch }) {
  const interval: Interval = search.i;
  const range = search.r === undefined ? undefined : readRange(search.r);
  const navigate = useNavigate({ from: '/chart/$instrument' });
  const connection = useConnection();
  const { rows, isLoading } = useInstruments();
  const row = rows.find((other) => other.instrument === instrument);
  const plot = useRef<HTMLDivElement>(null);
  const focusable = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const handle = useChart(plot, row, instrument, interval, range, market, connection);
  const [inspected, setInspected] = useState<number>();
  const [notice, setNotice] = useState<string>();
  const [spoken, setSpoken] = useState('');
  const spokenAt = useRef(0);
  const cold = isCold(connection.word);
  const simulated = connection.link.dataKind === 'simulated' || connection.link.dataKind === 'replay';
  const kind = connection.link.dataKind;
  const symbol = parseInstrument(instrument)?.symbol ?? instrument;

  useEffect(() => {
    const { notices } = readChartSearch(Object.fromEntries(new URLSearchParams(location.search)));
    setNotice(notices[0]);
  }, []);

  useTitle(market, symbol, interval, kind, decimalsOf(row?.tickSize ?? '0.01'));
  const applied = useRef(range);
  useEffect(() => {
    // Back and forward change the range in the address without a button.
    if (range === applied.current) return;
    applied.current = range;
    if (range !== undefined) handle.showRange(range);
  }, [range, handle]);

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 800));
    observer.observe(plot.current!);
    return () => observer.disconnect();
  }, []);

  const toInterval = useCallback(
    (next: Interval) => {
      setInspected(undefined);
      void navigate({ search: (held) => ({ ...held, i: next, r: undefined }) as never });
    },
    [navigate],
  );
  const toRange = useCallback(
    (next: Range) => {
      applied.current = next;
      handle.showRange(next);
      void navigate({ search: (held) => ({ ...held, r: writeRange(next) }) as never });
    },
    [navigate, handle],
  );
  const toNeighbour = useCallback(
    (step: 1 | -1) => {
      const at = rows.findIndex((other) => other.instrument === instrument);
      const next = rows[(at + step + rows.length) % rows.length];
      if (next === undefined || next.instrument === instrument) return;
      void navigate({
        to: '/chart/$instrument',
        params: { instrument: next.instrument },
        search: (held) => held as never,
      });
    },
    [rows, instrument, navigate],
  );
  const inspectCursor = useCallback(() => {
    const { slots, cursor } = handle.facts.current;
    const slot = slots[cursor >= 0 ? cursor : slots.length - 1];
    if (slot !== undefined) setInspected(slot.openUs);
  }, [handle]);

  const say = (at: number): void => {
    const { slots, bands } = handle.facts.current;
    const slot = slots[at];
    const nowMs = performance.now();
    if (slot === undefined || nowMs - spokenAt.current < announceEveryMs) return;
    spokenAt.current = nowMs;
    if (isEmpty(slot)) {
      const band = bands.find((other) => at >= other.from && at <= other.to);
      setSpoken(`${dateTimeText(slot.openUs)}: missing${band === undefined ? '' : `, ${band.label}, ${band.detail}`}`);
      return;
    }
    const words = candleWords(slot.row!, interval, serverNowUs(connection), cold).text;
    setSpoken(
      `${dateTimeText(slot.openUs)}: open ${slot.row!.open}, high ${slot.row!.high}, low ${slot.row!.low}, close ${slot.row!.close}, ${words}`,
    );
  };

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== event.currentTarget) return;
    const viewport = handle.facts.current.viewport;
    const screen = viewport === undefined ? 60 : Math.max(1, Math.round(viewport.to - viewport.from));
    const key = event.key;
    const moves: Record<string, number | 'first' | 'last'> = {
      ArrowLeft: event.shiftKey ? -10 : -1,
      ArrowRight: event.shiftKey ? 10 : 1,
      PageUp: -screen,
      PageDown: screen,
      Home: 'first',
      End: 'last',
    };
    const move = moves[key];
    if (move !== undefined) say(handle.moveCursor(move));
    else if (key === '+' || key === '=') handle.chart.current?.zoom(0.75);
    else if (key === '-' || key === '−') handle.chart.current?.zoom(1.333);
    else if (key === '0') handle.fit();
    else if (key === 'l' || key === 'L') handle.goLive();
    else if (key === 'Enter') inspectCursor();
    else if (key === '[') toNeighbour(-1);
    else if (key === ']') toNeighbour(1);
    else if (key === '?') setUi({ help: true });
    else if (key === 'Escape') {
      handle.clearCursor();
      setInspected(undefined);
    } else if (key === ' ') handle.goLive();
    else if (/^[1-9a-zA-Z]$/.test(key)) setUi({ palette: key });
    else return;
    event.preventDefault();
  };

  const feed = handle.feedState;
  const unknown = !isLoading && rows.length > 0 && row === undefined;
  const provenance =
    inspected === undefined ? null : (
      <Provenance
        handle={handle}
        openUs={inspected}
        instrument={instrument}
        row={row}
        interval={interval}
        connection={connection}
        onClose={() => {
          setInspected(undefined);
          focusable.current?.focus();
        }}
      />
    );
  return (
    <main className="workspace" aria-label={`${symbol} ${interval}`}>
      <SymbolHeader instrument={instrument} row={row} market={market} handle={handle} connection={connection} />
      <section className="work" aria-label="Chart">
        <Toolbar
          interval={interval}
          onInterval={toInterval}
          onInspect={inspectCursor}
          onLink={() => void navigator.clipboard?.writeText(location.href).then(() => setNotice('Link copied.'))}
          onPicture={() => {
            const chart = handle.chart.current;
            if (chart !== undefined)
              savePicture(chart.snapshot(), {
                title: `${instrument} ${interval}`,
                facts: connection.facts,
                dataKind: kind ?? 'live',
                madeAtUs: serverNowUs(connection),
                version: connection.link.version ?? '',
              });
          }}
        />
        <div
          className="plot"
          ref={focusable}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the chart is worked by keys
          tabIndex={0}
          role="application"
          aria-label={`Candles of ${symbol}, ${interval}. Arrow keys move from bar to bar, Enter shows where a bar comes from, question mark lists all keys.`}
          onKeyDown={onKeyDown}
          data-testid="plot"
        >
          <div className="plot-canvas" ref={plot} />
          <Legend handle={handle} row={row} interval={interval} connection={connection} onInspect={setInspected} />
          <GapLabels handle={handle} width={width - 74} />
          {feed?.loadingOlder === true && (
            <div className="older" role="status">
              reading older bars…
            </div>
          )}
          {feed?.startReached === true && <StartOfHistory handle={handle} />}
          {unknown ? (
            <div className="plot-message" role="status">
              <strong>{symbol} is not recorded here</strong>
              <p>Add it under `instruments` in the configuration, or choose one that is.</p>
              <button type="button" className="button outlined" onClick={() => setUi({ palette: '' })}>
                Choose a symbol
              </button>
            </div>
          ) : feed === undefined || feed.phase === 'loading' ? (
            <LoadingBars />
          ) : feed.phase === 'failed' ? (
            <div className="plot-message" role="alert">
              <strong>The candles could not be read</strong>
              <p>{feed.failure} Book and tape go on; what is recorded is not touched by this.</p>
              <button type="button" className="button outlined" onClick={handle.retry}>
                Try again
              </button>
            </div>
          ) : feed.phase === 'empty' ? (
            <div className="plot-message" role="status">
              <strong>No candles of {symbol} yet</strong>
              <p>It is collected; the first candle appears with the first trade.</p>
            </div>
          ) : null}
          {notice !== undefined && (
            <div className="notice-line" role="status">
              {notice}
              <button type="button" className="button" onClick={() => setNotice(undefined)}>
                Close
              </button>
            </div>
          )}
        </div>
        <div className="visually-hidden" aria-live="polite">
          {spoken}
        </div>
        <Ranges handle={handle} interval={interval} range={range} cold={cold} onRange={toRange} />
        <Overview handle={handle} unreal={simulated} />
      </section>
      <aside className="dock" aria-label="Book and tape" data-inspecting={inspected !== undefined}>
        <Book market={market} row={row} cold={cold} simulated={simulated} />
        <Depth market={market} baseAsset={row?.baseAsset ?? ''} />
        <Tape market={market} row={row} cold={cold} simulated={simulated} />
        {provenance}
      </aside>
    </main>
  );
}

/** Symbol and price in the title of the page, twice a second; SIMULATED and REPLAY always come first. */
function useTitle(
  market: Market,
  symbol: string,
  interval: Interval,
  kind: DataKind | undefined,
  decimals: number,
): void {
  useEffect(() => {
    const write = (): void => {
      const last = market.last.current;
      const price =
        last === undefined ? '' : ` ${last.direction === 'down' ? '▼' : '▲'} ${figureText(last.price, decimals)}`;
      const word = kind === 'simulated' ? 'SIMULATED · ' : kind === 'replay' ? 'REPLAY · ' : '';
      document.title = `${word}${symbol}${price} ${interval} · Tidemark`;
    };
    write();
    const timer = setInterval(write, 500);
    return () => clearInterval(timer);
  }, [market, symbol, interval, kind, decimals]);
}

function StartOfHistory({ handle }: { handle: ReturnType<typeof useChart> }) {
  const { slots, viewport } = useStore(handle.facts);
  const first = slots[0];
  if (first === undefined || viewport === undefined || viewport.from > -1) return null;
  const x = handle.chart.current?.xOf(0);
  if (x === undefined || x < 130) return null;
  return (
    <div className="start" style={{ transform: `translateX(${Math.round(x - 130)}px)` }}>
      <span>first bar here</span>
      {dateTimeText(first.openUs)}
    </div>
  );
}

const skeleton = [42, 55, 48, 60, 72, 66, 58, 49, 61, 70, 78, 64, 55, 47, 52, 63, 74, 69, 57, 50, 44, 53, 62, 58];

/** The shape of what is coming; after a moment it says what is being done. */
function LoadingBars() {
  const [named, setNamed] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setNamed(true), 400);
    return () => clearTimeout(timer);
  }, []);
  const bars = useMemo(() => skeleton.map((height, at) => ({ height, key: `bar ${at}` })), []);
  return (
    <div className="skeleton" aria-busy="true">
      {bars.map((bar) => (
        <i key={bar.key} style={{ height: `${bar.height * 0.4}%`, marginBottom: `${bar.height * 0.35}%` }} />
      ))}
      {named && <p role="status">reading candles…</p>}
    </div>
  );
}
