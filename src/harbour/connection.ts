import type { Market } from '../domain/instrument.ts';
import {
  encodeCombined,
  encodeControlError,
  encodeControlResult,
  encodeServerShutdown,
  type RequestId,
  type TimeUnit,
} from '../sources/binance/encode.ts';
import type { Channels, Message, Subscriber } from './channels.ts';

/** The socket below a connection. */
export interface Wire {
  send(text: string): void;
  ping(payload: string): void;
  close(code: number, reason: string): void;
  /** Resets without a goodbye. */
  terminate(): void;
  /** Holds small writes together until `uncork`. */
  cork(): void;
  uncork(): void;
  /** Bytes that the other side has not taken yet. */
  readonly bufferedBytes: number;
}

export interface ConnectionOptions {
  readonly market: Market;
  /** Futures: what this path serves. Undefined: everything. */
  readonly serves: (stream: string) => boolean;
  readonly isCombined: boolean;
  readonly unit: TimeUnit;
  readonly streams: readonly string[];
  readonly messagesPerSecond: number;
  readonly streamsPerConnection: number;
}

/** Sees each data message as it was sent. */
export type OnSent = (message: Message) => void;

const methods = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY'];

/** One client's connection: what it subscribed and how it wants it. Replies as the venue does (binance.md, 2.3). */
export class Connection implements Subscriber {
  readonly id: number;
  readonly #wire: Wire;
  readonly #channels: Channels;
  readonly options: ConnectionOptions;
  readonly subscriptions = new Set<string>();
  #isCombined: boolean;
  readonly #onSent: OnSent;
  #isOpen = true;
  #isMute = false;
  readonly #incomingAtUs: number[] = [];
  readonly openedAtUs: number;
  lastPongAtUs: number;
  lastPingAtUs: number;

  constructor(id: number, wire: Wire, channels: Channels, options: ConnectionOptions, nowUs: number, onSent: OnSent) {
    this.id = id;
    this.#wire = wire;
    this.#channels = channels;
    this.options = options;
    this.#isCombined = options.isCombined;
    this.#onSent = onSent;
    this.openedAtUs = nowUs;
    this.lastPongAtUs = nowUs;
    this.lastPingAtUs = nowUs;
    this.#subscribe(options.streams);
  }

  get bufferedBytes(): number {
    return this.#wire.bufferedBytes;
  }

  cork(): void {
    this.#wire.cork();
  }

  uncork(): void {
    this.#wire.uncork();
  }

