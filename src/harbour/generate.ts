import { TidemarkError } from '../domain/error.ts';
import type { TimeUnit } from '../sources/binance/encode.ts';
import { encodeCombined } from '../sources/binance/encode.ts';
import { Channels, type Message, type Subscriber } from './channels.ts';
import { LightTrades } from './light-trades.ts';
import type { MatchedSymbolOptions } from './markets.ts';
import { listSymbol, MatchingVenue } from './matching-venue.ts';
import { SeededRandom } from './random.ts';

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
  /** Trades and aggregates only, without an order book: several times as many a second. */
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
  if (options.light) {
    yield* lightFrames(options);
    return;
  }
  const venue = new MatchingVenue({ ...options, keepTrades: 10_000, keepsKlines: wantsKlines(kinds) }, channels);
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

function* lightFrames(options: GenerateOptions): Generator<GeneratedFrame> {
  const kinds = options.streams ?? ['trade'];
  const unknown = kinds.find((kind) => kind !== 'trade' && kind !== 'aggTrade');
  if (unknown !== undefined) {
    throw new TidemarkError('harbour-light', {
      doing: 'generate the stream',
      what: unknown,
      why: 'without an order book there are trades and aggregates only',
      now: 'leave out `light`',
    });
  }
  const seed = new SeededRandom(options.seed);
  const sources = options.symbols.map((asked) => {
    const { listing, flow } = listSymbol(asked, 1);
    return new LightTrades(listing, flow, seed.fork(asked.symbol), options.startAtUs, kinds);
  });
  const writer = new FrameWriter();
  const frames: GeneratedFrame[] = [];
  let receivedAtUs = 0;
  const emit = (stream: string, text: string, atUs: number) => {
    receivedAtUs = Math.max(receivedAtUs, atUs);
    frames.push({ stream, bytes: writer.write(text), receivedAtUs });
  };
  const endAtUs = options.endAtUs ?? Number.POSITIVE_INFINITY;
  const maxFrames = options.frames ?? Number.POSITIVE_INFINITY;
  const maxTrades = options.trades ?? Number.POSITIVE_INFINITY;
  let sent = 0;
  let sentTrades = 0;
  for (;;) {
    let first = sources[0]!;
    for (const source of sources) if (source.nextAtUs < first.nextAtUs) first = source;
    if (first.nextAtUs > endAtUs) return;
    first.order(emit);
    for (const frame of frames) {
      if (sent >= maxFrames || sentTrades >= maxTrades) return;
      sent++;
      if (frame.stream.endsWith('@trade')) sentTrades++;
      yield frame;
    }
    frames.length = 0;
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
  readonly #writer = new FrameWriter();

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
    const bytes = this.#writer.write(text);
    this.#nowUs = Math.max(this.#nowUs, this.#venue.nowUs(), message.atUs);
    this.frames.push({ stream, bytes, receivedAtUs: this.#nowUs });
  }
}

/** Texts as UTF-8, many of them in one buffer. */
class FrameWriter {
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(bufferBytes);
  #used = 0;

  write(text: string): Uint8Array {
    if (this.#used + text.length * 3 > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.max(bufferBytes, text.length * 3));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#encoder.encodeInto(text, start === 0 ? this.#buffer : this.#buffer.subarray(start)).written;
    return this.#buffer.subarray(start, this.#used);
  }
}
