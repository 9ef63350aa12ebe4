import type { Market } from '../../domain/instrument.ts';
import { instrumentId } from '../../domain/instrument.ts';
import type { ReplayFeed } from '../../harbour/index.ts';
import type { StreamWish } from '../../ports/source.ts';
import { streamNamed } from '../../sources/binance/plan.ts';

export interface RecordedStream extends StreamWish {
  /** As the venue names it. */
  readonly name: string;
  readonly frames: number;
}

/** What a recording holds. */
export interface Recorded {
  readonly streams: readonly RecordedStream[];
  /** Streams that Tidemark does not record, as `market/name`. */
  readonly unknown: readonly { readonly name: string; readonly frames: number }[];
  readonly frames: number;
  /** Instruments of which the recording has a depth snapshot. */
  readonly withSnapshot: ReadonlySet<string>;
  /** Receive times; NaN of a recording without frames. */
  readonly firstAtUs: number;
  readonly lastAtUs: number;
}

/** Goes through the whole feed once. */
export function surveyFeed(feed: ReplayFeed): Recorded {
  const framesOf = new Map<string, number>();
  const withSnapshot = new Set<string>();
  let firstAtUs = Number.NaN;
  let lastAtUs = Number.NaN;
  let frames = 0;
  for (const entry of feed.entries()) {
    if (entry.kind === 'snapshot') {
      withSnapshot.add(instrumentId({ venue: 'binance', market: entry.market, symbol: entry.symbol }));
      continue;
    }
    if (entry.isSilent) continue;
    const key = `${entry.market}/${entry.stream}`;
    framesOf.set(key, (framesOf.get(key) ?? 0) + 1);
    if (frames++ === 0) firstAtUs = entry.atUs;
    lastAtUs = entry.atUs;
  }
  const streams: RecordedStream[] = [];
  const unknown: { name: string; frames: number }[] = [];
  for (const [key, count] of framesOf) {
    const market = key.slice(0, key.indexOf('/')) as Market;
    const name = key.slice(market.length + 1);
    const named = streamNamed(market, name);
    if (named === undefined) unknown.push({ name: key, frames: count });
    else streams.push({ ...named, name, frames: count });
  }
  return { streams, unknown, frames, withSnapshot, firstAtUs, lastAtUs };
}
