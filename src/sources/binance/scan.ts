import { powerOfTen } from '../../domain/decimal.ts';
import type { Decoded } from '../../domain/decoded.ts';
import type { Slot } from '../../domain/slots.ts';
import type { SymbolTable, SymbolTables } from './symbols.ts';
import { symbolTables } from './symbols.ts';
import { microsecondsFrom } from './values.ts';

/**
 * Reads the hot shapes straight from bytes: trades, aggregates, depth and book tickers of spot and USD-M, bare or in the
 * combined envelope, in the venue's field order and without white space. It adds exactly the rows that `decodeByParse` would, or it
 * declines, having added nothing, and the caller parses. It makes no object and no text per frame.
 *
 * The methods read at `#at`, move it and leave numbers in `values`; `false` (or a negative flag) means: decline. Digit
 * loops need no bound: they run only in frames whose last byte is `}`.
 */
export class FrameScanner {
  #slots: Decoded['slots'] | undefined;
  #tables!: SymbolTables;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  /** The eight digits that the last time began with, as words and as a number: they change every 100 seconds. */
  #timeFirst = fourZeros;
  #timeSecond = fourZeros;
  #timeHead = 0;
  #name = 0;
  #nameEnd = 0;

  /** True when the frame's rows were added. */
  scan(bytes: Uint8Array, start: number, end: number, out: Decoded): boolean {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    if (out.slots !== this.#slots) {
      this.#slots = out.slots;
      this.#tables = symbolTables(out.slots);
    }
    if (end - start < 40 || end > bytes.length) return false;
    const depthEvents = out.depth.length;
    try {
      return this.#frame(bytes, start, end, out);
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
    if (!this.#time(bytes, cell.event)) return false;
    const isFutures = bytes[this.#at + 2] === letter.T;
    if (isFutures && !this.#timeOf(bytes, letter.T, cell.traded)) return false;
    const slot = this.#slot(bytes, end, table);
    if (slot === undefined) return false;
    if (!this.#integerOf(bytes, letter.t, cell.id)) return false;
    if (!this.#decimalOf(bytes, letter.p, slot.priceScale, cell.price)) return false;
    if (!this.#decimalOf(bytes, letter.q, slot.quantityScale, cell.quantity)) return false;
    if (isFutures) {
      // What is no ordinary fill is rare: parsed.
      if (!isText(bytes, this.#at, end, marketField)) return false;
      this.#at += marketField.length;
    } else {
      // Order ids of buyer and seller, sent until 2024.
      if (bytes[this.#at + 2] === letter.b) {
        if (!this.#integerOf(bytes, letter.b, cell.unread) || !this.#integerOf(bytes, letter.a, cell.unread))
          return false;
      }
      if (!this.#timeOf(bytes, letter.T, cell.traded)) return false;
    }
    const buyerIsMaker = this.#flagOf(bytes, letter.m);
    if (buyerIsMaker < 0 || !this.#atEnd(bytes, end, isFutures)) return false;

    const batch = out.trades;
    const row = batch.add(slot.index);
    const columns = batch.columns;
    const eventAtUs = values[cell.event]!;
    const record = out.record;
    columns.trade_id[row] = values[cell.id]!;
    columns.price[row] = values[cell.price]!;
    columns.quantity[row] = values[cell.quantity]!;
    columns.traded_at[row] = values[cell.traded]!;
    columns.event_at[row] = eventAtUs;
    columns.received_at[row] = record.receivedAtUs;
    columns.buyer_is_maker[row] = buyerIsMaker;
    columns.is_market[row] = 1;
    columns.origin[row] = record.origin;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  #aggTrade(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded): boolean {
    if (!this.#time(bytes, cell.event)) return false;
    const isFutures = bytes[this.#at + 2] === letter.a;
    if (isFutures && !this.#integerOf(bytes, letter.a, cell.id)) return false;
    const slot = this.#slot(bytes, end, table);
    if (slot === undefined) return false;
    if (!isFutures && !this.#integerOf(bytes, letter.a, cell.id)) return false;
    if (!this.#decimalOf(bytes, letter.p, slot.priceScale, cell.price)) return false;
    if (!this.#decimalOf(bytes, letter.q, slot.quantityScale, cell.quantity)) return false;
    if (bytes[this.#at + 2] === letter.n && !this.#skipNormalQuantity(bytes, end)) return false;
    if (!this.#integerOf(bytes, letter.f, cell.first) || !this.#integerOf(bytes, letter.l, cell.last)) return false;
    if (values[cell.last]! < values[cell.first]!) return false;
    if (!this.#timeOf(bytes, letter.T, cell.traded)) return false;
    const buyerIsMaker = this.#flagOf(bytes, letter.m);
    if (buyerIsMaker < 0 || !this.#atEnd(bytes, end, isFutures)) return false;

    const batch = out.aggTrades;
    const row = batch.add(slot.index);
    const columns = batch.columns;
    const eventAtUs = values[cell.event]!;
    const record = out.record;
    columns.agg_trade_id[row] = values[cell.id]!;
    columns.price[row] = values[cell.price]!;
    columns.quantity[row] = values[cell.quantity]!;
    columns.first_trade_id[row] = values[cell.first]!;
    columns.last_trade_id[row] = values[cell.last]!;
    columns.traded_at[row] = values[cell.traded]!;
    columns.event_at[row] = eventAtUs;
    columns.received_at[row] = record.receivedAtUs;
    columns.buyer_is_maker[row] = buyerIsMaker;
    columns.origin[row] = record.origin;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  #bookTicker(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded, isFutures: boolean): boolean {
    if (isFutures) {
      if (!this.#integerOf(bytes, letter.u, cell.id)) return false;
    } else {
      // `{"u":`, of which four bytes are read.
      if (bytes[this.#at + 4] !== colon) return false;
      this.#at += 5;
      if (!this.#integer(bytes, cell.id)) return false;
    }
    const slot = this.#slot(bytes, end, table);
    if (slot === undefined) return false;
    if (isFutures && !this.#skipPair(bytes, end)) return false;
    const { priceScale, quantityScale } = slot;
    if (!this.#decimalOf(bytes, letter.b, priceScale, cell.price)) return false;
    if (!this.#decimalOf(bytes, letter.B, quantityScale, cell.quantity)) return false;
    if (!this.#decimalOf(bytes, letter.a, priceScale, cell.askPrice)) return false;
    if (!this.#decimalOf(bytes, letter.A, quantityScale, cell.askQuantity)) return false;
    if (isFutures) {
      if (!this.#integerOf(bytes, letter.T, cell.unread) || !this.#timeOf(bytes, letter.E, cell.event)) return false;
      if (!this.#skipPair(bytes, end) || !this.#atEnd(bytes, end, true)) return false;
    } else if (this.#at + 1 !== end) return false;
    else values[cell.event] = Number.NaN;

    const batch = out.bookTickers;
    const row = batch.add(slot.index);
    const columns = batch.columns;
    const eventAtUs = values[cell.event]!;
    columns.update_id[row] = values[cell.id]!;
    columns.bid_price[row] = values[cell.price]!;
    columns.bid_quantity[row] = values[cell.quantity]!;
    columns.ask_price[row] = values[cell.askPrice]!;
    columns.ask_quantity[row] = values[cell.askQuantity]!;
    columns.event_at[row] = eventAtUs;
    columns.received_at[row] = out.record.receivedAtUs;
    if (eventAtUs > out.newestEventAtUs) out.newestEventAtUs = eventAtUs;
    return true;
  }

  #depth(bytes: Uint8Array, end: number, table: SymbolTable, out: Decoded): boolean {
    if (!this.#time(bytes, cell.event)) return false;
    const isFutures = bytes[this.#at + 2] === letter.T;
    if (isFutures && !this.#integerOf(bytes, letter.T, cell.unread)) return false;
    const slot = this.#slot(bytes, end, table);
    if (slot === undefined) return false;
    if (isFutures && !this.#skipPair(bytes, end)) return false;
    if (!this.#integerOf(bytes, letter.U, cell.first) || !this.#integerOf(bytes, letter.u, cell.last)) return false;
    if (values[cell.last]! < values[cell.first]!) return false;
    values[cell.id] = Number.NaN;
    if (isFutures) {
      if (!isText(bytes, this.#at, end, previousKey)) return false;
      this.#at += previousKey.length;
      if (!this.#integer(bytes, cell.id)) return false;
    }
    const depth = out.depth;
    const event = depth.addEvent(slot.index);
    if (!this.#levels(bytes, end, slot.priceScale, slot.quantityScale, out) || !this.#atEnd(bytes, end, isFutures)) {
      depth.dropEvent();
      return false;
    }
    const eventAtUs = values[cell.event]!;
    depth.firstUpdateId[event] = values[cell.first]!;
    depth.finalUpdateId[event] = values[cell.last]!;
    depth.previousUpdateId[event] = values[cell.id]!;
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
        let here = this.#at;
        if (bytes[here] !== openingBracket || bytes[here + 1] !== quote) return false;
        this.#at = here + 2;
        if (!this.#decimal(bytes, priceScale, cell.price)) return false;
        here = this.#at;
        if (bytes[here] !== comma || bytes[here + 1] !== quote) return false;
        this.#at = here + 2;
        if (!this.#decimal(bytes, quantityScale, cell.quantity)) return false;
        here = this.#at;
        if (bytes[here] !== closingBracket) return false;
        depth.addLevel(isBid, values[cell.price]!, values[cell.quantity]!);
        const next = bytes[here + 1];
        this.#at = here + 2;
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
    return this.#view.getInt32(at, true) === (0x2200222c | (name << 16)) && this.#bytes[at + 4] === colon;
  }

  /** `,"x":"` */
  #isTextKey(name: number): boolean {
    const at = this.#at;
    return (
      this.#view.getInt32(at, true) === (0x2200222c | (name << 16)) && this.#view.getInt16(at + 4, true) === 0x223a
    );
  }

  /** A JSON integer from 0 to 2^53 − 1. */
  #integer(bytes: Uint8Array, into: number): boolean {
    const view = this.#view;
    const first = this.#at;
    let here = first;
    let value = 0;
    const lastWord = bytes.length - 4;
    while (here <= lastWord) {
      const four = view.getInt32(here, true);
      if (!isFourDigits(four)) break;
      value = value * 10_000 + fourDigits(four);
      here += 4;
    }
    let digit = bytes[here]! - zero;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++here]! - zero;
    }
    this.#at = here;
    const length = here - first;
    if (length === 0 || length > 16 || value > Number.MAX_SAFE_INTEGER) return false;
    if (length > 1 && bytes[first] === zero) return false;
    values[into] = value;
    return true;
  }

  /** `,"x":` and an integer. */
  #integerOf(bytes: Uint8Array, name: number, into: number): boolean {
    if (!this.#isKey(name)) return false;
    this.#at += 5;
    return this.#integer(bytes, into);
  }

  /** `,"x":` and a time. */
  #timeOf(bytes: Uint8Array, name: number, into: number): boolean {
    if (!this.#isKey(name)) return false;
    this.#at += 5;
    return this.#time(bytes, into);
  }

  /** A time in µs, from ms or µs. The two usual lengths are read in whole words, others digit by digit. */
  #time(bytes: Uint8Array, into: number): boolean {
    const here = this.#at;
    if (here + 20 <= bytes.length && bytes[here] !== zero) {
      const view = this.#view;
      const first = view.getInt32(here, true);
      const second = view.getInt32(here + 4, true);
      const third = view.getInt32(here + 8, true);
      const fourth = view.getInt32(here + 12, true);
      const isSameHead = first === this.#timeFirst && second === this.#timeSecond;
      if (isFourDigits(third) && (isSameHead || (isFourDigits(first) && isFourDigits(second)))) {
        if (!isSameHead) {
          this.#timeFirst = first;
          this.#timeSecond = second;
          this.#timeHead = fourDigits(first) * 10_000 + fourDigits(second);
        }
        const high = this.#timeHead;
        const digit = (fourth & 0xff) - zero;
        if (isFourDigits(fourth)) {
          if (!isDigit(bytes[here + 16]!)) {
            const us = high * 100_000_000 + (fourDigits(third) * 10_000 + fourDigits(fourth));
            this.#at = here + 16;
            values[into] = us;
            return us <= Number.MAX_SAFE_INTEGER;
          }
        } else if (digit >= 0 && digit <= 9 && !isDigit((fourth >>> 8) & 0xff)) {
          const us = (high * 100_000 + (fourDigits(third) * 10 + digit)) * 1000;
          this.#at = here + 13;
          values[into] = us;
          return us <= Number.MAX_SAFE_INTEGER;
        }
      }
    }
    if (!this.#integer(bytes, into)) return false;
    const value = values[into]!;
    if (value >= microsecondsFrom) return true;
    values[into] = value * 1000;
    return value * 1000 <= Number.MAX_SAFE_INTEGER;
  }

  /** `,"x":"` and a decimal. */
  #decimalOf(bytes: Uint8Array, name: number, scale: number, into: number): boolean {
    if (!this.#isTextKey(name)) return false;
    this.#at += 6;
    return this.#decimal(bytes, scale, into);
  }

  /** Decimal text up to and with its closing quote, as an integer at `scale`. False when it needs more digits. */
  #decimal(bytes: Uint8Array, scale: number, into: number): boolean {
    let here = this.#at;
    const first = here;
    let value = 0;
    let digit = bytes[here]! - zero;
    while (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digit = bytes[++here]! - zero;
    }
    const whole = here - first;
    // 15 digits are exact in a double; what has more goes the slow, exact way.
    if (whole === 0 || whole + scale > 15) return false;
    let missing = scale;
    if (digit === point) {
      const fraction = ++here;
      digit = bytes[here]! - zero;
      while (missing > 0 && digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        missing--;
        digit = bytes[++here]! - zero;
      }
      if (digit === 0) {
        const lastWord = bytes.length - 4;
        while (here <= lastWord && this.#view.getInt32(here, true) === fourZeros) here += 4;
        digit = bytes[here]! - zero;
        while (digit === 0) digit = bytes[++here]! - zero;
      }
      if (here === fraction || here - fraction > 30) return false;
    }
    if (bytes[here] !== quote) return false;
    this.#at = here + 1;
    values[into] = missing === 0 ? value : value * powerOfTen(missing);
    return true;
  }

  /** `,"nq":"…"`, the quantity without retail orders, which nobody reads. */
  #skipNormalQuantity(bytes: Uint8Array, end: number): boolean {
    if (!isText(bytes, this.#at, end, normalQuantityKey)) return false;
    let at = this.#at + normalQuantityKey.length;
    while (bytes[at]! >= 46 && bytes[at]! <= 57 && bytes[at] !== 47) at++;
    this.#at = at + 1;
    return bytes[at] === quote;
  }

  /** `true` or `false` after `,"x":`, as 1 or 0. */
  #flagOf(bytes: Uint8Array, name: number): number {
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

  /** `,"s":"…"`: the slot of a known symbol. */
  #slot(bytes: Uint8Array, end: number, table: SymbolTable): Slot | undefined {
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
        return last.slot;
      }
    }
    let at = first;
    while (at < end && bytes[at] !== quote) at++;
    if (at === end) return undefined;
    this.#at = at + 1;
    const entry = table.find(bytes, first, at);
    if (entry === undefined) return undefined;
    table.last = entry;
    return entry.slot;
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
        if (!this.#integer(bytes, cell.unread)) return false;
      }
    } else if (this.#isKey(letter.M) && this.#flagOf(bytes, letter.M) < 0) return false;
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

/** What has been read of the current frame. Numbers beyond 2^31 would be boxed if methods returned them. */
const values = new Float64Array(12);
const cell = {
  event: 0, traded: 1, id: 2, price: 3, quantity: 4, askPrice: 5, askQuantity: 6, first: 7, last: 8, unread: 9,
} as const; // biome-ignore format: a table

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
const marketField = ascii(',"X":"MARKET"');
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

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 57;
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
