import type { Batch } from '../domain/batch.ts';
import { Decoded } from '../domain/decoded.ts';
import type { Instrument, StreamKind } from '../domain/instrument.ts';
import type { Interval } from '../domain/interval.ts';
import { minuteUs, secondUs } from '../domain/interval.ts';
import type { Slot } from '../domain/slots.ts';
import { Slots } from '../domain/slots.ts';
import type { DataKind, GapReason } from '../domain/state.ts';
import type { Gap } from '../ledger/gap.ts';
import type {
  HttpRecordHead,
  JournalBlock,
  PulseRecord,
  RecordView,
  RestoredJournal,
  SegmentHead,
  SessionRecord,
  WriterRecord,
} from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import type { Plan, Source } from '../ports/source.ts';
import { ClockOffset } from './clock-offset.ts';
import { decodeHttpRecord } from './http-record.ts';
import type { InstrumentJson } from './instrument-state.ts';
import { InstrumentState } from './instrument-state.ts';
import { LagWindow } from './lag-window.ts';
import { Pending } from './pending.ts';
import { SessionTable } from './session-table.ts';
import { venueCandle } from './venue-candle.ts';
import { compare } from './venue-check.ts';

/** Each book goes into `book_snapshots` at least this often, instruments staggered. */
const snapshotPeriodUs = 10 * minuteUs;
/** Rows decoded before they are derived, within one block. */
const rowsPerStep = 16_384;

/** Who wants to know at once what changed; called synchronously, after the state has changed. */
export interface LiveListener {
  tradesAdded(state: InstrumentState, batch: Batch, first: number, end: number, kind: 'trade' | 'agg-trade'): void;
  /** Trades from `fromUs` on were added; they may be late. */
  candlesChanged(state: InstrumentState, fromUs: number): void;
  bookChanged(state: InstrumentState): void;
  gapsChanged(state: InstrumentState, gaps: readonly Gap[]): void;
  pulsed(): void;
}

/** So long the venue's REST may be behind its own stream (those answers come from a database). */
const answerDelayUs = minuteUs;
/** How far events may be ahead of the newest pulse: its period, and what the clocks may differ. */
const leadUsMax = 2 * secondUs;

/** Close code of a connection that we ended over a frame beyond the limit. */
const tooLargeCode = 1009;

const decoder = new TextDecoder();

/**
 * All that is derived from journals, as one synchronous state machine: records in; rows for the lake, state for screens and
 * open questions for the venue out. It knows no clock: time is what pulses and events say. The same records give the same
 * rows, whether live, replayed or rebuilt, and however two journals interleave.
 */
export class Derivation {
  readonly source: Source;
  readonly slots: Slots;
  readonly sessions = new SessionTable();
  readonly lag = new LagWindow();
  pending = new Pending();
  /** Gaps changed since they were last taken for a commit, newest state by key. */
  readonly changedGaps: Map<string, { state: InstrumentState; gap: Gap }> = new Map<
    string,
    { state: InstrumentState; gap: Gap }
  >();
  /** Newest venue time that a pulse or event named, µs; 0 before the first. */
  venueNowUs = 0;
  lastPulseAtUs = 0;
  /** Receive time of the newest record, µs: decides commit boundaries. */
  recordedAtUs = 0;
  readonly clock = new ClockOffset();
  frameCount = 0;
  findingCount = 0;
  live: LiveListener | undefined;
  readonly #decoded: Decoded;
  readonly #byInstrument: InstrumentState[] = [];
  readonly #bySlot: InstrumentState[] = [];
  readonly #changedBooks = new Set<InstrumentState>();
  readonly #changedStates = new Set<InstrumentState>();

  constructor(source: Source, slots = new Slots()) {
    this.source = source;
    this.slots = slots;
    this.#decoded = new Decoded(slots);
  }

  get instruments(): readonly InstrumentState[] {
    return this.#byInstrument;
  }

  get dataKind(): DataKind {
    return this.sessions.plan?.dataKind ?? 'live';
  }

