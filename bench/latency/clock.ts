/**
 * The machine's monotonic clock, which all its processes share, moved to the wall time that the bench began at: times of two
 * processes can be subtracted. µs.
 */
export function sharedClock(originUs: number): () => number {
  return () => originUs + Number(process.hrtime.bigint() / 1000n);
}

export function originOf(wallMs: number): number {
  return wallMs * 1000 - Number(process.hrtime.bigint() / 1000n);
}

/** What the client saw in one window of send times, ms. */
export interface Window {
  readonly unsynced: Delays;
  readonly synced: Delays;
}

export interface Delays {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}
