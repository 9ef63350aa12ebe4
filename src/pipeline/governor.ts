import { Decoded } from '../domain/decoded.ts';
import type { Market } from '../domain/instrument.ts';
import type { JournalWriter } from '../ports/journal.ts';
import { recordKinds } from '../ports/journal.ts';
import type { Logger } from '../ports/log.ts';
import type { RestPurpose, RestRequest, Source, VenueHosts } from '../ports/source.ts';
import type { HttpResponse, World } from '../ports/world.ts';
import { encodeHttpRecord } from './http-record.ts';

const purposeRank: Record<RestPurpose, number> = {
  time: 0,
  'exchange-info': 1,
  'book-snapshot': 2,
  'latest-trade': 3,
  'agg-trades-by-id': 4,
  'trades-by-id': 5,
  klines: 6,
};

/** Their keys name the period they are for, so one answer is enough. */
const onceAnswered: ReadonlySet<RestPurpose> = new Set(['time', 'exchange-info']);
const minuteMs = 60_000;
const lookAgainMs = 1000;
const retryDelayMsMin = 500;
const retryDelayMsMax = 60_000;
/** Share of the venue's weight budget that we use: the address may be shared with other programs. */
const budgetShare = 0.8;
/** Heaviest question to a venue that has not answered yet: after many restarts the budget may be spent. */
const firstWeightMax = 1;
/** Snapshots weigh ten times as much as repairs; after many reconnects they must leave room for them. */
const snapshotShare = 0.5;

/** What is known of one pool of request weight. */
interface Account {
  sent: { atMs: number; weight: number }[];
  /** Weight that the venue's own header named last, and when. */
  venueWeight: { atMs: number; weight: number };
  /** The venue has answered, so that what others (and this process before it was started again) spent is known. */
  isKnown: boolean;
  blockedUntilMs: number;
}

interface Question {
  readonly key: string;
  readonly request: RestRequest;
}

/**
 * Asks the venue over REST for everybody in this process, within its weight budget, and writes each answer to the engine's
 * journal; nobody gets an answer in any other way. Obeys the used-weight header, 429 and 418; on 451, and when a
 * host cannot be reached, moves to the next one.
 */
export class Governor {
  readonly #world: World;
  readonly #source: Source;
  readonly #hosts: VenueHosts;
  readonly #journal: JournalWriter;
  readonly #log: Logger;
  readonly #queue = new Map<string, Question>();
  readonly #inFlight = new Set<string>();
  /** Earliest monotonic ms at which a key may be asked again, and how often it failed in a row. */
  readonly #cooling = new Map<string, { untilMs: number; failures: number }>();
  readonly #accounts = new Map<string, Account>();
  readonly #hostIndexes = new Map<Market, number>();
  /** For a look at answers, used again and again. */
  readonly #answer = new Decoded();
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  constructor(options: { world: World; source: Source; hosts: VenueHosts; journal: JournalWriter; log: Logger }) {
    this.#world = options.world;
    this.#source = options.source;
    this.#hosts = options.hosts;
    this.#journal = options.journal;
    this.#log = options.log;
  }

