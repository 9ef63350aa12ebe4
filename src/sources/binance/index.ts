import type { Source } from '../../ports/source.ts';
import { subscribeMessage } from './control.ts';
import { decodeByParse } from './decode.ts';
import { usedWeightHeader, weightPerMinute, weightPool } from './limits.ts';
import { makePlan } from './plan.ts';
import { requests } from './requests.ts';
import { decodeResponse } from './responses.ts';
import { FrameScanner } from './scan.ts';

export { liveHosts, publicDataHosts } from './plan.ts';

/** Binance's market data: spot and USD-M. */
export function createBinanceSource(): Source {
  const scanner = new FrameScanner();
  return {
    venue: 'binance',
    plan: makePlan,
    subscribeMessage,
    requests,
    restLimits: (market) => ({ pool: weightPool[market], weightPerMinute: weightPerMinute[market], usedWeightHeader }),
    decodeFrame(bytes, start, end, out) {
      if (!scanner.scan(bytes, start, end, out)) decodeByParse(bytes, start, end, out);
    },
    decodeResponse,
  };
}
