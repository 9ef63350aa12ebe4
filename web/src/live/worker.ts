/// <reference lib="webworker" />
import type { ClientMessage, ServerMessage } from '../../../src/protocol/live.ts';
import { Gatherer } from './gather.ts';
import type { FromWorker, SocketState, ToWorker } from './messages.ts';
import { reconnectDelayMs } from './reconnect.ts';

// The socket lives here, so that parsing and merging never take time from drawing.

const pingEveryMs = 5_000;
/** The server speaks once a second; this long without a word and the connection is dead whatever the socket says. */
const silentAfterMs = 12_000;
/** A paint that is never reported (a hidden page) must not hold back data for ever. */
const paintPatienceMs = 1_000;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const wanted = new Set<string>();
const lastSequence = new Map<string, number>();
const pending = new Gatherer();

let url = '';
let socket: WebSocket | undefined;
let state: SocketState = {
  socket: 'connecting',
  attempt: 0,
  everOpen: false,
  lostAtMs: null,
  nextAttemptAtMs: null,
};
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let messageId = 0;
let lastHeardMs = 0;
let serverEpoch: string | undefined;
const pings = new Map<number, number>();
let unpaintedSinceMs: number | undefined;

function post(message: FromWorker): void {
  scope.postMessage(message);
}

function change(next: Partial<SocketState>): void {
  state = { ...state, ...next };
  post({ kind: 'socket', state });
}

function send(message: ClientMessage): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function subscribe(channels: readonly string[]): void {
  if (channels.length === 0) return;
  const resume: Record<string, number> = {};
  for (const channel of channels) {
    const sequence = lastSequence.get(channel);
    if (sequence !== undefined) resume[channel] = sequence;
  }
  send({
    op: 'subscribe',
    id: ++messageId,
    channels,
    ...(Object.keys(resume).length > 0 ? { resume } : {}),
    ...(serverEpoch === undefined ? {} : { serverEpoch }),
  });
}

function ping(): void {
  const id = ++messageId;
  pings.set(id, performance.now());
  send({ op: 'ping', id });
}

function handle(message: ServerMessage): void {
  switch (message.type) {
    case 'hello':
      if (serverEpoch !== undefined && serverEpoch !== message.serverEpoch) {
        lastSequence.clear();
        for (const channel of wanted) post({ kind: 'refetch', channel, reason: 'server-restarted' });
      }
      serverEpoch = message.serverEpoch;
      post({ kind: 'hello', version: message.version, dataKind: message.dataKind });
      subscribe([...wanted]);
      ping();
      break;
    case 'subscribed':
      if (!wanted.has(message.channel)) break;
      lastSequence.set(message.channel, message.sequence);
      if (!message.resumed) post({ kind: 'refetch', channel: message.channel, reason: 'subscribed' });
      break;
    case 'data': {
      if (!wanted.has(message.channel)) break;
      const last = lastSequence.get(message.channel);
      if (last !== undefined && message.sequence <= last) break;
      if (last !== undefined && message.sequence > last + 1)
        post({ kind: 'refetch', channel: message.channel, reason: 'sequence' });
      lastSequence.set(message.channel, message.sequence);
      pending.add(message.channel, message.payload, message.synced);
      flush();
      break;
    }
    case 'reset':
      if (message.to >= 0) lastSequence.set(message.channel, message.to);
      post({ kind: 'refetch', channel: message.channel, reason: message.reason });
      break;
    case 'pong': {
      const sentMs = pings.get(message.id);
      pings.delete(message.id);
      if (sentMs !== undefined) post({ kind: 'round-trip', halfMs: (performance.now() - sentMs) / 2 });
      break;
    }
    case 'error':
      post({ kind: 'refused', code: message.code, detail: message.detail });
      break;
    case 'unsubscribed':
      break;
  }
}

function flush(): void {
  if (pending.isEmpty) return;
  const nowMs = performance.now();
  if (unpaintedSinceMs !== undefined && nowMs - unpaintedSinceMs < paintPatienceMs) return;
  unpaintedSinceMs = nowMs;
  post({ kind: 'batch', deltas: pending.take() });
}

function dial(): void {
  clearTimeout(retryTimer);
  change({ socket: 'connecting', nextAttemptAtMs: null });
  const opened = new WebSocket(url);
  socket = opened;
  lastHeardMs = performance.now();
  opened.onopen = () => {
    lastHeardMs = performance.now();
    change({ socket: 'open', attempt: 0, everOpen: true, lostAtMs: null, nextAttemptAtMs: null });
  };
  opened.onmessage = (event: MessageEvent<string>) => {
    lastHeardMs = performance.now();
    let message: ServerMessage;
    try {
      message = JSON.parse(event.data) as ServerMessage;
    } catch {
      post({ kind: 'refused', code: 'bad-message', detail: 'the server sent text that is not JSON' });
      return;
    }
    handle(message);
  };
  opened.onclose = () => {
    if (socket === opened) lost();
  };
  opened.onerror = () => opened.close();
}

function lost(): void {
  socket = undefined;
  pings.clear();
  const attempt = state.attempt + 1;
  const delayMs = reconnectDelayMs(attempt, Math.random());
  const nowMs = performance.now();
  change({
    socket: 'waiting',
    attempt,
    lostAtMs: state.lostAtMs ?? performance.timeOrigin + nowMs,
    nextAttemptAtMs: performance.timeOrigin + nowMs + delayMs,
  });
  clearTimeout(retryTimer);
  retryTimer = setTimeout(dial, delayMs);
}

function hangUp(): void {
  const closing = socket;
  if (closing === undefined) return;
  socket = undefined;
  closing.close();
  lost();
}

setInterval(() => {
  if (socket?.readyState === WebSocket.OPEN) ping();
}, pingEveryMs);
setInterval(() => {
  flush();
  if (socket !== undefined && performance.now() - lastHeardMs > silentAfterMs) hangUp();
}, 500);

scope.onmessage = (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  switch (message.op) {
    case 'open':
      url = message.url;
      dial();
      break;
    case 'subscribe':
      wanted.add(message.channel);
      lastSequence.delete(message.channel);
      if (serverEpoch !== undefined) subscribe([message.channel]);
      break;
    case 'unsubscribe':
      wanted.delete(message.channel);
      lastSequence.delete(message.channel);
      pending.drop(message.channel);
      send({ op: 'unsubscribe', id: ++messageId, channels: [message.channel] });
      break;
    case 'retry':
      if (state.socket === 'waiting') dial();
      break;
    case 'painted':
      unpaintedSinceMs = undefined;
      flush();
      break;
  }
};
scope.addEventListener('online', () => {
  if (state.socket === 'waiting') dial();
});
