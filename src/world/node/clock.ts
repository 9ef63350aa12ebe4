import { performance } from 'node:perf_hooks';
import type { Clock } from '../../ports/world.ts';

/**
 * `Date.now` follows every correction of the system clock but counts whole milliseconds; `performance.now` has the
 * microseconds but drifts from it. So: monotonic time plus an offset that is pulled into the millisecond `Date.now` names.
 */
export function createNodeClock(): Clock {
  let offsetUs = Date.now() * 1000 - Math.floor(performance.now() * 1000);
  return {
    wallUs() {
      const fromUs = Date.now() * 1000;
      const wallUs = Math.floor(performance.now() * 1000) + offsetUs;
      if (wallUs < fromUs) {
        offsetUs += fromUs - wallUs;
        return fromUs;
      }
      if (wallUs > fromUs + 999) {
        offsetUs -= wallUs - (fromUs + 999);
        return fromUs + 999;
      }
      return wallUs;
    },
    monotonicUs: () => Math.floor(performance.now() * 1000),
  };
}
