import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { InstrumentRow, Interval } from '../../../src/protocol/api.ts';
import { nextOpenTimeUs } from '../../../src/protocol/figures.ts';
import { channelKey } from '../../../src/protocol/live.ts';
import { getCandles } from '../live/api.ts';
import { isCold } from '../live/connection-word.ts';
import type { Market } from '../live/market.ts';
import { Store } from '../live/store.ts';
import { type Connection, serverNowUs } from '../shell/use-connection.ts';
import { useLive } from '../state/context.tsx';
import { themeRevision } from '../state/preferences.ts';
import { viewFacts } from '../state/view-facts.ts';
import { decimalsOf } from '../text/number-text.ts';
import { clockText, countdownText } from '../text/time-text.ts';
import { type Range, rangeLengthUs } from '../url/chart-url.ts';
import { type ChartAdapter, newestInView, type Viewport } from './adapter.ts';
import { CandleFeed, type FeedState } from './feed.ts';
import { type GapBand, gapBands } from './gap-bands.ts';
import { LightweightChart } from './lightweight-chart.ts';
import { positionOf } from './overlay.ts';
import { heldInView, isEmpty, type Slot } from './slots.ts';

/** What stands beside the canvas: recomputed when data or viewport move, told at most ten times a second. */
export interface ChartFacts {
  readonly slots: readonly Slot[];
  readonly bands: readonly GapBand[];
  readonly viewport: Viewport | undefined;
  readonly following: boolean;
  readonly tidemarkUs: number | null;
  readonly cursor: number;
}

const noFacts: ChartFacts = {
  slots: [],
  bands: [],
  viewport: undefined,
  following: true,
  tidemarkUs: null,
  cursor: -1,
};

export interface ChartHandle {
  readonly facts: Store<ChartFacts>;
  readonly feedState: FeedState | undefined;
  readonly chart: RefObject<ChartAdapter | undefined>;
  readonly feed: RefObject<CandleFeed | undefined>;
  readonly moveCursor: (step: number | 'first' | 'last') => number;
  readonly clearCursor: () => void;
  readonly showRange: (range: Range) => void;
  readonly goLive: () => void;
  readonly fit: () => void;
  readonly retry: () => void;
}

