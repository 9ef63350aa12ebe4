import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Bench, type BenchContext, median, type Result } from './bench.ts';
import type { Derived } from './pipeline/derive.ts';

/** The last line that a script of this bench prints, read as JSON. Each script is a process of its own, one at a time. */
async function run<T>(script: string, args: readonly string[]): Promise<T> {
  const path = fileURLToPath(new URL(`pipeline/${script}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${script} ended with ${code}`);
  return JSON.parse(Buffer.concat(chunks).toString().trim().split('\n').at(-1)!) as T;
}

interface Question {
  readonly kind: 'generated' | 'recorded';
  readonly frames: number;
  readonly parts: number;
  readonly runs: number;
  readonly name: 'trades' | 'mixed';
  readonly unit: string;
  readonly goal: string;
}

async function ask(context: BenchContext, question: Question): Promise<Result[]> {
  const { kind, frames, parts, runs, name, unit, goal } = question;
  const folder = context.scratch();
  const journal = `${folder}/journal`;
  const written = await run<Record<string, number>>('write-journal.ts', [kind, journal, String(frames)]);
  context.log(`${kind}: ${JSON.stringify(written)}`);
  const derive = async (partCount: number, mode: string): Promise<Derived> => {
    const lake = `${folder}/lake`;
    mkdirSync(lake);
    const args = [journal, lake, String(partCount), String(written['frames']), mode];
    const derived = await run<Derived>('derive.ts', args);
    rmSync(lake, { recursive: true });
    context.log(`${kind}: ${JSON.stringify(derived)}`);
    return derived;
  };
  const measured: Derived[] = [];
  for (let count = 0; count < runs; count++) measured.push(await derive(parts, 'measure'));
  const profiled = await derive(1, 'profile');
  rmSync(journal, { recursive: true });
  const results = [
    context.result({
      name,
      unit,
      samples: measured.flatMap((of) => of.samples),
      against: median(measured.map((of) => of.decodedPerSecond)),
      goal,
    }),
    context.result({
      name: `${kind}: per second of processor time`,
      unit,
      samples: measured.map((of) => of.perProcessorSecond),
    }),
    context.result({ name: `${kind}: memory`, unit: 'MB', samples: measured.map((of) => of.rssMb) }),
    context.result({ name: `${kind}: lake`, unit: 'MB', samples: [profiled.lakeMb] }),
  ];
  for (const [stage, share] of Object.entries(profiled.shares ?? {}).sort((a, b) => b[1] - a[1])) {
    results.push(context.result({ name: `${kind}: ${stage}`, unit: '% of wall time', samples: [share * 100] }));
  }
  return results;
}

/** A number given instead of the ten million and one million that the goals are about. */
function framesAsked(args: readonly string[], otherwise: number): number {
  const asked = args.find((arg) => /^\d+$/.test(arg));
  return asked === undefined ? otherwise : Number(asked);
}

const bench: Bench = {
  name: 'pipeline',
  question: 'How many events a second go from the journal into the lake: decoded, proven, as books and candles?',
  data:
    'trades: one run over 10 million generated trades of three symbols, in five parts of two million each; mixed: five runs over the ' +
    'spot recordings of 2024-08 (trades, book tickers, depth), repeated with later ids and times up to a million frames. ' +
    'Commits at 500,000 waiting rows and at the end are inside. Against: reading and decoding the same frames alone. ' +
    'A number as an argument replaces both frame counts.',
  async run(context) {
    context.recordings();
    const generated: Question = {
      kind: 'generated',
      frames: framesAsked(context.args, 10_000_000),
      parts: 5,
      runs: 1,
      name: 'trades',
      unit: 'trades/s',
      goal: 'value >= 250000',
    };
    const recorded: Question = {
      kind: 'recorded',
      frames: framesAsked(context.args, 1_000_000),
      parts: 1,
      runs: 5,
      name: 'mixed',
      unit: 'frames/s',
      goal: 'value >= 150000',
    };
    return [...(await ask(context, generated)), ...(await ask(context, recorded))];
  },
};

export default bench;
