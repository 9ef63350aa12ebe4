import { gunzipSync } from 'node:zlib';
import { parseScaled } from '../domain/decimal.ts';
import { TidemarkError } from '../domain/error.ts';
import type { Market } from '../domain/instrument.ts';
import type { Files } from '../ports/world.ts';
import {
  encodeAggTrade,
  encodeDepthUpdate,
  encodeTrade,
  fixedText,
  type Level,
  spotDigits,
} from '../sources/binance/encode.ts';
import type { ReplayEntry, ReplayFeed } from './replay-feed.ts';

/** Formats of recordings that can be played; `guess` looks at the first bytes. */
export const recordingFormats = [
  'timed-lines',
  'colon-lines',
  'agg-csv',
  'trade-csv',
  'depth-csv',
  'agg-json',
] as const;
export type RecordingFormat = (typeof recordingFormats)[number];

export interface RecordingOptions {
  /** Without it the frames tell, where they do; else spot. */
  readonly market?: Market;
  /** Needed where the format does not say it: `agg-csv`, and `agg-json` as REST gave it. */
  readonly symbol?: string;
  readonly format?: RecordingFormat;
  /** REST bodies of the same session (`<url> -> <seconds>: <body>`), with depth snapshots among them. */
  readonly restFile?: string;
}

/** Reads a recording, gzipped or not. The data README says what the formats are. */
export function openRecording(files: Pick<Files, 'read'>, path: string, options: RecordingOptions = {}): ReplayFeed {
  const text = textOf(files, path);
  const restText = options.restFile === undefined ? undefined : textOf(files, options.restFile);
  return recordingFromText(text, path.slice(path.lastIndexOf('/') + 1), options, restText);
}

function textOf(files: Pick<Files, 'read'>, path: string): string {
  const bytes = files.read(path);
  const isZipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  try {
    return new TextDecoder().decode(isZipped ? gunzipSync(bytes) : bytes);
  } catch (cause) {
    throw new TidemarkError('bad-recording', {
      doing: 'unpack the recording',
      what: path,
      cause,
      now: 'the file is damaged or was not copied whole',
    });
  }
}

export function recordingFromText(
  text: string,
  name: string,
  options: RecordingOptions = {},
  restText?: string,
): ReplayFeed {
  const format = options.format ?? guess(text, name);
  const market = options.market ?? (format === 'timed-lines' ? marketOf(text) : 'spot');
  const symbol = () => {
    if (options.symbol !== undefined) return options.symbol;
    throw new TidemarkError('bad-recording', {
      doing: 'play the recording',
      what: name,
      why: 'its rows do not say of which symbol they are',
      now: 'name the symbol',
    });
  };
  switch (format) {
    case 'timed-lines':
      return { name, entries: () => timedLines(text, name, market) };
    case 'colon-lines':
      return { name, entries: () => colonLines(text, name, options.market, restText) };
    case 'agg-csv': {
      const of = symbol();
      return { name, entries: () => aggregateCsv(text, name, market, of) };
    }
    case 'trade-csv':
      return { name, entries: () => tradeCsv(text, name) };
    case 'depth-csv':
      return { name, entries: () => depthCsv(text, name) };
    case 'agg-json':
      return aggregateJson(text, name, market, options.symbol);
  }
}

/** What only futures send: the event before (`pu`), kinds of trades (`X`), typed book tickers. */
function marketOf(text: string): Market {
  return /"pu":\s?\d|"X":\s?"|"e":\s?"(bookTicker|markPriceUpdate)"/.test(text.slice(0, 400_000)) ? 'usdm' : 'spot';
}

