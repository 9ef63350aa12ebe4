import type { Decoded } from '../../domain/decoded.ts';
import type { StreamKind } from '../../domain/instrument.ts';
import { isInterval } from '../../domain/interval.ts';
import type { Slot } from '../../domain/slots.ts';
import { decodeControl } from './control.ts';
import { wideFrom } from './decimal-text.ts';
import type { SymbolEntry, SymbolTable } from './symbols.ts';
import { symbolTables } from './symbols.ts';
import type { Refusal } from './values.ts';
import { isId, readValues, refuse, sawEventAt, shown, timeUs } from './values.ts';

type Fields = Record<string, unknown>;

/**
 * Decodes one frame with `JSON.parse`: every shape, in any field order, with unknown fields. Slower than the scanner and
 * its oracle. What cannot be read becomes one finding and no row.
 */
export function decodeByParse(bytes: Uint8Array, start: number, end: number, out: Decoded): void {
  let text = '';
  let frame: unknown;
  try {
    text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    frame = JSON.parse(text);
  } catch {
    // The parser's own words change with its version; findings are compared between runs.
    out.addFinding('bad-frame', '', `${end - start} bytes are no JSON; they begin with ${shown(text.slice(0, 60))}`);
    return;
  }
  if (!isFields(frame)) {
    if (Array.isArray(frame)) decodePayload(frame, '', out);
    else out.addFinding('bad-frame', '', `${shown(frame)} is no message`);
    return;
  }
  if (typeof frame['stream'] === 'string' && 'data' in frame) decodePayload(frame['data'], frame['stream'], out);
  else if (frame['e'] !== undefined || !decodeControl(frame, out)) decodePayload(frame, '', out);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodePayload(payload: unknown, stream: string, out: Decoded): void {
  // All-market streams send arrays of events.
  if (Array.isArray(payload)) for (const item of payload) decodeEvent(item, stream, out);
  else decodeEvent(payload, stream, out);
}

function decodeEvent(data: unknown, stream: string, out: Decoded): void {
  if (!isFields(data)) {
    out.addFinding('bad-frame', '', `${shown(data)} is no event`);
    return;
  }
  const kind = kindOf(data, stream);
  if (kind === undefined) {
    const name = data['e'] === undefined ? `an event with the fields ${Object.keys(data).join(' ')}` : shown(data['e']);
    out.addFinding('unknown-event', '', `${name}${stream === '' ? '' : ` on ${shown(stream)}`} is not known`);
    return;
  }
  if (kind === 'shutdown') {
    out.controls.push({ kind: 'shutdown-announced' });
    return;
  }
  const table = symbolTables(out.slots)[out.record.market];
  const entry = table.entry(data['s']);
  const refusal =
    entry === undefined
      ? refuse('bad-frame', `${shown(data['s'])} is no symbol`)
      : decoders[kind](data, table, entry, out);
  if (refusal !== undefined) out.addFinding(refusal.code, kind, refusal.detail, entry?.slot?.index ?? -1);
}

/** Futures send partial books (`@depth20`, `@rpiDepth`) under the name of diffs; only the stream name tells. */
const partialDepth = /@(?:depth\d+|rpiDepth)(?:@|$)/;

function kindOf(data: Fields, stream: string): StreamKind | 'shutdown' | undefined {
  switch (data['e']) {
    case 'trade':
      return 'trade';
    case 'aggTrade':
      return 'agg-trade';
    case 'depthUpdate':
      return partialDepth.test(stream) ? undefined : 'depth';
    case 'bookTicker':
      return 'book-ticker';
    case '24hrTicker':
      return 'ticker';
    case 'kline':
      return 'kline';
    case 'markPriceUpdate':
      return 'mark-price';
    case 'serverShutdown':
      return 'shutdown';
    case undefined:
      return 'u' in data && 's' in data && 'B' in data && 'A' in data ? 'book-ticker' : undefined;
    default:
      return undefined;
  }
}

type EventDecoder = (data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded) => Refusal | undefined;

const decoders: Readonly<Record<StreamKind, EventDecoder>> = {
  trade: decodeTrade,
  'agg-trade': decodeAggTrade,
  depth: decodeDepth,
  'book-ticker': decodeBookTicker,
  ticker: decodeTicker,
  kline: decodeKline,
  'mark-price': decodeMarkPrice,
};

function badField(data: Fields, name: string): Refusal {
  return refuse('bad-frame', `field ${name} of ${shown(data['e'])} is ${shown(data[name])}`);
}

function decodeTrade(data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const { t, m, X } = data;
  const eventAtUs = timeUs(data['E']);
  const tradedAtUs = timeUs(data['T']);
  if (!isId(t)) return badField(data, 't');
  if (Number.isNaN(eventAtUs)) return badField(data, 'E');
  if (Number.isNaN(tradedAtUs)) return badField(data, 'T');
  if (typeof m !== 'boolean') return badField(data, 'm');
  if (X !== undefined && typeof X !== 'string') return badField(data, 'X');
  const values = readValues(table, entry, [data['p']], [data['q']]);
  if ('code' in values) return values;
  const row = out.trades.add(values.slot.index);
  const columns = out.trades.columns;
  columns.trade_id[row] = t;
  columns.price[row] = values.prices[0]!;
  columns.quantity[row] = values.quantities[0]!;
  columns.traded_at[row] = tradedAtUs;
  columns.event_at[row] = eventAtUs;
  columns.received_at[row] = out.record.receivedAtUs;
  columns.buyer_is_maker[row] = m ? 1 : 0;
  columns.is_market[row] = X === undefined || X === 'MARKET' ? 1 : 0;
  columns.origin[row] = out.record.origin;
  sawEventAt(out, eventAtUs);
  return undefined;
}

function decodeAggTrade(data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const { a, f, l, m } = data;
  const eventAtUs = timeUs(data['E']);
  const tradedAtUs = timeUs(data['T']);
  if (!isId(a)) return badField(data, 'a');
  if (!isId(f)) return badField(data, 'f');
  if (!isId(l, f)) return badField(data, 'l');
  if (Number.isNaN(eventAtUs)) return badField(data, 'E');
  if (Number.isNaN(tradedAtUs)) return badField(data, 'T');
  if (typeof m !== 'boolean') return badField(data, 'm');
  const values = readValues(table, entry, [data['p']], [data['q']]);
  if ('code' in values) return values;
  const row = out.aggTrades.add(values.slot.index);
  const columns = out.aggTrades.columns;
  columns.agg_trade_id[row] = a;
  columns.price[row] = values.prices[0]!;
  columns.quantity[row] = values.quantities[0]!;
  columns.first_trade_id[row] = f;
  columns.last_trade_id[row] = l;
  columns.traded_at[row] = tradedAtUs;
  columns.event_at[row] = eventAtUs;
  columns.received_at[row] = out.record.receivedAtUs;
  columns.buyer_is_maker[row] = m ? 1 : 0;
  columns.origin[row] = out.record.origin;
  sawEventAt(out, eventAtUs);
  return undefined;
}

/** Price and quantity texts of levels, one after the other; undefined when it is no list of levels. */
export function levelTexts(
  sides: readonly unknown[],
): { prices: unknown[]; quantities: unknown[]; counts: number[] } | undefined {
  const prices: unknown[] = [];
  const quantities: unknown[] = [];
  const counts: number[] = [];
  for (const side of sides) {
    if (!Array.isArray(side)) return undefined;
    counts.push(side.length);
    for (const level of side) {
      if (!Array.isArray(level) || level.length < 2) return undefined;
      prices.push(level[0]);
      quantities.push(level[1]);
    }
  }
  return { prices, quantities, counts };
}

function decodeDepth(data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const { U, u, pu } = data;
  const eventAtUs = timeUs(data['E']);
  if (Number.isNaN(eventAtUs)) return badField(data, 'E');
  if (!isId(U)) return badField(data, 'U');
  if (!isId(u, U)) return badField(data, 'u');
  // −1 says that there was no event before.
  if (pu !== undefined && !isId(pu, -1)) return badField(data, 'pu');
  const texts = levelTexts([data['b'], data['a']]);
  if (texts === undefined) return refuse('bad-frame', 'the sides of a depth event are no lists of levels');
  const values = readValues(table, entry, texts.prices, texts.quantities);
  if ('code' in values) return values;
  const depth = out.depth;
  const event = depth.addEvent(values.slot.index);
  depth.firstUpdateId[event] = U;
  depth.finalUpdateId[event] = u;
  depth.previousUpdateId[event] = pu === undefined ? Number.NaN : (pu as number);
  depth.eventAtUs[event] = eventAtUs;
  depth.receivedAtUs[event] = out.record.receivedAtUs;
  const bids = texts.counts[0]!;
  for (let i = 0; i < values.prices.length; i++) {
    depth.addLevel(i < bids ? 1 : 0, values.prices[i]!, values.quantities[i]!);
  }
  sawEventAt(out, eventAtUs);
  return undefined;
}

function decodeBookTicker(data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const { u, E } = data;
  if (!isId(u)) return badField(data, 'u');
  const eventAtUs = timeUs(E);
  if (E !== undefined && Number.isNaN(eventAtUs)) return badField(data, 'E');
  const values = readValues(table, entry, [data['b'], data['a']], [data['B'], data['A']]);
  if ('code' in values) return values;
  const row = out.bookTickers.add(values.slot.index);
  const columns = out.bookTickers.columns;
  columns.update_id[row] = u;
  columns.bid_price[row] = values.prices[0]!;
  columns.bid_quantity[row] = values.quantities[0]!;
  columns.ask_price[row] = values.prices[1]!;
  columns.ask_quantity[row] = values.quantities[1]!;
  columns.event_at[row] = eventAtUs;
  columns.received_at[row] = out.record.receivedAtUs;
  if (E !== undefined) sawEventAt(out, eventAtUs);
  return undefined;
}

function wide(data: Fields, name: string): bigint | undefined {
  const text = data[name];
  return typeof text === 'string' ? wideFrom(text) : undefined;
}

function badWide(data: Fields, name: string): Refusal {
  return refuse('value-refused', `field ${name} of ${shown(data['e'] ?? 'kline')} is ${shown(data[name])}`);
}

function decodeTicker(data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const { F, L, n } = data;
  const eventAtUs = timeUs(data['E']);
  const openedAtUs = timeUs(data['O']);
  const closedAtUs = timeUs(data['C']);
  if (Number.isNaN(eventAtUs)) return badField(data, 'E');
  if (Number.isNaN(openedAtUs)) return badField(data, 'O');
  if (Number.isNaN(closedAtUs)) return badField(data, 'C');
  if (!isId(F, -1)) return badField(data, 'F');
  if (!isId(L, -1)) return badField(data, 'L');
  if (!isId(n)) return badField(data, 'n');
  const volume = wide(data, 'v');
  if (volume === undefined) return badWide(data, 'v');
  const quoteVolume = wide(data, 'q');
  if (quoteVolume === undefined) return badWide(data, 'q');
  const values = readValues(table, entry, [data['p'], data['o'], data['h'], data['l'], data['c']], [data['Q']], true);
  if ('code' in values) return values;
  const row = out.tickers.add(values.slot.index);
  const columns = out.tickers.columns;
  columns.event_at[row] = eventAtUs;
  columns.price_change[row] = values.prices[0]!;
  columns.open[row] = values.prices[1]!;
  columns.high[row] = values.prices[2]!;
  columns.low[row] = values.prices[3]!;
  columns.last_price[row] = values.prices[4]!;
  columns.last_quantity[row] = values.quantities[0]!;
  columns.average_price[row] = wide(data, 'w') ?? null;
  columns.volume[row] = volume;
  columns.quote_volume[row] = quoteVolume;
  columns.opened_at[row] = openedAtUs;
  columns.closed_at[row] = closedAtUs;
  columns.first_trade_id[row] = F;
  columns.last_trade_id[row] = L;
  columns.trade_count[row] = n;
  columns.received_at[row] = out.record.receivedAtUs;
  sawEventAt(out, eventAtUs);
  return undefined;
}

/** A candle's values under one set of names, from a frame's `k` or a row of `klines`. */
export interface CandleFields {
  readonly interval: unknown;
  readonly openedAt: unknown;
  readonly closedAt: unknown;
  /** Open, high, low, close. */
  readonly prices: readonly unknown[];
  /** Base volume, quote volume, taker-buy base, taker-buy quote. */
  readonly volumes: readonly unknown[];
  readonly tradeCount: unknown;
}

/** Adds a closed candle and gives its row; the caller fills trade ids and event time. */
export function addCandle(
  candle: CandleFields,
  table: SymbolTable,
  entry: SymbolEntry,
  out: Decoded,
): { row: number; slot: Slot } | Refusal {
  const { interval, tradeCount } = candle;
  if (typeof interval !== 'string' || !isInterval(interval)) {
    return refuse('bad-frame', `${shown(interval)} is no interval`);
  }
  const openedAtUs = timeUs(candle.openedAt);
  const closedAtUs = closeTimeUs(candle.closedAt);
  if (Number.isNaN(openedAtUs)) return refuse('bad-frame', `${shown(candle.openedAt)} is no open time`);
  if (Number.isNaN(closedAtUs)) return refuse('bad-frame', `${shown(candle.closedAt)} is no close time`);
  if (!isId(tradeCount)) return refuse('bad-frame', `${shown(tradeCount)} is no number of trades`);
  const volumes: bigint[] = [];
  for (const text of candle.volumes) {
    const volume = typeof text === 'string' ? wideFrom(text) : undefined;
    if (volume === undefined) return refuse('value-refused', `${shown(text)} is no volume`);
    volumes.push(volume);
  }
  const values = readValues(table, entry, candle.prices, []);
  if ('code' in values) return values;
  const row = out.venueCandles.add(values.slot.index);
  const columns = out.venueCandles.columns;
  columns.interval[row] = interval;
  columns.opened_at[row] = openedAtUs;
  columns.closed_at[row] = closedAtUs;
  columns.open[row] = values.prices[0]!;
  columns.high[row] = values.prices[1]!;
  columns.low[row] = values.prices[2]!;
  columns.close[row] = values.prices[3]!;
  columns.volume[row] = volumes[0]!;
  columns.quote_volume[row] = volumes[1]!;
  columns.taker_buy_volume[row] = volumes[2]!;
  columns.taker_buy_quote_volume[row] = volumes[3]!;
  columns.trade_count[row] = tradeCount;
  columns.received_at[row] = out.record.receivedAtUs;
  return { row, slot: values.slot };
}

/** A close time is the last instant inside: `…999` in ms means `…999999` in µs, whichever unit it was sent in. */
export function closeTimeUs(value: unknown): number {
  const atUs = timeUs(value);
  return atUs === value ? atUs : atUs + 999;
}

function decodeKline(data: Fields, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const k = data['k'];
  if (!isFields(k)) return badField(data, 'k');
  const { f, L, x } = k;
  const eventAtUs = timeUs(data['E']);
  if (Number.isNaN(eventAtUs)) return badField(data, 'E');
  if (typeof x !== 'boolean') return badField(k, 'x');
  if (!x) {
    sawEventAt(out, eventAtUs);
    return undefined;
  }
  if (!isId(f, -1)) return badField(k, 'f');
  if (!isId(L, -1)) return badField(k, 'L');
  const added = addCandle(
    {
      interval: k['i'],
      openedAt: k['t'],
      closedAt: k['T'],
      prices: [k['o'], k['h'], k['l'], k['c']],
      volumes: [k['v'], k['q'], k['V'], k['Q']],
      tradeCount: k['n'],
    },
    table,
    entry,
    out,
  );
  if ('code' in added) return added;
  const columns = out.venueCandles.columns;
  columns.first_trade_id[added.row] = f;
  columns.last_trade_id[added.row] = L;
  columns.event_at[added.row] = eventAtUs;
  columns.origin[added.row] = out.record.origin;
  sawEventAt(out, eventAtUs);
  return undefined;
}

/** Mark prices have no table yet: the frame stays in the journal and only moves the event time. */
function decodeMarkPrice(data: Fields, _table: SymbolTable, _entry: SymbolEntry, out: Decoded): Refusal | undefined {
  const eventAtUs = timeUs(data['E']);
  if (Number.isNaN(eventAtUs)) return badField(data, 'E');
  sawEventAt(out, eventAtUs);
  return undefined;
}
