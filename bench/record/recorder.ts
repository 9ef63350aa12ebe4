// Socket to synced journal, as `tidemark record` does it. Arguments: URL, how many frames, journal folder.
import { openJournalWriter } from '../../src/journal/writer.ts';
import { silentLog } from '../../src/ports/log.ts';
import type { Source } from '../../src/ports/source.ts';
import { startRecorder } from '../../src/recorder/index.ts';
import { createNodeWorld } from '../../src/world/node/index.ts';

const [url, countText, folder] = process.argv.slice(2);
const count = Number(countText);
const world = createNodeWorld();
const journal = await openJournalWriter(world, {
  folder: folder!,
  writer: 'recorder',
  version: 'bench',
  onFailure: (error) => {
    throw error;
  },
});
const source = { subscribeMessage: () => '{"method":"SUBSCRIBE","params":["a"],"id":1}' } as unknown as Source;
const recorder = startRecorder(world, {
  journal,
  source,
  log: silentLog,
  staticPlan: {
    formatVersion: 1,
    dataKind: 'simulated',
    venueTime: { mode: 'wall', offsetUs: 0 },
    sessions: [
      {
        id: 'spot-0',
        market: 'spot',
        urls: [url!],
        streams: [
          {
            instrument: { venue: 'binance', market: 'spot', symbol: 'BTCUSDT' },
            kind: 'trade',
            name: 'btcusdt@trade',
          },
        ],
        limits: {
          lifetimeMs: 86_400_000,
          silenceMs: 60_000,
          messagesPerSecond: 4,
          namesPerMessage: 100,
          maxFrameBytes: 8 << 20,
        },
      },
    ],
  },
});
let startedMs = 0;
const look = setInterval(async () => {
  const session = recorder.sessions()[0];
  // The clock starts with the connection, so before the first frame: never in the recorder's favour.
  if (startedMs === 0 && session?.openedAtUs !== undefined) {
    startedMs = performance.now() - (world.clock.wallUs() - session.openedAtUs) / 1000;
  }
  if (session === undefined || session.frames <= count) return;
  clearInterval(look);
  await journal.sync();
  const seconds = (performance.now() - startedMs) / 1000;
  const rssMb = process.resourceUsage().maxRSS / 1024;
  await recorder.stop();
  await journal.close();
  process.stdout.write(`${JSON.stringify({ framesPerSecond: count / seconds, rssMb })}\n`);
  process.exit(0);
}, 1);
