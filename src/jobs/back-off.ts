const longestDelayMs = 30 * 60_000;

/** Before the attempt after `attempts`: doubles, up to half an hour, the upper half of it by chance so that retries spread. */
export function retryDelayMs(firstMs: number, attempts: number, fraction: number): number {
  const fullMs = Math.min(longestDelayMs, firstMs * 2 ** Math.min(attempts - 1, 30));
  return Math.round(fullMs * (0.5 + fraction / 2));
}
