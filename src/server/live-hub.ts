import type { LiveUpdate, MarketView } from '../pipeline/market-view.ts';
import type { Clock, Random, Timers } from '../ports/world.ts';
import { type Channel, channelKey, type LivePayload, type ServerMessage } from '../protocol/live.ts';
import type { ServerLimits } from './limits.ts';

/** A message as all followers of its channel get it: made and encoded once. */
export interface SentMessage {
  readonly sequence: number;
  readonly bytes: Buffer;
}

export interface Follower {
  take(feed: ChannelFeed, message: SentMessage): void;
}

/** What a client may see again: nothing was missed, or from where to where it was. */
export type Resume =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'resumed'; readonly messages: readonly SentMessage[] }
  | {
      readonly kind: 'missed';
      readonly from: number;
      readonly to: number;
      readonly reason: 'too-old' | 'server-restarted';
    };

export function encode(message: ServerMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** One channel: its count, its followers, and its last messages for those who come back. */
export class ChannelFeed {
  readonly channel: Channel;
  readonly key: string;
  readonly followers = new Set<Follower>();
  /** Sequence of the newest message; counted whether anyone listens or not. */
  sequence: number;
  /** Sequence before the first message of this server. */
  readonly startedAt: number;
  stop: (() => void) | undefined;
  cancelLinger: (() => void) | undefined;
  readonly #recent: SentMessage[] = [];
  #recentBytes = 0;
  readonly #limits: ServerLimits;
  readonly #onError: (error: unknown) => void;

  constructor(
    channel: Channel,
    startedAt: number,
    sequence: number,
    limits: ServerLimits,
    onError: (error: unknown) => void,
  ) {
    this.channel = channel;
    this.key = channelKey(channel);
    this.startedAt = startedAt;
    this.sequence = sequence;
    this.#limits = limits;
    this.#onError = onError;
  }

  publish(payload: LivePayload, synced: boolean, sentAtUs: number): void {
    this.sequence += 1;
    const message: SentMessage = {
      sequence: this.sequence,
      bytes: encode({ type: 'data', channel: this.key, sequence: this.sequence, synced, sentAtUs, payload }),
    };
    this.#recent.push(message);
    this.#recentBytes += message.bytes.length;
    while (this.#recent.length > this.#limits.resumeMessages || this.#recentBytes > this.#limits.resumeBytes) {
      this.#recentBytes -= this.#recent.shift()!.bytes.length;
    }
    for (const follower of this.followers) {
      try {
        follower.take(this, message);
      } catch (error) {
        // One client's trouble is neither the others' nor the engine's.
        this.#onError(error);
      }
    }
  }

  resume(lastSeen: number | undefined): Resume {
    if (lastSeen === undefined) return { kind: 'fresh' };
    if (lastSeen < this.startedAt || lastSeen > this.sequence) {
      // A sequence that this server never gave: it counted in an earlier life.
      return { kind: 'missed', from: this.startedAt + 1, to: this.sequence, reason: 'server-restarted' };
    }
    const oldest = this.#recent[0]?.sequence ?? this.sequence + 1;
    if (lastSeen + 1 < oldest) return { kind: 'missed', from: lastSeen + 1, to: this.sequence, reason: 'too-old' };
    return { kind: 'resumed', messages: this.#recent.filter((message) => message.sequence > lastSeen) };
  }

  newest(): SentMessage | undefined {
    return this.#recent.at(-1);
  }
}

/** Follows the view once a channel, however many clients do, and counts the channel's messages. */
export class LiveHub {
  readonly #feeds = new Map<string, ChannelFeed>();
  /** Counts of channels that nobody follows any more, so that an old number is never taken for a new one. */
  readonly #counts = new Map<string, { startedAt: number; sequence: number }>();
  readonly #view: MarketView;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #limits: ServerLimits;
  readonly #onError: (error: unknown) => void;
  #isClosed = false;

  constructor(options: {
    view: MarketView;
    clock: Clock;
    timers: Timers;
    random: Random;
    limits: ServerLimits;
    onError: (error: unknown) => void;
  }) {
    this.#view = options.view;
    this.#clock = options.clock;
    this.#timers = options.timers;
    this.#random = options.random;
    this.#limits = options.limits;
    this.#onError = options.onError;
  }

  get channelCount(): number {
    return this.#feeds.size;
  }

  /** Undefined when more channels are followed than the server carries. Throws what the view throws. */
  feed(channel: Channel): ChannelFeed | undefined {
    const key = channelKey(channel);
    const existing = this.#feeds.get(key);
    if (existing !== undefined) return existing;
    if (this.#isClosed || this.#feeds.size >= this.#limits.channels) return undefined;
    // A random start: the sequence of an earlier server is then outside this one's, and a resume with it is seen.
    const startedAt = Math.floor(this.#random.fraction() * 2 ** 40);
    const count = this.#counts.get(key) ?? { startedAt, sequence: startedAt };
    const feed = new ChannelFeed(channel, count.startedAt, count.sequence, this.#limits, this.#onError);
    feed.stop = channel.kind === 'status' ? this.#beat(feed) : this.#view.follow(channel, this.#listener(feed));
    this.#feeds.set(key, feed);
    return feed;
  }

  join(feed: ChannelFeed, follower: Follower): void {
    feed.cancelLinger?.();
    feed.cancelLinger = undefined;
    feed.followers.add(follower);
  }

  leave(feed: ChannelFeed, follower: Follower): void {
    if (!feed.followers.delete(follower) || feed.followers.size > 0 || this.#isClosed) return;
    feed.cancelLinger = this.#timers.after(this.#limits.lingerMs, () => this.#end(feed));
  }

  close(): void {
    this.#isClosed = true;
    for (const feed of this.#feeds.values()) {
      feed.cancelLinger?.();
      feed.stop?.();
    }
    this.#feeds.clear();
  }

  #listener(feed: ChannelFeed): (update: LiveUpdate) => void {
    return (update) => {
      try {
        feed.publish(update.payload, update.synced, this.#clock.wallUs());
      } catch (error) {
        // Nothing that goes wrong here may reach the engine that calls us.
        this.#onError(error);
      }
    };
  }

  /** The status channel is the heartbeat: it beats even when the view has nothing to say. */
  #beat(feed: ChannelFeed): () => void {
    return this.#timers.every(1000, () => {
      try {
        feed.publish({ kind: 'status', status: this.#view.status() }, true, this.#clock.wallUs());
      } catch (error) {
        this.#onError(error);
      }
    });
  }

  #end(feed: ChannelFeed): void {
    if (feed.followers.size > 0) return;
    feed.stop?.();
    this.#feeds.delete(feed.key);
    // One message more than was sent: what happens while nobody follows is missed, and a resume must not hide it.
    this.#counts.set(feed.key, { startedAt: feed.startedAt, sequence: feed.sequence + 1 });
    if (this.#counts.size > 4 * this.#limits.channels) this.#counts.delete(this.#counts.keys().next().value!);
  }
}
