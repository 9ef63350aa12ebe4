import type { DataKind, StatusAnswer } from '../../../src/protocol/api.ts';
import { livePath } from '../../../src/protocol/live.ts';
import type { ChannelDelta, FromWorker, SocketState, ToWorker } from './messages.ts';
import { Store } from './store.ts';

export interface Link {
  readonly socket: SocketState;
  readonly status: StatusAnswer | undefined;
  /** Monotonic time (epoch ms of the page) when the newest status came. */
  readonly statusAtMs: number | undefined;
  readonly halfRoundTripMs: number | undefined;
  /** Receive in the page to the frame that showed it, newest. */
  readonly paintMs: number | undefined;
  readonly dataKind: DataKind | undefined;
  readonly version: string | undefined;
  /** Since when the 95th percentile of the lag has been over the limit. */
  readonly laggingSinceMs: number | undefined;
}

export interface ChannelHandler {
  readonly delta: (delta: ChannelDelta) => void;
  readonly refetch?: (reason: string) => void;
}

const laggingLimitMs = 1_000;

/** The page's end of the one socket. What arrives is handed out once per frame. */
export class LiveClient {
  readonly link = new Store<Link>({
    socket: { socket: 'connecting', attempt: 0, everOpen: false, lostAtMs: null, nextAttemptAtMs: null },
    status: undefined,
    statusAtMs: undefined,
    halfRoundTripMs: undefined,
    paintMs: undefined,
    dataKind: undefined,
    version: undefined,
    laggingSinceMs: undefined,
  });
  readonly #worker: Worker;
  readonly #handlers = new Map<string, Set<ChannelHandler>>();
  #waiting: ChannelDelta[] = [];
  #scheduled = false;
  #arrivedAtMs = 0;
  #paintToldAtMs = 0;

  constructor() {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'tidemark-live' });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#receive(event.data);
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.#post({ op: 'open', url: `${scheme}://${location.host}${livePath}` });
    this.follow('status', { delta: (delta) => this.#status(delta) });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return;
      this.#post({ op: 'painted' });
      if (this.link.current.socket.socket === 'waiting') this.retryNow();
    });
  }

  follow(channel: string, handler: ChannelHandler): () => void {
    let handlers = this.#handlers.get(channel);
    if (handlers === undefined) {
      handlers = new Set();
      this.#handlers.set(channel, handlers);
      this.#post({ op: 'subscribe', channel });
    }
    handlers.add(handler);
    return () => {
      handlers.delete(handler);
      if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return;
      this.#handlers.delete(channel);
      this.#post({ op: 'unsubscribe', channel });
    };
  }

  retryNow(): void {
    this.#post({ op: 'retry' });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #change(next: Partial<Link>): void {
    this.link.set({ ...this.link.current, ...next });
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'socket':
        this.#change({ socket: message.state });
        break;
      case 'hello':
        this.#change({ version: message.version, dataKind: message.dataKind as DataKind });
        break;
      case 'round-trip':
        this.#change({ halfRoundTripMs: message.halfMs });
        break;
      case 'refetch':
        for (const handler of this.#handlers.get(message.channel) ?? []) handler.refetch?.(message.reason);
        break;
      case 'refused':
        console.warn(`live channel refused: ${message.code}: ${message.detail}`);
        break;
      case 'batch':
        this.#waiting.push(...message.deltas);
        this.#arrivedAtMs = performance.now();
        this.#schedule();
        break;
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A hidden page gets no frames: keep the data right at a walking pace, and paint nothing.
    if (document.visibilityState === 'visible') requestAnimationFrame(() => this.#deliver());
    else setTimeout(() => this.#deliver(), 250);
  }

  #deliver(): void {
    this.#scheduled = false;
    const deltas = this.#waiting;
    this.#waiting = [];
    for (const delta of deltas) for (const handler of this.#handlers.get(delta.channel) ?? []) handler.delta(delta);
    const nowMs = performance.now();
    if (nowMs - this.#paintToldAtMs > 2_000) {
      this.#paintToldAtMs = nowMs;
      this.#change({ paintMs: nowMs - this.#arrivedAtMs });
    }
    this.#post({ op: 'painted' });
  }

  #status(delta: ChannelDelta): void {
    if (delta.status === undefined) return;
    const nowMs = performance.now();
    const over = (delta.status.lagMs?.p95 ?? 0) > laggingLimitMs;
    this.#change({
      status: delta.status,
      statusAtMs: nowMs,
      dataKind: delta.status.dataKind,
      laggingSinceMs: over ? (this.link.current.laggingSinceMs ?? nowMs) : undefined,
    });
  }
}
