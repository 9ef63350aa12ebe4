import { TidemarkError } from '../domain/error.ts';
import { isInterval } from '../domain/interval.ts';
import type { Clock, Timers } from '../ports/world.ts';
import type { Channel, ServerMessage } from '../protocol/live.ts';
import type { ServerLimits } from './limits.ts';
import { type ChannelFeed, encode, type Follower, type LiveHub, type SentMessage } from './live-hub.ts';

/** What a client hangs on; a socket outside tests. */
export interface LiveConnection {
  send(bytes: Buffer): void;
  /** Bytes given to `send` that the other side has not taken yet. */
  bufferedBytes(): number;
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface LiveCounts {
  sent(messages: number): void;
  skipped(messages: number): void;
  reset(reason: string): void;
  refused(): void;
}

export interface LiveClientOptions {
  readonly hub: LiveHub;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: ServerLimits;
  readonly counts: LiveCounts;
  readonly hello: ServerMessage & { type: 'hello' };
  /** Throws a TidemarkError for what is not recorded here. */
  readonly checkInstrument: (instrument: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Subscription {
  readonly feed: ChannelFeed;
  /** First message not sent since the client fell behind. */
  missedFrom: number | undefined;
}

interface Request {
  readonly op: 'subscribe' | 'unsubscribe' | 'ping';
  readonly id: number;
  readonly channels: readonly string[];
  readonly resume: Readonly<Record<string, unknown>>;
  readonly serverEpoch: string | undefined;
}

/** Channels whose newest message says all: after falling behind a client gets that one at once. */
const wholeKinds = new Set(['book', 'status']);
const drainCheckMs = 50;

/** One client of the WebSocket API: what it follows, and what it could not be sent in time. */
export class LiveClient implements Follower {
  readonly #connection: LiveConnection;
  readonly #options: LiveClientOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #stopPing: () => void;
  #stopDrain: (() => void) | undefined;
  #slowSinceUs: number | undefined;
  #answersPings = true;
  #tokens: number;
  #tokensAtUs: number;
  #refusals = 0;
  #isClosed = false;

  constructor(connection: LiveConnection, options: LiveClientOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#tokens = 2 * options.limits.liveMessagesPerSecond;
    this.#tokensAtUs = options.clock.monotonicUs();
    this.#stopPing = options.timers.every(options.limits.pingMs, () => this.#ping());
    this.#send(options.hello);
  }

  pong(): void {
    this.#answersPings = true;
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopPing();
    this.#stopDrain?.();
    for (const { feed } of this.#subscriptions.values()) this.#options.hub.leave(feed, this);
    this.#subscriptions.clear();
  }

  take(feed: ChannelFeed, message: SentMessage): void {
    const subscription = this.#subscriptions.get(feed.key);
    if (subscription === undefined) return;
    if (subscription.missedFrom !== undefined) {
      this.#options.counts.skipped(1);
      return;
    }
    if (this.#connection.bufferedBytes() + message.bytes.length > this.#options.limits.sendBufferBytes) {
      subscription.missedFrom = message.sequence;
      this.#options.counts.skipped(1);
      this.#fallBehind();
      return;
    }
    this.#sendBytes(message.bytes);
  }

  refuseBinary(): void {
    if (this.#isClosed) return;
    this.#refuse(null, 'bad-message', 'a message must be text');
    this.#connection.close(1003, 'text only');
  }

  receive(text: string): void {
    if (this.#isClosed) return;
    if (!this.#takeToken()) {
      this.#refuse(
        null,
        'rate-limited',
        `send at most ${this.#options.limits.liveMessagesPerSecond} messages a second`,
      );
      this.#refusals += 1;
      if (this.#refusals > 100) this.#connection.close(1008, 'too many messages');
      return;
    }
    const request = readRequest(text);
    if (typeof request === 'string') {
      this.#refuse(null, 'bad-message', request);
      return;
    }
    switch (request.op) {
      case 'ping':
        this.#send({ type: 'pong', id: request.id, nowUs: this.#options.clock.wallUs() });
        return;
      case 'unsubscribe':
        for (const key of request.channels) this.#unsubscribe(request.id, key);
        return;
      case 'subscribe':
        for (const key of request.channels) this.#subscribe(request, key);
    }
  }

  #subscribe(request: Request, key: string): void {
    const { hub, limits, hello } = this.#options;
    if (!this.#subscriptions.has(key) && this.#subscriptions.size >= limits.channelsPerClient) {
      this.#refuse(request.id, 'too-many-channels', `follow at most ${limits.channelsPerClient} channels at once`);
      return;
    }
    const feed = this.#openFeed(request.id, key);
    if (feed === undefined) return;
    if (feed === 'full') {
      this.#refuse(request.id, 'too-many-channels', 'the server follows as many channels as it can; try again later');
      return;
    }
    hub.join(feed, this);
    this.#subscriptions.set(key, { feed, missedFrom: undefined });
    const lastSeen = request.resume[key];
    const sameServer = request.serverEpoch === undefined || request.serverEpoch === hello.serverEpoch;
    const resume =
      typeof lastSeen === 'number' && !sameServer
        ? ({ kind: 'missed', from: feed.startedAt + 1, to: feed.sequence, reason: 'server-restarted' } as const)
        : feed.resume(Number.isSafeInteger(lastSeen) ? (lastSeen as number) : undefined);
    if (resume.kind === 'resumed') {
      this.#send({ type: 'subscribed', id: request.id, channel: key, sequence: lastSeen as number, resumed: true });
      for (const message of resume.messages) this.take(feed, message);
      return;
    }
    if (resume.kind === 'missed') {
      this.#sendReset(key, resume.from, resume.to, resume.reason);
    }
    this.#send({ type: 'subscribed', id: request.id, channel: key, sequence: feed.sequence, resumed: false });
  }

  #openFeed(requestId: number, key: string): ChannelFeed | 'full' | undefined {
    const existing = this.#subscriptions.get(key)?.feed;
    if (existing !== undefined) return existing;
    const channel = readChannel(key);
    if (channel === undefined) {
      this.#refuse(
        requestId,
        'bad-channel',
        `there is no channel ${show(key)}: candles/<instrument>/<interval>, trades/, book/, gaps/<instrument>, status`,
      );
      return undefined;
    }
    try {
      if (channel.kind !== 'status') this.#options.checkInstrument(channel.instrument);
      return this.#options.hub.feed(channel) ?? 'full';
    } catch (error) {
      if (error instanceof TidemarkError) this.#refuse(requestId, error.code, error.message);
      else {
        this.#options.onError(error);
        this.#refuse(requestId, 'internal', 'something went wrong here; the log has it');
      }
      return undefined;
    }
  }

  #unsubscribe(requestId: number, key: string): void {
    const subscription = this.#subscriptions.get(key);
    if (subscription === undefined) {
      this.#refuse(requestId, 'not-subscribed', `${show(key)} is not followed`);
      return;
    }
    this.#subscriptions.delete(key);
    this.#options.hub.leave(subscription.feed, this);
    this.#send({ type: 'unsubscribed', id: requestId, channel: key });
  }

  /** From now on what does not fit is counted, and said once the client has taken what waits. */
  #fallBehind(): void {
    if (this.#stopDrain !== undefined) return;
    this.#slowSinceUs = this.#options.clock.monotonicUs();
    this.#stopDrain = this.#options.timers.every(drainCheckMs, () => this.#catchUp());
  }

  #catchUp(): void {
    const { limits, clock } = this.#options;
    if (this.#connection.bufferedBytes() > limits.sendBufferBytes / 4) {
      if (clock.monotonicUs() - this.#slowSinceUs! > limits.slowClientMs * 1000) this.#connection.terminate();
      return;
    }
    this.#stopDrain?.();
    this.#stopDrain = undefined;
    for (const subscription of this.#subscriptions.values()) this.#recover(subscription);
  }

  #recover(subscription: Subscription): void {
    const { feed, missedFrom } = subscription;
    if (missedFrom === undefined) return;
    subscription.missedFrom = undefined;
    const newest = wholeKinds.has(feed.channel.kind) ? feed.newest() : undefined;
    if (newest === undefined) {
      this.#sendReset(feed.key, missedFrom, feed.sequence, 'slow-client');
      return;
    }
    if (missedFrom < newest.sequence) this.#sendReset(feed.key, missedFrom, newest.sequence - 1, 'slow-client');
    this.take(feed, newest);
  }

  #ping(): void {
    if (!this.#answersPings) {
      this.#connection.terminate();
      return;
    }
    this.#answersPings = false;
    this.#connection.ping();
  }

