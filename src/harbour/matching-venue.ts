import { neededScale, parseScaled } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import type { Market } from '../domain/instrument.ts';
import { fixedText } from '../sources/binance/encode.ts';
import type { Channels } from './channels.ts';
import { Listing, spotDigitsOf } from './listing.ts';
import { defaultsOf, type MatchedSymbolOptions } from './markets.ts';
import { MatchedSymbol } from './matched-symbol.ts';
import type { FlowSpec } from './order-flow.ts';
import { SeededRandom } from './random.ts';
import type { VenueState } from './rest.ts';

/** All matching engines of a harbour in one venue time. The seed and the list of symbols decide everything. */
export class MatchingVenue implements VenueState {
  readonly #symbols: MatchedSymbol[];
  readonly #listings: Listing[];
  #nowUs: number;

  constructor(
    options: {
      seed: string | number;
      symbols: readonly MatchedSymbolOptions[];
      startAtUs: number;
      keepTrades?: number;
      keepBookUpdates?: number;
      /** Without candles trades are made faster. */
      keepsKlines?: boolean;
    },
    channels: Channels,
  ) {
    const seed = new SeededRandom(options.seed);
    this.#nowUs = options.startAtUs;
    this.#symbols = options.symbols.map((asked) => {
      const { listing, flow } = listSymbol(asked, options.keepTrades ?? 4_000_000);
      return new MatchedSymbol(listing, flow, seed.fork(asked.symbol), options.startAtUs, channels, {
        bookUpdates: options.keepBookUpdates ?? 0,
        klines: options.keepsKlines ?? true,
      });
    });
    this.#listings = this.#symbols.map((symbol) => symbol.listing);
  }

  get symbols(): readonly MatchedSymbol[] {
    return this.#symbols;
  }

  nowUs(): number {
    return this.#nowUs;
  }

  listing(market: Market, symbol: string): Listing | undefined {
    return this.#listings.find((listing) => listing.market === market && listing.symbol === symbol);
  }

  listings(market: Market): readonly Listing[] {
    return this.#listings.filter((listing) => listing.market === market);
  }

  /** The next thing that happens in any symbol, if it happens at or before `untilUs`; false otherwise. */
  step(untilUs: number): boolean {
    let first = this.#symbols[0];
    if (first === undefined) return false;
    for (let i = 1; i < this.#symbols.length; i++) {
      const symbol = this.#symbols[i]!;
      if (symbol.nextAtUs < first.nextAtUs) first = symbol;
    }
    if (first.nextAtUs > untilUs) return false;
    this.#nowUs = Math.max(this.#nowUs, first.nextAtUs);
    first.step();
    return true;
  }

  /** Lets everything up to `untilUs` happen. */
  advance(untilUs: number): void {
    while (this.step(untilUs));
    this.#nowUs = Math.max(this.#nowUs, untilUs);
  }
}

/** A symbol as the venue lists it, and how it trades. */
export function listSymbol(asked: MatchedSymbolOptions, keepTrades: number): { listing: Listing; flow: FlowSpec } {
  const defaults = defaultsOf(asked.symbol);
  const tickSize = asked.tickSize ?? defaults.tickSize;
  const stepSize = asked.stepSize ?? defaults.stepSize;
  const priceScale = neededScale(tickSize);
  const lotScale = neededScale(stepSize);
  const startTick = parseScaled(asked.startPrice ?? defaults.startPrice, priceScale);
  if (startTick === undefined || startTick < 20 || !/^(1|0\.0*1)0*$/.test(tickSize)) {
    throw new TidemarkError('harbour-symbol', {
      doing: 'list the symbol',
      what: asked.symbol,
      why: `a start price of ${asked.startPrice ?? defaults.startPrice} with a tick of ${tickSize} is not possible`,
      now: 'give a price of at least 20 ticks and a tick that is a power of ten, like 0.01',
    });
  }
  const digits = spotDigitsOf(priceScale, lotScale);
  const listing = new Listing(
    'spot',
    {
      symbol: asked.symbol,
      status: 'TRADING',
      baseAsset: asked.baseAsset ?? defaults.baseAsset,
      quoteAsset: asked.quoteAsset ?? defaults.quoteAsset,
      tickSize: fixedText(1, priceScale),
      stepSize: fixedText(1, lotScale),
    },
    digits,
    { trades: keepTrades, klines: 50_000 },
  );
  const flow = { ...defaults.flow, ...asked.flow, startTick };
  return { listing, flow };
}
