import type { StoredInterval } from '../candles/candle-builder.ts';
import { storedIntervals } from '../candles/candle-builder.ts';
import { storedFor } from '../candles/roll-up.ts';
import type { SeriesCandle } from '../candles/series.ts';
import { formatScaled } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import type { Instrument } from '../domain/instrument.ts';
import { instrumentId, parseInstrumentId } from '../domain/instrument.ts';
import type { Interval } from '../domain/interval.ts';
import { dayUs, nominalLengthUs, openTimeUs, secondUs } from '../domain/interval.ts';
import { tables } from '../domain/tables/index.ts';
import type { IdLedger } from '../ledger/id-ledger.ts';
import type { IcebergTables } from '../ports/iceberg.ts';
import type { AsOf, Lake } from '../ports/lake.ts';
import type { LakeFile, QueryTables, Warehouse } from '../ports/warehouse.ts';
import type { Clock } from '../ports/world.ts';
import type {
  BookView,
  CandleRow,
  CandlesAnswer,
  Coverage,
  GapRow,
  InstrumentRow,
  LedgerRow,
  SqlAnswer,
  StatusAnswer,
  TablesAnswer,
  TradeRow,
  TradesAnswer,
} from '../protocol/api.ts';
import type { Channel } from '../protocol/live.ts';
import type { Committer } from './committer.ts';
import type { Derivation } from './derivation.ts';
import type { Follower } from './follower.ts';
import type { Governor } from './governor.ts';
import type { Hub, Progress } from './hub.ts';
import type { InstrumentState } from './instrument-state.ts';
import type { LiveUpdate, MarketView, SqlQuestion } from './market-view.ts';
import { gapRow, shownDigits, tradeRow } from './rows.ts';
import type { Shipping } from './shipping.ts';
import { tableList } from './table-list.ts';
import type { TailFiles } from './tail-files.ts';

export interface MarketOptions {
  readonly lake: Lake;
  /** Publishes the lake's tables for other engines. */
  readonly iceberg?: IcebergTables | undefined;
  readonly warehouse: Warehouse;
  readonly tailFiles: TailFiles;
  readonly clock: Clock;
  readonly version: string;
  readonly seed: number | null;
  readonly startedAtUs: number;
}

/** Parts of the engine that the view reports on. */
export interface EngineParts {
  readonly committer: Committer;
  readonly follower: Follower;
  readonly governor: Governor;
  readonly hub: Hub;
  readonly shipping?: Shipping | undefined;
}

/** Candles kept in memory at start, behind the newest venue time. */
const loadedUs: Record<StoredInterval, number> = {
  '1s': dayUs,
  '1m': 30 * dayUs,
  '1h': 1000 * dayUs,
  '1d': Number.POSITIVE_INFINITY,
};
const staleAfterUs = 10 * secondUs;
const quietAfterUs = 5 * secondUs;

/** The state of the derivation and the lake, as the API shows it. */
export class Market implements MarketView {
  readonly #derivation: Derivation;
  readonly #options: MarketOptions;
  #parts: EngineParts | undefined;

  constructor(derivation: Derivation, options: MarketOptions) {
    this.#derivation = derivation;
    this.#options = options;
  }

  attach(parts: EngineParts): void {
    this.#parts = parts;
  }

  find(instrument: string): InstrumentState | undefined {
    return this.#derivation.find(parseInstrumentId(instrument));
  }

  /** Reads recent candles of every instrument back from the lake after a resume. */
  async loadCandles(): Promise<void> {
    const { venueNowUs } = this.#derivation;
    for (const state of this.#derivation.instruments) {
      if (state === undefined) continue;
      for (const interval of storedIntervals) {
        const toUs = state.series.builder.completeFromUs[interval];
        if (toUs === 0) continue;
        const fromUs = Math.max(0, openTimeUs(interval, venueNowUs - Math.min(loadedUs[interval], venueNowUs)));
        const { market, symbol } = state.instrument;
        const rows = await this.#options.lake.read({ table: 'candles', market, symbol, interval, fromUs, toUs });
        state.series.load(rows.batch as never, rows.slots);
        state.series.completeFrom(interval, Math.min(fromUs, toUs));
      }
    }
  }

