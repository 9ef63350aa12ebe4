import type { Market } from '../domain/instrument.ts';
import { encodeError } from '../sources/binance/encode.ts';
import { weightPerMinute } from '../sources/binance/limits.ts';

export interface Verdict {
  /** Weight used in the running minute, this request included. */
  readonly usedWeight: number;
  readonly refused?: { readonly status: 429 | 418; readonly retryAfterS: number; readonly body: string };
}

const minuteUs = 60_000_000;
const firstBanUs = 120_000_000;
const longestBanUs = 3 * 86_400_000_000;
/** Requests sent in spite of a 429 before the address is banned. */
const patience = 20;

/**
 * Request weights of each client address: 429 above the limit, 418 for those who go on. Futures markets share a pool.
 * A minute begins with the first request after the last one's end; how the venue aligns its own is not known.
 */
export class RequestLimits {
  readonly #clients = new Map<
    string,
    { windowStartUs: number; used: number; ignored: number; bannedUntilUs: number; banUs: number }
  >();
  /** Test knob: overrides the venue's limit. */
  weightLimit: Partial<Record<Market, number>> = {};

  judge(address: string, market: Market, weight: number, nowUs: number): Verdict {
    const key = `${address} ${market === 'spot' ? 'spot' : 'futures'}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = { windowStartUs: Number.NEGATIVE_INFINITY, used: 0, ignored: 0, bannedUntilUs: 0, banUs: firstBanUs };
      this.#clients.set(key, client);
    }
    if (nowUs >= client.windowStartUs + minuteUs) {
      client.windowStartUs = nowUs;
      client.used = 0;
      client.ignored = 0;
    }
    client.used += weight;
    const limit = this.weightLimit[market] ?? weightPerMinute[market];
    if (nowUs < client.bannedUntilUs) return this.#banned(client, nowUs);
    if (client.used <= limit) return { usedWeight: client.used };
    client.ignored++;
    if (client.ignored > patience) {
      client.bannedUntilUs = nowUs + client.banUs;
      client.banUs = Math.min(longestBanUs, client.banUs * 2);
      return this.#banned(client, nowUs);
    }
    return {
      usedWeight: client.used,
      refused: {
        status: 429,
        retryAfterS: Math.ceil((client.windowStartUs + minuteUs - nowUs) / 1e6),
        body: encodeError(
          -1003,
          `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`,
        ),
      },
    };
  }

  #banned(client: { used: number; bannedUntilUs: number }, nowUs: number): Verdict {
    return {
      usedWeight: client.used,
      refused: {
        status: 418,
        retryAfterS: Math.max(1, Math.ceil((client.bannedUntilUs - nowUs) / 1e6)),
        body: encodeError(
          -1003,
          `Way too much request weight used; IP banned until ${Math.floor(client.bannedUntilUs / 1000)}. Please use WebSocket Streams for live updates to avoid bans.`,
        ),
      },
    };
  }
}
