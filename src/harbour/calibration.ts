import { recordedKind } from './replay-feed.ts';

/** One frame of a stream of frames to be measured: its stream name and its data object. */
export interface MeasuredFrame {
  readonly stream: string;
  readonly data: string;
}

/** A figure with the same meaning for a recording and for the harbour. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

interface Order {
  readonly atMs: number;
  readonly isBuyer: boolean;
  quantity: number;
  fills: number;
  prices: number;
  lastPrice: string;
}

/**
 * How a market of one symbol looks: rate and clustering of trades, tails of sizes, spread, activity and depth of the book,
 * size of price moves. These are statistics, so plain floating point is good enough; nothing of it is stored.
 */
export function measure(
  frames: Iterable<MeasuredFrame>,
  book?: { bids: readonly (readonly string[])[]; asks: readonly (readonly string[])[] },
): Figure[] {
  const orders: Order[] = [];
  const tradeQuantities: number[] = [];
  const lastPriceOfSecond = new Map<number, number>();
  const spreads: number[] = [];
  const topQuantities: number[] = [];
  const levelsPerEvent: number[] = [];
  const updatesPerEvent: number[] = [];
  let removals = 0;
  let levels = 0;
  let tickers = 0;
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  for (const { stream, data } of frames) {
    const kind = recordedKind(stream);
    if (kind === 'other' || kind === 'aggTrade') continue;
    const payload = JSON.parse(data);
    if (kind === 'bookTicker') {
      tickers++;
      spreads.push((Number(payload.a) - Number(payload.b)) / Number(payload.b));
      topQuantities.push(Number(payload.B));
    } else if (kind === 'depth') {
      levelsPerEvent.push(payload.b.length + payload.a.length);
      updatesPerEvent.push(payload.u - payload.U + 1);
      for (const [, quantity] of [...payload.b, ...payload.a]) {
        levels++;
        if (Number(quantity) === 0) removals++;
      }
    } else {
      const atMs = payload.T >= 1e15 ? Math.floor(payload.T / 1000) : payload.T;
      fromMs = Math.min(fromMs, atMs);
      toMs = Math.max(toMs, atMs);
      const quantity = Number(payload.q);
      tradeQuantities.push(quantity);
      lastPriceOfSecond.set(Math.floor(atMs / 1000), Number(payload.p));
      const last = orders.at(-1);
      if (last !== undefined && last.atMs === atMs && last.isBuyer === !payload.m) {
        last.quantity += quantity;
        last.fills++;
        if (last.lastPrice !== payload.p) last.prices++;
        last.lastPrice = payload.p;
      } else {
        orders.push({ atMs, isBuyer: !payload.m, quantity, fills: 1, prices: 1, lastPrice: payload.p });
      }
    }
  }
  const seconds = (toMs - fromMs) / 1000;
  const figures: Figure[] = [];
  const add = (name: string, unit: string, value: number) => figures.push({ name, unit, value });
  const quantiles = (name: string, unit: string, values: number[], shares: number[]) => {
    values.sort((a, b) => a - b);
    for (const share of shares)
      add(`${name}, ${share * 100} %`, unit, values[Math.floor(share * (values.length - 1))] ?? 0);
  };
  add('trades', '/s', tradeQuantities.length / seconds);
  add('taker orders', '/s', orders.length / seconds);
  add('book tickers', '/s', tickers / seconds);
  add('book updates', '/s', updatesPerEvent.reduce((a, b) => a + b, 0) / seconds);
  for (const windowMs of [100, 1000, 10_000]) {
    add(`clustering of orders in ${windowMs} ms (variance / mean)`, '', fano(orders, fromMs, toMs, windowMs));
  }
  for (const lag of [1, 10]) add(`same side, correlation at lag ${lag}`, '', signCorrelation(orders, lag));
  quantiles(
    'fills of an order',
    '',
    orders.map((order) => order.fills),
    [0.5, 0.9, 0.99],
  );
  quantiles(
    'prices of an order',
    '',
    orders.map((order) => order.prices),
    [0.9, 0.99],
  );
  quantiles('trade quantity', 'units', tradeQuantities, [0.1, 0.5, 0.9, 0.99]);
  quantiles(
    'order quantity',
    'units',
    orders.map((order) => order.quantity),
    [0.5, 0.9, 0.99],
  );
  quantiles(
    'spread',
    'bp',
    spreads.map((spread) => spread * 10_000),
    [0.5, 0.9, 0.95, 0.99],
  );
  quantiles('quantity at the touch', 'units', topQuantities, [0.1, 0.5, 0.9]);
  quantiles('levels of a depth event', '', levelsPerEvent, [0.5, 0.9]);
  add('removals among level changes', '', removals / levels);
  for (const seconds of [1, 10])
    quantiles(`move in ${seconds} s`, 'bp', moves(lastPriceOfSecond, seconds), [0.5, 0.9, 0.99]);
  if (book !== undefined) {
    const best = Number(book.bids[0]?.[0]);
    for (const count of [10, 100, 500, 999]) {
      const level = book.bids[count]?.[0];
      if (level === undefined) continue;
      add(`bid level ${count}, distance`, 'bp', ((best - Number(level)) / best) * 10_000);
      const sum = book.bids.slice(0, count).reduce((all, [, quantity]) => all + Number(quantity), 0);
      add(`bid level ${count}, quantity up to it`, 'units', sum);
    }
  }
  return figures;
}

function fano(orders: readonly Order[], fromMs: number, toMs: number, windowMs: number): number {
  const counts = new Array<number>(Math.max(1, Math.floor((toMs - fromMs) / windowMs))).fill(0);
  for (const { atMs } of orders) {
    const index = Math.floor((atMs - fromMs) / windowMs);
    if (index < counts.length) counts[index]!++;
  }
  const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((all, count) => all + (count - mean) ** 2, 0) / counts.length / mean;
}

function signCorrelation(orders: readonly Order[], lag: number): number {
  let sum = 0;
  for (let i = lag; i < orders.length; i++) sum += orders[i]!.isBuyer === orders[i - lag]!.isBuyer ? 1 : -1;
  return sum / (orders.length - lag);
}

/** Sizes of the moves between the ends of all windows of so many seconds. */
function moves(lastPriceOfSecond: ReadonlyMap<number, number>, seconds: number): number[] {
  const ends: number[] = [];
  const from = Math.min(...lastPriceOfSecond.keys());
  const to = Math.max(...lastPriceOfSecond.keys());
  let price = lastPriceOfSecond.get(from) ?? 0;
  for (let second = from; second <= to; second++) {
    price = lastPriceOfSecond.get(second) ?? price;
    ends.push(price);
  }
  return ends.slice(seconds).map((end, i) => Math.abs(end / ends[i]! - 1) * 10_000);
}
