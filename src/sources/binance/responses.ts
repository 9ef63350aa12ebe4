import { maxScale } from '../../domain/decimal.ts';
import type { Decoded, SnapshotEvent } from '../../domain/decoded.ts';
import type { RestPurpose, RestRequest } from '../../ports/source.ts';
import { digitsNeeded } from './decimal-text.ts';
import { addCandle, levelTexts } from './decode.ts';
import type { SymbolEntry, SymbolTable } from './symbols.ts';
import { symbolTables } from './symbols.ts';
import type { Refusal } from './values.ts';
import { isId, readValues, refuse, shown, timeUs } from './values.ts';

type Fields = Record<string, unknown>;

/** Stream that a finding about an answer belongs to. */
const streamOf: Readonly<Record<RestPurpose, string>> = {
  time: '',
  'exchange-info': '',
  'book-snapshot': 'depth',
  'trades-by-id': 'trade',
  'agg-trades-by-id': 'agg-trade',
  'latest-trade': 'trade',
  klines: 'kline',
};

/** Decodes a REST answer; an error answer or one that cannot be read becomes a finding. */
export function decodeResponse(request: RestRequest, status: number, body: Uint8Array, out: Decoded): void {
  const table = symbolTables(out.slots)[request.market];
  const entry = request.symbol === undefined ? undefined : table.entry(request.symbol);
  const find = (code: string, detail: string) =>
    out.addFinding(code, streamOf[request.purpose], detail, entry?.slot?.index ?? -1);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
  let answer: unknown;
  let isJson = true;
  try {
    answer = JSON.parse(text);
  } catch {
    isJson = false;
  }
  if (status !== 200) {
    find('rest-refused', `${request.path} answered ${status}: ${errorText(answer, text)}`);
    return;
  }
  const refusal = isJson
    ? decodeAnswer(request, answer, table, entry, out)
    : refuse('bad-frame', `${body.byteLength} bytes are no JSON`);
  if (refusal !== undefined) find(refusal.code, `${request.path}: ${refusal.detail}`);
}