  #key(stream: string): string {
    return `${this.options.market}/${stream}`;
  }

  /** Names that the venue does not know are taken all the same and stay silent. */
  #subscribe(streams: readonly string[]): void {
    for (const stream of streams) {
      this.subscriptions.add(stream);
      if (this.options.serves(stream)) this.#channels.subscribe(this.#key(stream), this);
    }
  }

  deliver(message: Message): void {
    if (!this.#isOpen || this.#isMute) return;
    const text = this.#isCombined ? this.#combined(message) : message.text(this.options.unit);
    this.#wire.send(text);
    this.#onSent(message);
  }

  #combined(message: Message): string {
    if (message.envelope !== undefined) return message.envelope;
    return encodeCombined(message.stream.slice(this.options.market.length + 1), message.text(this.options.unit));
  }

  /** From now on nothing is sent and nothing is answered, as if the other side had lost the network. */
  mute(isMute: boolean): void {
    this.#isMute = isMute;
  }

  announceShutdown(atUs: number): void {
    if (this.#isOpen && !this.#isMute) this.#wire.send(encodeServerShutdown(atUs, this.#isCombined, this.options.unit));
  }

  ping(payload: string, nowUs: number): void {
    this.lastPingAtUs = nowUs;
    if (!this.#isMute) this.#wire.ping(payload);
  }

  pong(nowUs: number): void {
    this.lastPongAtUs = nowUs;
    this.#count(nowUs);
  }

  /** A ping of the client's: counts against its limit. */
  pinged(nowUs: number): void {
    this.#count(nowUs);
  }

  close(code: number, reason: string): void {
    this.#wire.close(code, reason);
    this.closed();
  }

  terminate(): void {
    this.#wire.terminate();
    this.closed();
  }

  closed(): void {
    this.#isOpen = false;
    for (const stream of this.subscriptions) this.#channels.unsubscribe(this.#key(stream), this);
  }

  /** False when the client said too much and was cut. */
  #count(nowUs: number): boolean {
    this.#incomingAtUs.push(nowUs);
    while (this.#incomingAtUs[0]! <= nowUs - 1_000_000) this.#incomingAtUs.shift();
    if (this.#incomingAtUs.length <= this.options.messagesPerSecond) return true;
    if (this.#isOpen) this.close(1008, 'Too many requests');
    return false;
  }

  receive(text: string, nowUs: number): void {
    if (!this.#isOpen || !this.#count(nowUs) || this.#isMute) return;
    let request: unknown;
    try {
      request = JSON.parse(text);
    } catch {
      this.#refuse(3, `Invalid JSON: expected value at line 1 column ${Math.max(1, firstBad(text))}`);
      if (this.options.market !== 'spot') this.close(1008, 'Invalid JSON');
      return;
    }
    if (typeof request !== 'object' || request === null || !('method' in request)) {
      this.#refuse(2, `Invalid request: missing field \`method\` at line 1 column ${text.length}`);
      return;
    }
    const { method, id, params = [] } = request as { method: unknown; id?: unknown; params?: unknown };
    if (typeof method !== 'string' || !methods.includes(method)) {
      const known = methods.map((name) => `\`${name}\``).join(', ');
      const column = text.indexOf(String(method)) + String(method).length + 2;
      this.#refuse(
        2,
        `Invalid request: unknown variant \`${String(method)}\`, expected one of ${known} at line 1 column ${column}`,
      );
      return;
    }
    if (!isRequestId(id, this.options.market)) {
      this.#refuse(2, 'Invalid request: request ID must be an unsigned integer');
      return;
    }
    this.#do(method, Array.isArray(params) ? params : [], id);
  }

  #do(method: string, params: unknown[], id: RequestId): void {
    switch (method) {
      case 'SUBSCRIBE': {
        const names = params.filter((name) => typeof name === 'string');
        const fresh = new Set(names.filter((name) => !this.subscriptions.has(name)));
        if (this.subscriptions.size + fresh.size > this.options.streamsPerConnection) {
          this.close(1008, 'Too many streams');
          return;
        }
        this.#wire.send(encodeControlResult(id));
        this.#subscribe([...fresh]);
        return;
      }
      case 'UNSUBSCRIBE':
        for (const name of params) {
          if (typeof name !== 'string') continue;
          this.subscriptions.delete(name);
          this.#channels.unsubscribe(this.#key(name), this);
        }
        this.#wire.send(encodeControlResult(id));
        return;
      case 'LIST_SUBSCRIPTIONS':
        this.#wire.send(encodeControlResult(id, [...this.subscriptions]));
        return;
      default:
        this.#property(method, params, id);
    }
  }

  #property(method: string, params: unknown[], id: RequestId): void {
    const [name, value] = params;
    if (typeof name !== 'string') this.#refuse(2, 'Invalid request: property name must be a string');
    else if (params.length > (method === 'SET_PROPERTY' ? 2 : 1)) {
      this.#refuse(2, 'Invalid request: too many parameters');
    } else if (name !== 'combined') this.#refuse(0, 'Unknown property', id);
    else if (method === 'GET_PROPERTY') this.#wire.send(encodeControlResult(id, this.#isCombined));
    else if (typeof value !== 'boolean') this.#refuse(1, 'Invalid value type: expected Boolean');
    else {
      this.#isCombined = value;
      this.#wire.send(encodeControlResult(id));
    }
  }

  #refuse(code: number, message: string, id?: RequestId): void {
    this.#wire.send(encodeControlError(code, message, id));
  }
}

function isRequestId(id: unknown, market: Market): id is RequestId {
  if (typeof id === 'number') return Number.isInteger(id) && (market === 'spot' || id >= 0);
  if (market !== 'spot') return false;
  return id === null || (typeof id === 'string' && /^[A-Za-z0-9_-]{1,36}$/.test(id));
}

/** Column of the first character that cannot begin or continue JSON, as far as that is worth knowing here. */
function firstBad(text: string): number {
  const start = text.search(/\S/);
  return start < 0 ? text.length : start + 1;
}