function guess(text: string, name: string): RecordingFormat {
  const head = text.slice(0, 400);
  if (/^\d{16,19} \{/.test(head)) return 'timed-lines';
  if (/^wss?:\/\//.test(head)) return 'colon-lines';
  if (head.startsWith('timestamp,price,quantity,side,tradeId')) return 'agg-csv';
  if (head.startsWith('TimestampOfReceive,Stream,EventType,EventTime,TransactionTime')) return 'trade-csv';
  if (head.startsWith('TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId')) return 'depth-csv';
  if (/^\s*\[\s*\{/.test(head)) return 'agg-json';
  throw new TidemarkError('bad-recording', {
    doing: 'play the recording',
    what: name,
    why: `its beginning is of no known format: ${JSON.stringify(head.slice(0, 60))}`,
    now: 'give a file of recorded frames (one a line, receive time first)',
  });
}

function* lines(text: string): Generator<[line: string, number: number]> {
  let from = 0;
  let number = 0;
  while (from < text.length) {
    let end = text.indexOf('\n', from);
    if (end < 0) end = text.length;
    const last = text.charCodeAt(end - 1) === 13 ? end - 1 : end;
    number++;
    if (last > from) yield [text.slice(from, last), number];
    from = end + 1;
  }
}

function bad(name: string, number: number, why: string): TidemarkError {
  return new TidemarkError('bad-recording', {
    doing: 'read the recording',
    what: `${name}, line ${number}`,
    why,
    now: 'the file is damaged or not what its name says',
  });
}

const envelopeHead = /^\{\s*"stream"\s*:\s*"([^"\\]+)"\s*,\s*"data"\s*:\s*/;

function frame(message: string, atUs: number, market: Market): ReplayEntry | undefined {
  const match = envelopeHead.exec(message);
  if (match === null || !message.endsWith('}')) return undefined;
  return {
    kind: 'frame',
    atUs,
    market,
    stream: match[1]!,
    data: message.slice(match[0].length, -1).trimEnd(),
    envelope: message,
  };
}

function* timedLines(text: string, name: string, market: Market): Generator<ReplayEntry> {
  let symbol: string | undefined;
  let waiting: { atUs: number; body: string } | undefined;
  for (const [line, number] of lines(text)) {
    const space = line.indexOf(' ');
    const stamp = line.slice(0, space);
    if (!/^\d{16}(\d{3})?$/.test(stamp)) throw bad(name, number, 'it does not begin with a receive time');
    const atUs = Number(stamp.slice(0, 16));
    const message = line.slice(space + 1);
    if (message.startsWith('{"lastUpdateId"')) {
      waiting = { atUs, body: message };
    } else {
      const entry = frame(message, atUs, market);
      if (entry === undefined || entry.kind !== 'frame') throw bad(name, number, 'it is no combined-stream message');
      symbol ??= entry.stream.slice(0, entry.stream.indexOf('@')).toUpperCase();
      if (waiting === undefined) yield entry;
      else {
        yield { kind: 'snapshot', market, symbol, ...waiting };
        waiting = undefined;
        yield entry;
      }
      continue;
    }
    if (symbol !== undefined) {
      yield { kind: 'snapshot', market, symbol, ...waiting };
      waiting = undefined;
    }
  }
}

function* colonLines(text: string, name: string, asked: Market | undefined, restText?: string): Generator<ReplayEntry> {
  const snapshots = restText === undefined ? [] : [...restSnapshots(restText)];
  let market: Market = asked ?? 'spot';
  for (const [line, number] of lines(text)) {
    if (number === 1 && /^wss?:\/\//.test(line)) {
      if (asked === undefined && line.includes('fstream')) market = 'usdm';
      continue;
    }
    const match = /^(\d+(?:\.\d+)?): /.exec(line);
    if (match === null) throw bad(name, number, 'it does not begin with a receive time and a colon');
    const atUs = Math.round(Number(match[1]) * 1e6);
    while (snapshots[0] !== undefined && snapshots[0].atUs <= atUs) yield { ...snapshots.shift()!, market };
    const entry = frame(line.slice(match[0].length), atUs, market);
    if (entry === undefined) throw bad(name, number, 'it is no combined-stream message');
    yield entry;
  }
}

function* restSnapshots(text: string): Generator<Extract<ReplayEntry, { kind: 'snapshot' }>> {
  for (const [line] of lines(text)) {
    const match = /^https?:\/\/\S+\/depth\?\S*symbol=([^&\s]+)\S* -> (\d+(?:\.\d+)?): /.exec(line);
    if (match === null) continue;
    yield {
      kind: 'snapshot',
      atUs: Math.round(Number(match[2]) * 1e6),
      market: 'spot',
      symbol: match[1]!,
      body: line.slice(match[0].length),
    };
  }
}

/** Eight decimals, as spot prints; recorders of CSV dropped trailing zeros. */
function spotText(text: string, name: string, number: number): string {
  const value = parseScaled(text, spotDigits);
  if (value === undefined) throw bad(name, number, `${JSON.stringify(text)} is no decimal`);
  return fixedText(value, spotDigits);
}

function whole(text: string | undefined, name: string, number: number): number {
  if (text === undefined || !/^\d{1,16}$/.test(text)) throw bad(name, number, `${JSON.stringify(text)} is no integer`);
  return Number(text);
}

/** A live recorder's aggregates without their trades: `f = l = a`, `E = T`. */
function* aggregateCsv(text: string, name: string, market: Market, symbol: string): Generator<ReplayEntry> {
  for (const [line, number] of lines(text)) {
    if (number === 1) continue;
    const [time, price = '', quantity = '', side, id] = line.split(',');
    const atUs = whole(time, name, number) * 1000;
    const aggTradeId = whole(id, name, number);
    const data = encodeAggTrade(market, {
      symbol,
      aggTradeId,
      price: spotText(price, name, number),
      quantity: spotText(quantity, name, number),
      firstTradeId: aggTradeId,
      lastTradeId: aggTradeId,
      tradedAtUs: atUs,
      eventAtUs: atUs,
      buyerIsMaker: side === 'sell',
    });
    yield { kind: 'frame', atUs, market, stream: `${symbol.toLowerCase()}@aggTrade`, data };
  }
}

function* tradeCsv(text: string, name: string): Generator<ReplayEntry> {
  for (const [line, number] of lines(text)) {
    if (number === 1) continue;
    const [received, stream = '', , event, traded, symbol = '', id, price = '', quantity = '', maker] = line.split(',');
    const data = encodeTrade(
      'spot',
      {
        symbol,
        tradeId: whole(id, name, number),
        price: spotText(price, name, number),
        quantity: spotText(quantity, name, number),
        tradedAtUs: whole(traded, name, number),
        eventAtUs: whole(event, name, number),
        buyerIsMaker: maker === '1',
      },
      'us',
    );
    yield { kind: 'frame', atUs: whole(received, name, number), market: 'spot', stream, data };
  }
}

function* depthCsv(text: string, name: string): Generator<ReplayEntry> {
  let open: { key: string; fields: string[]; bids: Level[]; asks: Level[] } | undefined;
  const finished = (): ReplayEntry => {
    const { fields, bids, asks } = open!;
    const [received, stream = '', , event, symbol = '', first, final] = fields;
    const data = encodeDepthUpdate(
      'spot',
      {
        symbol,
        firstUpdateId: Number(first),
        finalUpdateId: Number(final),
        eventAtUs: Number(event),
        bids,
        asks,
      },
      'us',
    );
    return { kind: 'frame', atUs: Number(received), market: 'spot', stream, data };
  };
  for (const [line, number] of lines(text)) {
    if (number === 1) continue;
    const fields = line.split(',');
    for (const index of [0, 3, 5, 6]) whole(fields[index], name, number);
    const key = fields[6]!;
    if (open !== undefined && open.key !== key) {
      yield finished();
      open = undefined;
    }
    open ??= { key, fields, bids: [], asks: [] };
    const level = [spotText(fields[8] ?? '', name, number), spotText(fields[9] ?? '', name, number)] as const;
    (fields[7] === '1' ? open.asks : open.bids).push(level);
  }
  if (open !== undefined) yield finished();
}

interface RecordedAggregate {
  a: number;
  p: string;
  q: string;
  f: number;
  l: number;
  T: number;
  m: boolean;
}

function isAggregate(value: unknown): value is RecordedAggregate {
  if (typeof value !== 'object' || value === null) return false;
  const { a, p, q, f, l, T, m } = value as Record<string, unknown>;
  const isWhole = (number: unknown) => Number.isSafeInteger(number) && (number as number) >= 0;
  return [a, f, l, T].every(isWhole) && typeof p === 'string' && typeof q === 'string' && typeof m === 'boolean';
}

/** REST aggregates, bare or inside ccxt trades. */
function aggregateJson(text: string, name: string, market: Market, asked: string | undefined): ReplayFeed {
  let rows: (RecordedAggregate & { info?: RecordedAggregate; symbol?: string })[];
  try {
    rows = JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError('bad-recording', { doing: 'play the recording', what: name, cause });
  }
  if (!Array.isArray(rows)) {
    throw new TidemarkError('bad-recording', { doing: 'play the recording', what: name, why: 'it is no list of rows' });
  }
  const symbol = asked ?? rows[0]?.symbol?.replace('/', '');
  if (symbol === undefined) {
    throw new TidemarkError('bad-recording', {
      doing: 'play the recording',
      what: name,
      why: 'its rows do not say of which symbol they are',
      now: 'name the symbol',
    });
  }
  return {
    name,
    *entries() {
      for (const [index, row] of rows.entries()) {
        const aggregate: unknown = row?.info ?? row;
        if (!isAggregate(aggregate)) {
          throw new TidemarkError('bad-recording', {
            doing: 'read the recording',
            what: `${name}, row ${index + 1}`,
            why: `it is no aggregate: ${JSON.stringify(row).slice(0, 80)}`,
            now: 'the file is damaged or not what its name says',
          });
        }
        const { a, p, q, f, l, T, m } = aggregate;
        const atUs = T * 1000;
        const data = encodeAggTrade(market, {
          symbol,
          aggTradeId: a,
          price: p,
          quantity: q,
          firstTradeId: f,
          lastTradeId: l,
          tradedAtUs: atUs,
          eventAtUs: atUs,
          buyerIsMaker: m,
        });
        yield { kind: 'frame', atUs, market, stream: `${symbol.toLowerCase()}@aggTrade`, data };
      }
    },
  };
}
