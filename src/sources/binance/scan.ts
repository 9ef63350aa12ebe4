import { powerOfTen } from '../../domain/decimal.ts';
import type { Decoded } from '../../domain/decoded.ts';
import type { SymbolEntry, SymbolTable, SymbolTables } from './symbols.ts';
import { symbolTables } from './symbols.ts';
import { microsecondsFrom } from './values.ts';

/**
 * Reads the hot shapes straight from bytes: trades, aggregates, depth and book tickers of spot and USD-M, bare or in the
 * combined envelope, in the venue's field order and without white space. It adds exactly the rows that `decodeByParse` would, or it
 * declines, having added nothing, and the caller parses. It makes no object and no text per frame.
 *
 * The methods read at `#at` and move it; a negative result or `false` means: decline. Digit loops need no bound: they run
 * only in frames whose last byte is `}`.
 */
export class FrameScanner {
  #slots: Decoded['slots'] | undefined;
  #tables!: SymbolTables;
  #buffer: ArrayBufferLike | undefined;
  #all: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #name = 0;
  #nameEnd = 0;

  /** True when the frame's rows were added. */
  scan(bytes: Uint8Array, start: number, end: number, out: Decoded): boolean {
    if (bytes.buffer !== this.#buffer) {
      this.#buffer = bytes.buffer;
      this.#all = new Uint8Array(bytes.buffer);
      this.#view = new DataView(bytes.buffer);
    }
    if (out.slots !== this.#slots) {
      this.#slots = out.slots;
      this.#tables = symbolTables(out.slots);
    }
    if (end - start < 40 || end > bytes.length) return false;
    const depthEvents = out.depth.length;
    try {
      return this.#frame(this.#all, bytes.byteOffset + start, bytes.byteOffset + end, out);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Words of four bytes are read without asking for the end: a damaged frame at the end of memory ends here.
      if (out.depth.length > depthEvents) out.depth.dropEvent();
      return false;
    }
  }

  #frame(bytes: Uint8Array, start: number, end: number, out: Decoded): boolean {
    if (bytes[end - 1] !== closingBrace) return false;
    const view = this.#view;
    const table = this.#tables[out.record.market];
    let at = start;
    let payloadEnd = end;
    this.#name = -1;
    if (bytes[start + 2] === letter.s) {
      // `{"stream":"` name `","data":`
      if (
        view.getInt32(start, true) !== envelope0Word ||
        view.getInt32(start + 4, true) !== envelope4Word ||
        view.getInt32(start + 7, true) !== envelope7Word
      ) {
        return false;
      }
      at = start + 11;
      this.#name = at;
      while (!hasTextEnd(view.getInt32(at, true))) at += 4;
      let byte = bytes[at]!;
      while (byte !== quote) {
        if (byte < 32 || byte === backslash || at >= end) return false;
        byte = bytes[++at]!;
      }
      this.#nameEnd = at;
      if (view.getInt32(at, true) !== data0Word || view.getInt32(at + 4, true) !== data4Word) return false;
      if (bytes[at + 8] !== colon) return false;
      at += 9;
      payloadEnd--;
      if (bytes[payloadEnd - 1] !== closingBrace) return false;
    }
    const head = view.getInt32(at, true);
    if (head === updateHeadWord) {
      this.#at = at;
      return this.#bookTicker(bytes, payloadEnd, table, out, false);
    }
    if (head !== eventHeadWord || bytes[at + 4] !== colon || bytes[at + 5] !== quote) return false;
    switch (view.getInt32(at + 6, true)) {
      case tradWord:
        if (view.getInt32(at + 10, true) !== trade4Word || view.getInt32(at + 13, true) !== trade7Word) return false;
        this.#at = at + 17;
        return this.#trade(bytes, payloadEnd, table, out);
      case aggTWord:
        if (!isText(bytes, at, end, aggTradeStart)) return false;
        this.#at = at + aggTradeStart.length;
        return this.#aggTrade(bytes, payloadEnd, table, out);
      case deptWord:
        if (!isText(bytes, at, end, depthStart) || !this.#isDiffName(bytes)) return false;
        this.#at = at + depthStart.length;
        return this.#depth(bytes, payloadEnd, table, out);
      case bookWord:
        if (!isText(bytes, at, end, bookTickerStart)) return false;
        this.#at = at + bookTickerStart.length;
        return this.#bookTicker(bytes, payloadEnd, table, out, true);
      default:
        return false;
    }
  }

