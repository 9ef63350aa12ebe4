import type { TimeUnit } from '../sources/binance/encode.ts';

/** A data object as sent: its text in a unit of time. Bytes of a recorded frame go out as they are. */
export interface Message {
  readonly stream: string;
  /** When the venue made it. */
  readonly atUs: number;
  /** Trade, aggregate or update ids (`U`, `u`) that it brings, the open time of a candle; −1 when it has none. */
  readonly firstId: number;
  readonly lastId: number;
  /** The combined envelope where it was recorded whole. */
  readonly envelope?: string;
  text(unit: TimeUnit): string;
}

/** Someone who listens to streams: a connection, or a file being generated. */
export interface Subscriber {
  deliver(message: Message): void;
}

/** Who listens to which stream. */
export class Channels {
  readonly #byStream = new Map<string, Set<Subscriber>>();
  /** Sees each change of what is listened to. */
  onChange: () => void = () => {};

  subscribe(stream: string, subscriber: Subscriber): void {
    let listeners = this.#byStream.get(stream);
    if (listeners === undefined) {
      listeners = new Set();
      this.#byStream.set(stream, listeners);
    }
    listeners.add(subscriber);
    this.onChange();
  }

  unsubscribe(stream: string, subscriber: Subscriber): void {
    const listeners = this.#byStream.get(stream);
    listeners?.delete(subscriber);
    if (listeners?.size === 0) this.#byStream.delete(stream);
  }

  isHeard(stream: string): boolean {
    return this.#byStream.has(stream);
  }

  publish(message: Message): void {
    const listeners = this.#byStream.get(message.stream);
    if (listeners === undefined) return;
    for (const listener of listeners) listener.deliver(message);
  }
}

/** A message that is written at most once per unit, and only if somebody listens. */
export function lazyMessage(
  stream: string,
  atUs: number,
  [firstId, lastId]: readonly [number, number],
  write: (unit: TimeUnit) => string,
): Message {
  let inMs: string | undefined;
  let inUs: string | undefined;
  return {
    stream,
    atUs,
    firstId,
    lastId,
    text: (unit) => {
      if (unit === 'us') {
        inUs ??= write('us');
        return inUs;
      }
      inMs ??= write('ms');
      return inMs;
    },
  };
}