  /** State of an instrument; made when first asked for. */
  state(instrument: Instrument): InstrumentState {
    return this.#stateOf(this.slots.current(instrument) ?? this.slots.atLeast(instrument, 0, 0));
  }

  find(instrument: Instrument): InstrumentState | undefined {
    const slot = this.slots.current(instrument);
    return slot === undefined ? undefined : this.#byInstrument[slot.instrumentIndex];
  }

  currentSlot(state: InstrumentState): Slot {
    return this.slots.current(state.instrument)!;
  }

  process(block: JournalBlock): void {
    const writer = block.from.writer;
    block.forEach((record) => {
      this.#record(writer, record);
    });
    this.#derive();
  }

  /**
   * Records of a journal that can not be read any more. Ids show what they held; streams without ids show a gap from the
   * last record before to the first after.
   */
  journalDamaged(writer: string, sequence: number, lostRecords: number, detail: string): void {
    Object.assign(this.#decoded.record, { writer, sequence, receivedAtUs: this.recordedAtUs });
    this.#decoded.addFinding('journal-damaged', '', `${lostRecords} records: ${detail}`);
    this.#derive();
    for (const planSession of this.sessions.openIn(writer)) this.#disconnected(writer, planSession, 'unknown');
  }

  /** What a segment says was in force when it began, for a reader that did not see what came before. */
  inForce({ writer, sessions, plan, createdAtUs }: SegmentHead): void {
    if (plan !== undefined) this.#plan(writer, plan);
    const lost = this.sessions.inForce(writer, sessions, createdAtUs);
    for (const planSession of lost) this.#disconnected(writer, planSession, 'unknown');
  }

  #record(writer: string, record: RecordView): void {
    if (record.receivedAtUs > this.recordedAtUs) this.recordedAtUs = record.receivedAtUs;
    const decoded = this.#decoded;
    const context = decoded.record;
    context.writer = writer;
    context.sequence = record.sequence;
    context.receivedAtUs = record.receivedAtUs;
    if (record.kind === recordKinds.frame) {
      const session = this.sessions.get(writer, record.session);
      if (session === undefined) {
        decoded.addFinding('frame-without-session', '', `no session ${record.session} is known in journal ${writer}`);
        return;
      }
      session.frames++;
      session.lastFrameAtUs = record.receivedAtUs;
      this.frameCount++;
      context.market = session.market;
      context.origin = 'frame';
      this.source.decodeFrame(record.bytes, record.start, record.end, decoded);
      // Findings about a venue's candle name its record, so its rows are derived before the next record.
      if (decoded.venueCandles.length > 0) this.#derive();
      else if (decoded.trades.length + decoded.depth.levelCount + decoded.bookTickers.length > rowsPerStep)
        this.#derive();
      return;
    }
    this.#derive();
    switch (record.kind) {
      case recordKinds.http:
        this.#http(record);
        break;
      case recordKinds.session:
        this.#session(writer, readJson<SessionRecord>(record), record.receivedAtUs);
        break;
      case recordKinds.plan:
        this.#plan(writer, readJson<Plan>(record));
        break;
      case recordKinds.writer:
        this.#writer(readJson<WriterRecord>(record));
        break;
      case recordKinds.pulse:
        this.#pulse(readJson<PulseRecord>(record));
        break;
    }
    this.#derive();
    this.#settle();
  }

  #plan(writer: string, plan: Plan): void {
    this.sessions.follow(writer, plan);
    for (const state of this.#byInstrument) state?.planned.clear();
    for (const session of plan.sessions) {
      for (const stream of session.streams) this.state(stream.instrument).planned.add(stream.kind);
    }
  }

