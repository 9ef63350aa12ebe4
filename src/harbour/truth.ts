import type { Market } from '../domain/instrument.ts';
import type { OpenFile } from '../ports/world.ts';
import { encodeRestAggTrades, encodeRestKlines, encodeRestTrades } from '../sources/binance/encode.ts';
import type { BookHistory } from './book-history.ts';
import type { Message } from './channels.ts';
import type { Kline, VenueInterval } from './klines.ts';
import type { Listing } from './listing.ts';
import { Rows } from './rows.ts';

/** What was sent on one connection, in order. Row ids count from 0; `stream` is an index into `streams`. */
export interface SentRecord {
  readonly connection: number;
  readonly market: Market;
  readonly openedAtUs: number;
  closedAtUs: number | undefined;
  /** Names as subscribed, without the market. */
  readonly streams: string[];
  /** All messages so far, those too that fell off `rows`. */
  messages: number;
  /** `first` and `last`: trade, aggregate or update ids (`U`, `u`), open times of candles; −1 where there is none. */
  readonly rows: Rows<'stream' | 'first' | 'last' | 'atUs'>;
}

/**
 * The harbour's own record: what happened in the market, and what was told to whom. Nothing of it depends on the system
 * under test. Times of sending are our wall clock's, all others the venue's.
 */
export class Truth {
  readonly #listing: (market: Market, symbol: string) => Listing | undefined;
  readonly #histories = new Map<string, BookHistory>();
  readonly #sent: SentRecord[] = [];
  readonly #keepSent: number;
  #file: OpenFile | undefined;
  #lines: string[] = [];

  constructor(listing: (market: Market, symbol: string) => Listing | undefined, keepSent: number) {
    this.#listing = listing;
    this.#keepSent = keepSent;
  }

  #known(symbol: string, market: Market): Listing {
    const listing = this.#listing(market, symbol);
    if (listing === undefined) throw new Error(`the harbour lists no ${market} ${symbol}`);
    return listing;
  }

  /** Every trade: price in ticks, lots, times in µs (`listing.digits` says the scales). */
  trades(symbol: string, market: Market = 'spot'): Listing['trades'] {
    return this.#known(symbol, market).trades;
  }

  aggregates(symbol: string, market: Market = 'spot'): Listing['aggregates'] {
    return this.#known(symbol, market).aggregates;
  }

  /** Closed candles, oldest first. */
  candles(symbol: string, interval: VenueInterval, market: Market = 'spot'): readonly Kline[] {
    return this.#known(symbol, market).klines.closed(interval);
  }

  listing(symbol: string, market: Market = 'spot'): Listing {
    return this.#known(symbol, market);
  }

  /** The book after every update id; of matched symbols only. */
  book(symbol: string): BookHistory {
    const history = this.#histories.get(symbol);
    if (history === undefined) throw new Error(`the harbour keeps no book history of ${symbol}`);
    return history;
  }

  keepBook(symbol: string, history: BookHistory): void {
    this.#histories.set(symbol, history);
  }

  /** All connections there were, in order. */
  connections(): readonly SentRecord[] {
    return this.#sent;
  }

  sent(connection: number): SentRecord | undefined {
    return this.#sent.find((record) => record.connection === connection);
  }

  opened(connection: number, market: Market, atUs: number): SentRecord {
    const record: SentRecord = {
      connection,
      market,
      openedAtUs: atUs,
      closedAtUs: undefined,
      streams: [],
      messages: 0,
      rows: new Rows(['stream', 'first', 'last', 'atUs'], this.#keepSent),
    };
    this.#sent.push(record);
    this.note({ kind: 'opened', connection, market, atUs });
    return record;
  }

  closed(record: SentRecord, atUs: number): void {
    if (record.closedAtUs !== undefined) return;
    record.closedAtUs = atUs;
    this.note({ kind: 'closed', connection: record.connection, atUs });
  }

  #sequence = 0;
  #streamIndexes = new WeakMap<SentRecord, Map<string, number>>();

  sentMessage(record: SentRecord, message: Message, atUs: number): void {
    let indexes = this.#streamIndexes.get(record);
    if (indexes === undefined) {
      indexes = new Map();
      this.#streamIndexes.set(record, indexes);
    }
    let stream = indexes.get(message.stream);
    if (stream === undefined) {
      stream = record.streams.length;
      record.streams.push(message.stream.slice(record.market.length + 1));
      indexes.set(message.stream, stream);
    }
    record.messages++;
    if (this.#keepSent > 0) {
      const row = record.rows.add(this.#sequence++);
      record.rows.set(row, 'stream', stream);
      record.rows.set(row, 'first', message.firstId);
      record.rows.set(row, 'last', message.lastId);
      record.rows.set(row, 'atUs', atUs);
    }
    if (this.#file !== undefined) {
      const { firstId: first, lastId: last } = message;
      this.note({ kind: 'sent', connection: record.connection, stream: record.streams[stream], first, last, atUs });
    }
  }

  // ---- as a file, one JSON object a line

  writeTo(file: OpenFile): void {
    this.#file = file;
  }

  note(fact: Readonly<Record<string, unknown>>): void {
    if (this.#file !== undefined) this.#lines.push(JSON.stringify(fact));
  }

  /** Positions written so far, per symbol. */
  readonly #written = new Map<Listing, { trade: number; aggregate: number; candle: number }>();

  /** Appends what has happened since the last call: trades, aggregates, closed minutes, connections, what was sent. */
  flush(listings: readonly Listing[]): void {
    if (this.#file === undefined) return;
    for (const listing of listings) this.#writeMarket(listing);
    if (this.#lines.length === 0) return;
    this.#file.append([new TextEncoder().encode(`${this.#lines.join('\n')}\n`)]);
    this.#lines = [];
  }

  close(listings: readonly Listing[]): void {
    this.flush(listings);
    this.#file?.close();
    this.#file = undefined;
  }

  #writeMarket(listing: Listing): void {
    const { market, symbol } = listing;
    let written = this.#written.get(listing);
    if (written === undefined) {
      written = { trade: -1, aggregate: -1, candle: -1 };
      this.#written.set(listing, written);
    }
    const head = { market, symbol };
    if ((listing.trades.lastId ?? -1) > written.trade) {
      const trades = listing.restTrades(written.trade + 1, Number.POSITIVE_INFINITY);
      for (const row of JSON.parse(encodeRestTrades(market, trades, 'us'))) this.note({ kind: 'trade', ...head, row });
      written.trade = listing.trades.lastId!;
    }
    if ((listing.aggregates.lastId ?? -1) > written.aggregate) {
      const rows = listing.restAggregates({ fromId: written.aggregate + 1, limit: Number.POSITIVE_INFINITY });
      for (const row of JSON.parse(encodeRestAggTrades(market, rows, 'us'))) {
        this.note({ kind: 'agg-trade', ...head, row });
      }
      written.aggregate = listing.aggregates.lastId!;
    }
    const since = written.candle;
    const minutes = listing.klines.closed('1m').filter((kline) => kline.openAtUs > since);
    if (minutes.length > 0) {
      const values = minutes.map((kline) => listing.klineValues('1m', kline));
      for (const row of JSON.parse(encodeRestKlines(values, 'us'))) this.note({ kind: 'candle-1m', ...head, row });
      written.candle = minutes.at(-1)!.openAtUs;
    }
  }
}
