import type { Timers } from '../ports/world.ts';

/** Resolves after whatever else is ready has run: timers, sockets, what other threads finished. */
export function giveWay(timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    timers.after(0, resolve);
  });
}
