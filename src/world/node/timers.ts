import { performance } from 'node:perf_hooks';
import type { Timers } from '../../ports/world.ts';

/** Node fires a timer at once when its delay does not fit 31 bits; so a longer one is taken in steps. */
const longestDelayMs = 2 ** 31 - 1;

export function createNodeTimers(): Timers {
  return {
    after(delayMs, callback) {
      if (delayMs <= 0) {
        const immediate = setImmediate(callback);
        return () => clearImmediate(immediate);
      }
      const dueMs = performance.now() + delayMs;
      let timer: NodeJS.Timeout;
      const wait = (remainingMs: number): void => {
        timer = setTimeout(look, Math.min(remainingMs, longestDelayMs));
      };
      // Node counts in whole milliseconds and may be up to one early.
      const look = (): void => {
        const remainingMs = dueMs - performance.now();
        if (remainingMs > 0) wait(remainingMs);
        else callback();
      };
      wait(delayMs);
      return () => clearTimeout(timer);
    },
    every(periodMs, callback) {
      const timer = setInterval(callback, Math.min(periodMs, longestDelayMs));
      return () => clearInterval(timer);
    },
  };
}