  #takeToken(): boolean {
    const { liveMessagesPerSecond } = this.#options.limits;
    const nowUs = this.#options.clock.monotonicUs();
    const earned = ((nowUs - this.#tokensAtUs) / 1_000_000) * liveMessagesPerSecond;
    this.#tokens = Math.min(2 * liveMessagesPerSecond, this.#tokens + earned);
    this.#tokensAtUs = nowUs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #refuse(id: number | null, code: string, detail: string): void {
    this.#options.counts.refused();
    this.#send({ type: 'error', id, code, detail });
  }

  #sendReset(channel: string, from: number, to: number, reason: 'slow-client' | 'too-old' | 'server-restarted'): void {
    this.#options.counts.reset(reason);
    this.#send({ type: 'reset', channel, from, to, reason });
  }

  /** Answers are not dropped like data; a client that asks without reading is let go instead. */
  #send(message: ServerMessage): void {
    if (this.#connection.bufferedBytes() > 2 * this.#options.limits.sendBufferBytes) {
      this.#connection.terminate();
      return;
    }
    this.#sendBytes(encode(message));
  }

  #sendBytes(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#options.counts.sent(1);
    this.#connection.send(bytes);
  }
}

function readChannel(key: string): Channel | undefined {
  if (key === 'status') return { kind: 'status' };
  const [kind, instrument, interval, ...more] = key.split('/');
  if (!instrument || more.length > 0) return undefined;
  if (kind === 'candles') {
    return interval !== undefined && isInterval(interval) ? { kind, instrument, interval } : undefined;
  }
  if (interval !== undefined) return undefined;
  return kind === 'trades' || kind === 'book' || kind === 'gaps' ? { kind, instrument } : undefined;
}

/** The request, or what is wrong with it. */
function readRequest(text: string): Request | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'a message must be JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'a message must be a JSON object';
  const message = value as Record<string, unknown>;
  const { op, id, channels, resume, serverEpoch } = message;
  if (op !== 'subscribe' && op !== 'unsubscribe' && op !== 'ping') return 'op must be subscribe, unsubscribe or ping';
  if (!Number.isSafeInteger(id)) return 'id must be a whole number';
  if (serverEpoch !== undefined && typeof serverEpoch !== 'string') return 'serverEpoch must be text';
  const named = op === 'ping' ? [] : channels;
  if (!Array.isArray(named) || named.length > 256 || !named.every((key) => typeof key === 'string')) {
    return 'channels must be a list of at most 256 names';
  }
  if (resume !== undefined && (typeof resume !== 'object' || resume === null || Array.isArray(resume))) {
    return 'resume must be an object of sequences by channel';
  }
  return {
    op,
    id: id as number,
    channels: named as string[],
    resume: { ...(resume as Record<string, unknown> | undefined) },
    serverEpoch,
  };
}

function show(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
