import type { Market } from '../domain/instrument.ts';
import type { VenueHosts } from '../ports/source.ts';
import type { World } from '../ports/world.ts';
import { encodeError, type TimeUnit } from '../sources/binance/encode.ts';
import { connectionRules } from '../sources/binance/limits.ts';
import { Channels } from './channels.ts';
import { Connection } from './connection.ts';
import { type Answered, type Asked, type Doors, listen } from './listen.ts';
import type { MatchedSymbolOptions } from './markets.ts';
import { MatchingVenue } from './matching-venue.ts';
import { RequestLimits } from './request-limits.ts';
import { answer, readQuestion, type VenueState, weightOf } from './rest.ts';

export interface MatchingMode {
  readonly kind: 'matching';
  readonly seed: string | number;
  readonly symbols: readonly MatchedSymbolOptions[];
  /** Venue seconds per real second; Infinity: as fast as it computes and the sockets take it. */
  readonly speed: number;
  /** Venue time at the start; now when left out. */
  readonly startAtUs?: number;
  /** Infinite speed only: venue time at which it ends. */
  readonly endAtUs?: number;
}

/** Rules that tests shorten. What is left out is the venue's own. */
export interface HarbourFaults {
  readonly pingPeriodMs?: number;
  readonly pongDeadlineMs?: number;
  readonly lifetimeMs?: number;
  readonly messagesPerSecond?: number;
  readonly streamsPerConnection?: number;
  readonly attemptsPerFiveMinutes?: number;
  readonly weightPerMinute?: number;
}

export interface HarbourOptions {
  readonly host?: string;
  /** 0: any free port. */
  readonly port?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly mode: MatchingMode;
  readonly faults?: HarbourFaults;
}

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
  /** Ends every connection: with a close frame, or reset without one. */
  dropConnections(options?: { abrupt?: boolean; market?: Market }): void;
  /** `serverShutdown` on every connection; with `thenCloseMs` they are closed after that. */
  announceShutdown(thenCloseMs?: number): void;
  /** Everything keeps still for so long, sockets stay open. What happens meanwhile is lost to the connections. */
  stall(forMs: number): void;
  setHttpFailure(failure: HttpFailure | undefined): void;
  /** Upgrades are answered with this instead. */
  setUpgradeFailure(failure: HttpFailure | undefined): void;
  /** Resolves at the end of a replay or of a run with an end. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

const pumpPeriodMs = 5;
const chunkUs = 20_000;
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
  readonly venue: MatchingVenue;
  readonly connections = new Set<Connection>();
  readonly #attempts = new Map<string, number[]>();
  readonly done: Promise<void>;
  #finish: () => void = () => {};
  #listening: { port: number; close(): Promise<void> } | undefined;
  #cancels: (() => void)[] = [];
  #nextConnectionId = 1;
  #httpFailure: { failure: HttpFailure; left: number } | undefined;
  #upgradeFailure: { failure: HttpFailure; left: number } | undefined;
  readonly #startedAtUs: number;
  readonly #venueStartUs: number;

  constructor(world: World, options: HarbourOptions) {
    this.#world = world;
    this.#options = options;
    this.#startedAtUs = world.clock.monotonicUs();
    this.#venueStartUs = options.mode.startAtUs ?? world.clock.wallUs();
    this.venue = new MatchingVenue({ ...options.mode, startAtUs: this.#venueStartUs }, this.#channels);
    if (options.faults?.weightPerMinute !== undefined) {
      const weight = options.faults.weightPerMinute;
      this.#limits.weightLimit = { spot: weight, usdm: weight, coinm: weight };
    }
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  async open(): Promise<void> {
    const { host = '127.0.0.1', port = 0, tls } = this.#options;
    this.#listening = await listen({ host, port, ...(tls === undefined ? {} : { tls }) }, this);
    this.#cancels.push(this.#world.timers.every(pumpPeriodMs, () => this.#pump()));
    this.#cancels.push(this.#world.timers.every(250, () => this.#keepHouse()));
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

  #elapsedUs(): number {
    return this.#world.clock.monotonicUs() - this.#startedAtUs;
  }

  #pump(): void {
    const { mode } = this.#options;
    for (const connection of this.connections) connection.cork();
    if (Number.isFinite(mode.speed)) {
      this.venue.advance(Math.floor(this.#venueStartUs + this.#elapsedUs() * mode.speed));
    } else {
      const untilUs = this.#world.clock.monotonicUs() + chunkUs;
      const endAtUs = mode.endAtUs ?? Number.POSITIVE_INFINITY;
      let steps = 0;
      while (this.venue.step(endAtUs)) {
        if (++steps % 64 === 0 && (this.#world.clock.monotonicUs() > untilUs || this.#isCongested())) break;
      }
    }
    for (const connection of this.connections) connection.uncork();
    if (mode.endAtUs !== undefined && this.venue.nowUs() >= mode.endAtUs) this.#finish();
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
    const verdict = this.#limits.judge(
      asked.address,
      question.market,
      weightOf(question),
      this.#world.clock.monotonicUs(),
    );
    headers['x-mbx-used-weight'] = String(verdict.usedWeight);
    headers['x-mbx-used-weight-1m'] = String(verdict.usedWeight);
    if (verdict.refused !== undefined) {
      headers['retry-after'] = String(verdict.refused.retryAfterS);
      return { status: verdict.refused.status, headers, body: verdict.refused.body };
    }
    if (Number.isFinite(this.#options.mode.speed)) this.#pump();
    const { status, body } = answer(question, this.venue);
    return { status, headers, body };
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
    return (wire: import('./connection.ts').Wire) => {
      const connection = new Connection(
        this.#nextConnectionId++,
        wire,
        this.#channels,
        { ...route, messagesPerSecond: faults.messagesPerSecond ?? rules.messagesPerSecond, streamsPerConnection },
        nowUs,
        () => {},
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

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
    await this.#listening?.close();
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
