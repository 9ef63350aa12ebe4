import { type Market, markets } from '../domain/instrument.ts';
import type { VenueHosts } from '../ports/source.ts';
import type { World } from '../ports/world.ts';
import { encodeError, type TimeUnit } from '../sources/binance/encode.ts';
import { connectionRules } from '../sources/binance/limits.ts';
import { Channels } from './channels.ts';
import { Connection, type Wire } from './connection.ts';
import { type Answered, type Asked, type Doors, listen } from './listen.ts';
import type { Listing } from './listing.ts';
import { MatchingVenue } from './matching-venue.ts';
import type { HarbourOptions } from './options.ts';
import { MatchingPlayer, ReplayPlayer } from './players.ts';
import { ReplayVenue } from './replay-venue.ts';
import { RequestLimits } from './request-limits.ts';
import { answer, type RestQuestion, readQuestion, type VenueState, weightOf } from './rest.ts';
import { Truth } from './truth.ts';

export interface HttpFailure {
  readonly status: number;
  readonly body?: string;
  readonly retryAfterS?: number;
  readonly delayMs?: number;
  /** Only requests whose path and query contain this. */
  readonly matching?: string;
  /** Requests that fail before all is well again; without it until `setHttpFailure(undefined)`. */
  readonly times?: number;
  /** No answer at all: the connection is cut. */
  readonly cut?: boolean;
}

export interface Harbour {
  readonly port: number;
  readonly hosts: VenueHosts;
  readonly connections: ReadonlySet<Connection>;
  readonly venue: VenueState;
  readonly truth: Truth;
  /** Ends every connection: with a close frame, or reset without one. */
  dropConnections(options?: { abrupt?: boolean; market?: Market }): void;
  /** `serverShutdown` on every connection; with `thenCloseMs` they are closed after that. */
  announceShutdown(thenCloseMs?: number): void;
  /** Everything keeps still for so long, sockets stay open. What happens meanwhile is lost to the connections. */
  stall(forMs: number): void;
  setHttpFailure(failure: HttpFailure | undefined): void;
  /** Upgrades are answered with this instead. */
  setUpgradeFailure(failure: HttpFailure | undefined): void;
  /** `BREAK`, `HALT`, `CANCEL_ONLY`, `TRADING`; matched symbols only. */
  setSymbolStatus(symbol: string, status: string): void;
  /** Resolves at the end of a replay or of a run with an end; rejects when the recording turns out to be broken. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

const pumpPeriodMs = 5;
const bufferLimitBytes = 4 << 20;
const fiveMinutesUs = 300_000_000;

/** Opens a simulated exchange on a loopback port. */
export async function startHarbour(world: World, options: HarbourOptions): Promise<Harbour> {
  const harbour = new RunningHarbour(world, options);
  await harbour.open();
  return harbour;
}

class RunningHarbour implements Harbour, Doors {
  readonly #world: World;
  readonly #options: HarbourOptions;
  readonly #channels = new Channels();
  readonly #limits = new RequestLimits();
  readonly venue: MatchingVenue | ReplayVenue;
  readonly truth: Truth;
  readonly #player: { play(): void; readonly isOver: boolean };
  readonly connections = new Set<Connection>();
  readonly #attempts = new Map<string, number[]>();
  readonly done: Promise<void>;
  #finish: () => void = () => {};
  #fail: (error: unknown) => void = () => {};
  #hasFailed = false;
  #listening: { port: number; close(): Promise<void> } | undefined;
  #cancels: (() => void)[] = [];
  #nextConnectionId = 1;
  #httpFailure: { failure: HttpFailure; left: number } | undefined;
  #upgradeFailure: { failure: HttpFailure; left: number } | undefined;

