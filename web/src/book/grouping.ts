import type { BookLevelRow } from '../../../src/protocol/api.ts';
import { formatScaled, parseWide } from '../../../src/protocol/figures.ts';
import { decimalsOf, sumText } from '../text/number-text.ts';

export const groupings = [1, 2, 5, 10, 50, 100] as const;
export type Grouping = (typeof groupings)[number];

/** Share of the price that one row of a ladder spans at first: ten rows are then about one basis point. */
const firstStep = 1e-5;

/** The step whose rows are nearest to that share of the price, so that a ladder of any symbol shows more than dust. */
export function groupingFor(price: number, tickSize: string): Grouping {
  const tick = Number(tickSize);
  if (!(price > 0) || !(tick > 0)) return 1;
  const away = (ticks: number): number => Math.abs(Math.log((tick * ticks) / (price * firstStep)));
  return groupings.reduce((nearest, ticks) => (away(ticks) < away(nearest) ? ticks : nearest));
}

/** One step of `ticks` ticks, exactly; its decimals are all that prices in such steps need. */
export function stepText(tickSize: string, ticks: Grouping): string {
  return sumText(Array.from({ length: ticks }, () => tickSize));
}

export interface LadderRow {
  readonly price: string;
  readonly quantity: string;
  readonly sum: string;
  /** Quantity and sum as numbers, for the length of bars only. */
  readonly size: number;
  readonly total: number;
}

/**
 * Levels (best first) gathered into steps of `ticks` ticks, exactly. Bids round down and asks up, so a step never shows a
 * better price than it holds; `sum` counts from the best price.
 */
export function groupLevels(
  levels: readonly BookLevelRow[],
  side: 'bid' | 'ask',
  tickSize: string,
  stepSize: string,
  ticks: number,
  limit: number,
): LadderRow[] {
  const priceDecimals = decimalsOf(tickSize);
  const priceScale = Math.max(8, priceDecimals);
  const quantityScale = 8;
  const quantityDecimals = decimalsOf(stepSize);
  const width = (parseWide(tickSize, priceScale) ?? 1n) * BigInt(ticks);
  const rows: LadderRow[] = [];
  let sum = 0n;
  let bucket: bigint | undefined;
  let held = 0n;
  const emit = (): void => {
    if (bucket === undefined) return;
    sum += held;
    rows.push({
      price: formatScaled(bucket, priceScale, priceDecimals),
      quantity: formatScaled(held, quantityScale, quantityDecimals),
      sum: formatScaled(sum, quantityScale, quantityDecimals),
      size: Number(held) / 1e8,
      total: Number(sum) / 1e8,
    });
  };
  for (const level of levels) {
    const price = parseWide(level.price, priceScale);
    const quantity = parseWide(level.quantity, quantityScale);
    if (price === undefined || quantity === undefined || quantity === 0n || width === 0n) continue;
    const floor = (price / width) * width;
    const step = side === 'bid' || floor === price ? floor : floor + width;
    if (step !== bucket) {
      emit();
      if (rows.length >= limit) return rows;
      bucket = step;
      held = 0n;
    }
    held += quantity;
  }
  emit();
  return rows.slice(0, limit);
}

export interface DepthPoint {
  /** Distance from the middle in basis points. */
  readonly bps: number;
  readonly total: number;
}

export interface Depth {
  readonly mid: number;
  readonly bids: readonly DepthPoint[];
  readonly asks: readonly DepthPoint[];
  /** Distance to which each side is vouched for; beyond it the picture is fog. */
  readonly bidsKnownBps: number;
  readonly asksKnownBps: number;
}

/** Cumulative depth by distance from the middle; numbers, because they are only drawn. */
export function cumulativeDepth(
  bids: readonly BookLevelRow[],
  asks: readonly BookLevelRow[],
  knownFrom: string | null,
  knownTo: string | null,
): Depth | undefined {
  const bestBid = Number(bids[0]?.price);
  const bestAsk = Number(asks[0]?.price);
  if (!(bestBid > 0) || !(bestAsk > 0)) return undefined;
  const mid = (bestBid + bestAsk) / 2;
  const run = (levels: readonly BookLevelRow[]): DepthPoint[] => {
    let total = 0;
    return levels.map((level) => {
      total += Number(level.quantity);
      return { bps: (Math.abs(Number(level.price) - mid) / mid) * 1e4, total };
    });
  };
  const bidRun = run(bids);
  const askRun = run(asks);
  const reach = (known: string | null, points: readonly DepthPoint[]): number => {
    const shown = points.at(-1)?.bps ?? 0;
    return known === null ? shown : Math.min(shown, (Math.abs(Number(known) - mid) / mid) * 1e4);
  };
  return {
    mid,
    bids: bidRun,
    asks: askRun,
    bidsKnownBps: reach(knownFrom, bidRun),
    asksKnownBps: reach(knownTo, askRun),
  };
}

/** Share of bids in the size within `bps` of the middle; undefined when there is nothing. */
export function imbalance(depth: Depth, bps: number): number | undefined {
  const within = (points: readonly DepthPoint[]): number => points.findLast((point) => point.bps <= bps)?.total ?? 0;
  const bid = within(depth.bids);
  const ask = within(depth.asks);
  return bid + ask > 0 ? bid / (bid + ask) : undefined;
}
