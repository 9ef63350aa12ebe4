import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify as toYaml } from 'yaml';
import { type Layout, layoutOf } from '../../src/cli/layout.ts';
import { dayUs, secondUs } from '../../src/domain/interval.ts';
import { type BenchContext, percentile, type Result } from '../bench.ts';
import { Talker } from '../processes/talker.ts';
import { compact, derive, settledUs, writeTrades } from './day.ts';
import { checkDay, dayUrl, timedGet } from './requests.ts';

/** 500,000 trades a day. */
const tradeEveryUs = 172_800;
const commitUs = 20 * secondUs;
const blockUs = 5 * secondUs;
const requests = 300;
const samples = 5;
const restarts = 5;
const limitMs = 20;

const todayUs = () => Math.floor((Date.now() * 1000) / dayUs) * dayUs;

function newLayout(folder: string, name: string): Layout {
  const layout = layoutOf(join(folder, name), '/');
  mkdirSync(layout.lake, { recursive: true });
  return layout;
}

/** Starts an engine on the data folder that merges nothing while it is asked, and ends it afterwards. */
async function withEngine<T>(layout: Layout, work: (url: string) => Promise<T>): Promise<T> {
  const config = `${layout.dataDir}.yaml`;
  // Nobody listens there: what is asked is in the lake.
  const nowhere = '127.0.0.1:9';
  const settings = {
    dataDir: layout.dataDir,
    dataKind: 'simulated',
    instruments: ['binance:spot:BTCUSDT'],
    streams: ['trade'],
    venue: { streams: { spot: [`ws://${nowhere}`] }, rest: { spot: [`http://${nowhere}`] } },
    server: { port: 0 },
    lake: { maintenanceSeconds: 3600 },
    log: { level: 'error' },
  };
  writeFileSync(config, toYaml(settings));
  const engine = new Talker(new URL('../../src/cli/main.ts', import.meta.url), ['--config', config, 'serve']);
  try {
    return await work(await engine.line((line) => line.startsWith('http')));
  } finally {
    await engine.end('SIGTERM');
  }
}

/** p99 of each sample of requests for one day, over one connection, the first 50 requests left out. */
async function askAgain(layout: Layout, fromUs: number, trades: number): Promise<{ p50: number[]; p99: number[] }> {
  return withEngine(layout, async (url) => {
    const asked = dayUrl(url, fromUs, fromUs + dayUs);
    checkDay((await timedGet(asked)).body, trades);
    for (let warmUp = 0; warmUp < 50; warmUp++) await timedGet(asked);
    const found: { p50: number[]; p99: number[] } = { p50: [], p99: [] };
    for (let sample = 0; sample < samples; sample++) {
      const ms: number[] = [];
      for (let request = 0; request < requests; request++) ms.push((await timedGet(asked)).ms);
      found.p50.push(percentile(ms, 0.5));
      found.p99.push(percentile(ms, 0.99));
    }
    return found;
  });
}

/** The first request after each start. */
async function askFirst(layout: Layout, fromUs: number, trades: number): Promise<number[]> {
  const found: number[] = [];
  for (let restart = 0; restart < restarts; restart++) {
    found.push(
      await withEngine(layout, async (url) => {
        await timedGet(`${url.replace(/\/$/, '')}/api/v1/status`);
        const { ms, body } = await timedGet(dayUrl(url, fromUs, fromUs + dayUs));
        checkDay(body, trades);
        return ms;
      }),
    );
  }
  return found;
}

/** One symbol's day of 1-minute candles over HTTP: of a day as it was committed, and after it was merged. */
export async function measureApi(context: BenchContext): Promise<Result[]> {
  const folder = context.scratch();
  const results: Result[] = [];
  const report = (name: string, of: { p50: number[]; p99: number[] }) => {
    results.push(
      context.result({ name, unit: 'ms, p99', samples: of.p99, goal: `value <= ${limitMs}` }),
      context.result({ name: `${name}: half of the requests`, unit: 'ms, p50', samples: of.p50 }),
    );
  };

  const dayAtUs = todayUs() - 2 * dayUs;
  const layout = newLayout(folder, 'recent');
  // From a minute before: the first minute of a recording can not be proven to be whole.
  const stretches = [
    { fromUs: dayAtUs - 60 * secondUs, toUs: dayAtUs, everyUs: secondUs },
    { fromUs: dayAtUs, toUs: dayAtUs + dayUs + settledUs, everyUs: tradeEveryUs },
  ];
  await writeTrades(layout, stretches, blockUs);
  context.log(`a day as committed: ${JSON.stringify(await derive(layout, commitUs))}`);
  const trades = dayUs / tradeEveryUs;
  const merged = newLayout(folder, 'merged');
  cpSync(layout.dataDir, merged.dataDir, { recursive: true });
  context.log(`the same merged: ${JSON.stringify(await compact(merged))}`);
  report('day-uncompacted', await askAgain(layout, dayAtUs, trades));
  report('day-compacted', await askAgain(merged, dayAtUs, trades));

  // Forty days ago: further back than an engine that starts has in memory.
  const oldAtUs = todayUs() - 40 * dayUs;
  const old = newLayout(folder, 'old');
  const oldStretches = [
    { fromUs: oldAtUs - 60 * secondUs, toUs: oldAtUs, everyUs: 60 * secondUs },
    { fromUs: oldAtUs, toUs: oldAtUs + dayUs, everyUs: tradeEveryUs },
    { fromUs: oldAtUs + dayUs, toUs: todayUs() - dayUs, everyUs: 60 * secondUs },
  ];
  await writeTrades(old, oldStretches, 600 * secondUs);
  await derive(old, dayUs);
  context.log(`an old day: ${JSON.stringify(await compact(old))}`);
  const samplesOfFirst = await askFirst(old, oldAtUs, trades);
  results.push(context.result({ name: 'day-from-files', unit: 'ms, first request', samples: samplesOfFirst }));
  return results;
}
