/** Statistics of price series: doubles, outside every content hash of prices and volumes. */

/** Logarithmic returns between neighbours; undefined where one of both is not known. */
export function logReturns(closes: readonly (number | undefined)[]): (number | undefined)[] {
  return closes.slice(1).map((close, at) => {
    const before = closes[at];
    return close === undefined || before === undefined || !(close > 0) || !(before > 0)
      ? undefined
      : Math.log(close / before);
  });
}

const yearMs = 365 * 86_400_000;

export interface Volatility {
  /** Root of the mean squared return, scaled to a year of 365 days; 0.5 is 50 %. */
  readonly yearly: number;
  readonly returns: number;
}

/** Realised volatility of returns over `periodMs` each; undefined without any. */
export function realisedVolatility(returns: readonly (number | undefined)[], periodMs: number): Volatility | undefined {
  let sum = 0;
  let count = 0;
  for (const value of returns) {
    if (value === undefined) continue;
    sum += value * value;
    count++;
  }
  if (count === 0) return undefined;
  return { yearly: Math.sqrt((sum / count) * (yearMs / periodMs)), returns: count };
}

export interface Correlation {
  /** Pearson's, in [-1, 1]. */
  readonly value: number;
  /** Pairs where both were known. */
  readonly pairs: number;
}

/** Pairwise complete; undefined with fewer than `leastPairs` or where one of both does not move. */
export function correlation(
  left: readonly (number | undefined)[],
  right: readonly (number | undefined)[],
  leastPairs = 10,
): Correlation | undefined {
  const pairs: [number, number][] = [];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const a = left[at];
    const b = right[at];
    if (a !== undefined && b !== undefined) pairs.push([a, b]);
  }
  if (pairs.length < leastPairs) return undefined;
  const mean = (side: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[side], 0) / pairs.length;
  const meanA = mean(0);
  const meanB = mean(1);
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (const [a, b] of pairs) {
    ab += (a - meanA) * (b - meanB);
    aa += (a - meanA) ** 2;
    bb += (b - meanB) ** 2;
  }
  if (aa === 0 || bb === 0) return undefined;
  return { value: Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb))), pairs: pairs.length };
}

/** The value that `share` of them do not exceed, by the nearest rank; undefined of none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}
