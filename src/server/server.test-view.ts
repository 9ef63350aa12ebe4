import { formatScaled } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import { type Instrument, instrumentId, parseInstrumentId } from '../domain/instrument.ts';
import {
  dayUs,
  hourUs,
  type Interval,
  minuteUs,
  nextOpenTimeUs,
  nominalLengthUs,
  openTimeUs,
  secondUs,
} from '../domain/interval.ts';
import type { CandleMark, CandleState } from '../domain/state.ts';
import type { LiveUpdate, MarketView, SqlQuestion } from '../pipeline/market-view.ts';
import { tableList } from '../pipeline/table-list.ts';
import type {
  BookLevelRow,
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
import { type Channel, channelKey, type LivePayload } from '../protocol/live.ts';

// A market made up by hand, for tests of the server and for work on the dashboard without an engine. It looks plausible and
// is deterministic: the same seed, start and ticks give the same market. Nothing of it is a model of the real engine.

interface Bar {
  openedAtUs: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  /** At price scale + quantity scale. */
  quote: bigint;
  count: number;
  buyVolume: number;
  buyQuote: bigint;
  firstId: number;
  lastId: number;
  state: CandleState;
  marks: CandleMark[];
}

interface Coin {
  readonly row: Omit<InstrumentRow, 'lastPrice' | 'firstCandleUs' | 'dataKind'>;
  readonly id: string;
  readonly priceScale: number;
  readonly quantityScale: number;
  readonly step: number;
  /** Trades a second, and size of a usual trade. */
  readonly rate: number;
  readonly size: number;
  price: number;
  nextId: number;
  updateId: number;
  minutes: Bar[];
  seconds: Bar[];
  trades: TradeRow[];
  gaps: GapRow[];
  missingIds: number;
}

const coins = [
  {
    symbol: 'BTCUSDT',
    base: 'BTC',
    price: 6_712_345,
    priceScale: 2,
    quantityScale: 5,
    step: 900,
    rate: 14,
    size: 1200,
  },
  { symbol: 'ETHUSDT', base: 'ETH', price: 345_678, priceScale: 2, quantityScale: 4, step: 60, rate: 7, size: 2500 },
  { symbol: 'XRPUSDT', base: 'XRP', price: 23_456, priceScale: 4, quantityScale: 1, step: 5, rate: 0.05, size: 4000 },
] as const;

const historyUs = 2 * dayUs;
const secondsKeptUs = 2 * hourUs;

/** Small seeded generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class TestView implements MarketView {
  readonly #random: () => number;
  readonly #coins: Coin[];
  readonly #listeners = new Map<string, Set<(update: LiveUpdate) => void>>();
  readonly #startedAtUs: number;
  #nowUs: number;
  #frames = 0;
  /** What the next call of `sql` waits for; tests hold queries back with it. */
  sqlGate: Promise<void> = Promise.resolve();
  /** Queries whose client went away before they were answered. */
  sqlCancelled = 0;
  sqlBegun = 0;
  upstream: StatusAnswer['upstream'] = 'live';

  /** `history` false: nothing happened before. */
  constructor(options: { seed: number; nowUs: number; history?: boolean }) {
    this.#random = generator(options.seed);
    this.#nowUs = options.nowUs;
    this.#startedAtUs = options.nowUs;
    this.#coins = coins.map((coin) => this.#makeCoin(coin, options.history ?? true));
  }

  instruments(): readonly InstrumentRow[] {
    return this.#coins.map((coin) => ({
      ...coin.row,
      lastPrice: formatScaled(coin.price, coin.priceScale),
      dataKind: 'simulated',
      firstCandleUs: coin.minutes[0]?.openedAtUs ?? null,
    }));
  }

  async candles(
    instrument: Instrument,
    interval: Interval,
    fromUs: number,
    toUs: number,
    limit: number,
  ): Promise<CandlesAnswer> {
    const coin = this.#coin(instrument);
    const bars = this.#bars(coin, interval);
    const inRange = bars.filter((bar) => bar.openedAtUs >= fromUs && bar.openedAtUs < toUs);
    const shown = inRange.slice(-limit);
    const first = shown[0]?.openedAtUs ?? toUs;
    const previous = bars.findLast((bar) => bar.openedAtUs < first);
    const last = shown.at(-1)?.openedAtUs;
    return {
      interval,
      candles: shown.map((bar) => candleRow(coin, bar)),
      previousUs: previous?.openedAtUs ?? null,
      coverage: this.#coverage(
        coin,
        shown[0]?.openedAtUs ?? null,
        last === undefined ? null : nextOpenTimeUs(interval, last),
        shown,
      ),
    };
  }

  async trades(instrument: Instrument, beforeId: number | undefined, limit: number): Promise<TradesAnswer> {
    const coin = this.#coin(instrument);
    const older = beforeId === undefined ? coin.trades : coin.trades.filter(({ tradeId }) => tradeId < beforeId);
    const shown = older.slice(-limit).reverse();
    const isMore = older.length > shown.length;
    return {
      trades: shown,
      nextBeforeId: isMore ? shown.at(-1)!.tradeId : null,
      coverage: this.#coverage(coin, shown.at(-1)?.tradedAtUs ?? null, shown[0]?.tradedAtUs ?? null, []),
    };
  }

  book(instrument: Instrument, levels: number): BookView {
    const coin = this.#coin(instrument);
    // A gap of the third coin's book shows what a screen does without one.
    const state = coin.id.endsWith('XRPUSDT') && Math.floor(this.#nowUs / minuteUs) % 7 === 6 ? 'gap' : 'synced';
    const random = generator(coin.updateId);
    const side = (direction: 1 | -1): BookLevelRow[] =>
      state === 'gap'
        ? []
        : Array.from({ length: Math.min(levels, 200) }, (_, index) => {
            const distance = index + 1 + Math.floor(random() * 0.4 * index);
            return {
              price: formatScaled(coin.price + direction * (distance + index), coin.priceScale),
              quantity: formatScaled(
                1 + Math.floor(coin.size * (1 + index / 4) * random() ** 2 * 6),
                coin.quantityScale,
              ),
            };
          });
    return {
      instrument: coin.id,
      state,
      updateId: coin.updateId,
      eventAtUs: this.#nowUs,
      bids: side(-1),
      asks: side(1),
      knownFrom: formatScaled(Math.floor(coin.price * 0.97), coin.priceScale),
      knownTo: formatScaled(Math.ceil(coin.price * 1.03), coin.priceScale),
      resyncs: 1,
      snapshotAtUs: this.#startedAtUs,
    };
  }

  ledger(): readonly LedgerRow[] {
    return this.#coins.flatMap((coin) => {
      const firstId = coin.minutes.find((bar) => bar.count > 0)?.firstId ?? null;
      const common = { instrument: coin.id, byAggregateIds: 0, watchedUntilUs: null };
      return [
        {
          ...common,
          stream: 'trade',
          firstId,
          lastId: coin.nextId - 1,
          heldIds: coin.nextId - (firstId ?? coin.nextId) - coin.missingIds,
          missingIds: coin.missingIds,
          openGaps: coin.gaps.filter(({ state }) => state === 'open' || state === 'repairing').length,
          declaredGaps: coin.gaps.filter(({ state }) => state === 'declared').length,
          tidemarkUs: this.#nowUs - 4 * secondUs,
        },
        {
          ...common,
          stream: 'depth',
          firstId: 1,
          lastId: coin.updateId,
          heldIds: coin.updateId,
          missingIds: 0,
          openGaps: 0,
          declaredGaps: 0,
          tidemarkUs: this.#nowUs - secondUs,
        },
      ];
    });
  }

  gaps(filter: { instrument?: Instrument; state?: string }): readonly GapRow[] {
    const wanted = filter.instrument === undefined ? undefined : instrumentId(filter.instrument);
    return this.#coins
      .filter((coin) => wanted === undefined || coin.id === wanted)
      .flatMap((coin) => coin.gaps)
      .filter((gap) => filter.state === undefined || gap.state === filter.state);
  }

  status(): StatusAnswer {
    return {
      version: '0.1.0',
      dataKind: 'simulated',
      seed: 7,
      startedAtUs: this.#startedAtUs,
      nowUs: this.#nowUs,
      upstream: this.upstream,
      lastPulseAtUs: Math.floor(this.#nowUs / secondUs) * secondUs,
      lagMs: { p50: 8 + Math.round(this.#random() * 6), p95: 21 + Math.round(this.#random() * 20) },
      sessions: [
        {
          session: 'spot-1',
          market: 'spot',
          state: 'open',
          sinceUs: this.#startedAtUs,
          streams: 12,
          frames: this.#frames,
          reconnects: 1,
          lastFrameAtUs: this.#nowUs,
        },
      ],
      ledger: this.ledger(),
      journals: [
        { writer: 'recorder', segment: 3, offset: 1_000_000 + this.#frames * 150, behindBytes: 0 },
        { writer: 'engine', segment: 1, offset: 40_000, behindBytes: 0 },
      ],
      lake: {
        catalogVersion: 42 + Math.floor((this.#nowUs - this.#startedAtUs) / minuteUs),
        committedAtUs: Math.floor(this.#nowUs / minuteUs) * minuteUs,
        files: 61,
        bytes: 48_123_456,
        iceberg: { publishedVersion: 42, failures: {} },
      },
      rest: { usedWeight: 26, weightPerMinute: 6000, blockedUntilUs: null },
      shipping: {
        store: 's3://tidemark/journal',
        journals: [
          {
            writer: 'recorder',
            state: 'shipping',
            shippedTo: { segment: 3, offset: 1_000_000, sequence: 7000 },
            behindBytes: 2048,
            behindRecords: 12,
            shippedAtUs: this.#nowUs,
            error: null,
          },
        ],
      },
      findings: 2,
    };
  }

  async sql(sql: string, question: SqlQuestion, cancelled?: AbortSignal): Promise<SqlAnswer> {
    this.sqlBegun++;
    let isAnswered = false;
    cancelled?.addEventListener('abort', () => {
      if (!isAnswered) this.sqlCancelled++;
    });
    await this.sqlGate;
    isAnswered = true;
    if (!/^\s*select\b/i.test(sql)) {
      throw new TidemarkError('bad-query', {
        doing: 'run the query',
        why: 'only one SELECT or EXPLAIN may run; failed in /var/lib/tidemark/lake/x.parquet',
      });
    }
    if (/explode/.test(sql)) throw new Error('the secret is in /etc/passwd');
    if (/endless/.test(sql)) {
      throw new TidemarkError('query-limit', { doing: 'run the query', why: `it ran for ${question.timeoutMs} ms` });
    }
    const rows = this.#coins.map((coin) => [coin.id, String(coin.nextId), null]);
    return {
      columns: [
        { name: 'instrument', type: 'VARCHAR' },
        { name: 'trades', type: 'BIGINT' },
        { name: 'note', type: 'VARCHAR' },
      ],
      rows: rows.slice(0, question.maxRows),
      truncated: rows.length > question.maxRows,
      catalogVersion: 42,
      hasTail: question.asOf === undefined,
      lakeFiles: 3,
      lakeBytes: 12_345_678,
      dataKind: 'simulated',
      elapsedMs: 3,
    };
  }

  async tables(): Promise<TablesAnswer> {
    return tableList({
      version: 42,
      files: [{ table: 'trades', rows: 19_904, bytes: 812_000, minTimeUs: this.#startedAtUs, maxTimeUs: this.#nowUs }],
    });
  }

  follow(channel: Channel, listener: (update: LiveUpdate) => void): () => void {
    if (channel.kind !== 'status') this.#coin(parseInstrumentId(channel.instrument));
    const key = channelKey(channel);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  followerCount(key: string): number {
    return this.#listeners.get(key)?.size ?? 0;
  }

  /** The market moves on to `nowUs`; whoever follows is told. */
  tick(nowUs: number): void {
    const elapsedS = (nowUs - this.#nowUs) / secondUs;
    this.#nowUs = nowUs;
    for (const coin of this.#coins) {
      const touchedFromUs = coin.seconds.at(-1)?.openedAtUs ?? nowUs;
      const made = this.#trade(coin, elapsedS);
      coin.updateId += 3;
      this.#settle(coin);
      this.#liveGap(coin);
      if (made.length > 0) this.#tell({ kind: 'trades', instrument: coin.id }, { kind: 'trades', trades: made });
      this.#tell(
        { kind: 'book', instrument: coin.id },
        { kind: 'book', book: this.book(parseInstrumentId(coin.id), 50) },
      );
      for (const key of this.#listeners.keys()) {
        const [kind, instrument, interval] = key.split('/');
        if (kind !== 'candles' || instrument !== coin.id || (this.#listeners.get(key)?.size ?? 0) === 0) continue;
        const changed = this.#bars(coin, interval as Interval).filter(
          (bar) => bar.openedAtUs + nominalLengthUs(interval as Interval) + 6 * secondUs > touchedFromUs,
        );
        this.#tell(
          { kind: 'candles', instrument: coin.id, interval: interval as Interval },
          { kind: 'candles', candles: changed.slice(-4).map((bar) => candleRow(coin, bar)) },
        );
      }
    }
  }

  /** Says something on a channel without the market moving. */
  tell(channel: Channel, payload: LivePayload): void {
    this.#tell(channel, payload);
  }

  #tell(channel: Channel, payload: LivePayload): void {
    for (const listener of this.#listeners.get(channelKey(channel)) ?? []) {
      listener({ channel: channelKey(channel), synced: payload.kind !== 'trades', payload });
    }
  }

  #coin(instrument: Instrument): Coin {
    const id = instrumentId(instrument);
    const coin = this.#coins.find((one) => one.id === id);
    if (coin !== undefined) return coin;
    throw new TidemarkError('unknown-instrument', { doing: 'find', what: id, why: 'it is not recorded here' });
  }

  #makeCoin(spec: (typeof coins)[number], history: boolean): Coin {
    const { symbol, base, priceScale, quantityScale, price, step, rate, size } = spec;
    const id = `binance:spot:${symbol}`;
    const coin: Coin = {
      id,
      row: {
        instrument: id,
        market: 'spot',
        symbol,
        status: 'TRADING',
        baseAsset: base,
        quoteAsset: 'USDT',
        tickSize: formatScaled(1, priceScale),
        stepSize: formatScaled(1, quantityScale),
        streams: ['trade', 'depth', 'book-ticker'],
      },
      priceScale,
      quantityScale,
      step,
      rate,
      size,
      price,
      nextId: 1_000_000,
      updateId: 5_000_000,
      minutes: [],
      seconds: [],
      trades: [],
      gaps: [],
      missingIds: 0,
    };
    if (!history) return coin;
    const thisMinuteUs = openTimeUs('1m', this.#nowUs);
    for (let at = thisMinuteUs - historyUs; at < thisMinuteUs; at += minuteUs) {
      if (at < this.#nowUs - secondsKeptUs) coin.minutes.push(this.#roughBar(coin, at));
      else for (let second = at; second < at + minuteUs; second += secondUs) this.#tradeAt(coin, second, 1);
    }
    this.#damage(coin, thisMinuteUs);
    return coin;
  }

  /** A minute of the past without its trades. */
  #roughBar(coin: Coin, openedAtUs: number): Bar {
    const count = Math.floor(coin.rate * 60 * (0.5 + this.#random()));
    const open = coin.price;
    const wave = Math.sin(openedAtUs / (3 * hourUs)) * coin.step * 0.2;
    const drift = (size: number) => Math.round((this.#random() - 0.5) * size * coin.step + wave);
    const close = count === 0 ? open : Math.max(10, open + drift(6));
    const high = count === 0 ? open : Math.max(open, close) + Math.abs(drift(2));
    const low = count === 0 ? open : Math.max(5, Math.min(open, close) - Math.abs(drift(2)));
    const volume = Math.floor(count * coin.size * (0.4 + this.#random() ** 3 * 4));
    const buyVolume = Math.floor(volume * (0.35 + this.#random() * 0.3));
    const average = BigInt(Math.round((open + close) / 2));
    coin.price = close;
    const firstId = coin.nextId;
    coin.nextId += count;
    return {
      openedAtUs,
      open,
      high,
      low,
      close,
      volume,
      quote: BigInt(volume) * average,
      count,
      buyVolume,
      buyQuote: BigInt(buyVolume) * average,
      firstId,
      lastId: coin.nextId - 1,
      state: count === 0 ? 'no-trades' : 'final',
      marks: [],
    };
  }

  /** What a true recording also has: a hole, minutes with trades missing, minutes repaired or revised. */
  #damage(coin: Coin, thisMinuteUs: number): void {
    if (coin.id.endsWith('XRPUSDT')) return;
    const minutesAgo = (minutes: number) =>
      coin.minutes.findIndex((bar) => bar.openedAtUs === thisMinuteUs - minutes * minuteUs);
    const at = (minutes: number, length: number) =>
      coin.minutes.slice(minutesAgo(minutes), minutesAgo(minutes) + length);
    const gap = (bars: Bar[], state: GapRow['state'], reason: GapRow['reason'], heldCount: number): GapRow => ({
      instrument: coin.id,
      stream: 'trade',
      fromId: bars[0]!.firstId,
      toId: bars.at(-1)!.lastId,
      openedAtUs: bars[0]!.openedAtUs,
      closedAtUs: bars.at(-1)!.openedAtUs + minuteUs,
      state,
      reason,
      heldCount,
      byAggregateCount: 0,
      tried: state === 'repaired' ? 'rest aggTrades' : 'rest aggTrades, rest historicalTrades, archive',
    });
    const missing = at(360, 4);
    coin.gaps.push(gap(missing, 'declared', 'disconnect', 0));
    for (const bar of missing) {
      coin.missingIds += bar.count;
      Object.assign(bar, { ...emptyBar(bar.openedAtUs, 0), state: 'missing' });
    }
    const partial = at(180, 2);
    coin.gaps.push({ ...gap(partial, 'declared', 'server-drop', 0), toId: partial[0]!.firstId + 11 });
    coin.missingIds += 12;
    for (const bar of partial) bar.state = 'partial';
    const repaired = at(90, 10);
    const count = repaired.reduce((sum, bar) => sum + bar.count, 0);
    coin.gaps.push(gap(repaired, 'repaired', 'process-stop', count));
    for (const bar of repaired) bar.marks = ['repaired'];
    at(30, 1)[0]!.marks = ['revised'];
  }

  #trade(coin: Coin, elapsedS: number): TradeRow[] {
    return this.#tradeAt(coin, this.#nowUs, elapsedS);
  }

  #tradeAt(coin: Coin, atUs: number, elapsedS: number): TradeRow[] {
    const burst = this.#random() < 0.08 ? 6 : 0.7;
    const expected = coin.rate * elapsedS * burst;
    let count = Math.floor(expected) + (this.#random() < expected % 1 ? 1 : 0);
    this.#openBars(coin, atUs);
    const made: TradeRow[] = [];
    for (; count > 0; count--) {
      const buyerIsMaker = this.#random() < 0.5;
      const move = Math.round((this.#random() - 0.5) * coin.step * 0.5);
      coin.price = Math.max(10, coin.price + move);
      const quantity = 1 + Math.floor(coin.size * this.#random() ** 6 * 20);
      const quote = BigInt(quantity) * BigInt(coin.price);
      for (const bar of [coin.minutes.at(-1)!, coin.seconds.at(-1)!]) {
        if (bar.count === 0)
          Object.assign(bar, { open: coin.price, high: coin.price, low: coin.price, firstId: coin.nextId });
        bar.high = Math.max(bar.high, coin.price);
        bar.low = Math.min(bar.low, coin.price);
        bar.close = coin.price;
        bar.volume += quantity;
        bar.quote += quote;
        bar.count += 1;
        bar.lastId = coin.nextId;
        if (!buyerIsMaker) {
          bar.buyVolume += quantity;
          bar.buyQuote += quote;
        }
      }
      made.push({
        tradeId: coin.nextId++,
        price: formatScaled(coin.price, coin.priceScale),
        quantity: formatScaled(quantity, coin.quantityScale),
        tradedAtUs: atUs,
        receivedAtUs: atUs + 9000,
        buyerIsMaker,
        kind: 'trade',
      });
    }
    this.#frames += made.length + 1;
    coin.trades.push(...made);
    if (coin.trades.length > 5000) coin.trades.splice(0, coin.trades.length - 4000);
    return made;
  }

  #openBars(coin: Coin, atUs: number): void {
    for (const [bars, interval] of [
      [coin.minutes, '1m'],
      [coin.seconds, '1s'],
    ] as const) {
      const openedAtUs = openTimeUs(interval, atUs);
      let last = bars.at(-1)?.openedAtUs ?? openedAtUs - nominalLengthUs(interval);
      while (last < openedAtUs) {
        last += nominalLengthUs(interval);
        bars.push(emptyBar(last, coin.price));
      }
    }
    // What has been closed for a while is proven.
    for (const bars of [coin.minutes, coin.seconds]) {
      const length = bars === coin.minutes ? minuteUs : secondUs;
      for (const bar of bars.slice(-80)) {
        if (bar.state !== 'forming' && bar.state !== 'provisional') continue;
        const closedForUs = atUs - bar.openedAtUs - length;
        if (closedForUs < 0) continue;
        bar.state = closedForUs < 4 * secondUs ? 'provisional' : bar.count === 0 ? 'no-trades' : 'final';
      }
    }
    if (coin.seconds.length > 8000) coin.seconds.splice(0, 800);
  }

  #settle(coin: Coin): void {
    this.#openBars(coin, this.#nowUs);
  }

  /** Every fifth minute the first coin loses a few trades for some seconds, so that repair can be watched. */
  #liveGap(coin: Coin): void {
    if (!coin.id.endsWith('BTCUSDT')) return;
    const intoUs = this.#nowUs % (5 * minuteUs);
    const gap = coin.gaps.at(-1);
    const isLive = gap !== undefined && gap.openedAtUs >= this.#startedAtUs;
    const bar = coin.minutes.at(-1)!;
    let next: GapRow | undefined;
    if (intoUs >= 2.5 * minuteUs && intoUs < 2.6 * minuteUs && !(isLive && this.#nowUs - gap.openedAtUs < minuteUs)) {
      next = {
        instrument: coin.id,
        stream: 'trade',
        fromId: coin.nextId,
        toId: coin.nextId + 19,
        openedAtUs: this.#nowUs,
        closedAtUs: this.#nowUs,
        state: 'open',
        reason: 'server-drop',
        heldCount: 0,
        byAggregateCount: 0,
        tried: '',
      };
      coin.nextId += 20;
      coin.missingIds += 20;
      coin.gaps.push(next);
    } else if (isLive && gap.state !== 'repaired') {
      const ageUs = this.#nowUs - gap.openedAtUs;
      const state = ageUs > 12 * secondUs ? 'repaired' : ageUs > 5 * secondUs ? 'repairing' : 'open';
      if (state === gap.state) return;
      next = { ...gap, state, heldCount: state === 'repaired' ? 20 : 0, tried: 'rest aggTrades' };
      coin.gaps[coin.gaps.length - 1] = next;
      if (state === 'repaired') {
        coin.missingIds -= 20;
        bar.marks = ['repaired'];
      }
    }
    if (next !== undefined) {
      this.#tell(
        { kind: 'gaps', instrument: coin.id },
        { kind: 'gaps', gaps: [next], coverage: this.#coverage(coin, null, null, []) },
      );
    }
  }

  #bars(coin: Coin, interval: Interval): readonly Bar[] {
    if (interval === '1m') return coin.minutes;
    if (interval === '1s') return coin.seconds;
    const fine = nominalLengthUs(interval) < minuteUs ? coin.seconds : coin.minutes;
    const merged: Bar[] = [];
    for (const bar of fine) {
      const openedAtUs = openTimeUs(interval, bar.openedAtUs);
      const last = merged.at(-1);
      if (last?.openedAtUs === openedAtUs) mergeInto(last, bar);
      else merged.push({ ...bar, openedAtUs, marks: [...bar.marks] });
    }
    const newest = merged.at(-1);
    if (newest !== undefined && nextOpenTimeUs(interval, newest.openedAtUs) > this.#nowUs) newest.state = 'forming';
    return merged;
  }

  #coverage(coin: Coin, fromUs: number | null, toUs: number | null, bars: readonly Bar[]): Coverage {
    const gaps = coin.gaps.filter(
      (gap) =>
        fromUs === null || toUs === null || (gap.openedAtUs < toUs && (gap.closedAtUs ?? gap.openedAtUs) >= fromUs),
    );
    const held = bars.reduce((sum, bar) => sum + bar.count, 0);
    const missing = gaps
      .filter(({ state }) => state !== 'repaired')
      .reduce((sum, gap) => sum + (gap.toId ?? 0) - (gap.fromId ?? 0) + 1 - gap.heldCount, 0);
    return {
      instrument: coin.id,
      fromUs,
      toUs,
      heldIds: bars.length === 0 ? null : held,
      expectedIds: bars.length === 0 ? null : held + missing,
      tidemarkUs: this.#nowUs - 4 * secondUs,
      gaps,
      dataKind: 'simulated',
      catalogVersion: 42,
    };
  }
}

function emptyBar(openedAtUs: number, price: number): Bar {
  return {
    openedAtUs,
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0,
    quote: 0n,
    count: 0,
    buyVolume: 0,
    buyQuote: 0n,
    firstId: 0,
    lastId: 0,
    state: 'forming',
    marks: [],
  };
}

function mergeInto(into: Bar, bar: Bar): void {
  const states = [into.state, bar.state];
  const isPartly = states.includes('partial') || (states.includes('missing') && into.state !== bar.state);
  if (bar.count > 0) {
    if (into.count === 0) Object.assign(into, { open: bar.open, high: bar.high, low: bar.low, firstId: bar.firstId });
    into.high = Math.max(into.high, bar.high);
    into.low = Math.min(into.low, bar.low);
    into.lastId = bar.lastId;
    into.close = bar.close;
  }
  into.volume += bar.volume;
  into.quote += bar.quote;
  into.count += bar.count;
  into.buyVolume += bar.buyVolume;
  into.buyQuote += bar.buyQuote;
  into.marks = [...new Set([...into.marks, ...bar.marks])];
  const worst = (['provisional', 'final', 'no-trades'] as const).find((state) => states.includes(state));
  into.state = isPartly ? 'partial' : states[0] === 'missing' ? 'missing' : (worst ?? 'forming');
}

function candleRow(coin: Coin, bar: Bar): CandleRow {
  const price = (value: number) => formatScaled(value, coin.priceScale);
  const quantity = (value: number) => formatScaled(value, coin.quantityScale);
  const product = (value: bigint) => formatScaled(value, coin.priceScale + coin.quantityScale);
  const isMissing = bar.state === 'missing';
  return {
    openedAtUs: bar.openedAtUs,
    open: isMissing ? '0' : price(bar.open),
    high: isMissing ? '0' : price(bar.high),
    low: isMissing ? '0' : price(bar.low),
    close: isMissing ? '0' : price(bar.close),
    volume: isMissing ? '0' : quantity(bar.volume),
    quoteVolume: isMissing ? '0' : product(bar.quote),
    tradeCount: bar.count,
    takerBuyVolume: isMissing ? '0' : quantity(bar.buyVolume),
    takerBuyQuoteVolume: isMissing ? '0' : product(bar.buyQuote),
    firstTradeId: bar.firstId,
    lastTradeId: bar.lastId,
    state: bar.state,
    marks: [...bar.marks],
    source: bar.count === 0 ? 'none' : 'trades',
  };
}