  constructor(world: World, options: HarbourOptions) {
    this.#world = world;
    this.#options = options;
    const { mode, keep = {} } = options;
    if (mode.kind === 'matching') {
      const venue = new MatchingVenue(
        {
          ...mode,
          startAtUs: mode.startAtUs ?? world.clock.wallUs(),
          keepTrades: keep.trades ?? 4_000_000,
          keepBookUpdates: keep.bookUpdates ?? 500_000,
        },
        this.#channels,
      );
      this.venue = venue;
      this.#player = new MatchingPlayer(venue, mode, world.clock, () => this.#isCongested());
    } else {
      const venue = new ReplayVenue(mode.feed, this.#channels);
      this.venue = venue;
      this.#player = new ReplayPlayer(venue, mode, world.clock, {
        isHeard: (stream) => this.#channels.isHeard(stream),
        isCongested: () => this.#isCongested(),
        isBuffering: () => this.#isBuffering(),
        cut: () => this.dropConnections({ abrupt: true }),
      });
    }
    this.truth = new Truth((market, symbol) => this.venue.listing(market, symbol), keep.sentPerConnection ?? 1_000_000);
    if (this.venue instanceof MatchingVenue) {
      for (const symbol of this.venue.symbols) this.truth.keepBook(symbol.listing.symbol, symbol.history);
    }
    if (options.faults?.weightPerMinute !== undefined) {
      const weight = options.faults.weightPerMinute;
      this.#limits.weightLimit = { spot: weight, usdm: weight, coinm: weight };
    }
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.done.catch(() => {});
  }

