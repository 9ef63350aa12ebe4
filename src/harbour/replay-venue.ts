import { TidemarkError } from '../domain/error.ts';
import type { Market } from '../domain/instrument.ts';
import { fixedText, type Level } from '../sources/binance/encode.ts';
import type { Channels, Message } from './channels.ts';
import { type Digits, Listing } from './listing.ts';
import { defaultsOf } from './markets.ts';
import { RecordedBook } from './recorded-book.ts';
import { type RecordedKind, type ReplayEntry, type ReplayFeed, type ReplayFrame, recordedKind } from './replay-feed.ts';
import type { VenueState } from './rest.ts';

interface RecordedSymbol {
  readonly listing: Listing;
  readonly book: RecordedBook;
  /** The recorded snapshot's body, answered to the first who asks. */
  snapshotBody: string | undefined;
  hasSnapshotAhead: boolean;
  hasTrades: boolean;
  hasAggregates: boolean;
}

interface RecordedPayload {
  E?: number;
  s?: string;
  t?: number;
  a?: number | Level[];
  b?: Level[];
  u?: number;
  p?: string;
  q?: string;
  f?: number;
  l?: number;
  T?: number;
  m?: boolean;
  X?: string;
}

/** A recording played as if it were the venue: frames go out as recorded, REST answers from what has been played so far. */
export class ReplayVenue implements VenueState {
  readonly #channels: Channels;
  readonly #symbols = new Map<string, RecordedSymbol>();
  readonly #entries: Iterator<ReplayEntry>;
  #next: ReplayEntry | undefined;
  #nowUs = 0;
  #firstAtUs: number | undefined;
  /** Frames sent or lost so far. */
  position = 0;
  /** Streams that are going to be sent, as `market/stream`. */
  readonly streams: ReadonlySet<string>;
  /** Sees each snapshot that was reached. */
  onSnapshot: () => void = () => {};

  constructor(feed: ReplayFeed, channels: Channels) {
    this.#channels = channels;
    this.streams = this.#survey(feed);
    this.#entries = feed.entries()[Symbol.iterator]();
    this.#next = this.#take();
  }

