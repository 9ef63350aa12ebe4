import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { powerOfTen } from '../src/domain/decimal.ts';
import { Decoded } from '../src/domain/decoded.ts';
import type { Market } from '../src/domain/instrument.ts';
import type { Slot } from '../src/domain/slots.ts';
import { createBinanceSource } from '../src/sources/binance/index.ts';
import { recording } from '../test/recordings.ts';
import { type Bench, type BenchContext, median, type Result } from './bench.ts';

/** Frames of one kind, one after the other in one buffer as they lie in a journal block. */
interface Frames {
  readonly market: Market;
  readonly bytes: Buffer;
  /** Frame `i` is `bytes[starts[i] … starts[i + 1] − 1]`. */
  readonly starts: Uint32Array;
}

type Decode = (bytes: Buffer, start: number, end: number, out: Decoded) => void;

const spot = [
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz',
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz',
];
const usdm = ['binance/usdm/ws/BTCUSDT-trade+bookTicker+depth0ms+snapshot-2024-08-08T2354Z.txt.gz'];

function load(market: Market, paths: readonly string[], stream: string): Frames {
  const frames: Buffer[] = [];
  for (const path of paths) {
    for (const line of gunzipSync(readFileSync(recording(path)))
      .toString('latin1')
      .split('\n')) {
      const message = line.slice(line.indexOf(' ') + 1);
      if (message.startsWith(`{"stream":"btcusdt@${stream}`)) frames.push(Buffer.from(message));
    }
  }
  const starts = new Uint32Array(frames.length + 1);
  frames.forEach((frame, i) => {
    starts[i + 1] = starts[i]! + frame.length;
  });
  return { market, bytes: Buffer.concat(frames), starts };
}

/** Exact decimals the plain way: no objects, no bigint, digits straight to the scale. NaN when they do not fit. */
function exact(text: string, scale: number): number {
  const dot = text.indexOf('.');
  const whole = dot < 0 ? text.length : dot;
  let value = 0;
  for (let i = 0; i < whole; i++) value = value * 10 + (text.charCodeAt(i) - 48);
  let missing = scale;
  for (let i = whole + 1; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (missing > 0) {
      value = value * 10 + digit;
      missing--;
    } else if (digit !== 0) return Number.NaN;
  }
  return value * powerOfTen(missing);
}

const slots = new Map<string, Slot>();

function parse(bytes: Buffer, start: number, end: number) {
  return JSON.parse(bytes.toString('latin1', start, end)).data;
}

const baselines: Readonly<Record<string, Decode>> = {
  trade(bytes, start, end, out) {
    const data = parse(bytes, start, end);
    const slot = slots.get(data.s)!;
    const row = out.trades.add(slot.index);
    const columns = out.trades.columns;
    columns.trade_id[row] = data.t;
    columns.price[row] = exact(data.p, slot.priceScale);
    columns.quantity[row] = exact(data.q, slot.quantityScale);
    columns.traded_at[row] = data.T * 1000;
    columns.event_at[row] = data.E * 1000;
    columns.received_at[row] = out.record.receivedAtUs;
    columns.buyer_is_maker[row] = data.m ? 1 : 0;
    columns.is_market[row] = data.X === undefined || data.X === 'MARKET' ? 1 : 0;
    columns.origin[row] = out.record.origin;
  },
  bookTicker(bytes, start, end, out) {
    const data = parse(bytes, start, end);
    const slot = slots.get(data.s)!;
    const row = out.bookTickers.add(slot.index);
    const columns = out.bookTickers.columns;
    columns.update_id[row] = data.u;
    columns.bid_price[row] = exact(data.b, slot.priceScale);
    columns.bid_quantity[row] = exact(data.B, slot.quantityScale);
    columns.ask_price[row] = exact(data.a, slot.priceScale);
    columns.ask_quantity[row] = exact(data.A, slot.quantityScale);
    columns.event_at[row] = data.E === undefined ? Number.NaN : data.E * 1000;
    columns.received_at[row] = out.record.receivedAtUs;
  },
  depth(bytes, start, end, out) {
    const data = parse(bytes, start, end);
    const slot = slots.get(data.s)!;
    const { depth } = out;
    const event = depth.addEvent(slot.index);
    depth.firstUpdateId[event] = data.U;
    depth.finalUpdateId[event] = data.u;
    depth.previousUpdateId[event] = data.pu === undefined ? Number.NaN : data.pu;
    depth.eventAtUs[event] = data.E * 1000;
    depth.receivedAtUs[event] = out.record.receivedAtUs;
    for (const level of data.b)
      depth.addLevel(1, exact(level[0], slot.priceScale), exact(level[1], slot.quantityScale));
    for (const level of data.a)
      depth.addLevel(0, exact(level[0], slot.priceScale), exact(level[1], slot.quantityScale));
  },
};

