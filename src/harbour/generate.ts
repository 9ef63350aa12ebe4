import type { TimeUnit } from '../sources/binance/encode.ts';
import { encodeCombined } from '../sources/binance/encode.ts';
import { Channels, type Message, type Subscriber } from './channels.ts';
import type { MatchedSymbolOptions } from './markets.ts';
import { MatchingVenue } from './matching-venue.ts';

export interface GenerateOptions {
  readonly seed: string | number;
  readonly symbols: readonly MatchedSymbolOptions[];
  readonly startAtUs: number;
  /** Ends after so many frames, or trade frames, or at this venue time, whatever comes first. */
  readonly frames?: number;
  readonly trades?: number;
  readonly endAtUs?: number;
  /** Kinds of streams as venue names them after the `@`; trades, aggregates, depth and book tickers when left out. */
  readonly streams?: readonly string[];
  /** A thin book without moves: several times as many trades a second, still from matched orders. */
  readonly light?: boolean;
  readonly unit?: TimeUnit;
}

export interface GeneratedFrame {
  readonly stream: string;
  /** Combined envelope, UTF-8. A view into a larger buffer that is not used again. */
  readonly bytes: Uint8Array;
  /** Receive time as a recorder near the venue would have stamped it: never goes back. */
  readonly receivedAtUs: number;
}

const bufferBytes = 1 << 20;

/** Frames as a connection would have received them, as fast as they compute and without any socket. */
export function* generateFrames(options: GenerateOptions): Generator<GeneratedFrame> {
  const kinds = options.streams ?? ['trade', 'aggTrade', 'depth@100ms', 'bookTicker'];
  const channels = new Channels();
  const flow = options.light ? { light: true, activityRate: 20, takerRate: 100, restingOrders: 40 } : {};
  const symbols = options.symbols.map((symbol) => ({ ...symbol, flow: { ...flow, ...symbol.flow } }));
  const venue = new MatchingVenue(
    { ...options, symbols, keepTrades: 10_000, keepsKlines: wantsKlines(kinds) },
    channels,
  );
  const collector = new Collector(options.unit ?? 'ms', venue);
  for (const { listing } of venue.symbols) {
    for (const kind of kinds) channels.subscribe(`spot/${listing.streamPrefix}@${kind}`, collector);
  }
  const endAtUs = options.endAtUs ?? Number.POSITIVE_INFINITY;
  let framesLeft = options.frames ?? Number.POSITIVE_INFINITY;
  let tradesLeft = options.trades ?? Number.POSITIVE_INFINITY;
  while (framesLeft > 0 && tradesLeft > 0 && venue.step(endAtUs)) {
    if (collector.frames.length === 0) continue;
    for (const frame of collector.frames) {
      if (framesLeft <= 0 || tradesLeft <= 0) break;
      framesLeft--;
      if (frame.stream.endsWith('@trade')) tradesLeft--;
      yield frame;
    }
    collector.frames.length = 0;
  }
}

function wantsKlines(kinds: readonly string[]): boolean {
  return kinds.some((kind) => kind.startsWith('kline') || kind === 'ticker');
}

class Collector implements Subscriber {
  readonly frames: GeneratedFrame[] = [];
  #nowUs = 0;
  readonly #venue: MatchingVenue;
  readonly #unit: TimeUnit;
  readonly #names = new Map<string, string>();
  #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #used = 0;

  constructor(unit: TimeUnit, venue: MatchingVenue) {
    this.#unit = unit;
    this.#venue = venue;
  }

  deliver(message: Message): void {
    let stream = this.#names.get(message.stream);
    if (stream === undefined) {
      stream = message.stream.slice('spot/'.length);
      this.#names.set(message.stream, stream);
    }
    const text = encodeCombined(stream, message.text(this.#unit));
    if (this.#used + text.length * 3 > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(bufferBytes, text.length * 3));
      this.#used = 0;
    }
    const length = this.#buffer.write(text, this.#used);
    const bytes = this.#buffer.subarray(this.#used, this.#used + length);
    this.#used += length;
    this.#nowUs = Math.max(this.#nowUs, this.#venue.nowUs(), message.atUs);
    this.frames.push({ stream, bytes, receivedAtUs: this.#nowUs });
  }
}