  #writer(record: WriterRecord): void {
    if (record.event !== 'started') return;
    if (record.restored !== undefined) this.#decoded.addFinding('journal-restored', '', lossOf(record.restored));
    for (const planSession of this.sessions.writerStarted(record.writer))
      this.#disconnected(record.writer, planSession, 'process-stop');
  }

  #session(writer: string, record: SessionRecord, atUs: number): void {
    if (record.event === 'closed' && record.code === tooLargeCode && record.side === 'us') {
      this.#decoded.record.market = this.sessions.get(writer, record.session)?.market ?? this.#decoded.record.market;
      this.#decoded.addFinding('frame-refused', '', `the connection was given up: ${record.reason}`);
    }
    const lost = this.sessions.apply(writer, record, atUs);
    if (lost !== undefined) this.#disconnected(writer, lost, 'disconnect');
  }

  #disconnected(writer: string, planSession: string, reason: GapReason): void {
    for (const stream of this.sessions.planned(writer, planSession)?.streams ?? []) {
      const state = this.state(stream.instrument);
      ledgerOf(state, stream.kind, stream.interval)?.disconnected(reason);
      this.#changedStates.add(state);
    }
    this.#settle();
  }

  #pulse(pulse: PulseRecord): void {
    this.lastPulseAtUs = Math.max(this.lastPulseAtUs, pulse.wallUs);
    if (pulse.venueUs !== null && pulse.venueUs > this.venueNowUs) this.venueNowUs = pulse.venueUs;
    for (const state of this.#byInstrument) if (state !== undefined) this.#checkVenueCandles(state);
    this.live?.pulsed();
  }

  #http(record: RecordView): void {
    const { head, body } = decodeHttpRecord(record.bytes, record.start, record.end);
    const decoded = this.#decoded;
    decoded.record.market = head.request.market;
    decoded.record.origin = 'rest';
    this.source.decodeResponse(head.request, head.status, body, decoded);
    // Nothing but this answer has been decoded since the last rows were derived.
    const isRead = head.status === 200 && decoded.findings.length === 0;
    if (head.request.purpose === 'time' && isRead) {
      this.clock.add(decoded.serverTimeUs, head.requestedAtUs, record.receivedAtUs);
    }
    const state =
      head.request.symbol === undefined
        ? undefined
        : this.state({ venue: this.source.venue, market: head.request.market, symbol: head.request.symbol });
    const conclusion = state === undefined ? undefined : this.#conclusion(state, head);
    conclusion?.tried();
    this.#derive();
    if (state === undefined || conclusion === undefined) return;
    conclusion.declare();
    this.#changedStates.add(state);
    this.#settle();
  }

  /**
   * What an answer says of the ids or open times it was asked for. Those that it lacks below its last row do not exist
   * there; an answer that ends early can be one that is behind the stream, so the rest is declared only when it is old.
   */
  #conclusion(state: InstrumentState, head: HttpRecordHead): { tried(): void; declare(): void } | undefined {
    const { purpose, path, fromId, limit, fromUs, toUs, interval } = head.request;
    const isRefused = this.#decoded.findings.length > 0;
    if (purpose === 'klines') {
      const isAnswered = head.status === 200 && (!isRefused || this.#decoded.venueCandles.length > 0);
      if (fromUs === undefined || toUs === undefined || interval === undefined) return undefined;
      const what = `REST ${path} from ${new Date(fromUs / 1000).toISOString()}: HTTP ${head.status}`;
      const ledger = state.klineLedger(interval);
      return {
        tried: () => ledger.tried(fromUs, toUs, what),
        declare: () => {
          if (isAnswered && toUs < this.venueNowUs - answerDelayUs) ledger.declare(fromUs, toUs, what);
        },
      };
    }
    if (fromId === undefined || limit === undefined) return undefined;
    const rows = purpose === 'trades-by-id' ? this.#decoded.trades : this.#decoded.aggTrades;
    const ids =
      purpose === 'trades-by-id' ? this.#decoded.trades.columns.trade_id : this.#decoded.aggTrades.columns.agg_trade_id;
    const ledger = purpose === 'trades-by-id' ? state.trades : state.aggTrades;
    const lastAskedId = fromId + limit - 1;
    const lastId = rows.length === 0 ? fromId - 1 : ids[rows.length - 1]!;
    // A page of something else, or rows of another question, say nothing of these ids.
    const isAnswered = head.status === 200 && (rows.length === 0 ? !isRefused : ids[0]! >= fromId);
    const unread = head.status === 200 && !isAnswered ? ', no answer to this' : '';
    const what = `REST ${path} from ${fromId}: HTTP ${head.status}, ${rows.length} rows${unread}`;
    return {
      tried: () => ledger.tried(fromId, lastAskedId, what),
      declare: () => {
        if (!isAnswered) return;
        const isOld = ledger
          .missing()
          .every((gap) => gap.toId < fromId || gap.closedAtUs < this.venueNowUs - answerDelayUs);
        const toId = isOld ? lastAskedId : lastId;
        if (toId >= fromId) ledger.declare(fromId, toId, what);
      },
    };
  }

  /** Applies the decoded rows to ledgers, books and candles and passes what is new on. */
  #derive(): void {
    const decoded = this.#decoded;
    this.#moveVenueTime(decoded.newestEventAtUs);
    if (decoded.isEmpty) return;
    this.#deriveFacts();
    this.#deriveTrades();
    this.#deriveAggTrades();
    this.#deriveDepth();
    this.#deriveBookTickers();
    this.#deriveTickers();
    this.#deriveVenueCandles();
    if (decoded.findings.length > 0) {
      this.findingCount += decoded.findings.length;
      this.pending.findings.appendRows(decoded.findings, 0, decoded.findings.length);
    }
    decoded.clear();
    this.#settle();
  }

  /** Between pulses events say what time it is at the venue; one that is far from them has a wrong time. */
  #moveVenueTime(eventAtUs: number): void {
    if (eventAtUs <= this.venueNowUs) return;
    const isPulsed = this.sessions.plan?.venueTime.mode === 'wall';
    if (!isPulsed) this.venueNowUs = eventAtUs;
    else if (this.#decoded.record.origin === 'frame' && eventAtUs <= this.venueNowUs + leadUsMax) {
      this.venueNowUs = eventAtUs;
    }
  }

  #deriveFacts(): void {
    for (const fact of this.#decoded.instruments) {
      const state = this.#stateOf(this.slots.get(fact.slot));
      const known = state.fact;
      const isSame =
        known !== undefined &&
        known.status === fact.status &&
        known.tickSize === fact.tickSize &&
        known.stepSize === fact.stepSize;
      if (known !== undefined && !isSame)
        this.pending.addInstrument(known, state.factValidFromUs, fact.atUs, this.slots);
      if (!isSame) {
        state.factValidFromUs = fact.atUs;
        this.pending.addInstrument(fact, fact.atUs, Number.NaN, this.slots);
      }
      state.fact = fact;
    }
    for (const latest of this.#decoded.latestIds) {
      const state = this.#stateOf(this.slots.get(latest.slot));
      (latest.stream === 'trade' ? state.trades : state.aggTrades).latestKnown(latest.id, latest.atUs);
      this.#changedStates.add(state);
    }
  }

  #deriveTrades(): void {
    const rows = this.#decoded.trades;
    if (rows.length === 0) return;
    const { trade_id, traded_at, received_at, price, quantity, buyer_is_maker, is_market, origin } = rows.columns;
    // New rows form runs, and a run is copied to the pending rows as one block; followers get a run per instrument.
    let runStart = 0;
    let liveStart = 0;
    let liveState: InstrumentState | undefined;
    for (let row = 0; row < rows.length; row++) {
      const slot = this.slots.get(rows.slot[row]!);
      const state = this.#stateOf(slot);
      const id = trade_id[row]!;
      const isNew =
        origin[row] === 'frame'
          ? state.trades.holdFrame(id, traded_at[row]!, received_at[row]!)
          : state.trades.holdRest(id, traded_at[row]!);
      if (!isNew || state !== liveState) {
        if (liveState !== undefined)
          this.live?.tradesAdded(liveState, rows as unknown as Batch, liveStart, row, 'trade');
        liveStart = isNew ? row : row + 1;
        liveState = isNew ? state : undefined;
        this.#changedStates.add(state);
      }
      if (!isNew) {
        if (runStart < row) this.pending.trades.appendRows(rows, runStart, row);
        runStart = row + 1;
      } else if (is_market[row] === 1) {
        state.series.builder.add(
          id,
          id,
          1,
          price[row]!,
          quantity[row]!,
          traded_at[row]!,
          buyer_is_maker[row] === 0,
          slot,
        );
        if (traded_at[row]! < state.changedFromUs) state.changedFromUs = traded_at[row]!;
        state.lastPrice = price[row]!;
        state.lastPriceSlot = slot.index;
      }
    }
    if (runStart < rows.length) this.pending.trades.appendRows(rows, runStart, rows.length);
    if (liveState !== undefined) {
      this.live?.tradesAdded(liveState, rows as unknown as Batch, liveStart, rows.length, 'trade');
    }
    const last = rows.length - 1;
    if (origin[last] === 'frame') this.lag.add(rows.columns.event_at[last]!, received_at[last]!);
  }

  #deriveAggTrades(): void {
    const rows = this.#decoded.aggTrades;
    if (rows.length === 0) return;
    const {
      agg_trade_id,
      first_trade_id,
      last_trade_id,
      traded_at,
      received_at,
      price,
      quantity,
      buyer_is_maker,
      origin,
    } = rows.columns;
    for (let row = 0; row < rows.length; row++) {
      const slot = this.slots.get(rows.slot[row]!);
      const state = this.#stateOf(slot);
      this.#changedStates.add(state);
      const id = agg_trade_id[row]!;
      const isNew =
        origin[row] === 'frame'
          ? state.aggTrades.holdFrame(id, traded_at[row]!, received_at[row]!)
          : state.aggTrades.holdRest(id, traded_at[row]!);
      if (!isNew) continue;
      this.pending.aggTrades.appendRows(rows, row, row + 1);
      // Asked of the journal that the row is in, so that it does not matter how far another one was read.
      const hasTrades =
        this.sessions.recordsTrades(this.#decoded.record.writer, state.id) ?? state.candleSource === 'trades';
      if (!hasTrades && state.instrument.market === 'spot') {
        const firstId = first_trade_id[row]!;
        const lastId = last_trade_id[row]!;
        const count = lastId - firstId + 1;
        const atUs = traded_at[row]!;
        state.series.builder.add(
          firstId,
          lastId,
          count,
          price[row]!,
          quantity[row]!,
          atUs,
          buyer_is_maker[row] === 0,
          slot,
          1,
        );
        if (atUs < state.changedFromUs) state.changedFromUs = atUs;
        state.lastPrice = price[row]!;
        state.lastPriceSlot = slot.index;
        this.live?.tradesAdded(state, rows as unknown as Batch, row, row + 1, 'agg-trade');
      }
    }
  }

  #deriveDepth(): void {
    const depth = this.#decoded.depth;
    for (let event = 0; event < depth.length; event++) {
      const state = this.#stateOf(this.slots.get(depth.slot[event]!));
      const held = state.depth.hold(
        depth.firstUpdateId[event]!,
        depth.finalUpdateId[event]!,
        depth.previousUpdateId[event]!,
        depth.eventAtUs[event]!,
      );
      this.#changedBooks.add(state);
      if (held === 'duplicate') continue;
      this.pending.addDepth(depth, event);
      state.book.apply(depth, event, this.slots);
      // One a step: the record that showed it is its key.
      for (const finding of state.book.takeFindings().slice(0, 1)) {
        this.#decoded.addFinding(finding.code, 'depth', finding.detail, depth.slot[event]!);
      }
    }
    if (depth.length > 0) this.lag.add(depth.eventAtUs[depth.length - 1]!, depth.receivedAtUs[depth.length - 1]!);
    for (const snapshot of this.#decoded.snapshots) {
      const state = this.#stateOf(this.slots.get(snapshot.slot));
      state.book.snapshot(snapshot, this.slots);
      this.#changedBooks.add(state);
    }
  }

  /** After an event that the book took, whether it waited for a REST snapshot or not: rows depend on the events alone. */
  #snapshotWhenDue(state: InstrumentState): void {
    if (state.book.eventAtUs < state.nextSnapshotAtUs && !state.book.isUnwritten) return;
    state.book.writeSnapshotRows(this.pending.bookSnapshots, this.currentSlot(state));
    let offsetUs = 0;
    for (const letter of state.id) offsetUs = (offsetUs * 31 + letter.charCodeAt(0) * secondUs) % snapshotPeriodUs;
    const sinceGridUs = (state.book.eventAtUs - offsetUs) % snapshotPeriodUs;
    state.nextSnapshotAtUs = state.book.eventAtUs - sinceGridUs + snapshotPeriodUs;
  }

  #deriveBookTickers(): void {
    const rows = this.#decoded.bookTickers;
    if (rows.length === 0) return;
    const { update_id, received_at } = rows.columns;
    let runStart = 0;
    for (let row = 0; row < rows.length; row++) {
      const state = this.#stateOf(this.slots.get(rows.slot[row]!));
      // While two sessions overlap both deliver the same updates; ids only rise within a session.
      if (update_id[row]! > state.lastBookTickerId) {
        state.lastBookTickerId = update_id[row]!;
        state.bookTicker.hold(received_at[row]!);
        continue;
      }
      if (runStart < row) this.pending.bookTickers.appendRows(rows, runStart, row);
      runStart = row + 1;
    }
    if (runStart < rows.length) this.pending.bookTickers.appendRows(rows, runStart, rows.length);
    for (let row = 0; row < rows.length; row++) this.#changedStates.add(this.#stateOf(this.slots.get(rows.slot[row]!)));
  }

  #deriveTickers(): void {
    const rows = this.#decoded.tickers;
    for (let row = 0; row < rows.length; row++) {
      const state = this.#stateOf(this.slots.get(rows.slot[row]!));
      const eventAtUs = rows.columns.event_at[row]!;
      if (eventAtUs <= state.lastTickerAtUs) continue;
      state.lastTickerAtUs = eventAtUs;
      state.ticker.hold(eventAtUs);
      this.pending.tickers.appendRows(rows, row, row + 1);
      this.#changedStates.add(state);
    }
  }

  #deriveVenueCandles(): void {
    const rows = this.#decoded.venueCandles;
    for (let row = 0; row < rows.length; row++) {
      const state = this.#stateOf(this.slots.get(rows.slot[row]!));
      const interval = rows.columns.interval[row] as Interval;
      const ledger = state.klineLedger(interval);
      const openedAtUs = rows.columns.opened_at[row]!;
      const isNew =
        rows.columns.origin[row] === 'frame'
          ? ledger.hold(openedAtUs, rows.columns.received_at[row]!)
          : ledger.holdRest(openedAtUs);
      this.#changedStates.add(state);
      if (!isNew) continue;
      this.pending.venueCandles.appendRows(rows, row, row + 1);
      const theirs = venueCandle(rows, row, this.slots.get(rows.slot[row]!), this.#decoded.record);
      if (theirs !== undefined && state.planned.has('trade')) state.unchecked.push(theirs);
    }
  }

  /** Compares the venue's candles with ours once ours are proven. */
  #checkVenueCandles(state: InstrumentState): void {
    if (state.unchecked.length === 0) return;
    state.unchecked = state.unchecked.filter((theirs) => {
      const verdict = compare(state, theirs, this.venueNowUs);
      if (verdict.kind === 'not-yet') return true;
      if (verdict.kind === 'equal') state.equalCandles++;
      if (verdict.kind === 'differs') {
        this.findingCount++;
        this.pending.addFinding(this.currentSlot(state).index, 'candle-mismatch', 'kline', verdict.detail, theirs);
      }
      return false;
    });
  }

  /** Tells followers what the last rows changed and notes gaps and candles for the next commit. */
  #settle(): void {
    for (const state of this.#changedBooks) {
      this.#changedStates.add(state);
      this.live?.bookChanged(state);
    }
    this.#changedBooks.clear();
    for (const state of this.#changedStates) {
      if (state.trades.missingIds > 0 && this.source.requests.tradesById(state.instrument, 0, 1) === undefined) {
        const { firstId, lastId } = state.trades;
        state.trades.declare(firstId, lastId, 'the venue serves trades by id only to accounts');
      }
      const gaps = state.takeChangedGaps();
      for (const gap of gaps)
        this.changedGaps.set(`${state.id}/${gap.stream}/${gap.fromId}/${gap.openedAtUs}`, { state, gap });
      if (gaps.length > 0) this.live?.gapsChanged(state, gaps);
      if (state.changedFromUs !== Number.POSITIVE_INFINITY) {
        this.live?.candlesChanged(state, state.changedFromUs);
        state.changedFromUs = Number.POSITIVE_INFINITY;
      }
    }
    this.#changedStates.clear();
  }

  #stateOf(slot: Slot): InstrumentState {
    const known = this.#bySlot[slot.index];
    if (known !== undefined) return known;
    const state = this.#byInstrument[slot.instrumentIndex] ?? new InstrumentState(slot.instrument, slot.id);
    this.#byInstrument[slot.instrumentIndex] = state;
    state.book.afterEvent = () => this.#snapshotWhenDue(state);
    this.#bySlot[slot.index] = state;
    return state;
  }

  /** What resuming at this point needs, as JSON; candles are not in it: the lake has their rows. */
  checkpoint(): unknown {
    return {
      formatVersion: 1,
      slots: this.slots.all.map((slot) => [
        slot.instrument.market,
        slot.instrument.symbol,
        slot.priceScale,
        slot.quantityScale,
      ]),
      sessions: this.sessions.toJSON(),
      venueNowUs: this.venueNowUs,
      recordedAtUs: this.recordedAtUs,
      frameCount: this.frameCount,
      findingCount: this.findingCount,
      instruments: this.#byInstrument
        .filter((state) => state !== undefined)
        .map((state) => state.toJSON(this.venueNowUs)),
    };
  }

  load(json: unknown): void {
    const saved = json as {
      slots: [string, string, number, number][];
      sessions: unknown;
      venueNowUs: number;
      recordedAtUs: number;
      frameCount: number;
      findingCount: number;
      instruments: InstrumentJson[];
    };
    for (const [market, symbol, priceScale, quantityScale] of saved.slots) {
      const instrument = { venue: this.source.venue, market: market as Instrument['market'], symbol };
      this.#stateOf(this.slots.atLeast(instrument, priceScale, quantityScale));
    }
    this.sessions.load(saved.sessions);
    this.venueNowUs = saved.venueNowUs;
    this.recordedAtUs = saved.recordedAtUs;
    this.frameCount = saved.frameCount;
    this.findingCount = saved.findingCount;
    for (const instrument of saved.instruments) {
      const state = this.state(instrument.instrument);
      state.load(instrument);
      state.book.afterEvent = () => this.#snapshotWhenDue(state);
    }
  }
}

/** What is known to be gone of a journal that was brought back. */
function lossOf({ shippedTo, derivedTo }: RestoredJournal): string {
  const lostRecords = Math.max(0, (derivedTo?.sequence ?? 0) - shippedTo.sequence);
  const place = `segment ${shippedTo.segment} offset ${shippedTo.offset}, record ${shippedTo.sequence}`;
  const lost = `${lostRecords} derived records after it and all that were not derived are gone`;
  return `brought back up to ${place}; ${lost}`;
}

function readJson<T>(record: RecordView): T {
  return JSON.parse(decoder.decode(record.bytes.subarray(record.start, record.end))) as T;
}

function ledgerOf(
  state: InstrumentState,
  kind: StreamKind,
  interval: Interval | undefined,
): { disconnected(reason: GapReason): void } | undefined {
  switch (kind) {
    case 'trade':
      return state.trades;
    case 'agg-trade':
      return state.aggTrades;
    case 'depth':
      return state.depth;
    case 'book-ticker':
      return state.bookTicker;
    case 'ticker':
      return state.ticker;
    case 'kline':
      return interval === undefined ? undefined : state.klineLedger(interval);
    default:
      return undefined;
  }
}
