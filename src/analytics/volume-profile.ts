/** Volume by price: steps of equal size; bin `index` holds prices in [index × step, (index + 1) × step). */
export interface ProfileBin {
  readonly index: bigint;
  readonly volume: bigint;
  readonly takerBuyVolume: bigint;
}

export interface ValueArea {
  readonly lowest: ProfileBin;
  readonly highest: ProfileBin;
  /** The bin with most volume, the lowest of equals. */
  readonly peak: ProfileBin;
}

const nice = [1n, 2n, 5n];

/** Smallest of 1, 2, 5, 10, 20 … times `tick` of which at most `most` cover the span. All at one scale. */
export function profileStep(low: bigint, high: bigint, tick: bigint, most: number): bigint {
  for (let power = 1n; ; power *= 10n) {
    for (const digit of nice) {
      const step = tick * digit * power;
      if (high / step - low / step + 1n <= BigInt(most)) return step;
    }
  }
}

/**
 * The smallest run of bins around the peak that holds `percent` of all volume, grown to the side whose next bin has more.
 * `bins` ascend; undefined without volume.
 */
export function valueArea(bins: readonly ProfileBin[], percent = 70n): ValueArea | undefined {
  const total = bins.reduce((sum, bin) => sum + bin.volume, 0n);
  if (total === 0n) return undefined;
  let peakAt = 0;
  for (let at = 1; at < bins.length; at++) if (bins[at]!.volume > bins[peakAt]!.volume) peakAt = at;
  let from = peakAt;
  let to = peakAt;
  let held = bins[peakAt]!.volume;
  while (held * 100n < total * percent) {
    const above = bins[to + 1]?.volume ?? -1n;
    const below = bins[from - 1]?.volume ?? -1n;
    if (above >= below) held += bins[++to]!.volume;
    else held += bins[--from]!.volume;
  }
  return { lowest: bins[from]!, highest: bins[to]!, peak: bins[peakAt]! };
}
