// Writes the journal that is measured, as a recorder would have. Arguments: `generated` or `recorded`, the folder, how many
// frames at least. Prints what it wrote.
import { generateFrames } from '../../src/harbour/generate.ts';
import { openRecording } from '../../src/harbour/recordings.ts';
import { joinFeeds } from '../../src/harbour/replay-feed.ts';
import { openJournalWriter } from '../../src/journal/writer.ts';
import { encodeHttpRecord } from '../../src/pipeline/http-record.ts';
import { type RecordKind, recordKinds } from '../../src/ports/journal.ts';
import { createBinanceSource } from '../../src/sources/binance/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';
import { recording } from '../../test/recordings.ts';

interface Written {
  frames: number;
  trades: number;
  bookTickers: number;
  depthEvents: number;
  bytes: number;
}

const [kind, folder, count] = process.argv.slice(2) as [string, string, string];
const wanted = Number(count);
const world = createNodeWorld();
const source = createBinanceSource();
const writer = await openJournalWriter(world, {
  folder,
  writer: 'recorder',
  version: 'bench',
  syncIntervalMs: 1000,
  onFailure: (error) => {
    throw error;
  },
});
const written: Written = { frames: 0, trades: 0, bookTickers: 0, depthEvents: 0, bytes: 0 };
const session = 1;
const pulseUs = 1_000_000;
let pulsedAtUs = 0;

function append(recordKind: RecordKind, receivedAtUs: number, payload: Uint8Array): void {
  writer.append({ kind: recordKind, session, receivedAtUs, monotonicUs: receivedAtUs, payload });
}

function appendJson(recordKind: RecordKind, receivedAtUs: number, value: unknown): void {
  append(recordKind, receivedAtUs, Buffer.from(JSON.stringify(value)));
}

async function appendFrame(stream: string, receivedAtUs: number, payload: Uint8Array): Promise<void> {
  if (receivedAtUs >= pulsedAtUs + pulseUs) {
    pulsedAtUs = receivedAtUs;
    const pulse = { wallUs: receivedAtUs, monotonicUs: receivedAtUs, venueUs: receivedAtUs };
    appendJson(recordKinds.pulse, receivedAtUs, pulse);
  }
  append(recordKinds.frame, receivedAtUs, payload);
  written.frames++;
  written.bytes += payload.length;
  if (stream.endsWith('@trade')) written.trades++;
  else if (stream.endsWith('@bookTicker')) written.bookTickers++;
  else written.depthEvents++;
  if (written.frames % 20_000 === 0) await writer.sync();
}

/** Plan and session records, so that frames have a session. */
function begin(symbols: readonly string[], kinds: readonly ('trade' | 'depth' | 'book-ticker')[], atUs: number): void {
  const streams = symbols.flatMap((symbol) =>
    kinds.map((kindOf) => ({ instrument: { venue: 'binance', market: 'spot', symbol } as const, kind: kindOf })),
  );
  const hosts = { streams: { spot: ['wss://stream.example'] }, rest: { spot: ['https://rest.example'] } };
  const plan = source.plan({ streams, hosts, dataKind: 'replay', venueTime: { mode: 'frames' } });
  if (plan.sessions.length !== 1) throw new Error(`${plan.sessions.length} sessions planned instead of one`);
  const { id, market, urls } = plan.sessions[0]!;
  appendJson(recordKinds.plan, atUs, plan);
  appendJson(recordKinds.session, atUs, { event: 'dialled', session, planSession: id, market, url: urls[0] });
  appendJson(recordKinds.session, atUs, { event: 'opened', session });
}

async function writeGenerated(): Promise<void> {
  const startAtUs = Date.UTC(2026, 0, 5) * 1000;
  const symbols = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'].map((symbol) => ({ market: 'spot', symbol }) as const);
  const names = symbols.map(({ symbol }) => symbol);
  begin(names, ['trade'], startAtUs);
  const options = { seed: 5, symbols, startAtUs, trades: wanted, streams: ['trade'], light: true };
  for (const frame of generateFrames(options)) await appendFrame(frame.stream, frame.receivedAtUs, frame.bytes);
}

const recordings = [
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms+snapshot-2024-08-08T2354Z.txt.gz',
  'binance/spot/ws/BTCUSDT-trade+bookTicker+depth100ms-2024-08-09T0000Z.txt.gz',
];
const idOf = /"(?:t|u|U|lastUpdateId)":(\d+)/g;

/**
 * The recording again and again, ids and times moved on so that each repetition follows the one before. One depth id is
 * left out between two: the market jumps back there, and so must the book, by its recorded snapshot.
 */
async function writeRecorded(): Promise<void> {
  const feed = joinFeeds(...recordings.map((path) => openRecording(world.files, recording(path))));
  const entries = [...feed.entries()];
  const ids = { trade: { first: Infinity, last: 0 }, update: { first: Infinity, last: 0 } };
  for (const entry of entries) {
    if (entry.kind === 'snapshot') continue;
    const range = entry.stream.endsWith('@trade') ? ids.trade : ids.update;
    for (const [name, id] of entry.data.slice(0, 200).matchAll(idOf)) {
      if (name.startsWith('"u"') && range === ids.trade) continue;
      range.first = Math.min(range.first, Number(id));
      range.last = Math.max(range.last, Number(id));
    }
  }
  const firstAtUs = entries[0]!.atUs;
  const tradeStep = ids.trade.last - ids.trade.first + 1;
  const updateStep = ids.update.last - ids.update.first + 2;
  const stepMs = Math.ceil((entries.at(-1)!.atUs - firstAtUs) / 1000) + 100;
  begin(['BTCUSDT'], ['trade', 'depth', 'book-ticker'], firstAtUs);
  const request = source.requests.bookSnapshot({ venue: 'binance', market: 'spot', symbol: 'BTCUSDT' });
  for (let pass = 0; written.frames < wanted; pass++) {
    const moved = (text: string) =>
      text
        .replace(/"(?:t)":(\d+)/, (whole, id) => whole.replace(id, String(Number(id) + pass * tradeStep)))
        .replace(/"(?:u|U|lastUpdateId)":(\d+)/g, (whole, id) =>
          whole.replace(id, String(Number(id) + pass * updateStep)),
        )
        .replace(/"[ET]":(\d+)/g, (whole, at) => whole.replace(at, String(Number(at) + pass * stepMs)));
    for (const entry of entries) {
      const atUs = entry.atUs + pass * stepMs * 1000;
      if (entry.kind === 'frame') {
        // Levels hold no ids: the numbers stand before them.
        const text = entry.envelope!;
        const end = text.indexOf('"b":[');
        const head = moved(end < 0 ? text : text.slice(0, end));
        await appendFrame(entry.stream, atUs, Buffer.from(end < 0 ? head : head + text.slice(end)));
      } else {
        const end = entry.body.indexOf('"bids"');
        const body = moved(entry.body.slice(0, end)) + entry.body.slice(end);
        const head = { request, status: 200, headers: {}, requestedAtUs: atUs };
        append(recordKinds.http, atUs, encodeHttpRecord(head, Buffer.from(body)));
      }
    }
  }
}

if (kind === 'generated') await writeGenerated();
else await writeRecorded();
await writer.close();
// As after a restart: what was written before is closed and needs no sync by its reader.
const restarted = await openJournalWriter(world, { folder, writer: 'recorder', version: 'bench', onFailure: () => {} });
await restarted.close();
process.stdout.write(`${JSON.stringify(written)}\n`);
