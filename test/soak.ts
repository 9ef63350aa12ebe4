// Hours instead of seconds: recorder and engine killed again and again, memory watched, everything compared at the end.
// `npm run soak -- [--minutes 60] [--seed 1] [--pause-seconds 20]`; test/crash/kill.test.ts is the short version.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compareWithTruth } from './crash/against-truth.ts';
import { readLake } from './crash/lake-reader.ts';
import { Storm, stormSymbols } from './crash/storm.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    'pause-seconds': { type: 'string', default: '20' },
  },
});

function positive(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (value > 0) return value;
  console.error(`--${name} takes a number above 0, not ${values[name]}`);
  process.exit(2);
}

const minutes = positive('minutes');
const seed = positive('seed');
const pauseMs = positive('pause-seconds') * 1000;

/** Resident memory, where the system tells. */
function rssMb(pid: number | undefined): number | undefined {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024);
  } catch {
    return undefined;
  }
}

const endAtMs = Date.now() + minutes * 60_000;
const peaks = { recorder: 0, engine: 0 };
const storm = await Storm.begin(seed);
try {
  await storm.settle();
  console.log(`a storm over ${minutes} minutes, seed ${seed}, a kill every ${pauseMs / 2000} s on average`);
  let saidAtMs = 0;
  while (Date.now() < endAtMs) {
    await storm.killOne(pauseMs, () => {
      for (const name of ['recorder', 'engine'] as const) {
        peaks[name] = Math.max(peaks[name], rssMb(storm.pids[name]) ?? 0);
      }
    });
    if (Date.now() < saidAtMs + 60_000) continue;
    saidAtMs = Date.now();
    const leftMinutes = Math.max(0, (endAtMs - saidAtMs) / 60_000);
    console.log(
      `${leftMinutes.toFixed(0)} minutes left; kills ${JSON.stringify(storm.kills)}, peak RSS in MB ${JSON.stringify(peaks)}`,
    );
  }
  await storm.heal(120_000);
  await storm.stop();
  const lake = await readLake(storm.config);
  try {
    await lake.contentHashes();
    for (const { symbol } of stormSymbols) {
      console.log(symbol, JSON.stringify(await compareWithTruth(lake, storm.harbour.truth, symbol)));
    }
  } finally {
    await lake.close();
  }
  console.log(`kills ${JSON.stringify(storm.kills)}, peak RSS in MB ${JSON.stringify(peaks)}`);
  console.log('what the venue made is held once, or lies in a declared gap');
} finally {
  await storm.end();
}
