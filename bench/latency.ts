import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify as toYaml } from 'yaml';
import { type Bench, type BenchContext, median, type Result } from './bench.ts';
import { type Delays, originOf, type Window } from './latency/clock.ts';
import { Talker } from './processes/talker.ts';

const syncIntervalMs = 10;
const windowSeconds = 10;
const windowCount = 5;
const warmUpSeconds = 5;
const limits: Readonly<Record<string, string>> = { unsynced: 'value <= 10', synced: 'value <= 25' };

/** Windows that a client saw while the venue sent at this rate, the warm-up left out. */
async function windowsAt(rate: number, venue: Talker, client: Talker): Promise<Window[]> {
  venue.say(JSON.stringify({ rate, seconds: warmUpSeconds }));
  await venue.line((line) => line.startsWith('sent'));
  await sleep(500);
  client.say('begin');
  venue.say(JSON.stringify({ rate, seconds: windowSeconds * windowCount + 1 }));
  await venue.line((line) => line.startsWith('sent'));
  await sleep(1000);
  client.say('end');
  const windows = (JSON.parse(await client.line()) as Window[]).slice(0, windowCount);
  const expected = rate * windowSeconds;
  for (const window of windows) {
    for (const delays of Object.values(window) as Delays[]) {
      if (Math.abs(delays.count - expected) > expected / 50) {
        throw new Error(`${delays.count} trades seen in a window of ${expected}`);
      }
    }
  }
  if (windows.length < windowCount) throw new Error(`${windows.length} windows instead of ${windowCount}`);
  return windows;
}

const shares = { p50: 'p50', p99: 'p99', p999: 'p99.9' } as const;

function resultsOf(context: BenchContext, rate: number, bare: readonly Window[], windows: readonly Window[]): Result[] {
  const results: Result[] = [];
  for (const kind of ['unsynced', 'synced'] as const) {
    for (const [share, shown] of Object.entries(shares) as [keyof typeof shares, string][]) {
      const goal = rate === 10_000 && share === 'p99' ? limits[kind] : undefined;
      results.push(
        context.result({
          name: `${kind}-${rate}-${shown}`,
          unit: 'ms',
          samples: windows.map((window) => window[kind][share]),
          against: median(bare.map((window) => window.unsynced[share])),
          ...(goal === undefined ? {} : { goal }),
        }),
      );
    }
  }
  return results;
}

const bench: Bench = {
  name: 'latency',
  question: 'How long is it from the venue’s send to a dashboard’s socket, before and after the trade is synced?',
  data:
    `trades of three symbols at an even pace from a process of its own; recorder, engine and client are processes too; ` +
    `sync interval ${syncIntervalMs} ms, commits to the lake every 20 s inside; ${windowCount} windows of ${windowSeconds} s. ` +
    'Against: a bare client of the same venue.',
  async run(context) {
    const folder = context.scratch();
    const origin = originOf(Date.now());
    const talkers: Talker[] = [];
    const start = (file: string, args: readonly string[]): Talker => {
      const talker = new Talker(new URL(file, import.meta.url), args);
      talkers.unshift(talker);
      return talker;
    };
    try {
      const venue = start('latency/venue.ts', [String(origin)]);
      const port = await venue.line();
      const clientArgs = (kind: string, url: string) => [kind, url, String(origin), String(windowSeconds)];
      const rates = [1000, 10_000];
      const bare = start('latency/client.ts', clientArgs('venue', `ws://127.0.0.1:${port}`));
      await bare.line((line) => line === 'ready');
      const bareWindows: Window[][] = [];
      for (const rate of rates) bareWindows.push(await windowsAt(rate, venue, bare));
      await bare.end('SIGKILL');
      context.log('bare client measured');
      const config = `${folder}/tidemark.yaml`;
      const settings = {
        dataDir: `${folder}/data`,
        dataKind: 'simulated',
        instruments: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].map((symbol) => `binance:spot:${symbol}`),
        streams: ['trade'],
        venue: { streams: { spot: [`ws://127.0.0.1:${port}`] }, rest: { spot: [`http://127.0.0.1:${port}`] } },
        server: { port: 0 },
        journal: { syncIntervalMs },
        log: { level: 'warn' },
      };
      writeFileSync(config, toYaml(settings));
      const engine = start('../src/cli/main.ts', ['--config', config, 'serve']);
      const url = await engine.line((line) => line.startsWith('http'));
      start('../src/cli/main.ts', ['--config', config, 'record']);
      await venue.line((line) => line === 'subscribed');
      const live = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/api/v1/live`;
      const client = start('latency/client.ts', clientArgs('engine', live));
      await client.line((line) => line === 'ready');
      const results: Result[] = [];
      for (const [i, rate] of rates.entries()) {
        const windows = await windowsAt(rate, venue, client);
        context.log(JSON.stringify(windows));
        results.push(...resultsOf(context, rate, bareWindows[i]!, windows));
      }
      return results;
    } finally {
      for (const talker of talkers) await talker.end('SIGTERM');
    }
  },
};

export default bench;