export function useChart(
  container: RefObject<HTMLDivElement | null>,
  row: InstrumentRow | undefined,
  instrument: string,
  interval: Interval,
  initialRange: Range | undefined,
  market: Market,
  connection: Connection,
): ChartHandle {
  const live = useLive();
  const chart = useRef<ChartAdapter | undefined>(undefined);
  const feed = useRef<CandleFeed | undefined>(undefined);
  const [facts] = useState(() => new Store<ChartFacts>(noFacts));
  const [feedState, setFeedState] = useState<FeedState>();
  const cursor = useRef(-1);
  /** The bar that the keys chose; it stays chosen while newer bars push it along. */
  const keyedUs = useRef<number | undefined>(undefined);
  const latest = useRef(connection);
  latest.current = connection;
  /** What was in view before a change of symbol or interval: it stays. */
  const keep = useRef<{ centreUs: number; bars: number; following: boolean } | undefined>(undefined);
  const wanted = useRef(initialRange);

  const refresh = useCallback(() => {
    const adapter = chart.current;
    const data = feed.current;
    if (adapter === undefined || data === undefined) return;
    const { slots } = data.series;
    if (keyedUs.current !== undefined) {
      const at = data.series.indexOf(keyedUs.current);
      const range = adapter.viewport();
      const isSeen = at >= 0 && range !== undefined && at >= range.from && at <= range.to;
      if (!isSeen) keyedUs.current = undefined;
      adapter.setCursor(isSeen ? at : undefined, false);
      cursor.current = isSeen ? at : -1;
    }
    const bands = gapBands(slots, data.gapRows, data.series.interval);
    const viewport = adapter.viewport();
    const { word, link } = latest.current;
    // The ledger says it every second, an answer only when it was asked.
    const tidemarkUs =
      link.status?.ledger.find(
        (line) => line.instrument === instrument && (line.stream === 'trade' || line.stream === 'agg-trade'),
      )?.tidemarkUs ??
      data.coverage?.tidemarkUs ??
      null;
    const cold = isCold(word);
    const last = slots.findLast((slot) => !isEmpty(slot));
    const newest = market.last.current;
    const note =
      cold && newest !== undefined
        ? `at ${clockText(newest.tradedAtUs)}`
        : last?.row?.state === 'forming'
          ? `closes ${countdownText(nextOpenTimeUs(data.series.interval, last.openUs) - serverNowUs(latest.current))}`
          : '';
    adapter.markStates({ bands, tidemarkUs, dataKind: link.dataKind ?? data.coverage?.dataKind ?? 'live', cold, note });
    const following = viewport === undefined || viewport.to >= slots.length - 1.5;
    facts.set({
      slots,
      bands,
      viewport,
      following: following && !data.state.detached,
      tidemarkUs,
      cursor: cursor.current,
    });
    const from = viewport === undefined ? 0 : Math.ceil(viewport.from);
    const to = viewport === undefined ? slots.length - 1 : Math.floor(viewport.to);
    const held = heldInView(slots, from, to);
    const first = slots[Math.max(0, from)];
    const end = slots[Math.min(slots.length - 1, to)];
    const rows = data.gapRows.filter((gap) => gap.instrument === instrument);
    let repairedBars = 0;
    for (let at = Math.max(0, from); at <= Math.min(slots.length - 1, to); at++)
      if (slots[at]!.row?.marks.includes('repaired')) repairedBars++;
    const cover = viewCoverage.current;
    const covers =
      cover !== undefined && first !== undefined && cover.instrument === instrument && cover.fresh(first.openUs);
    // Ids that leave the denominator were never there to be held.
    const inView = bands.filter(
      (band) =>
        band.to >= from &&
        band.from <= to &&
        !(band.state === 'declared' && (band.reason === 'venue-closed' || band.reason === 'off-book')),
    );
    let heldIds = covers ? cover.held : held.expected === 0 ? null : held.held;
    let expectedIds = covers ? cover.expected : held.expected === 0 ? null : held.expected;
    if (heldIds !== null && expectedIds !== null && heldIds >= expectedIds)
      for (const band of inView) if (band.within) expectedIds += Math.round((band.missingIds ?? 1) * (1 - band.done));
    if (heldIds === 0 && expectedIds === 0) heldIds = expectedIds = null;
    viewFacts.set({
      instrument,
      heldIds,
      expectedIds,
      whole:
        expectedIds !== null && heldIds !== null && heldIds >= expectedIds && held.empty === 0 && inView.length === 0,
      emptyBars: held.empty,
      bars: held.bars,
      fromUs: first?.openUs,
      toUs: end === undefined ? undefined : nextOpenTimeUs(data.series.interval, end.openUs),
      tidemarkUs,
      openGaps: rows.filter((gap) => gap.state === 'open').length,
      repairingGaps: rows.filter((gap) => gap.state === 'repairing').length,
      declaredGaps: rows.filter((gap) => gap.state === 'declared').length,
      repairedBars,
      coverage: data.coverage,
      lastTradeSeenAtMs: newest?.seenAtMs,
      unsyncedSinceMs: market.unsynced.current?.sinceMs,
    });
  }, [facts, instrument, market]);

  const viewCoverage = useRef<
    { instrument: string; held: number; expected: number; fresh: (fromUs: number) => boolean } | undefined
  >(undefined);

  // The chart itself lives as long as the page.
  useEffect(() => {
    const adapter = new LightweightChart(container.current!);
    chart.current = adapter;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ends = [
      adapter.onViewport((viewport) => {
        feed.current?.nearEdge(viewport);
        timer ??= setTimeout(() => {
          timer = undefined;
          refresh();
        }, 60);
      }),
      adapter.onCursor((at, byPointer) => {
        if (byPointer) keyedUs.current = undefined;
        cursor.current = at;
        facts.set({ ...facts.current, cursor: at });
      }),
      themeRevision.subscribe(() => adapter.readTheme()),
    ];
    return () => {
      clearTimeout(timer);
      for (const end of ends) end();
      adapter.destroy();
      chart.current = undefined;
    };
  }, [container, facts, refresh]);

  const tick = row?.tickSize ?? '0.01';
  const baseAsset = row?.baseAsset ?? '';
  useEffect(() => {
    chart.current?.configure({ priceDecimals: decimalsOf(tick), interval, baseAsset });
  }, [tick, baseAsset, interval]);

  useEffect(() => {
    const adapter = chart.current!;
    const held = facts.current;
    if (held.viewport !== undefined && held.slots.length > 0) {
      const middle = Math.round((held.viewport.from + Math.min(held.viewport.to, held.slots.length - 1)) / 2);
      keep.current = {
        centreUs: held.slots[Math.max(0, Math.min(held.slots.length - 1, middle))]!.openUs,
        bars: held.viewport.to - held.viewport.from,
        following: held.following,
      };
    }
    adapter.setBars([], 0);
    viewCoverage.current = undefined;
    cursor.current = -1;
    keyedUs.current = undefined;
    const data = new CandleFeed(
      { candles: (query, signal) => getCandles({ instrument, interval, ...query }, signal) },
      adapter,
      interval,
      (state) => {
        setFeedState((before) =>
          before !== undefined &&
          before.phase === state.phase &&
          before.loadingOlder === state.loadingOlder &&
          before.startReached === state.startReached &&
          before.failure === state.failure &&
          before.detached === state.detached
            ? before
            : state,
        );
        refresh();
      },
    );
    feed.current = data;
    const place = async (): Promise<void> => {
      await data.load();
      if (data.state.phase !== 'ready') return;
      if (wanted.current !== undefined) {
        const range = wanted.current;
        wanted.current = undefined;
        await data.showLast(rangeLengthUs(range));
        return;
      }
      const kept = keep.current;
      const count = data.series.slots.length;
      // A young recording is drawn wide, so that its few bars can be read.
      const roomy = Math.max(60, Math.min(container.current!.clientWidth / 9, count * 1.5));
      // Following, the newest bars fill the view, however few this interval has of them.
      const fitting =
        kept === undefined || !kept.following ? kept?.bars : Math.min(kept.bars, Math.max(40, count * 1.5));
      const width = Math.max(40, Math.min(fitting ?? roomy, 4_000));
      if (kept === undefined || kept.following) {
        adapter.setViewport(newestInView(count, width));
        return;
      }
      // The centre of the time that was in view stays the centre, as far as this interval goes back.
      while (data.series.firstUs! > kept.centreUs && !data.state.startReached) {
        const before = data.series.slots.length;
        await data.loadOlder();
        if (data.series.slots.length === before) break;
      }
      const centre = positionOf(data.series.slots, kept.centreUs) ?? data.series.slots.length - width / 2;
      adapter.setViewport({ from: centre - width / 2, to: centre + width / 2 });
    };
    void place().then(refresh);
    const ends = [
      live.follow(channelKey({ kind: 'candles', instrument, interval }), {
        delta: (delta) => data.apply(delta.candles ?? []),
        refetch: (reason) => void (reason === 'server-restarted' ? data.reload() : data.refetchTail()),
      }),
      live.follow(channelKey({ kind: 'gaps', instrument }), {
        delta: (delta) => data.applyGaps(delta.gaps ?? [], delta.coverage),
      }),
    ];
    // Ids are counted here; only when some seem to lack is the server asked, who knows which of them enter no candle.
    const bandsTouch = (from: number, to: number): boolean =>
      facts.current.bands.some((band) => band.to >= from && band.from <= to);
    let asking: AbortController | undefined;
    const ask = async (): Promise<void> => {
      const viewport = adapter.viewport();
      const { slots } = data.series;
      if (document.visibilityState !== 'visible' || viewport === undefined || slots.length === 0) return;
      const from = Math.max(0, Math.ceil(viewport.from));
      const to = Math.min(slots.length - 1, Math.floor(viewport.to));
      const counted = heldInView(slots, from, to);
      const first = slots[from];
      const last = slots[to];
      if (first === undefined || last === undefined || to < from) return;
      if (to - from > 4_000 || (counted.held >= counted.expected && !bandsTouch(from, to))) {
        viewCoverage.current = undefined;
        return;
      }
      asking?.abort();
      asking = new AbortController();
      try {
        const fromUs = first.openUs;
        const toUs = nextOpenTimeUs(interval, last.openUs);
        const limit = to - from + 1;
        const { coverage } = await getCandles({ instrument, interval, fromUs, toUs, limit }, asking.signal);
        const spans = coverage.fromUs !== null && coverage.fromUs <= fromUs;
        viewCoverage.current =
          !spans || coverage.heldIds === null || coverage.expectedIds === null
            ? undefined
            : {
                instrument,
                held: coverage.heldIds,
                expected: coverage.expectedIds,
                fresh: (seenUs) => Math.abs(seenUs - fromUs) <= (toUs - fromUs) * 0.02,
              };
        data.applyGaps(coverage.gaps, undefined);
      } catch {
        viewCoverage.current = undefined;
      }
    };
    const slow = setInterval(() => void ask(), 4_000);
    const second = setInterval(refresh, 1_000);
    return () => {
      clearInterval(slow);
      clearInterval(second);
      asking?.abort();
      for (const end of ends) end();
      data.stop();
    };
  }, [instrument, interval, live, facts, refresh, container]);

  const moveCursor = useCallback(
    (step: number | 'first' | 'last'): number => {
      const slots = feed.current?.series.slots ?? [];
      if (slots.length === 0) return -1;
      const base = cursor.current < 0 || cursor.current >= slots.length ? slots.length - 1 : cursor.current;
      const moved =
        cursor.current < 0 && typeof step === 'number' ? base : base + (typeof step === 'number' ? step : 0);
      const at =
        step === 'first' ? 0 : step === 'last' ? slots.length - 1 : Math.max(0, Math.min(slots.length - 1, moved));
      cursor.current = at;
      keyedUs.current = slots[at]!.openUs;
      chart.current?.setCursor(at);
      facts.set({ ...facts.current, cursor: at });
      return at;
    },
    [facts],
  );

  const clearCursor = useCallback(() => {
    keyedUs.current = undefined;
    chart.current?.setCursor(undefined);
  }, []);

  const showRange = useCallback((range: Range) => void feed.current?.showLast(rangeLengthUs(range)), []);
  const goLive = useCallback(() => {
    const data = feed.current;
    if (data?.state.detached === true) void data.load().then(() => chart.current?.followLive());
    else chart.current?.followLive();
    chart.current?.resetPriceScale();
  }, []);
  const fit = useCallback(() => {
    const count = feed.current?.series.slots.length ?? 0;
    chart.current?.resetPriceScale();
    if (count > 0) chart.current?.setViewport({ from: Math.max(0, count - 120), to: count + 8 });
  }, []);
  const retry = useCallback(() => void feed.current?.load(), []);

  return useMemo(
    () => ({ facts, feedState, chart, feed, moveCursor, clearCursor, showRange, goLive, fit, retry }),
    [facts, feedState, moveCursor, clearCursor, showRange, goLive, fit, retry],
  );
}
