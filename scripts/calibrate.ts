// Compares the harbour's BTCUSDT with the recording that its order flow was set from, and prints the table of docs/harbour.md.
// Usage: calibrate.ts FOLDER_WITH_RECORDINGS [SEED]
import { join } from 'node:path';
import { measure } from '../src/harbour/calibration.ts';
import { generateFrames, joinFeeds, openRecording } from '../src/harbour/index.ts';
import { createNodeWorld } from '../src/world/node/index.ts';

const [folder, seed = '1'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: calibrate.ts FOLDER_WITH_RECORDINGS [SEED]');
  process.exit(2);
}
const { files } = createNodeWorld();
const file = (name: string) => openRecording(files, join(folder, 'binance/spot/ws', name));
const feed = joinFeeds(
  file('BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz'),
  file('BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz'),
);
const entries = [...feed.entries()];
const snapshot = entries.find((entry) => entry.kind === 'snapshot');
const recorded = measure(
  entries.filter((entry) => entry.kind === 'frame'),
  snapshot === undefined ? undefined : JSON.parse(snapshot.body),
);

// The same price and length as the recording, so that every figure has the same unit.
const startAtUs = 1_723_161_255_000_000;
const symbols = [{ symbol: 'BTCUSDT', market: 'spot', startPrice: '61837.63' }] as const;
const options = { seed, symbols, startAtUs, streams: ['trade', 'depth@100ms', 'bookTicker'] };
const decoder = new TextDecoder();
const made: { stream: string; data: string }[] = [];
for (const { stream, bytes } of generateFrames({ ...options, endAtUs: startAtUs + 650_000_000 })) {
  const text = decoder.decode(bytes);
  made.push({ stream, data: text.slice(text.indexOf('"data":') + 7, -1) });
}
const { Channels } = await import('../src/harbour/channels.ts');
const { MatchingVenue } = await import('../src/harbour/matching-venue.ts');
const venue = new MatchingVenue(options, new Channels());
venue.advance(startAtUs + 60_000_000);
const simulated = measure(made, venue.listing('spot', 'BTCUSDT')?.book(1000));

const text = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));
console.log('| figure | recording 2024-08-08 | harbour |\n|---|---:|---:|');
for (const { name, unit, value } of recorded) {
  const other = simulated.find((figure) => figure.name === name);
  const label = unit === '' ? name : `${name} [${unit}]`;
  console.log(`| ${label} | ${text(value)} | ${other === undefined ? '–' : text(other.value)} |`);
}
