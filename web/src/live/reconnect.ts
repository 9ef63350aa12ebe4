export const firstDelayMs = 500;
export const longestDelayMs = 15_000;

/** Wait before attempt `attempt` (1 is the first): at most half a second at first, doubling to 15 s, spread so that many tabs do not return at once. */
export function reconnectDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}
