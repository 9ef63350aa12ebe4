// Run on a file system of a few MiB: records until it is full, tries again while it is, and goes on when there is room.
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { openJournalReader } from '../journal/reader.ts';
import { openJournalWriter } from '../journal/writer.ts';
import { type JournalWriter, recordKinds } from '../ports/journal.ts';
import { silentLog } from '../ports/log.ts';
import type { Plan } from '../ports/source.ts';
import { createBinanceSource } from '../sources/binance/index.ts';
import { createNodeWorld } from '../world/node/index.ts';
import { startRecorder } from './index.ts';

const folder = process.argv[2]!;
const ballast = `${folder}/ballast`;
writeFileSync(ballast, new Uint8Array(1_500_000));
const world = createNodeWorld();
const source = createBinanceSource();

/** Sends numbered frames to whoever is connected. */
const venue = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(venue, 'listening');
let sent = 0;
venue.on('connection', (connection) => {
  connection.on('message', (text) =>
    connection.send(JSON.stringify({ result: null, id: JSON.parse(String(text)).id })),
  );
});
const sending = setInterval(() => {
  for (let more = 0; more < 20; more++, sent++) {
    for (const connection of venue.clients) connection.send(`{"number":${sent},"filling":"${'x'.repeat(2000)}"}`);
  }
}, 5);

const plan: Plan = source.plan({
  streams: [{ instrument: { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' }, kind: 'trade' }],
  hosts: { streams: { spot: [`ws://127.0.0.1:${(venue.address() as AddressInfo).port}`] }, rest: {} },
  dataKind: 'simulated',
  venueTime: { mode: 'wall', offsetUs: 0 },
});
const logged: string[] = [];
const log = { ...silentLog, error: (_fields: object, message: string) => void logged.push(message) };

async function openWriter(onFailure: (error: { code: string; message: string }) => void): Promise<JournalWriter> {
  const options = {
    folder: `${folder}/journal`,
    writer: 'recorder',
    version: '0',
    segmentMaxBytes: 500_000,
    onFailure,
  };
  return openJournalWriter(world, options);
}

/** Records until the journal fails or `isEnough`; how far it was acknowledged. */
async function record(isEnough: (journal: JournalWriter) => boolean) {
  let failure: { code: string; message: string } | undefined;
  const journal = await openWriter((error) => {
    failure = { code: error.code, message: error.message };
  });
  const recorder = startRecorder(world, { journal, staticPlan: plan, source, log });
  // The recorder hears of the failure with the next frame.
  while ((failure === undefined || logged.length === 0) && !isEnough(journal)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { syncedSequence } = journal;
  await recorder.stop();
  await journal.close();
  return { failure, syncedSequence };
}

const full = await record(() => false);
const again = await openWriter(() => {}).then(
  () => 'opened',
  (error: { code?: string }) => String(error.code),
);
rmSync(ballast);
const later = await record((journal) => journal.syncedSequence >= full.syncedSequence + 100);
clearInterval(sending);

/** What is in the journal now, by sequence. */
const reader = await openJournalReader(world, { folder: `${folder}/journal` });
const sequences = new Set<number>();
const numbers: number[] = [];
let damaged = 0;
for (let from = await reader.start(); ; ) {
  const block = await reader.read(from, 1 << 20);
  if (block === undefined) break;
  block.forEach(({ kind, sequence, bytes, start, end }) => {
    sequences.add(sequence);
    if (kind !== recordKinds.frame) return;
    const frame = JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as {
      number?: number;
      filling: string;
    };
    if (frame.number === undefined) return;
    if (frame.filling.length !== 2000) damaged++;
    numbers.push(frame.number);
  });
  from = block.to;
}
await reader.close();
let lost = 0;
for (const { syncedSequence } of [full, later]) {
  for (let sequence = 0; sequence < syncedSequence; sequence++) if (!sequences.has(sequence)) lost++;
}
const isInOrder = numbers.every((number, at) => at === 0 || number > numbers[at - 1]!);
console.log(JSON.stringify({ full, again, later, frames: numbers.length, damaged, lost, isInOrder, logged }));
process.exit(0);
