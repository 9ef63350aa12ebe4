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
      let timer: NodeJS.Timeout;
      const wait = (remainingMs: number): void => {
        timer =
          remainingMs > longestDelayMs
            ? setTimeout(() => wait(remainingMs - longestDelayMs), longestDelayMs)
            : setTimeout(callback, remainingMs);
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