/** `-1121 Invalid symbol.`, or the start of what came instead (a firewall's HTML). */
function errorText(answer: unknown, text: string): string {
  if (isFields(answer) && typeof answer['code'] === 'number') return `${answer['code']} ${String(answer['msg'] ?? '')}`;
  return text.slice(0, 200).replace(/\s+/g, ' ').trim() || 'no body';
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeAnswer(
  request: RestRequest,
  answer: unknown,
  table: SymbolTable,
  entry: SymbolEntry | undefined,
  out: Decoded,
): Refusal | undefined {
  switch (request.purpose) {
    case 'time':
      return decodeTime(answer, out);
    case 'exchange-info':
      return decodeExchangeInfo(request, answer, table, out);
    default:
      break;
  }
  if (entry === undefined) return refuse('bad-frame', `${shown(request.symbol)} is no symbol`);
  switch (request.purpose) {
    case 'book-snapshot':
      return decodeSnapshot(request, answer, table, entry, out);
    case 'trades-by-id':
      return eachRow(answer, (row) => decodeRestTrade(row, table, entry, out));
    case 'latest-trade': {
      const before = out.trades.length;
      const refusal = eachRow(answer, (row) => decodeRestTrade(row, table, entry, out));
      addLatest(before, out);
      return refusal;
    }
    case 'agg-trades-by-id':
      return eachRow(answer, (row) => decodeRestAggTrade(row, table, entry, out));
    case 'klines':
      return decodeKlines(request, answer, table, entry, out);
  }
}

/** Every row for itself; those that cannot be read become one finding together, as a finding is one a record and code. */
function eachRow(answer: unknown, decode: (row: unknown) => Refusal | undefined): Refusal | undefined {
  if (!Array.isArray(answer)) return refuse('bad-frame', `${shown(answer)} is no list`);
  let first: Refusal | undefined;
  let refused = 0;
  for (const row of answer) {
    const refusal = decode(row);
    if (refusal === undefined) continue;
    first ??= refusal;
    refused++;
  }
  if (first === undefined) return undefined;
  return refuse(first.code, `${refused} of ${answer.length} rows refused, the first because ${first.detail}`);
}

function decodeTime(answer: unknown, out: Decoded): Refusal | undefined {
  const atUs = isFields(answer) ? timeUs(answer['serverTime']) : Number.NaN;
  if (Number.isNaN(atUs)) return refuse('bad-frame', `${shown(answer)} holds no server time`);
  out.serverTimeUs = atUs;
  return undefined;
}

function decodeExchangeInfo(
  request: RestRequest,
  answer: unknown,
  table: SymbolTable,
  out: Decoded,
): Refusal | undefined {
  if (!isFields(answer)) return refuse('bad-frame', `${shown(answer)} is no exchange information`);
  const wanted = request.symbols === undefined ? undefined : new Set(request.symbols);
  return eachRow(answer['symbols'], (row) => {
    if (!isFields(row)) return refuse('bad-frame', `${shown(row)} is no symbol entry`);
    if (wanted !== undefined && !wanted.has(row['symbol'] as string)) return undefined;
    return decodeSymbol(row, table, out);
  });
}

function decodeSymbol(row: Fields, table: SymbolTable, out: Decoded): Refusal | undefined {
  const entry = table.entry(row['symbol']);
  if (entry === undefined) return refuse('bad-frame', `${shown(row['symbol'])} is no symbol`);
  const status = row['status'] ?? row['contractStatus'];
  const { baseAsset, quoteAsset } = row;
  const tickSize = filterValue(row, 'PRICE_FILTER', 'tickSize');
  const stepSize = filterValue(row, 'LOT_SIZE', 'stepSize');
  if (typeof status !== 'string' || typeof baseAsset !== 'string' || typeof quoteAsset !== 'string') {
    return refuse('bad-frame', `the entry of ${entry.instrument.symbol} lacks status or assets`);
  }
  const tickDigits = tickSize === undefined ? -1 : digitsNeeded(tickSize);
  const stepDigits = stepSize === undefined ? -1 : digitsNeeded(stepSize);
  if (tickDigits < 0 || stepDigits < 0 || tickDigits > maxScale || stepDigits > maxScale) {
    return refuse('value-refused', `tick ${shown(tickSize)} or step ${shown(stepSize)} of ${entry.instrument.symbol}`);
  }
  const slot = table.widen(entry, tickDigits, stepDigits);
  out.instruments.push({
    slot: slot.index,
    status,
    baseAsset,
    quoteAsset,
    tickSize: tickSize!,
    stepSize: stepSize!,
    atUs: out.record.receivedAtUs,
  });
  return undefined;
}

function filterValue(row: Fields, type: string, name: string): string | undefined {
  const filters = row['filters'];
  if (!Array.isArray(filters)) return undefined;
  const filter = filters.find((candidate) => isFields(candidate) && candidate['filterType'] === type);
  const value = filter?.[name];
  return typeof value === 'string' ? value : undefined;
}

function decodeSnapshot(
  request: RestRequest,
  answer: unknown,
  table: SymbolTable,
  entry: SymbolEntry,
  out: Decoded,
): Refusal | undefined {
  if (!isFields(answer)) return refuse('bad-frame', `${shown(answer)} is no book`);
  const lastUpdateId = answer['lastUpdateId'];
  if (!isId(lastUpdateId)) return refuse('bad-frame', `last update id ${shown(lastUpdateId)}`);
  const texts = levelTexts([answer['bids'], answer['asks']]);
  if (texts === undefined) return refuse('bad-frame', 'the sides are no lists of levels');
  const values = readValues(table, entry, texts.prices, texts.quantities);
  if ('code' in values) return values;
  const bids = texts.counts[0]!;
  const limit = request.limit ?? Number(request.query['limit'] ?? 0);
  // Sides of one length below what was asked for were cut by whoever answered: neither shows the book's end.
  const isCut = bids > 0 && bids === texts.counts[1]! && bids < limit;
  const snapshot: SnapshotEvent = {
    slot: values.slot.index,
    lastUpdateId,
    bidPrices: Float64Array.from(values.prices.slice(0, bids)),
    bidQuantities: Float64Array.from(values.quantities.slice(0, bids)),
    askPrices: Float64Array.from(values.prices.slice(bids)),
    askQuantities: Float64Array.from(values.quantities.slice(bids)),
    limit: isCut ? bids : limit,
    receivedAtUs: out.record.receivedAtUs,
  };
  out.snapshots.push(snapshot);
  return undefined;
}

function decodeRestTrade(row: unknown, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  if (!isFields(row)) return refuse('bad-frame', `${shown(row)} is no trade`);
  const { id, isBuyerMaker } = row;
  const tradedAtUs = timeUs(row['time']);
  if (!isId(id)) return refuse('bad-frame', `trade id ${shown(id)}`);
  if (Number.isNaN(tradedAtUs)) return refuse('bad-frame', `time ${shown(row['time'])} of trade ${id}`);
  if (typeof isBuyerMaker !== 'boolean') return refuse('bad-frame', `maker flag of trade ${id}`);
  const values = readValues(table, entry, [row['price']], [row['qty']]);
  if ('code' in values) return values;
  const at = out.trades.add(values.slot.index);
  const columns = out.trades.columns;
  columns.trade_id[at] = id;
  columns.price[at] = values.prices[0]!;
  columns.quantity[at] = values.quantities[0]!;
  columns.traded_at[at] = tradedAtUs;
  columns.event_at[at] = Number.NaN;
  columns.received_at[at] = out.record.receivedAtUs;
  columns.buyer_is_maker[at] = isBuyerMaker ? 1 : 0;
  // REST leaves out what is no ordinary fill (binance.md, 11.6).
  columns.is_market[at] = 1;
  columns.origin[at] = 'rest';
  return undefined;
}

/** The newest of the trades from row `from` on names the last id there is. */
function addLatest(from: number, out: Decoded): void {
  let newest = -1;
  const ids = out.trades.columns.trade_id;
  for (let row = from; row < out.trades.length; row++) if (newest < 0 || ids[row]! > ids[newest]!) newest = row;
  if (newest < 0) return;
  const slot = out.trades.slot[newest]!;
  out.latestIds.push({ slot, stream: 'trade', id: ids[newest]!, atUs: out.record.receivedAtUs });
}

function decodeRestAggTrade(row: unknown, table: SymbolTable, entry: SymbolEntry, out: Decoded): Refusal | undefined {
  if (!isFields(row)) return refuse('bad-frame', `${shown(row)} is no aggregate`);
  const { a, f, l, m } = row;
  const tradedAtUs = timeUs(row['T']);
  if (!isId(a)) return refuse('bad-frame', `aggregate id ${shown(a)}`);
  // Old duplicates that the venue neutralised in place: no trade stands behind them (binance.md, 5.6).
  if (f === -1 && l === -1) return undefined;
  if (!isId(f) || !isId(l, f)) return refuse('bad-frame', `trade ids of aggregate ${a}`);
  if (Number.isNaN(tradedAtUs)) return refuse('bad-frame', `time ${shown(row['T'])} of aggregate ${a}`);
  if (typeof m !== 'boolean') return refuse('bad-frame', `maker flag of aggregate ${a}`);
  const values = readValues(table, entry, [row['p']], [row['q']]);
  if ('code' in values) return values;
  const at = out.aggTrades.add(values.slot.index);
  const columns = out.aggTrades.columns;
  columns.agg_trade_id[at] = a;
  columns.price[at] = values.prices[0]!;
  columns.quantity[at] = values.quantities[0]!;
  columns.first_trade_id[at] = f;
  columns.last_trade_id[at] = l;
  columns.traded_at[at] = tradedAtUs;
  columns.event_at[at] = Number.NaN;
  columns.received_at[at] = out.record.receivedAtUs;
  columns.buyer_is_maker[at] = m ? 1 : 0;
  columns.origin[at] = 'rest';
  return undefined;
}

/** Candles that were not asked for are left out: they may still be open. */
function decodeKlines(
  request: RestRequest,
  answer: unknown,
  table: SymbolTable,
  entry: SymbolEntry,
  out: Decoded,
): Refusal | undefined {
  const interval = request.query['interval'];
  const toUs = request.toUs ?? Number.NEGATIVE_INFINITY;
  return eachRow(answer, (row) => {
    if (!Array.isArray(row) || row.length < 11) return refuse('bad-frame', `${shown(row)} is no candle`);
    if (timeUs(row[0]) > toUs) return undefined;
    const added = addCandle(
      {
        interval,
        openedAt: row[0],
        closedAt: row[6],
        prices: row.slice(1, 5),
        volumes: [row[5], row[7], row[9], row[10]],
        tradeCount: row[8],
      },
      table,
      entry,
      out,
    );
    if ('code' in added) return added;
    const columns = out.venueCandles.columns;
    columns.first_trade_id[added.row] = Number.NaN;
    columns.last_trade_id[added.row] = Number.NaN;
    columns.event_at[added.row] = Number.NaN;
    columns.origin[added.row] = 'rest';
    return undefined;
  });
}