  /** Asks soon, unless the same question is waiting, under way or cooling down. */
  ask(key: string, request: RestRequest): void {
    if (this.#stopped || this.#queue.has(key) || this.#inFlight.has(key)) return;
    if ((this.#cooling.get(key)?.untilMs ?? 0) > this.#nowMs()) return;
    this.#queue.set(key, { key, request });
    this.#pump();
  }

  status(market: Market): { usedWeight: number; weightPerMinute: number; blockedForMs: number } {
    const nowMs = this.#nowMs();
    return {
      usedWeight: this.#usedWeight(market, nowMs),
      weightPerMinute: this.#source.restLimits(market).weightPerMinute,
      blockedForMs: Math.max(0, this.#account(market).blockedUntilMs - nowMs),
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#queue.clear();
  }

  #nowMs(): number {
    return this.#world.clock.monotonicUs() / 1000;
  }

  #account(market: Market): Account {
    const { pool } = this.#source.restLimits(market);
    let account = this.#accounts.get(pool);
    if (account === undefined) {
      const venueWeight = { atMs: Number.NEGATIVE_INFINITY, weight: 0 };
      account = { sent: [], venueWeight, isKnown: false, blockedUntilMs: 0 };
      this.#accounts.set(pool, account);
    }
    return account;
  }

  #usedWeight(market: Market, nowMs: number): number {
    const account = this.#account(market);
    account.sent = account.sent.filter((request) => request.atMs > nowMs - minuteMs);
    const own = account.sent.reduce((sum, request) => sum + request.weight, 0);
    const venue = account.venueWeight.atMs > nowMs - minuteMs ? account.venueWeight.weight : 0;
    return Math.max(own, venue);
  }

  #mayAsk({ market, purpose, weight }: RestRequest, nowMs: number): boolean {
    const { blockedUntilMs, isKnown } = this.#account(market);
    if (nowMs < blockedUntilMs || (!isKnown && weight > firstWeightMax)) return false;
    const share = purpose === 'book-snapshot' ? snapshotShare : budgetShare;
    return this.#usedWeight(market, nowMs) + weight <= this.#source.restLimits(market).weightPerMinute * share;
  }

  #pump(): void {
    if (this.#stopped || this.#queue.size === 0) return;
    // One question at a time: answers keep their order, and a ban is noticed before the next request adds to it.
    if (this.#inFlight.size > 0) return;
    const nowMs = this.#nowMs();
    const questions = [...this.#queue.values()];
    const next =
      questions
        .sort((a, b) => purposeRank[a.request.purpose] - purposeRank[b.request.purpose])
        .find(({ request }) => this.#mayAsk(request, nowMs)) ?? this.#firstQuestion(questions, nowMs);
    if (next === undefined) {
      this.#pumpAfter(lookAgainMs);
      return;
    }
    this.#queue.delete(next.key);
    this.#inFlight.add(next.key);
    void this.#send(next);
  }

  /** The lightest one there is, for a venue that has not answered yet. */
  #firstQuestion(questions: readonly Question[], nowMs: number): Question | undefined {
    for (const { market } of questions.map(({ request }) => request)) {
      const key = `first/${this.#source.restLimits(market).pool}`;
      const request = this.#source.requests.time(market);
      const isCool = (this.#cooling.get(key)?.untilMs ?? 0) <= nowMs;
      if (!this.#account(market).isKnown && isCool && this.#mayAsk(request, nowMs)) return { key, request };
    }
    return undefined;
  }

  #pumpAfter(delayMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#world.timers.after(delayMs, () => this.#pump());
  }

  async #send(question: Question): Promise<void> {
    const { request, key } = question;
    const requestedAtUs = this.#world.clock.wallUs();
    this.#account(request.market).sent.push({ atMs: this.#nowMs(), weight: request.weight });
    try {
      const bases = this.#hosts.rest[request.market] ?? [];
      const base = bases[this.#hostIndexes.get(request.market) ?? 0];
      if (base === undefined) {
        this.#log.error({ market: request.market }, 'no REST host is configured for the market');
        this.#cool(key, true);
        return;
      }
      const query = new URLSearchParams(request.query).toString();
      const response = await this.#world.network.httpGet(`${base}${request.path}${query === '' ? '' : `?${query}`}`, {
        headers: { ...request.headers },
        timeoutMs: 15_000,
        maxBodyBytes: 64 * 1024 * 1024,
      });
      const receivedAtUs = this.#world.clock.wallUs();
      const monotonicUs = this.#world.clock.monotonicUs();
      if (this.#stopped) return;
      this.#journal.append({
        kind: recordKinds.http,
        session: 0,
        receivedAtUs,
        monotonicUs,
        payload: encodeHttpRecord(
          { request, status: response.status, headers: { ...response.headers }, requestedAtUs },
          response.body,
        ),
      });
      this.#noteWeight(request.market, response.headers);
      this.#judge(request, key, response);
    } catch (error) {
      const { next } = this.#moveOn(request.market);
      const { purpose, symbol } = request;
      this.#log.warn({ purpose, symbol, error: String(error), next }, 'REST request failed; the next host is asked');
      this.#cool(key, true);
    } finally {
      this.#inFlight.delete(key);
      this.#pump();
    }
  }

  /** Later questions go to the next host of the market; after the last one comes the first. */
  #moveOn(market: Market): { refused: string | undefined; next: string | undefined } {
    const bases = this.#hosts.rest[market] ?? [];
    const index = this.#hostIndexes.get(market) ?? 0;
    const nextIndex = (index + 1) % Math.max(1, bases.length);
    this.#hostIndexes.set(market, nextIndex);
    return { refused: bases[index], next: bases[nextIndex] };
  }

  #noteWeight(market: Market, headers: Readonly<Record<string, string>>): void {
    const used = Number(headers[this.#source.restLimits(market).usedWeightHeader]);
    const account = this.#account(market);
    account.isKnown = true;
    if (Number.isFinite(used)) account.venueWeight = { atMs: this.#nowMs(), weight: used };
  }

  #judge(request: RestRequest, key: string, { status, headers, body }: HttpResponse): void {
    if (status === 200 && !this.#isReadable(request, body)) {
      this.#log.warn({ purpose: request.purpose, symbol: request.symbol }, 'an answer cannot be read; asking again');
      this.#cool(key, true);
      return;
    }
    if (status === 200) {
      if (onceAnswered.has(request.purpose)) this.#cooling.set(key, { untilMs: Number.POSITIVE_INFINITY, failures: 0 });
      else this.#cool(key, false);
      return;
    }
    if (status === 429 || status === 418) {
      const retryAfterS = Number(headers['retry-after']);
      const waitMs = (Number.isFinite(retryAfterS) && retryAfterS > 0 ? retryAfterS : 60) * 1000;
      this.#account(request.market).blockedUntilMs = this.#nowMs() + waitMs;
      this.#log.warn({ status, waitMs }, 'the venue limits our requests; waiting as told');
      this.#cool(key, true);
    } else if (status === 451) {
      const { refused, next } = this.#moveOn(request.market);
      this.#log.error(
        { status, host: refused, next },
        'the venue does not serve this location (451): trying the next host',
      );
      this.#cool(key, true);
    } else {
      this.#log.warn({ status, purpose: request.purpose, symbol: request.symbol }, 'the venue refused a request');
      this.#cool(key, true);
    }
  }

  /** Whether the answer holds anything: what that is, the journal's reader decides. */
  #isReadable(request: RestRequest, body: Uint8Array): boolean {
    const answer = this.#answer;
    answer.clear();
    answer.record.market = request.market;
    this.#source.decodeResponse(request, 200, body, answer);
    const isClean = answer.findings.length === 0;
    answer.findings.clear();
    return isClean || !answer.isEmpty;
  }

  /** After a failure twice as long as after the last one, with jitter; after an answer only briefly. */
  #cool(key: string, failed: boolean): void {
    const failures = failed ? (this.#cooling.get(key)?.failures ?? 0) + 1 : 0;
    const ceilingMs = Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** failures);
    const delayMs = failed ? ceilingMs * (0.5 + this.#world.random.fraction() / 2) : retryDelayMsMin;
    if (this.#cooling.size > 10_000) this.#cooling.clear();
    this.#cooling.set(key, { untilMs: this.#nowMs() + delayMs, failures });
  }
}
