// What a dashboard's socket sees. Arguments: `engine` or `venue`, the URL, origin of the shared clock, length of a window in
// seconds. Prints `ready`, and on each `begin` line starts anew; on `end` prints the windows.
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { percentile } from '../bench.ts';
import { type Delays, sharedClock, type Window } from './clock.ts';

const [kind, url, origin, windowSeconds] = process.argv.slice(2) as [string, string, string, string];
const nowUs = sharedClock(Number(origin));
const instruments = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].map((symbol) => `binance:spot:${symbol}`);
const unsynced = { sentAtUs: [] as number[], ms: [] as number[] };
const synced = { sentAtUs: [] as number[], ms: [] as number[] };
/** Trades shown and not yet told to be synced, oldest first, by channel. */
const waiting = new Map<string, { id: number; sentAtUs: number }[]>();

interface Message {
  readonly type: string;
  readonly channel: string;
  readonly detail?: string;
  readonly payload: {
    readonly kind: string;
    readonly trades: readonly { tradeId: number; tradedAtUs: number }[];
    readonly throughTradeId: number;
  };
}

function seen(into: typeof unsynced, sentAtUs: number, atUs: number): void {
  into.sentAtUs.push(sentAtUs);
  into.ms.push((atUs - sentAtUs) / 1000);
}

function take(message: Message, atUs: number): void {
  const { channel, payload } = message;
  let queue = waiting.get(channel);
  if (queue === undefined) {
    queue = [];
    waiting.set(channel, queue);
  }
  if (payload.kind === 'trades') {
    for (const { tradeId, tradedAtUs } of payload.trades) {
      seen(unsynced, tradedAtUs, atUs);
      queue.push({ id: tradeId, sentAtUs: tradedAtUs });
    }
  } else if (payload.kind === 'synced') {
    let done = 0;
    while (done < queue.length && queue[done]!.id <= payload.throughTradeId)
      seen(synced, queue[done++]!.sentAtUs, atUs);
    queue.splice(0, done);
  }
}

const socket = new WebSocket(url, { perMessageDeflate: false });
socket.on('error', (error) => {
  throw error;
});
const subscribed = new Set<string>();
const subscribe = (): void => {
  const channels = instruments.map((instrument) => `trades/${instrument}`).filter((key) => !subscribed.has(key));
  socket.send(JSON.stringify({ op: 'subscribe', id: 1, channels }));
};
socket.on('open', () => {
  if (kind === 'engine') subscribe();
  else socket.send(JSON.stringify({ method: 'SUBSCRIBE', params: [], id: 1 }));
});
socket.on('message', (data: Buffer) => {
  const atUs = nowUs();
  const message = JSON.parse(data.toString());
  if (kind === 'venue') {
    if (message.data !== undefined) seen(unsynced, message.data.T, atUs);
    else process.stdout.write('ready\n');
    return;
  }
  switch (message.type) {
    case 'data':
      take(message, atUs);
      break;
    case 'subscribed':
      subscribed.add(message.channel);
      if (subscribed.size === instruments.length) process.stdout.write('ready\n');
      break;
    case 'error':
      // The engine does not know the instrument before the plan has come back through the journal.
      setTimeout(subscribe, 200);
      break;
    case 'reset':
      throw new Error(`messages were skipped: ${JSON.stringify(message)}`);
  }
});

function delays(of: typeof unsynced, fromUs: number, toUs: number): Delays | undefined {
  const ms = of.ms.filter((_, i) => of.sentAtUs[i]! >= fromUs && of.sentAtUs[i]! < toUs);
  if (ms.length === 0) return undefined;
  return { count: ms.length, p50: percentile(ms, 0.5), p99: percentile(ms, 0.99), p999: percentile(ms, 0.999) };
}

function windows(): Partial<Window>[] {
  const lengthUs = Number(windowSeconds) * 1_000_000;
  const list: Partial<Window>[] = [];
  const firstUs = unsynced.sentAtUs[0] ?? 0;
  const lastUs = unsynced.sentAtUs.at(-1) ?? 0;
  for (let fromUs = firstUs; fromUs + lengthUs <= lastUs + 10_000; fromUs += lengthUs) {
    const shown = delays(unsynced, fromUs, fromUs + lengthUs);
    const kept = delays(synced, fromUs, fromUs + lengthUs);
    list.push({ ...(shown && { unsynced: shown }), ...(kept && { synced: kept }) });
  }
  return list;
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'end') process.stdout.write(`${JSON.stringify(windows())}\n`);
    for (const seenSo of [unsynced, synced]) {
      seenSo.sentAtUs.length = 0;
      seenSo.ms.length = 0;
    }
  })
  .on('close', () => process.exit(0));