  #trade(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded): boolean {
    const eventAtUs = this.#time(bytes);
    if (eventAtUs < 0) return false;
    let tradedAtUs = -1;
    const isFutures = this.#isKey(letter.T);
    if (isFutures) {
      this.#at += 5;
      tradedAtUs = this.#time(bytes);
      if (tradedAtUs < 0) return false;
    }
    const entry = this.#symbol(bytes, end, table);
    if (entry === undefined) return false;
    const slot = entry.slot;
    if (slot === undefined || !this.#isKey(letter.t)) return false;
    this.#at += 5;
    const id = this.#integer(bytes);
    if (id < 0 || !this.#isTextKey(letter.p)) return false;
    this.#at += 6;
    const price = this.#decimal(bytes, slot.priceScale);
    if (price < 0 || !this.#isTextKey(letter.q)) return false;
    this.#at += 6;
    const quantity = this.#decimal(bytes, slot.quantityScale);
    if (quantity < 0) return false;
    let isMarket = 1;
    if (isFutures) {
      if (!this.#isTextKey(letter.X)) return false;
      this.#at += 6;
      if (!isText(bytes, this.#at, end, marketWord)) return false;
      this.#at += marketWord.length;
    } else {
      // Order ids of buyer and seller, sent until 2024.
      if (this.#isKey(letter.b)) {
        this.#at += 5;
        if (this.#integer(bytes) < 0 || !this.#isKey(letter.a)) return false;
        this.#at += 5;
        if (this.#integer(bytes) < 0) return false;
      }
      if (!this.#isKey(letter.T)) return false;
      this.#at += 5;
      tradedAtUs = this.#time(bytes);
      if (tradedAtUs < 0) return false;
      isMarket = 1;
    }
    const buyerIsMaker = this.#flag(bytes, letter.m);
    if (buyerIsMaker < 0) return false;
    if (!this.#atEnd(bytes, end, isFutures)) return false;

    const batch = out.trades;
    const row = batch.add(slot.index);
    const columns = batch.columns;
    const record = out.record;
    columns.trade_id[row] = id;
    columns.price[row] = price;
    columns.quantity[row] = quantity;
    columns.traded_at[row] = tradedAtUs;
    columns.event_at[row] = eventAtUs;
    columns.received_at[row] = record.receivedAtUs;
    columns.buyer_is_maker[row] = buyerIsMaker;
    columns.is_market[row] = isMarket;
    columns.origin[row] = record.origin;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  #aggTrade(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded): boolean {
    const eventAtUs = this.#time(bytes);
    if (eventAtUs < 0) return false;
    let id = -1;
    const isFutures = this.#isKey(letter.a);
    if (isFutures) {
      this.#at += 5;
      id = this.#integer(bytes);
      if (id < 0) return false;
    }
    const entry = this.#symbol(bytes, end, table);
    if (entry === undefined) return false;
    const slot = entry.slot;
    if (slot === undefined) return false;
    if (!isFutures) {
      if (!this.#isKey(letter.a)) return false;
      this.#at += 5;
      id = this.#integer(bytes);
      if (id < 0) return false;
    }
    if (!this.#isTextKey(letter.p)) return false;
    this.#at += 6;
    const price = this.#decimal(bytes, slot.priceScale);
    if (price < 0 || !this.#isTextKey(letter.q)) return false;
    this.#at += 6;
    const quantity = this.#decimal(bytes, slot.quantityScale);
    if (quantity < 0) return false;
    if (bytes[this.#at + 2] === letter.n && isText(bytes, this.#at, end, normalQuantityKey)) {
      this.#at += normalQuantityKey.length;
      if (!this.#skipDecimal(bytes)) return false;
    }
    if (!this.#isKey(letter.f)) return false;
    this.#at += 5;
    const first = this.#integer(bytes);
    if (first < 0 || !this.#isKey(letter.l)) return false;
    this.#at += 5;
    const last = this.#integer(bytes);
    if (last < first || !this.#isKey(letter.T)) return false;
    this.#at += 5;
    const tradedAtUs = this.#time(bytes);
    if (tradedAtUs < 0) return false;
    const buyerIsMaker = this.#flag(bytes, letter.m);
    if (buyerIsMaker < 0 || !this.#atEnd(bytes, end, isFutures)) return false;

    const batch = out.aggTrades;
    const row = batch.add(slot.index);
    const columns = batch.columns;
    const record = out.record;
    columns.agg_trade_id[row] = id;
    columns.price[row] = price;
    columns.quantity[row] = quantity;
    columns.first_trade_id[row] = first;
    columns.last_trade_id[row] = last;
    columns.traded_at[row] = tradedAtUs;
    columns.event_at[row] = eventAtUs;
    columns.received_at[row] = record.receivedAtUs;
    columns.buyer_is_maker[row] = buyerIsMaker;
    columns.origin[row] = record.origin;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  #bookTicker(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded, isFutures: boolean): boolean {
    // At `{"u":` on spot, at `,"u":` on futures.
    if (isFutures ? !this.#isKey(letter.u) : bytes[this.#at + 4] !== colon) return false;
    this.#at += 5;
    const id = this.#integer(bytes);
    if (id < 0) return false;
    const entry = this.#symbol(bytes, end, table);
    if (entry === undefined) return false;
    const slot = entry.slot;
    if (slot === undefined) return false;
    if (isFutures && !this.#skipPair(bytes, end)) return false;
    if (!this.#isTextKey(letter.b)) return false;
    this.#at += 6;
    const bidPrice = this.#decimal(bytes, slot.priceScale);
    if (bidPrice < 0 || !this.#isTextKey(letter.B)) return false;
    this.#at += 6;
    const bidQuantity = this.#decimal(bytes, slot.quantityScale);
    if (bidQuantity < 0 || !this.#isTextKey(letter.a)) return false;
    this.#at += 6;
    const askPrice = this.#decimal(bytes, slot.priceScale);
    if (askPrice < 0 || !this.#isTextKey(letter.A)) return false;
    this.#at += 6;
    const askQuantity = this.#decimal(bytes, slot.quantityScale);
    if (askQuantity < 0) return false;
    let eventAtUs = Number.NaN;
    if (isFutures) {
      if (!this.#isKey(letter.T)) return false;
      this.#at += 5;
      if (this.#integer(bytes) < 0 || !this.#isKey(letter.E)) return false;
      this.#at += 5;
      eventAtUs = this.#time(bytes);
      if (eventAtUs < 0 || !this.#skipPair(bytes, end) || !this.#atEnd(bytes, end, true)) return false;
    } else if (this.#at + 1 !== end) return false;

    const batch = out.bookTickers;
    const row = batch.add(slot.index);
    const columns = batch.columns;
    columns.update_id[row] = id;
    columns.bid_price[row] = bidPrice;
    columns.bid_quantity[row] = bidQuantity;
    columns.ask_price[row] = askPrice;
    columns.ask_quantity[row] = askQuantity;
    columns.event_at[row] = eventAtUs;
    columns.received_at[row] = out.record.receivedAtUs;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  #depth(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded): boolean {
    const eventAtUs = this.#time(bytes);
    if (eventAtUs < 0) return false;
    const isFutures = this.#isKey(letter.T);
    if (isFutures) {
      this.#at += 5;
      if (this.#integer(bytes) < 0) return false;
    }
    const entry = this.#symbol(bytes, end, table);
    if (entry === undefined) return false;
    const slot = entry.slot;
    if (slot === undefined) return false;
    if (isFutures && !this.#skipPair(bytes, end)) return false;
    if (!this.#isKey(letter.U)) return false;
    this.#at += 5;
    const first = this.#integer(bytes);
    if (first < 0 || !this.#isKey(letter.u)) return false;
    this.#at += 5;
    const final = this.#integer(bytes);
    if (final < first) return false;
    let previous = Number.NaN;
    if (isFutures) {
      if (!isText(bytes, this.#at, end, previousKey)) return false;
      this.#at += previousKey.length;
      previous = this.#integer(bytes);
      if (previous < 0) return false;
    }
    const depth = out.depth;
    const event = depth.addEvent(slot.index);
    if (!this.#levels(bytes, end, slot.priceScale, slot.quantityScale, out) || !this.#atEnd(bytes, end, isFutures)) {
      depth.dropEvent();
      return false;
    }
    depth.firstUpdateId[event] = first;
    depth.finalUpdateId[event] = final;
    depth.previousUpdateId[event] = previous;
    depth.eventAtUs[event] = eventAtUs;
    depth.receivedAtUs[event] = out.record.receivedAtUs;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  /** `,"b":[["D","D"],…],"a":[…]` */
  #levels(bytes: Uint8Array, end: number, priceScale: number, quantityScale: number, out: Decoded): boolean {
    const depth = out.depth;
    for (let isBid = 1; isBid >= 0; isBid--) {
      if (!this.#isKey(isBid === 1 ? letter.b : letter.a) || bytes[this.#at + 5] !== openingBracket) return false;
      this.#at += 6;
      if (bytes[this.#at] === closingBracket) {
        this.#at++;
        continue;
      }
      for (;;) {
        let at = this.#at;
        if (bytes[at] !== openingBracket || bytes[at + 1] !== quote) return false;
        this.#at = at + 2;
        const price = this.#decimal(bytes, priceScale);
        if (price < 0) return false;
        at = this.#at;
        if (bytes[at] !== comma || bytes[at + 1] !== quote) return false;
        this.#at = at + 2;
        const quantity = this.#decimal(bytes, quantityScale);
        if (quantity < 0) return false;
        at = this.#at;
        if (bytes[at] !== closingBracket) return false;
        depth.addLevel(isBid, price, quantity);
        const next = bytes[at + 1];
        this.#at = at + 2;
        if (next === comma) continue;
        if (next === closingBracket) break;
        return false;
      }
    }
    return this.#at < end;
  }

  /** `,"x":` */
  #isKey(name: number): boolean {
    const at = this.#at;
    return this.#view.getInt32(at, true) === (0x2200222c | (name << 16)) && this.#all[at + 4] === colon;
  }

  /** `,"x":"` */
  #isTextKey(name: number): boolean {
    const at = this.#at;
    return (
      this.#view.getInt32(at, true) === (0x2200222c | (name << 16)) && this.#view.getInt16(at + 4, true) === 0x223a
    );
  }

  /** A JSON integer from 0 to 2^53 − 1; −1 for anything else. */
  #integer(bytes: Uint8Array): number {
    const view = this.#view;
    const first = this.#at;
    let at = first;
    let value = 0;
    let four = view.getInt32(at, true);
    while (isFourDigits(four)) {
      value = value * 10_000 + fourDigits(four);
      at += 4;
      four = view.getInt32(at, true);
    }
    let digit = (four & 0xff) - zero;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++at]! - zero;
    }
    this.#at = at;
    const length = at - first;
    if (length === 0 || length > 16 || value > Number.MAX_SAFE_INTEGER) return -1;
    if (length > 1 && bytes[first] === zero) return -1;
    return value;
  }

  /** A time in µs, from ms or µs. */
  #time(bytes: Uint8Array): number {
    const value = this.#integer(bytes);
    if (value >= microsecondsFrom) return value;
    const us = value * 1000;
    return us > Number.MAX_SAFE_INTEGER ? -1 : us;
  }

  /** Decimal text up to and with its closing quote, as an integer at `scale`; −1 when it needs more digits. */
  #decimal(bytes: Uint8Array, scale: number): number {
    let at = this.#at;
    const first = at;
    let value = 0;
    let digit = bytes[at]! - zero;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++at]! - zero;
    }
    const whole = at - first;
    // 15 digits are exact in a double; what has more goes the slow, exact way.
    if (whole === 0 || whole + scale > 15) return -1;
    let missing = scale;
    if (digit === point) {
      const fraction = ++at;
      digit = bytes[at]! - zero;
      while (missing > 0 && digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        missing--;
        digit = bytes[++at]! - zero;
      }
      if (digit === 0) {
        while (this.#view.getInt32(at, true) === fourZeros) at += 4;
        digit = bytes[at]! - zero;
        while (digit === 0) digit = bytes[++at]! - zero;
      }
      if (at === fraction || at - fraction > 30) return -1;
    }
    if (bytes[at] !== quote) return -1;
    this.#at = at + 1;
    return missing === 0 ? value : value * powerOfTen(missing);
  }

  /** Text of digits and points that nobody reads, with its closing quote. */
  #skipDecimal(bytes: Uint8Array): boolean {
    let at = this.#at;
    while (bytes[at]! >= 46 && bytes[at]! <= 57 && bytes[at] !== 47) at++;
    this.#at = at + 1;
    return bytes[at] === quote;
  }

  /** `true` or `false` after `,"x":`, as 1 or 0. */
  #flag(bytes: Uint8Array, name: number): number {
    if (!this.#isKey(name)) return -1;
    const at = this.#at + 5;
    if (bytes[at] === letter.t) {
      this.#at = at + 4;
      return bytes[at + 1] === letter.r && bytes[at + 2] === letter.u && bytes[at + 3] === letter.e ? 1 : -1;
    }
    this.#at = at + 5;
    return bytes[at] === letter.f &&
      bytes[at + 1] === letter.a &&
      bytes[at + 2] === letter.l &&
      bytes[at + 3] === letter.s &&
      bytes[at + 4] === letter.e
      ? 0
      : -1;
  }

  /** The known symbol after `,"s":"`, with its closing quote. */
  #symbol(bytes: Uint8Array, end: number, table: SymbolTable): SymbolEntry | undefined {
    if (!this.#isTextKey(letter.s)) return undefined;
    const first = this.#at + 6;
    const last = table.last;
    if (last !== undefined) {
      const expected = last.bytes;
      const length = expected.length;
      let i = 0;
      while (i < length && bytes[first + i] === expected[i]) i++;
      if (i === length && bytes[first + i] === quote) {
        this.#at = first + i + 1;
        return last;
      }
    }
    let at = first;
    while (at < end && bytes[at] !== quote) at++;
    if (at === end) return undefined;
    this.#at = at + 1;
    const entry = table.find(bytes, first, at);
    if (entry !== undefined) table.last = entry;
    return entry;
  }

  /** `,"ps":"…"`, the pair, where it is sent. */
  #skipPair(bytes: Uint8Array, end: number): boolean {
    if (bytes[this.#at + 2] !== letter.p || !isText(bytes, this.#at, end, pairKey)) return true;
    let at = this.#at + pairKey.length;
    while (isNameByte(bytes[at]!)) at++;
    this.#at = at + 1;
    return bytes[at] === quote;
  }

  /** The closing brace, on spot after `,"M":true`, on futures after an optional `,"st":1`; and nothing beyond. */
  #atEnd(bytes: Uint8Array, end: number, isFutures: boolean): boolean {
    if (bytes[this.#at] === closingBrace) return this.#at + 1 === end;
    if (isFutures) {
      if (isText(bytes, this.#at, end, productKey)) {
        this.#at += productKey.length;
        if (this.#integer(bytes) < 0) return false;
      }
    } else if (this.#isKey(letter.M) && this.#flag(bytes, letter.M) < 0) return false;
    return this.#at + 1 === end;
  }

  /** Not a partial book, which futures send under the same event name: `…@depth` or `…@depth@100ms`. */
  #isDiffName(bytes: Uint8Array): boolean {
    if (this.#name < 0) return true;
    let at = this.#name;
    const end = this.#nameEnd;
    while (at < end && bytes[at] !== atSign) at++;
    if (!isText(bytes, at, end, depthSuffix)) return false;
    at += depthSuffix.length;
    if (at === end) return true;
    const speed = bytes[at + 1]!;
    if (bytes[at] !== atSign || speed < zero || speed > 57) return false;
    while (++at < end) if (bytes[at] === atSign) return false;
    return true;
  }
}

const quote = 34;
const comma = 44;
const zero = 48;
const colon = 58;
const atSign = 64;
const openingBracket = 91;
const backslash = 92;
const closingBracket = 93;
const closingBrace = 125;
/** The point, less `0`. */
const point = 46 - zero;

const letter = {
  A: 65, B: 66, E: 69, M: 77, T: 84, U: 85, X: 88,
  a: 97, b: 98, d: 100, e: 101, f: 102, l: 108, m: 109, n: 110, p: 112, q: 113, r: 114, s: 115, t: 116, u: 117,
} as const; // biome-ignore format: a table

const ascii = (text: string) => new TextEncoder().encode(text);
const aggTradeStart = ascii('{"e":"aggTrade","E":');
const depthStart = ascii('{"e":"depthUpdate","E":');
const bookTickerStart = ascii('{"e":"bookTicker"');
const marketWord = ascii('MARKET"');
const normalQuantityKey = ascii(',"nq":"');
const previousKey = ascii(',"pu":');
const pairKey = ascii(',"ps":"');
const productKey = ascii(',"st":');
const depthSuffix = ascii('@depth');

function isText(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  const length = text.length;
  if (at < 0 || at + length > end) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== text[i]) return false;
  return true;
}

/** Four ASCII characters as a little-endian word. */
function word(text: string): number {
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);
}

const envelope0Word = word('{"st');
const envelope4Word = word('ream');
const envelope7Word = word('m":"');
const data0Word = word('","d');
const data4Word = word('ata"');
const updateHeadWord = word('{"u"');
const eventHeadWord = word('{"e"');
const tradWord = word('trad');
const trade4Word = word('e","');
const trade7Word = word('"E":');
const aggTWord = word('aggT');
const deptWord = word('dept');
const bookWord = word('book');
const fourZeros = 0x30303030;

function isFourDigits(four: number): boolean {
  return (four & 0xf0f0f0f0) === fourZeros && (((four & 0x0f0f0f0f) + 0x06060606) & 0xf0f0f0f0) === 0;
}

/** The number that four digits write: pairs first, then both pairs. */
function fourDigits(four: number): number {
  const digits = four & 0x0f0f0f0f;
  const pairs = digits * 10 + (digits >>> 8);
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff);
}

/** Whether one of four bytes may end the text or be an escape or control character; bytes beyond ASCII may say so too. */
function hasTextEnd(four: number): boolean {
  const quotes = four ^ 0x22222222;
  const escapes = four ^ 0x5c5c5c5c;
  return (
    ((((quotes - 0x01010101) & ~quotes) | ((escapes - 0x01010101) & ~escapes) | ((four - 0x20202020) & ~four)) &
      0x80808080) !==
    0
  );
}

/** Digits, capital letters and underscores. */
function isNameByte(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95;
}