  instruments(): readonly InstrumentRow[] {
    const { slots, dataKind } = this.#derivation;
    return this.#shown().map((state) => {
      const slot = state.lastPriceSlot < 0 ? undefined : slots.get(state.lastPriceSlot);
      const digits = shownDigits(state, slots);
      const firstUs = state.series.firstOpenUs('1m');
      const step = (decimals: number) => formatScaled(1, decimals);
      return {
        instrument: state.id,
        market: state.instrument.market,
        symbol: state.instrument.symbol,
        status: state.fact?.status ?? 'UNKNOWN',
        baseAsset: state.fact?.baseAsset ?? '',
        quoteAsset: state.fact?.quoteAsset ?? '',
        tickSize: state.fact?.tickSize ?? step(digits.price),
        stepSize: state.fact?.stepSize ?? step(digits.quantity),
        streams: [...state.planned],
        lastPrice: slot === undefined ? null : formatScaled(state.lastPrice, slot.priceScale, digits.price),
        dataKind,
        firstCandleUs: Number.isNaN(firstUs) ? null : firstUs,
      };
    });
  }

  async candles(
    instrument: Instrument,
    interval: Interval,
    fromUs: number,
    toUs: number,
    limit: number,
  ): Promise<CandlesAnswer> {
    const state = this.#known(instrument);
    await this.#loadOlder(state, interval, fromUs, toUs, limit);
    const context = state.candleContext(this.#derivation.venueNowUs);
    const candles = state.series.range(interval, fromUs, toUs, limit, context);
    const firstUs = candles[0]?.openedAtUs ?? toUs;
    const firstHeldUs = state.series.firstOpenUs(interval);
    const previousUs = firstHeldUs < firstUs ? openTimeUs(interval, firstUs - 1) : null;
    return {
      interval,
      candles: candles.map((candle) => this.#candleRow(state, candle)),
      previousUs,
      coverage: this.#coverage(state, candles),
    };
  }

  /** Candles from `fromUs` on as live followers get them; 1000 at most. */
  recentCandles(state: InstrumentState, interval: Interval, fromUs: number): CandleRow[] {
    const { venueNowUs } = this.#derivation;
    const context = state.candleContext(venueNowUs);
    const rows = state.series.range(interval, openTimeUs(interval, fromUs), Number.MAX_SAFE_INTEGER, 1000, context);
    return rows.map((candle) => this.#candleRow(state, candle));
  }

  progress(state: InstrumentState): Progress {
    return { venueNowUs: this.#derivation.venueNowUs, tidemarkUs: state.candleLedger.tidemarkUs };
  }

  async trades(instrument: Instrument, beforeId: number | undefined, limit: number): Promise<TradesAnswer> {
    const state = this.#known(instrument);
    const { slots } = this.#derivation;
    const isTrades = state.candleSource === 'trades';
    const digits = shownDigits(state, slots);
    const idColumn = isTrades ? 'trade_id' : 'agg_trade_id';
    const found: TradeRow[] = [];
    const isWanted = (id: number) => beforeId === undefined || id < beforeId;
    for (const pending of this.#running.committer.uncommitted) {
      const batch = isTrades ? pending.trades : pending.aggTrades;
      const ids = (batch.columns as unknown as Record<string, Float64Array>)[idColumn]!;
      for (let row = 0; row < batch.length; row++) {
        if (slots.get(batch.slot[row]!).id === state.id && isWanted(ids[row]!)) {
          found.push(tradeRow(batch as never, row, slots, digits));
        }
      }
    }
    if (found.length < limit) {
      const { market, symbol } = state.instrument;
      const rows = await this.#options.lake.read({
        table: isTrades ? 'trades' : 'agg_trades',
        market,
        symbol,
        idColumn,
        ...(beforeId === undefined ? {} : { beforeId }),
        limit,
        newestFirst: true,
      });
      const known = new Set(found.map((trade) => trade.tradeId));
      for (let row = 0; row < rows.batch.length; row++) {
        const trade = tradeRow(rows.batch, row, rows.slots, digits);
        if (!known.has(trade.tradeId)) found.push(trade);
      }
    }
    found.sort((a, b) => b.tradeId - a.tradeId);
    const trades = found.slice(0, limit);
    return {
      trades,
      nextBeforeId: trades.length === limit ? trades[trades.length - 1]!.tradeId : null,
      coverage: this.#coverageOfIds(state, trades),
    };
  }

  book(instrument: Instrument, levels: number): BookView {
    const state = this.#known(instrument);
    const { book } = state;
    const digits = shownDigits(state, this.#derivation.slots);
    const isSynced = book.state === 'synced';
    const top = isSynced ? book.top(levels) : { bids: [], asks: [] };
    const price = (value: number) =>
      Number.isFinite(value) && value > 0 ? formatScaled(value, book.priceScale, digits.price) : null;
    const row = (level: { price: number; quantity: number }) => ({
      price: formatScaled(level.price, book.priceScale, digits.price),
      quantity: formatScaled(level.quantity, book.quantityScale, digits.quantity),
    });
    return {
      instrument: state.id,
      state: book.state,
      updateId: isSynced ? book.updateId : null,
      eventAtUs: Number.isNaN(book.eventAtUs) ? null : book.eventAtUs,
      bids: top.bids.map(row),
      asks: top.asks.map(row),
      knownFrom: price(book.knownFromPrice),
      knownTo: price(book.knownToPrice),
      resyncs: book.resyncs,
      snapshotAtUs: Number.isNaN(book.snapshotAtUs) ? null : book.snapshotAtUs,
    };
  }

  ledger(): readonly LedgerRow[] {
    return this.#shown().flatMap((state) => {
      const rows: LedgerRow[] = [];
      for (const ledger of [state.trades, state.aggTrades]) {
        if (state.planned.has(ledger.stream) || ledger.heldIds > 0) rows.push(idLedgerRow(state, ledger));
      }
      const watches = [state.depth, state.bookTicker, state.ticker];
      const kinds = ['depth', 'book-ticker', 'ticker'];
      for (const [at, watch] of watches.entries()) {
        const stream = kinds[at]!;
        if (!state.planned.has(stream)) continue;
        rows.push({
          instrument: state.id,
          stream,
          firstId: null,
          lastId: null,
          heldIds: 0,
          missingIds: 0,
          byAggregateIds: 0,
          openGaps: 0,
          declaredGaps: watch.gaps().length,
          tidemarkUs: null,
          watchedUntilUs: orNull(watch.watchedUntilUs),
        });
      }
      return rows;
    });
  }

  gaps(filter: { instrument?: Instrument; state?: string }): readonly GapRow[] {
    const only = filter.instrument === undefined ? undefined : instrumentId(filter.instrument);
    return this.#shown()
      .filter((state) => only === undefined || state.id === only)
      .flatMap((state) => state.gaps().map((gap) => gapRow(state, gap)))
      .filter((gap) => filter.state === undefined || gap.state === filter.state)
      .sort((a, b) => a.openedAtUs - b.openedAtUs);
  }

  status(): StatusAnswer {
    const derivation = this.#derivation;
    const { clock, version, seed, startedAtUs } = this.#options;
    const parts = this.#parts;
    const nowUs = clock.wallUs();
    const sessions = derivation.sessions.all();
    const venueTime = derivation.sessions.plan?.venueTime;
    const offsetUs = venueTime?.mode === 'wall' ? venueTime.offsetUs : 0;
    const isReplay = venueTime?.mode === 'frames';
    const newestFrameUs = Math.max(0, ...sessions.map((session) => session.lastFrameAtUs));
    const rest = parts?.governor.status('spot');
    return {
      version,
      dataKind: derivation.dataKind,
      seed,
      startedAtUs,
      nowUs,
      upstream: upstreamState(
        nowUs,
        derivation.lastPulseAtUs,
        newestFrameUs,
        sessions.map((session) => session.state),
      ),
      lastPulseAtUs: derivation.lastPulseAtUs === 0 ? null : derivation.lastPulseAtUs,
      lagMs: isReplay ? null : derivation.lag.percentilesMs(nowUs, offsetUs),
      sessions: sessions.map((session) => ({
        session: session.planSession,
        market: session.market,
        state: session.state,
        sinceUs: session.sinceUs,
        streams: derivation.sessions.planned(session.writer, session.planSession)?.streams.length ?? 0,
        frames: session.frames,
        reconnects: derivation.sessions.reconnects.get(session.planSession) ?? 0,
        lastFrameAtUs: session.lastFrameAtUs === 0 ? null : session.lastFrameAtUs,
      })),
      ledger: this.ledger(),
      journals: (parts?.follower.positions ?? []).map(({ writer, segment, offset }) => ({
        writer,
        segment,
        offset,
        behindBytes: parts?.follower.behindBytes.get(writer) ?? 0,
      })),
      lake: {
        catalogVersion: parts?.committer.version ?? 0,
        committedAtUs: parts?.committer.committedAtUs ?? null,
        files: parts?.committer.files ?? 0,
        bytes: parts?.committer.bytes ?? 0,
        iceberg: icebergStatus(this.#options.iceberg),
      },
      rest: {
        usedWeight: rest?.usedWeight ?? 0,
        weightPerMinute: rest?.weightPerMinute ?? 0,
        blockedUntilUs: rest === undefined || rest.blockedForMs === 0 ? null : nowUs + rest.blockedForMs * 1000,
      },
      shipping: parts?.shipping?.status ?? null,
      findings: derivation.findingCount,
    };
  }

  async sql(sql: string, { asOf, ...limits }: SqlQuestion, cancelled?: AbortSignal): Promise<SqlAnswer> {
    const startedUs = this.#options.clock.monotonicUs();
    const snapshot = await (asOf === undefined ? this.#queryTables(sql) : this.#pastTables(asOf));
    try {
      const result = await this.#options.warehouse.query(
        sql,
        snapshot.tables,
        { ...limits, memoryMb: 1024 },
        cancelled,
      );
      return {
        ...result,
        hasTail: asOf === undefined,
        dataKind: this.#derivation.dataKind,
        elapsedMs: Math.round((this.#options.clock.monotonicUs() - startedUs) / 1000),
      };
    } finally {
      snapshot.release();
    }
  }

  async tables(): Promise<TablesAnswer> {
    return tableList(await this.#options.lake.state());
  }

  follow(channel: Channel, listener: (update: LiveUpdate) => void): () => void {
    if (channel.kind !== 'status') this.#known(parseInstrumentId(channel.instrument));
    return this.#running.hub.follow(channel, listener);
  }

  get #running(): EngineParts {
    if (this.#parts === undefined) throw new Error('broken invariant: the engine is not attached yet');
    return this.#parts;
  }

  #shown(): InstrumentState[] {
    return this.#derivation.instruments.filter(
      (state) => state !== undefined && (state.planned.size > 0 || state.trades.heldIds + state.aggTrades.heldIds > 0),
    );
  }

  #known(instrument: Instrument): InstrumentState {
    const state = this.#derivation.find(instrument);
    if (state !== undefined) return state;
    throw new TidemarkError('unknown-instrument', {
      doing: 'show',
      what: instrumentId(instrument),
      why: 'it is not recorded here',
      now: 'add it to the setting instruments',
    });
  }

  /** Candles before memory begins are read from the lake once and stay. */
  async #loadOlder(
    state: InstrumentState,
    interval: Interval,
    fromUs: number,
    toUs: number,
    limit: number,
  ): Promise<void> {
    const stored = storedFor(interval);
    const heldFromUs = state.series.builder.completeFromUs[stored];
    if (heldFromUs === 0 || fromUs >= heldFromUs) return;
    const endUs = Math.min(toUs, this.#derivation.venueNowUs + nominalLengthUs(interval));
    const neededUs = openTimeUs(stored, Math.max(fromUs, endUs - (limit + 1) * nominalLengthUs(interval), 0));
    if (neededUs >= heldFromUs) return;
    const { market, symbol } = state.instrument;
    const rows = await this.#options.lake.read({
      table: 'candles',
      market,
      symbol,
      interval: stored,
      fromUs: neededUs,
      toUs: heldFromUs,
    });
    state.series.load(rows.batch as never, rows.slots);
    state.series.completeFrom(stored, Math.min(neededUs, state.series.builder.completeFromUs[stored]));
  }

  #candleRow(state: InstrumentState, candle: SeriesCandle): CandleRow {
    const { priceScale, quantityScale } = state.series.builder;
    const digits = shownDigits(state, this.#derivation.slots);
    const price = (value: number) => formatScaled(value, priceScale, digits.price);
    const sum = (value: bigint) => formatScaled(value, quantityScale, digits.quantity);
    const product = (value: bigint) => formatScaled(value, priceScale + quantityScale, digits.price);
    return {
      openedAtUs: candle.openedAtUs,
      open: price(candle.open),
      high: price(candle.high),
      low: price(candle.low),
      close: price(candle.close),
      volume: sum(candle.volume),
      quoteVolume: product(candle.quoteVolume),
      tradeCount: candle.tradeCount,
      takerBuyVolume: sum(candle.takerBuyVolume),
      takerBuyQuoteVolume: product(candle.takerBuyQuoteVolume),
      firstTradeId: candle.firstTradeId,
      lastTradeId: candle.lastTradeId,
      state: candle.state,
      marks: candle.marks,
      source: candle.source,
    };
  }

  #coverage(state: InstrumentState, candles: readonly SeriesCandle[]): Coverage {
    const first = candles.find((candle) => candle.firstTradeId >= 0)?.firstTradeId ?? -1;
    const last = candles.findLast((candle) => candle.lastTradeId >= 0)?.lastTradeId ?? -1;
    const fromUs = candles[0]?.openedAtUs ?? null;
    const toUs = candles.at(-1)?.openedAtUs ?? null;
    return this.#coverageOf(state, fromUs, toUs, state.candleSource === 'trades' ? first : -1, last);
  }

  #coverageOfIds(state: InstrumentState, trades: readonly TradeRow[]): Coverage {
    const newest = trades[0];
    const oldest = trades.at(-1);
    return this.#coverageOf(
      state,
      oldest?.tradedAtUs ?? null,
      newest?.tradedAtUs ?? null,
      oldest?.tradeId ?? -1,
      newest?.tradeId ?? -1,
    );
  }

  #coverageOf(
    state: InstrumentState,
    fromUs: number | null,
    toUs: number | null,
    firstId: number,
    lastId: number,
  ): Coverage {
    const ledger = state.candleLedger;
    const ids = firstId < 0 ? undefined : ledger.coverage(firstId, lastId);
    const gaps = fromUs === null || toUs === null ? [] : ledger.gapsIn(fromUs, toUs + 1);
    return {
      instrument: state.id,
      fromUs,
      toUs,
      heldIds: ids?.heldIds ?? null,
      expectedIds: ids?.expectedIds ?? null,
      tidemarkUs: orNull(ledger.tidemarkUs),
      gaps: gaps.map((gap) => gapRow(state, gap)),
      dataKind: this.#derivation.dataKind,
      catalogVersion: this.#parts?.committer.version ?? 0,
    };
  }

  async #pastTables(asOf: AsOf): Promise<{ tables: QueryTables; release(): void }> {
    const files = await this.#options.lake.files(asOf);
    return { tables: { ...files, replacing: {} }, release: () => undefined };
  }

  /** Committed files and, for the tables that the statement names, the rows that are in none of them yet. */
  async #queryTables(sql: string): Promise<{ tables: QueryTables; release(): void }> {
    const { committer } = this.#running;
    const { lake, tailFiles } = this.#options;
    const lowered = sql.toLowerCase();
    const asked = tables.filter((table) => lowered.includes(table.name));
    for (;;) {
      // Files and tail fit together only when no commit lies between reading the one and taking the other.
      await committer.settled();
      const { commits } = committer;
      const { catalogVersion, files } = await lake.files();
      if (committer.commits !== commits || committer.isCommitting) continue;
      const tail = tailFiles.begin();
      const writes: Promise<unknown>[] = [];
      const withTail: Record<string, readonly (LakeFile | string)[]> = { ...files };
      const replacing: Record<string, string> = {};
      const { slots } = this.#derivation;
      for (const table of asked) {
        if (table.kind === 'state') {
          const batch = this.#stateTail(table.name);
          if (batch === undefined || batch.length === 0) continue;
          replacing[table.name] = tail.path(table.name, 0);
          writes.push(lake.writeTail(batch as never, slots, replacing[table.name]!));
          continue;
        }
        for (const [at, pending] of committer.uncommitted.entries()) {
          const batch = pending.batches.find((candidate) => candidate.spec.name === table.name);
          if (batch === undefined || batch.length === 0) continue;
          const path = tail.path(table.name, at);
          withTail[table.name] = [...(withTail[table.name] ?? []), path];
          writes.push(lake.writeTail(batch, slots, path));
        }
      }
      try {
        await Promise.all(writes);
      } catch (error) {
        tail.release();
        throw error;
      }
      return { tables: { catalogVersion, files: withTail, replacing }, release: () => tail.release() };
    }
  }

  #stateTail(table: string) {
    const { committer } = this.#running;
    if (table === 'candles') return committer.candleTail();
    if (table === 'gaps') return committer.gapTail();
    return committer.instrumentTail();
  }
}

