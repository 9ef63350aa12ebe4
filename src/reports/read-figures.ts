import { correlation, logReturns, realisedVolatility } from '../analytics/returns.ts';
import { profileStep } from '../analytics/volume-profile.ts';
import { neededScale } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import { parseInstrumentId } from '../domain/instrument.ts';
import { hourUs, nominalLengthUs, openTimeUs } from '../domain/interval.ts';
import type { DataKind, GapReason, GapState } from '../domain/state.ts';
import type { ReportState } from '../protocol/reports.ts';
import { barOf, decimal, isKnown, mergedBar } from './bars.ts';
import { instantText } from './figure-text.ts';
import type {
  Bar,
  DepthSample,
  FindingFigure,
  GapFigure,
  Grain,
  InstrumentFact,
  InstrumentSummary,
  Profile,
  ReportFigures,
  SpreadBucket,
  StreamFigure,
} from './figures.ts';
import { depthBands, valueScale } from './figures.ts';
import { grainOf } from './grain.ts';
import type { LakeVersion, Needed } from './lake-version.ts';
import type { ReportWish } from './period.ts';
import { marketSubject } from './period.ts';
import type { Scope } from './questions.ts';
import * as questions from './questions.ts';

export interface ReadOptions {
  readonly wish: ReportWish;
  readonly dataKind: DataKind;
  /** Part of the reading that is done, in [0, 1]. */
  readonly onProgress: (share: number, doing: string) => void;
}

/** Streams of the lake and the tables that hold them. */
const streams = [
  { stream: 'trade', table: 'trades', timeColumn: 'traded_at', hasIds: true },
  { stream: 'agg-trade', table: 'agg_trades', timeColumn: 'traded_at', hasIds: true },
  { stream: 'depth', table: 'book_deltas', timeColumn: 'event_at', hasIds: false },
  { stream: 'book-ticker', table: 'book_tickers', timeColumn: 'received_at', hasIds: false },
  { stream: 'ticker', table: 'tickers', timeColumn: 'event_at', hasIds: false },
  { stream: 'kline', table: 'venue_candles', timeColumn: 'opened_at', hasIds: true },
] as const;

/** How far beyond the range a record shows that a stream was recorded at its edge. */
const reachUs = hourUs;
const mostPeers = 12;
const mostBins = 64;
const allTimeUs = Number.MAX_SAFE_INTEGER;

/** All that a report says, read at one catalog version. Refuses with `not-recorded` a subject of which nothing is held. */
export async function readFigures(lake: LakeVersion, options: ReadOptions): Promise<ReportFigures> {
  const { wish, dataKind, onProgress } = options;
  const instrument = wish.subject === marketSubject ? undefined : parseInstrumentId(wish.subject);
  const reader = new FigureReader(lake, wish, instrument, dataKind);
  return reader.read(onProgress);
}

class FigureReader {
  readonly #lake: LakeVersion;
  readonly #wish: ReportWish;
  readonly #scope: Scope | undefined;
  readonly #dataKind: DataKind;
  readonly #grain: Grain;

  constructor(lake: LakeVersion, wish: ReportWish, scope: Scope | undefined, dataKind: DataKind) {
    this.#lake = lake;
    this.#wish = wish;
    this.#scope = scope;
    this.#dataKind = dataKind;
    this.#grain = grainOf(wish);
  }