/** Frames a second of processor time (collecting garbage included) over about `frames` frames. */
function speed(decode: Decode, of: Frames, out: Decoded, frames: number): number {
  const { bytes, starts } = of;
  const count = starts.length - 1;
  const passes = Math.max(1, Math.round(frames / count));
  const before = process.cpuUsage();
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < count; i++) {
      decode(bytes, starts[i]!, starts[i + 1]!, out);
      if ((i & 1023) === 1023) out.clear();
    }
    out.clear();
  }
  const used = process.cpuUsage(before);
  return (passes * count * 1_000_000) / (used.user + used.system);
}

const sampleCount = 7;

/** Ours and the baseline in turn, so that whatever slows the machine slows both. */
function compare(
  context: BenchContext,
  name: string,
  kind: string,
  frames: Frames,
  framesPerSample: number,
  goal?: string,
): Result {
  const ours = createBinanceSource().decodeFrame as Decode;
  const baseline = baselines[kind]!;
  const out = new Decoded();
  out.record.market = frames.market;
  // Once through: symbols and scales are learned, and the baseline writes at the same ones.
  speed(ours, frames, out, framesPerSample);
  slots.set('BTCUSDT', out.slots.current({ venue: 'binance', market: frames.market, symbol: 'BTCUSDT' })!);
  speed(baseline, frames, out, framesPerSample / 5);
  if (out.findings.length > 0) throw new Error(`${name}: ${out.findings.columns.detail[0]}`);
  const samples: number[] = [];
  const against: number[] = [];
  for (let sample = 0; sample < sampleCount; sample++) {
    samples.push(Math.round(speed(ours, frames, out, framesPerSample)));
    against.push(Math.round(speed(baseline, frames, out, framesPerSample / 5)));
  }
  const measured = { name, unit: 'frames/s', samples, against: median(against) };
  return context.result(goal === undefined ? measured : { ...measured, goal });
}

const bench: Bench = {
  name: 'decode',
  question:
    'How many frames a second does one core decode, against JSON.parse with exact decimals into the same batches?',
  data: 'BTCUSDT recordings of 2024-08-08 and 09, combined frames: spot, and USD-M as extras',
  async run(context) {
    context.recordings();
    return [
      compare(context, 'trade', 'trade', load('spot', spot, 'trade'), 1_000_000, 'ratio >= 6'),
      compare(context, 'bookTicker', 'bookTicker', load('spot', spot, 'bookTicker'), 1_000_000, 'ratio >= 5'),
      compare(context, 'depth', 'depth', load('spot', spot, 'depth'), 60_000, 'ratio >= 3'),
      compare(context, 'usdm fills', 'trade', load('usdm', usdm, 'trade'), 600_000),
      compare(context, 'usdm best prices', 'bookTicker', load('usdm', usdm, 'bookTicker'), 600_000),
      compare(context, 'usdm levels', 'depth', load('usdm', usdm, 'depth'), 60_000),
    ];
  },
};

export default bench;