function idLedgerRow(state: InstrumentState, ledger: IdLedger): LedgerRow {
  const gaps = ledger.gaps();
  return {
    instrument: state.id,
    stream: ledger.stream,
    firstId: orNull(ledger.firstId),
    lastId: orNull(ledger.lastId),
    heldIds: ledger.heldIds,
    missingIds: ledger.missingIds,
    byAggregateIds: ledger.byAggregateIds,
    openGaps: gaps.filter((gap) => gap.state === 'open' || gap.state === 'repairing').length,
    declaredGaps: gaps.filter((gap) => gap.state === 'declared').length,
    tidemarkUs: orNull(ledger.tidemarkUs),
    watchedUntilUs: null,
  };
}

function upstreamState(
  nowUs: number,
  lastPulseAtUs: number,
  newestFrameUs: number,
  states: readonly string[],
): StatusAnswer['upstream'] {
  if (lastPulseAtUs === 0) return 'connecting';
  if (nowUs - lastPulseAtUs > staleAfterUs) return 'stale';
  if (!states.includes('open')) return 'venue-down';
  return nowUs - newestFrameUs > quietAfterUs ? 'quiet' : 'live';
}

function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function icebergStatus(iceberg: IcebergTables | undefined): StatusAnswer['lake']['iceberg'] {
  if (iceberg === undefined) return null;
  const { publishedVersion, failures } = iceberg.status();
  return { publishedVersion, failures };
}