  async open(): Promise<void> {
    const { host = '127.0.0.1', port = 0, tls } = this.#options;
    this.#listening = await listen({ host, port, ...(tls === undefined ? {} : { tls }) }, this);
    if (this.#options.truthFile !== undefined) {
      this.truth.writeTo(this.#world.files.open(this.#options.truthFile, 'create'));
      this.#cancels.push(this.#world.timers.every(1000, () => this.truth.flush(this.#listings())));
    }
    this.#cancels.push(this.#world.timers.every(pumpPeriodMs, () => this.#pump()));
    this.#cancels.push(this.#world.timers.every(250, () => this.#keepHouse()));
  }

  #listings(): Listing[] {
    return markets.flatMap((market) => this.venue.listings(market));
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  get hosts(): VenueHosts {
    const { host = '127.0.0.1', tls } = this.#options;
    const s = tls === undefined ? '' : 's';
    const streams = [`ws${s}://${host}:${this.port}`];
    const rest = [`http${s}://${host}:${this.port}`];
    return { streams: { spot: streams, usdm: streams }, rest: { spot: rest, usdm: rest } };
  }

  #pump(): void {
    if (this.#hasFailed) return;
    for (const connection of this.connections) connection.cork();
    try {
      this.#player.play();
    } catch (error) {
      this.#hasFailed = true;
      this.#fail(error);
    }
    for (const connection of this.connections) connection.uncork();
    if (this.#hasFailed) return;
    if (this.#player.isOver && !this.#isBuffering()) this.#finish();
  }

  #isBuffering(): boolean {
    for (const connection of this.connections) if (connection.bufferedBytes > 0) return true;
    return false;
  }

  #isCongested(): boolean {
    for (const connection of this.connections) if (connection.bufferedBytes > bufferLimitBytes) return true;
    return false;
  }

  /** Pings, missed pongs, old age. Venue rules run in real time, whatever the speed. */
  #keepHouse(): void {
    const nowUs = this.#world.clock.monotonicUs();
    const { faults = {} } = this.#options;
    for (const connection of this.connections) {
      const rules = connectionRules[connection.options.market];
      const pingPeriodUs = (faults.pingPeriodMs ?? rules.pingPeriodMs) * 1000;
      const pongDeadlineUs = (faults.pongDeadlineMs ?? rules.pongDeadlineMs) * 1000;
      if (nowUs - connection.openedAtUs > (faults.lifetimeMs ?? rules.lifetimeMs) * 1000) {
        connection.close(1000, '');
      } else if (nowUs - connection.lastPongAtUs > pingPeriodUs + pongDeadlineUs) {
        connection.close(1008, 'Pong timeout');
      } else if (nowUs - connection.lastPingAtUs > pingPeriodUs) {
        connection.ping(String(Math.floor(this.#world.clock.wallUs() / 1000)), nowUs);
      }
    }
  }

  async request(asked: Asked): Promise<Answered | undefined> {
    const headers: Record<string, string> = { 'content-type': 'application/json;charset=UTF-8' };
    const failure = this.#failing(asked);
    if (failure?.delayMs !== undefined) {
      await new Promise<void>((resolve) => this.#world.timers.after(failure.delayMs!, resolve));
    }
    if (failure?.cut) return undefined;
    if (failure !== undefined && failure.status !== 200) return refusal(failure, headers);
    const unitHeader = asked.headers['x-mbx-time-unit'];
    if (unitHeader !== undefined && !/^(MICROSECOND|MILLISECOND)$/i.test(unitHeader)) {
      return {
        status: 400,
        headers,
        body: encodeError(-1194, 'Invalid value for time unit; expected either MICROSECOND or MILLISECOND.'),
      };
    }
    const unit: TimeUnit = /^MICROSECOND$/i.test(unitHeader ?? '') ? 'us' : 'ms';
    const question = readQuestion(asked.path, asked.query, unit);
    if (question === undefined || asked.method !== 'GET') {
      return {
        status: 404,
        headers: { 'content-type': 'text/html' },
        body: '<html><body><h2>404 Not found</h2></body></html>',
      };
    }
    const verdict = this.#limits.judge(asked.address, question.market, weightOf(question), this.#world.clock.wallUs());
    headers['x-mbx-used-weight'] = String(verdict.usedWeight);
    headers['x-mbx-used-weight-1m'] = String(verdict.usedWeight);
    if (verdict.refused !== undefined) {
      headers['retry-after'] = String(verdict.refused.retryAfterS);
      return { status: verdict.refused.status, headers, body: verdict.refused.body };
    }
    if (this.#options.mode.kind === 'matching' && Number.isFinite(this.#options.mode.speed)) this.#pump();
    if (question.endpoint === 'depth' && this.venue instanceof ReplayVenue) {
      const body = await this.#recordedSnapshot(this.venue, question);
      if (body !== undefined) return { status: 200, headers, body };
    }
    const { status, body } = answer(question, this.venue);
    return { status, headers, body };
  }

  /** The recorded snapshot, waited for while it lies ahead in the recording. */
  async #recordedSnapshot(venue: ReplayVenue, question: RestQuestion): Promise<string | undefined> {
    for (;;) {
      const body = venue.recordedSnapshot(question.market, question.query.get('symbol') ?? '');
      if (body !== 'later') return body;
      await new Promise<void>((resolve) => this.#world.timers.after(pumpPeriodMs, resolve));
      if (this.#listening === undefined) return undefined;
    }
  }

  #failing(asked: Asked): HttpFailure | undefined {
    const set = this.#httpFailure;
    if (set === undefined) return undefined;
    const { matching } = set.failure;
    if (matching !== undefined && !`${asked.path}?${asked.query}`.includes(matching)) return undefined;
    if (--set.left <= 0) this.#httpFailure = undefined;
    return set.failure;
  }

  upgrade(asked: Asked) {
    const headers = { 'content-type': 'application/json' };
    const set = this.#upgradeFailure;
    if (set !== undefined) {
      if (--set.left <= 0) this.#upgradeFailure = undefined;
      return refusal(set.failure, headers);
    }
    const nowUs = this.#world.clock.monotonicUs();
    const route = readRoute(asked);
    if (route === undefined) return refusal({ status: 404, body: 'Not found' }, headers);
    const { faults = {} } = this.#options;
    const rules = connectionRules[route.market];
    const attempts = (this.#attempts.get(asked.address) ?? []).filter((atUs) => atUs > nowUs - fiveMinutesUs);
    attempts.push(nowUs);
    this.#attempts.set(asked.address, attempts);
    if (attempts.length > (faults.attemptsPerFiveMinutes ?? rules.attemptsPerFiveMinutes)) {
      const retryAfterS = Math.ceil((attempts[0]! + fiveMinutesUs - nowUs) / 1e6);
      return refusal({ status: 429, retryAfterS, body: 'Too many connections' }, headers);
    }
    const streamsPerConnection = faults.streamsPerConnection ?? rules.streamsPerConnection;
    if (route.streams.length > streamsPerConnection) return refusal({ status: 400, body: 'Too many streams' }, headers);
    return (wire: Wire) => {
      const id = this.#nextConnectionId++;
      const record = this.truth.opened(id, route.market, this.#world.clock.wallUs());
      const connection = new Connection(
        id,
        wire,
        this.#channels,
        { ...route, messagesPerSecond: faults.messagesPerSecond ?? rules.messagesPerSecond, streamsPerConnection },
        nowUs,
        (message) => this.truth.sentMessage(record, message, this.#world.clock.wallUs()),
      );
      this.connections.add(connection);
      const now = () => this.#world.clock.monotonicUs();
      return {
        message: (text: string) => connection.receive(text, now()),
        pinged: () => connection.pinged(now()),
        pong: () => connection.pong(now()),
        closed: () => {
          connection.closed();
          this.connections.delete(connection);
          this.truth.closed(record, this.#world.clock.wallUs());
        },
      };
    };
  }

  dropConnections({ abrupt = false, market }: { abrupt?: boolean; market?: Market } = {}): void {
    for (const connection of [...this.connections]) {
      if (market !== undefined && connection.options.market !== market) continue;
      if (abrupt) connection.terminate();
      else connection.close(1001, '');
    }
  }

  announceShutdown(thenCloseMs?: number): void {
    const announced = [...this.connections];
    for (const connection of announced) {
      if (connection.options.market === 'spot') connection.announceShutdown(this.venue.nowUs());
    }
    if (thenCloseMs === undefined) return;
    const close = () => {
      for (const connection of announced) connection.close(1001, '');
    };
    this.#cancels.push(this.#world.timers.after(thenCloseMs, close));
  }

  stall(forMs: number): void {
    const stalled = [...this.connections];
    for (const connection of stalled) connection.mute(true);
    const wake = () => {
      for (const connection of stalled) connection.mute(false);
    };
    this.#cancels.push(this.#world.timers.after(forMs, wake));
  }

  setHttpFailure(failure: HttpFailure | undefined): void {
    this.#httpFailure = failure && { failure, left: failure.times ?? Number.POSITIVE_INFINITY };
  }

  setUpgradeFailure(failure: HttpFailure | undefined): void {
    this.#upgradeFailure = failure && { failure, left: failure.times ?? Number.POSITIVE_INFINITY };
  }

  setSymbolStatus(symbol: string, status: string): void {
    if (!(this.venue instanceof MatchingVenue)) return;
    for (const matched of this.venue.symbols) {
      if (matched.listing.symbol === symbol) matched.setStatus(status, this.venue.nowUs());
    }
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    const listening = this.#listening;
    this.#listening = undefined;
    await listening?.close();
    this.truth.close(this.#listings());
  }
}

function refusal(failure: HttpFailure, headers: Record<string, string>): Answered {
  const retry = failure.retryAfterS === undefined ? {} : { 'retry-after': String(failure.retryAfterS) };
  return {
    status: failure.status,
    headers: { ...headers, ...retry },
    body: failure.body ?? encodeError(failure.status === 451 ? 0 : -1003, 'Refused.'),
  };
}

const publicStreams = /@(bookTicker|depth|trade|rpiDepth)|^!bookTicker$/;

interface Route {
  readonly market: Market;
  readonly serves: (stream: string) => boolean;
  readonly isCombined: boolean;
  readonly unit: TimeUnit;
  readonly streams: readonly string[];
}

/** What a stream address means. USD-M is known by its host name or its category; without a category it serves `/public` only. */
export function readRoute({ host, path, query }: Pick<Asked, 'host' | 'path' | 'query'>): Route | undefined {
  const match = /^(?:\/(public|market|private))?\/(ws|stream)(?:\/(.*))?$/.exec(path);
  if (match === null) return undefined;
  const [, category, form, rest = ''] = match;
  const market: Market = category !== undefined || host.startsWith('fstream') ? 'usdm' : 'spot';
  const serves =
    market === 'spot' || category === 'private'
      ? () => market === 'spot'
      : (stream: string) => publicStreams.test(stream) === (category !== 'market');
  const names = form === 'stream' ? (query.get('streams') ?? '') : rest;
  return {
    market,
    serves,
    isCombined: form === 'stream',
    unit: market === 'spot' && /^MICROSECOND$/i.test(query.get('timeUnit') ?? '') ? 'us' : 'ms',
    streams: names.split('/').filter((name) => name !== ''),
  };
}