  async read(onProgress: ReadOptions['onProgress']): Promise<ReportFigures> {
    const wish = this.#wish;
    onProgress(0, 'reading gaps and findings');
    const facts = await this.#facts();
    const gaps = await this.#gaps();
    const findings = await this.#findings();
    onProgress(0.1, 'reading what the streams hold');
    const streamRows = await this.#streams(gaps);
    onProgress(0.3, 'reading candles');
    const summaries = await this.#summaries();
    const known = [...streamRows, ...summaries, ...gaps].map((row) => row.instrument);
    if (this.#scope === undefined ? known.length === 0 : !known.includes(wish.subject)) {
      throw new TidemarkError('not-recorded', {
        doing: 'make a report of',
        what: `${wish.subject}, ${new Date(wish.fromUs / 1000).toISOString()} to ${new Date(wish.toUs / 1000).toISOString()}`,
        why: 'nothing of it is held',
        now: 'ask for a range that was recorded, or record it first',
      });
    }
    const factOf = (instrument: string) => facts.get(instrument) ?? unknownFact(instrument);
    if (this.#scope === undefined)
      return this.#market(summaries, factOf, { gaps, findings, streams: streamRows, onProgress });
    return this.#instrument(this.#scope, summaries, factOf, { gaps, findings, streams: streamRows, onProgress });
  }

  async #instrument(
    scope: Scope,
    summaries: readonly Summary[],
    factOf: (instrument: string) => InstrumentFact,
    { gaps, findings, streams: streamRows, onProgress }: Read,
  ): Promise<ReportFigures> {
    const wish = this.#wish;
    const bars = await this.#bars(scope);
    const whole = mergedBar(bars, wish.fromUs, wish.toUs);
    const fact = withNeededDigits(factOf(wish.subject), whole);
    onProgress(0.45, 'adding up volume by price');
    const profile = whole === undefined || whole.tradeCount === 0 ? undefined : await this.#profile(scope, whole, fact);
    onProgress(0.6, 'reading the spread');
    const spread = (await this.#spread([wish.subject], this.#grain.spread)).get(wish.subject) ?? [];
    onProgress(0.75, 'reading whole books');
    const depth = await this.#depth(scope);
    onProgress(0.9, 'comparing with the market');
    const peers = summaries.filter((row) => row.instrument !== wish.subject).slice(0, mostPeers);
    const series = await this.#closes([wish.subject, ...peers.map((row) => row.instrument)], this.#grain.returns);
    const own = logReturns(series.get(wish.subject) ?? []);
    const peerRows = await this.#peerRows(peers, factOf, (instrument) =>
      correlation(own, logReturns(series.get(instrument) ?? [])),
    );
    const baseUs = nominalLengthUs(this.#grain.base);
    return {
      about: 'instrument',
      ...this.#frame({ bars, wholes: whole === undefined ? [] : [whole] }, streamRows, gaps, findings),
      fact,
      bars,
      whole,
      profile,
      spread,
      depth,
      volatility: realisedVolatility(logReturns(closesOnGrid(bars, wish, baseUs)), baseUs / 1000),
      peers: peerRows,
    };
  }

  async #market(
    summaries: readonly Summary[],
    factOf: (instrument: string) => InstrumentFact,
    { gaps, findings, streams: streamRows, onProgress }: Read,
  ): Promise<ReportFigures> {
    const leaders = summaries.slice(0, mostPeers + 4).map((row) => row.instrument);
    onProgress(0.5, 'reading spreads');
    const spreads = await this.#spread(leaders, '1h');
    onProgress(0.8, 'correlating');
    const series = await this.#closes(leaders, this.#grain.returns);
    const returns = new Map(leaders.map((instrument) => [instrument, logReturns(series.get(instrument) ?? [])]));
    const first = returns.get(leaders[0] ?? '') ?? [];
    const peers = await this.#peerRows(
      summaries,
      factOf,
      (instrument) => (instrument === leaders[0] ? undefined : correlation(first, returns.get(instrument) ?? [])),
      spreads,
    );
    return {
      about: 'market',
      ...this.#frame({ bars: [], wholes: summaries.map((row) => row.bar) }, streamRows, gaps, findings),
      peers,
      closes: leaders.map((instrument) => ({ instrument, closes: series.get(instrument) ?? [] })),
      correlations: leaders.map((row) =>
        leaders.map((column) => (row === column ? undefined : correlation(returns.get(row)!, returns.get(column)!))),
      ),
    };
  }

  /** What both kinds of report say in the same way. */
  #frame(
    candles: CandlesRead,
    streamRows: readonly StreamFigure[],
    gaps: readonly GapFigure[],
    findings: readonly FindingFigure[],
  ) {
    // Whatever was recorded later shows that the range is over, also for an instrument that is quiet.
    const isOver = this.#lake.has({ table: 'candles', fromUs: this.#wish.toUs, toUs: allTimeUs });
    const { state, unsettled } = standing(this.#wish, isOver, candles, streamRows, gaps);
    const { wish, dataKind, grain } = { wish: this.#wish, dataKind: this.#dataKind, grain: this.#grain };
    return { wish, dataKind, grain, state, unsettled, streams: streamRows, gaps, findings };
  }

  #needs(table: string, range: { fromUs: number; toUs: number } = this.#wish): Needed {
    const market = this.#scope?.market;
    return { table, fromUs: range.fromUs, toUs: range.toUs, ...(market === undefined ? {} : { market }) };
  }

  async #facts(): Promise<Map<string, InstrumentFact>> {
    // Also of the others: they are named beside it.
    const needed = { table: 'instruments', fromUs: 0, toUs: allTimeUs };
    if (!this.#lake.has(needed)) return new Map();
    const rows = await this.#lake.query(questions.factsQuestion(undefined), [needed]);
    return new Map(
      rows.map(([instrument, baseAsset, quoteAsset, tickSize, stepSize]) => {
        const { market, symbol } = parseInstrumentId(instrument!);
        const priceDigits = neededScale(tickSize ?? '0');
        const quantityDigits = neededScale(stepSize ?? '0');
        return [
          instrument!,
          {
            instrument: instrument!,
            market,
            symbol,
            baseAsset: baseAsset ?? '',
            quoteAsset: quoteAsset ?? '',
            priceDigits,
            quantityDigits,
          },
        ];
      }),
    );
  }

  async #gaps(): Promise<GapFigure[]> {
    // A gap may have opened long before the range.
    const needed = this.#needs('gaps', { fromUs: 0, toUs: this.#wish.toUs });
    if (!this.#lake.has(needed)) return [];
    const rows = await this.#lake.query(questions.gapsQuestion(this.#scope, this.#wish), [needed]);
    return rows.map(
      ([instrument, stream, openedAt, closedAt, fromId, toId, held, byAggregate, state, reason, tried]) => {
        const ids = Number(fromId) < 0 ? undefined : Number(toId) - Number(fromId) + 1;
        return {
          instrument: instrument!,
          stream: stream!,
          openedAtUs: Number(openedAt),
          closedAtUs: closedAt === null || closedAt === undefined ? undefined : Number(closedAt),
          ids,
          missingIds: ids === undefined ? undefined : ids - Number(held),
          byAggregateIds: Number(byAggregate),
          state: state as GapState,
          reason: reason as GapReason,
          tried: tried ?? '',
        };
      },
    );
  }

  async #findings(): Promise<FindingFigure[]> {
    const needed = this.#needs('findings');
    if (!this.#lake.has(needed)) return [];
    const rows = await this.#lake.query(questions.findingsQuestion(this.#scope, this.#wish), [needed]);
    return rows.map(([instrument, code, stream, count, first, last, detail]) => ({
      instrument: instrument!,
      code: code!,
      stream: stream ?? '',
      count: Number(count),
      firstUs: Number(first),
      lastUs: Number(last),
      detail: detail ?? '',
    }));
  }

  async #streams(gaps: readonly GapFigure[]): Promise<StreamFigure[]> {
    const wish = this.#wish;
    // A replay's book tickers carry the time of the replay: their place in the range is not known.
    const shown = streams.filter(({ timeColumn }) => this.#dataKind !== 'replay' || timeColumn !== 'received_at');
    const near = { fromUs: wish.fromUs - reachUs, toUs: wish.toUs + reachUs };
    const needs = shown.map(({ table }) => this.#needs(table, near)).filter((needed) => this.#lake.has(needed));
    const asked = shown.filter(({ table }) => needs.some((needed) => needed.table === table));
    const sql = asked
      .map((stream) => questions.recordsQuestion(this.#scope, stream, wish, reachUs))
      .join(' UNION ALL ');
    const records = asked.length === 0 ? [] : await this.#lake.query(sql, needs);
    const found: StreamFigure[] = [];
    for (const { stream, hasIds } of shown) {
      // Klines are a stream for each interval.
      const isOwn = (name: string) => name === stream || name.startsWith(`${stream}_`);
      const ofStream = gaps.filter((gap) => isOwn(gap.stream));
      const names = new Set([
        ...records.filter(([, name]) => isOwn(name!)).map(([instrument, name]) => `${name} ${instrument}`),
        ...ofStream.map((gap) => `${gap.stream} ${gap.instrument}`),
      ]);
      for (const key of [...names].sort()) {
        const name = key.slice(0, key.indexOf(' '));
        const instrument = key.slice(name.length + 1);
        const row = records.find((record) => record[0] === instrument && record[1] === name);
        const own = ofStream.filter((gap) => gap.instrument === instrument && gap.stream === name);
        const figure = streamFigure(wish, { instrument, stream: name, hasIds }, row, own);
        if (figure !== undefined) found.push(figure);
      }
    }
    return found.sort((a, b) => (a.instrument < b.instrument ? -1 : a.instrument > b.instrument ? 1 : 0));
  }

  async #summaries(): Promise<Summary[]> {
    const needed = { table: 'candles', fromUs: this.#wish.fromUs, toUs: this.#wish.toUs };
    if (!this.#lake.has(needed)) return [];
    const { base } = this.#grain;
    const rows = await this.#lake.query(questions.summariesQuestion(base, this.#wish), [needed]);
    return rows.map((row) => summaryOf(row, this.#wish, nominalLengthUs(base)));
  }

  async #bars(scope: Scope): Promise<Bar[]> {
    const needed = this.#needs('candles');
    if (!this.#lake.has(needed)) return [];
    const { base } = this.#grain;
    const rows = await this.#lake.query(questions.barsQuestion(scope, base, this.#wish), [needed]);
    return rows.map((row) => barOf(base, row));
  }

  async #profile(scope: Scope, whole: Bar, fact: InstrumentFact): Promise<Profile | undefined> {
    const tick = 10n ** BigInt(valueScale - fact.priceDigits);
    const step = profileStep(whole.low, whole.high, tick, mostBins);
    for (const table of ['trades', 'agg_trades'] as const) {
      const needed = this.#needs(table);
      if (!this.#lake.has(needed)) continue;
      const rows = await this.#lake.query(questions.profileQuestion(scope, table, this.#wish, step), [needed]);
      if (rows.length === 0) continue;
      const bins = rows.map(([index, volume, takerBuy]) => ({
        index: BigInt(index!),
        volume: decimal(volume, valueScale),
        takerBuyVolume: decimal(takerBuy, valueScale),
      }));
      return { step, bins, table };
    }
    return undefined;
  }

  async #spread(instruments: readonly string[], bucket: Grain['spread']): Promise<Map<string, SpreadBucket[]>> {
    const found = new Map<string, SpreadBucket[]>();
    const isReplay = this.#dataKind === 'replay';
    const tickers = this.#needs('book_tickers', isReplay ? { fromUs: 0, toUs: allTimeUs } : this.#wish);
    if (instruments.length === 0 || !this.#lake.has(tickers)) return found;
    const needs = [tickers, this.#needs('gaps', { fromUs: 0, toUs: this.#wish.toUs }), this.#needs('book_deltas')];
    const steps = { bucketUs: nominalLengthUs(bucket), stepSeconds: this.#grain.quoteSeconds };
    const rows = await this.#lake.query(questions.spreadQuestion(instruments, this.#wish, steps, isReplay), needs);
    for (const [instrument, openedAt, known, sum, worst] of rows) {
      const list = found.get(instrument!) ?? [];
      found.set(instrument!, list);
      list.push({
        openedAtUs: Number(openedAt),
        knownSeconds: Number(known),
        meanBps: Number(sum) / Number(known) / 1e6,
        worstBps: Number(worst) / 1e6,
      });
    }
    return found;
  }

  async #depth(scope: Scope): Promise<DepthSample[]> {
    const needed = this.#needs('book_snapshots');
    if (!this.#lake.has(needed)) return [];
    const rows = await this.#lake.query(questions.depthQuestion(scope, this.#wish), [needed]);
    return rows.map(([at, bid, ask, low, high, ...quantities]) => {
      const middle = BigInt(bid!) + BigInt(ask!);
      const isKnownTo = (edge: string | null | undefined, share: number, isBid: boolean) =>
        edge !== null &&
        edge !== undefined &&
        (isBid
          ? BigInt(edge) * 20_000n <= middle * BigInt(10_000 - share)
          : BigInt(edge) * 20_000n >= middle * BigInt(10_000 + share));
      const side = (isBid: boolean) =>
        depthBands.map((band, index) =>
          isKnownTo(isBid ? low : high, band, isBid) ? Number(quantities[index * 2 + (isBid ? 0 : 1)] ?? 0) : undefined,
        );
      return { atUs: Number(at), bids: side(true), asks: side(false) };
    });
  }

  /** Closes on the grid of the range, by instrument. */
  async #closes(
    instruments: readonly string[],
    interval: Grain['returns'],
  ): Promise<Map<string, (number | undefined)[]>> {
    const found = new Map<string, (number | undefined)[]>();
    const needed = { table: 'candles', fromUs: this.#wish.fromUs, toUs: this.#wish.toUs };
    if (instruments.length === 0 || !this.#lake.has(needed)) return found;
    const stepUs = nominalLengthUs(interval);
    const baseUs = nominalLengthUs(this.#grain.base);
    const slots = Math.ceil((this.#wish.toUs - this.#wish.fromUs) / stepUs);
    const rows = await this.#lake.query(questions.closesQuestion(instruments, this.#grain.base, this.#wish), [needed]);
    for (const [instrument, openedAt, close] of rows) {
      const endUs = Number(openedAt) + baseUs;
      // The close of a slot is that of its last stored candle.
      if ((endUs - this.#wish.fromUs) % stepUs !== 0) continue;
      const series = found.get(instrument!) ?? Array<number | undefined>(slots).fill(undefined);
      found.set(instrument!, series);
      series[(endUs - this.#wish.fromUs) / stepUs - 1] = Number(close);
    }
    return found;
  }

  async #peerRows(
    rows: readonly Summary[],
    factOf: (instrument: string) => InstrumentFact,
    correlationOf: (instrument: string) => InstrumentSummary['correlation'],
    spreads: ReadonlyMap<string, readonly SpreadBucket[]> = new Map(),
  ): Promise<InstrumentSummary[]> {
    const leaders = rows.slice(0, mostPeers + 4).map((row) => row.instrument);
    const baseUs = nominalLengthUs(this.#grain.base);
    const closes = await this.#closes(leaders, this.#grain.base);
    return rows.map(({ instrument, bar }) => {
      const buckets = spreads.get(instrument) ?? [];
      const seconds = buckets.reduce((sum, bucket) => sum + bucket.knownSeconds, 0);
      const weighted = buckets.reduce((sum, bucket) => sum + bucket.meanBps * bucket.knownSeconds, 0);
      return {
        fact: withNeededDigits(factOf(instrument), bar),
        bar,
        volatility: realisedVolatility(logReturns(closes.get(instrument) ?? []), baseUs / 1000),
        spreadBps: seconds === 0 ? undefined : weighted / seconds,
        correlation: correlationOf(instrument),
      };
    });
  }
}

interface Summary {
  readonly instrument: string;
  readonly bar: Bar;
}

interface CandlesRead {
  /** One by one, of an instrument. */
  readonly bars: readonly Bar[];
  /** All of the range as one, of each instrument. */
  readonly wholes: readonly Bar[];
}

interface Read {
  readonly gaps: readonly GapFigure[];
  readonly findings: readonly FindingFigure[];
  readonly streams: readonly StreamFigure[];
  readonly onProgress: ReadOptions['onProgress'];
}

function summaryOf(row: readonly (string | null)[], wish: ReportWish, baseUs: number): Summary {
  const [instrument, firstAt, ...values] = row;
  const states = (values[11] ?? '').split(',');
  const slots = Number(values[15]);
  const lastEndUs = Number(values[14]) + baseUs;
  const isWhole = !states.some((state) => state === 'missing' || state === 'partial');
  const isCovered = slots * baseUs === lastEndUs - wish.fromUs;
  const isOver = lastEndUs >= wish.toUs && !states.includes('forming');
  const state =
    !isWhole || !isCovered ? 'partial' : !isOver ? 'forming' : states.includes('provisional') ? 'provisional' : 'final';
  const marks = [...new Set((values[12] ?? '').split(',').filter((mark) => mark !== ''))].sort().join(',');
  const bar = barOf('1m', [firstAt ?? null, ...values.slice(0, 11), state, marks, values[13] ?? '']);
  return { instrument: instrument!, bar: { ...bar, openedAtUs: wish.fromUs, endUs: wish.toUs } };
}

function streamFigure(
  wish: ReportWish,
  { instrument, stream, hasIds }: { instrument: string; stream: string; hasIds: boolean },
  row: readonly (string | null)[] | undefined,
  gaps: readonly GapFigure[],
): StreamFigure | undefined {
  const records = Number(row?.[2] ?? 0);
  const firsts = [row?.[3], ...gaps.map((gap) => gap.openedAtUs)]
    .filter((at) => at !== null && at !== undefined)
    .map(Number);
  const lasts = [row?.[4], ...gaps.map((gap) => gap.closedAtUs ?? wish.toUs)]
    .filter((at) => at !== null && at !== undefined)
    .map(Number);
  const fromUs = Math.max(wish.fromUs, Math.min(...firsts));
  const toUs = Math.min(wish.toUs, Math.max(...lasts));
  if (!(fromUs < toUs) && records === 0) return undefined;
  // Closed or not of the book: these leave the denominator.
  const counted = gaps.filter(({ reason }) => reason !== 'venue-closed' && reason !== 'off-book');
  const missing = counted.reduce((sum, gap) => sum + (gap.missingIds ?? 0), 0);
  const byAggregate = counted.reduce((sum, gap) => sum + gap.byAggregateIds, 0);
  const held = hasIds ? { ids: records + byAggregate, of: records + byAggregate + missing } : undefined;
  const lost = counted
    .filter(({ state }) => state !== 'repaired')
    .map((gap) => [Math.max(fromUs, gap.openedAtUs), Math.min(toUs, gap.closedAtUs ?? toUs)] as const)
    .sort((a, b) => a[0] - b[0]);
  let lostUs = 0;
  let untilUs = fromUs;
  for (const [start, end] of lost) {
    lostUs += Math.max(0, end - Math.max(start, untilUs));
    untilUs = Math.max(untilUs, end);
  }
  return { instrument, stream, records, fromUs, toUs, held, knownUs: Math.max(0, toUs - fromUs - lostUs), gaps };
}

/** Whether the report is of what will stay so. */
function standing(
  wish: ReportWish,
  isOver: boolean,
  { bars, wholes }: CandlesRead,
  streamRows: readonly StreamFigure[],
  gaps: readonly GapFigure[],
): { state: ReportState; unsettled: string[] } {
  const unsettled: string[] = [];
  if (!isOver && !streamRows.some((row) => row.toUs >= wish.toUs)) {
    const untilUs = streamRows.reduce((latest, row) => Math.max(latest, row.toUs), wish.fromUs);
    unsettled.push(`records end at ${instantText(untilUs)}, before the end of the range`);
  }
  const open = gaps.filter(({ state }) => state === 'open' || state === 'repairing').length;
  if (open > 0)
    unsettled.push(
      open === 1 ? 'one gap is still open or being repaired' : `${open} gaps are still open or being repaired`,
    );
  const isWaiting = ({ state }: Bar) => state === 'forming' || state === 'provisional';
  const waiting = bars.filter(isWaiting).length;
  const instruments = wholes.filter(({ state }) => state === 'provisional').length;
  if (waiting > 0)
    unsettled.push(waiting === 1 ? 'one candle is not yet verified' : `${waiting} candles are not yet verified`);
  else if (bars.length === 0 && instruments > 0)
    unsettled.push(
      `candles of ${instruments === 1 ? 'one instrument' : `${instruments} instruments`} are not yet verified`,
    );
  if (unsettled.length > 0) return { state: 'provisional', unsettled };
  const isWhole =
    wholes.every(({ state }) => state === 'final' || state === 'no-trades') &&
    // Where ids prove what is held, a quiet stream may begin late; of the others only records show that they were recorded.
    streamRows.every((row) => (row.held === undefined ? row.fromUs <= wish.fromUs : row.held.ids === row.held.of)) &&
    gaps.every(({ state, reason }) => state === 'repaired' || reason === 'venue-closed' || reason === 'off-book');
  return { state: isWhole ? 'final' : 'partial', unsettled };
}

function closesOnGrid(bars: readonly Bar[], { fromUs, toUs }: ReportWish, stepUs: number): (number | undefined)[] {
  const closes = Array<number | undefined>(Math.ceil((toUs - fromUs) / stepUs)).fill(undefined);
  for (const bar of bars) {
    if (isKnown(bar))
      closes[(openTimeUs('1m', bar.openedAtUs) - fromUs) / stepUs] = Number(bar.close) / 10 ** valueScale;
  }
  return closes;
}

function unknownFact(instrument: string): InstrumentFact {
  const { market, symbol } = parseInstrumentId(instrument);
  return { instrument, market, symbol, baseAsset: '', quoteAsset: '', priceDigits: 0, quantityDigits: 0 };
}

/** Values may need more digits than the venue's steps of today: none is ever cut. */
function withNeededDigits(fact: InstrumentFact, bar: Bar | undefined): InstrumentFact {
  if (bar === undefined) return fact;
  const digitsOf = (value: bigint) =>
    valueScale -
    (/0*$/.exec((value === 0n ? 10n ** BigInt(valueScale) : value).toString().slice(-valueScale))?.[0].length ?? 0);
  const priceDigits = Math.max(fact.priceDigits, ...[bar.open, bar.high, bar.low, bar.close].map(digitsOf));
  const quantityDigits = Math.max(fact.quantityDigits, digitsOf(bar.volume));
  return { ...fact, priceDigits, quantityDigits };
}
