import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compressSegment } from '../src/journal/compressed-segment.ts';
import { listSegments } from '../src/journal/segment-name.ts';
import { openJournalWriter } from '../src/journal/writer.ts';
import { createNodeWorld } from '../src/world/node/index.ts';
import { type Bench, median } from './bench.ts';

const frameCount = 1_000_000;
const sampleCount = 5;

function start(script: string, args: string[]) {
  const path = fileURLToPath(new URL(`record/${script}`, import.meta.url));
  return spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function firstLine(child: ReturnType<typeof start>): Promise<string> {
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => {
      throw new Error('a process of the bench ended without an answer');
    }),
  ])) as [string];
  return line;
}

async function measure(script: string, args: string[]): Promise<{ framesPerSecond: number; rssMb: number }> {
  const child = start(script, args);
  const ended = once(child, 'exit');
  const answer = JSON.parse(await firstLine(child)) as { framesPerSecond: number; rssMb: number };
  await ended;
  return answer;
}

/** Closes the newest segment by beginning another, then packs what is closed. */
async function compressedBytes(folder: string): Promise<number> {
  const world = createNodeWorld();
  const writer = await openJournalWriter(world, { folder, writer: 'recorder', version: 'bench', onFailure: () => {} });
  let bytes = 0;
  for (const segment of listSegments(world.files, folder).slice(0, -1)) {
    bytes += (await compressSegment(world, folder, segment)).compressedBytes;
  }
  await writer.close();
  return bytes;
}

const bench: Bench = {
  name: 'record',
  question: 'How many frames a second go from the socket into the synced journal, and what does a bare client receive?',
  data: 'frames of the spot recordings of 2024-08 where they are at hand, else generated trades',
  async run(context) {
    const sender = start('sender.ts', [String(frameCount)]);
    const url = `ws://127.0.0.1:${await firstLine(sender)}/stream`;
    const bare: number[] = [];
    const recorded: number[] = [];
    const rss: number[] = [];
    let bytesPerFrame = 0;
    try {
      for (let sample = 0; sample < sampleCount; sample += 1) {
        bare.push((await measure('bare.ts', [url, String(frameCount)])).framesPerSecond);
        const folder = `${context.scratch()}/journal-${sample}`;
        try {
          const answer = await measure('recorder.ts', [url, String(frameCount), folder]);
          recorded.push(answer.framesPerSecond);
          rss.push(answer.rssMb);
          if (sample === sampleCount - 1) bytesPerFrame = (await compressedBytes(folder)) / frameCount;
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }
    } finally {
      sender.stdin.end();
    }
    return [
      context.result({
        name: 'frames',
        unit: 'frames/s',
        samples: recorded,
        against: median(bare),
        goal: 'ratio >= 0.35 and value >= 400000',
      }),
      context.result({ name: 'rss', unit: 'MB', samples: rss, goal: 'value < 300' }),
      context.result({ name: 'compressed', unit: 'B', samples: [bytesPerFrame] }),
    ];
  },
};

export default bench;