  #take(): ReplayEntry | undefined {
    const { done, value } = this.#entries.next();
    return done ? undefined : value;
  }

  /** Which symbols and streams there are, and how many decimals their numbers have. */
  #survey(feed: ReplayFeed): Set<string> {
    const streams = new Set<string>();
    const samples = new Map<string, { market: Market; symbol: string; prices: string[]; quantities: string[] }>();
    const ahead = new Set<string>();
    const traded = new Set<string>();
    const aggregated = new Set<string>();
    for (const entry of feed.entries()) {
      this.#firstAtUs ??= entry.atUs;
      if (entry.kind === 'snapshot') {
        ahead.add(`${entry.market}/${entry.symbol}`);
        continue;
      }
      if (!entry.isSilent) streams.add(`${entry.market}/${entry.stream}`);
      const symbol = entry.stream.slice(0, entry.stream.indexOf('@')).toUpperCase();
      const key = `${entry.market}/${symbol}`;
      let sample = samples.get(key);
      if (sample === undefined) {
        sample = { market: entry.market, symbol, prices: [], quantities: [] };
        samples.set(key, sample);
      }
      const kind = recordedKind(entry.stream);
      if (kind === 'trade') traded.add(key);
      if (kind === 'aggTrade') aggregated.add(key);
      if ((kind === 'trade' || kind === 'aggTrade') && sample.prices.length < 2000) {
        const price = /"p":\s?"([\d.]+)"/.exec(entry.data)?.[1];
        const quantity = /"q":\s?"([\d.]+)"/.exec(entry.data)?.[1];
        if (price !== undefined && quantity !== undefined && Number(price) > 0) {
          sample.prices.push(price);
          sample.quantities.push(quantity);
        }
      }
    }
    for (const [key, sample] of samples) {
      const listing = newListing(sample);
      const book = new RecordedBook(sample.market !== 'spot');
      listing.book = (limit) => book.view(Math.min(limit, 1000));
      this.#symbols.set(key, {
        listing,
        book,
        snapshotBody: undefined,
        hasSnapshotAhead: ahead.has(key),
        hasTrades: traded.has(key),
        hasAggregates: aggregated.has(key),
      });
    }
    return streams;
  }

  nowUs(): number {
    return this.#nowUs;
  }

  listing(market: Market, symbol: string): Listing | undefined {
    return this.#symbols.get(`${market}/${symbol}`)?.listing;
  }

  listings(market: Market): readonly Listing[] {
    return [...this.#symbols.values()].map(({ listing }) => listing).filter((listing) => listing.market === market);
  }

  /** Receive time of the first entry. */
  get firstAtUs(): number {
    return this.#firstAtUs ?? 0;
  }

  /** Receive time of what comes next; undefined at the end. */
  get nextAtUs(): number | undefined {
    return this.#next?.atUs;
  }

  /**
   * Body of the recorded snapshot for the first who asks, even when the replay has gone on since: who listened from the
   * start can build the same book as the recorder. `later`: it is still to come. Undefined: give the present book.
   */
  recordedSnapshot(market: Market, symbol: string): string | 'later' | undefined {
    const recorded = this.#symbols.get(`${market}/${symbol}`);
    if (recorded === undefined) return undefined;
    const body = recorded.snapshotBody;
    recorded.snapshotBody = undefined;
    return body ?? (recorded.hasSnapshotAhead ? 'later' : undefined);
  }

  step(): void {
    const entry = this.#next;
    if (entry === undefined) return;
    this.#next = this.#take();
    if (entry.kind === 'snapshot') {
      const recorded = this.#symbols.get(`${entry.market}/${entry.symbol}`);
      if (recorded === undefined) return;
      recorded.book.start(parsed(entry.body, entry.atUs));
      recorded.snapshotBody = entry.body;
      recorded.hasSnapshotAhead = false;
      this.onSnapshot();
      return;
    }
    this.position++;
    const ids = entry.isForged ? noIds : this.#remember(entry);
    if (entry.isSilent) return;
    const stream = `${entry.market}/${entry.stream}`;
    const message: Message = {
      stream,
      atUs: entry.atUs,
      firstId: ids.first,
      lastId: ids.last,
      text: () => entry.data,
      ...(entry.envelope === undefined ? {} : { envelope: entry.envelope }),
    };
    this.#channels.publish(message);
  }

  /** What REST will tell of this frame. */
  #remember(entry: ReplayFrame): { first: number; last: number } {
    const kind: RecordedKind = recordedKind(entry.stream);
    const symbol = entry.stream.slice(0, entry.stream.indexOf('@')).toUpperCase();
    const recorded = this.#symbols.get(`${entry.market}/${symbol}`);
    if (kind === 'other' || recorded === undefined) return noIds;
    const payload = parsed<RecordedPayload>(entry.data, entry.atUs);
    const eventAtUs = venueTimeUs(payload.E ?? 0);
    this.#nowUs = Math.max(this.#nowUs, eventAtUs);
    switch (kind) {
      case 'bookTicker':
        return { first: payload.u!, last: payload.u! };
      case 'depth':
        recorded.book.apply({ u: payload.u!, b: payload.b!, a: payload.a as Level[] });
        return { first: (payload as { U?: number }).U!, last: payload.u! };
      case 'trade':
        return this.#rememberTrade(recorded, payload, eventAtUs);
      case 'aggTrade':
        return this.#rememberAggregate(recorded, payload, eventAtUs);
    }
  }

  #rememberTrade({ listing, hasAggregates }: RecordedSymbol, payload: RecordedPayload, eventAtUs: number) {
    const id = payload.t!;
    const ids = { first: id, last: id };
    if (id <= (listing.trades.lastId ?? -1)) return ids;
    // USD-M fills off the book are on the stream alone (binance.md, 11.6).
    if (payload.X !== undefined && payload.X !== 'MARKET') return ids;
    const price = scaled(payload.p!, listing.digits.priceDigits, listing.symbol);
    const lots = scaled(payload.q!, listing.digits.lotDigits, listing.symbol);
    const atUs = venueTimeUs(payload.T!);
    const row = listing.trades.add(id);
    listing.trades.set(row, 'price', price);
    listing.trades.set(row, 'lots', lots);
    listing.trades.set(row, 'tradedAtUs', atUs);
    listing.trades.set(row, 'eventAtUs', eventAtUs);
    listing.trades.set(row, 'buyerIsMaker', payload.m ? 1 : 0);
    const running = listing.klines.forming('1s')?.openAtUs ?? 0;
    listing.klines.add(id, price, lots, BigInt(price) * BigInt(lots), Math.max(atUs, running), payload.m === true);
    if (!hasAggregates) aggregate(listing, id, price, lots, atUs, eventAtUs, payload.m === true);
    return ids;
  }

  #rememberAggregate({ listing, hasTrades }: RecordedSymbol, payload: RecordedPayload, eventAtUs: number) {
    const id = payload.a as number;
    const ids = { first: id, last: id };
    if (id <= (listing.aggregates.lastId ?? -1)) return ids;
    const price = scaled(payload.p!, listing.digits.priceDigits, listing.symbol);
    const lots = scaled(payload.q!, listing.digits.lotDigits, listing.symbol);
    const atUs = venueTimeUs(payload.T!);
    const rows = listing.aggregates;
    const row = rows.add(id);
    rows.set(row, 'price', price);
    rows.set(row, 'lots', lots);
    rows.set(row, 'first', payload.f!);
    rows.set(row, 'last', payload.l!);
    rows.set(row, 'tradedAtUs', atUs);
    rows.set(row, 'eventAtUs', eventAtUs);
    rows.set(row, 'buyerIsMaker', payload.m ? 1 : 0);
    if (!hasTrades) {
      const running = listing.klines.forming('1s')?.openAtUs ?? 0;
      const quote = BigInt(price) * BigInt(lots);
      listing.klines.add(payload.f!, price, lots, quote, Math.max(atUs, running), payload.m === true, payload.l!);
    }
    return ids;
  }
}

/** REST has aggregates of a recording that has trades only: fills at one time and price, under ids of our own. */
function aggregate(
  { aggregates: rows }: Listing,
  tradeId: number,
  price: number,
  lots: number,
  tradedAtUs: number,
  eventAtUs: number,
  buyerIsMaker: boolean,
): void {
  const last = rows.length - 1;
  const maker = buyerIsMaker ? 1 : 0;
  if (
    last >= 0 &&
    rows.at(last, 'tradedAtUs') === tradedAtUs &&
    rows.at(last, 'price') === price &&
    rows.at(last, 'buyerIsMaker') === maker
  ) {
    rows.set(last, 'lots', rows.at(last, 'lots') + lots);
    rows.set(last, 'last', tradeId);
    return;
  }
  const row = rows.add((rows.lastId ?? 2_900_000_000) + 1);
  rows.set(row, 'price', price);
  rows.set(row, 'lots', lots);
  rows.set(row, 'first', tradeId);
  rows.set(row, 'last', tradeId);
  rows.set(row, 'tradedAtUs', tradedAtUs);
  rows.set(row, 'eventAtUs', eventAtUs);
  rows.set(row, 'buyerIsMaker', maker);
}

function parsed<T>(text: string, atUs: number): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new TidemarkError('bad-recording', {
      doing: 'play the recording',
      what: `received at ${new Date(atUs / 1000).toISOString()}, ${JSON.stringify(text.slice(0, 80))}`,
      cause,
    });
  }
}

const noIds = { first: -1, last: -1 };

/** Recorded times are in ms or µs; no time of ours is near the border. */
function venueTimeUs(value: number): number {
  return value >= 1e15 ? value : value * 1000;
}

function scaled(text: string, digits: number, symbol: string): number {
  const point = text.indexOf('.');
  const fraction = point < 0 ? 0 : text.length - point - 1;
  const value = Number(point < 0 ? text : text.slice(0, point) + text.slice(point + 1)) * 10 ** (digits - fraction);
  if (fraction > digits || !Number.isSafeInteger(value)) {
    throw new TidemarkError('bad-recording', {
      doing: 'play the recording of',
      what: symbol,
      why: `${text} does not fit ${digits} decimals below 2^53`,
    });
  }
  return value;
}

function fractionOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

function neededFraction(text: string): number {
  return text.includes('.') ? fractionOf(text.replace(/0+$/, '')) : 0;
}

function newListing(sample: { market: Market; symbol: string; prices: string[]; quantities: string[] }): Listing {
  const { market, symbol, prices, quantities } = sample;
  const most = (values: number[], least: number) => values.reduce((a, b) => Math.max(a, b), least);
  const isSpot = market === 'spot';
  const priceDigits = isSpot ? 8 : most(prices.map(fractionOf), 0);
  const lotDigits = isSpot ? 8 : most(quantities.map(fractionOf), 0);
  const digits: Digits = { priceScale: priceDigits, lotScale: lotDigits, priceDigits, lotDigits };
  const known = defaultsOf(symbol);
  const tickDigits = most(prices.map(neededFraction), prices.length === 0 ? priceDigits : 0);
  const stepDigits = most(quantities.map(neededFraction), quantities.length === 0 ? lotDigits : 0);
  return new Listing(
    market,
    {
      symbol,
      status: 'TRADING',
      baseAsset: known.baseAsset,
      quoteAsset: known.quoteAsset,
      tickSize: fixedText(1, tickDigits, Math.max(tickDigits, priceDigits)),
      stepSize: fixedText(1, stepDigits, Math.max(stepDigits, lotDigits)),
    },
    digits,
    { trades: 20_000_000, klines: 300_000 },
  );
}
