// `npm run bench -- NAME [--json]`: one question, measured beside its rival or its limit in the same run. Without a name: the
// list (with --json as one object, too). The last line with --json is one object, whose `met` says whether goals are; progress goes to stderr. Files of a bench's
// own that are no benches have a dot in their name (`record.sender.ts`) or lie in a folder.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nearestWord } from '../src/domain/nearest-word.ts';
import { hasRecordings, recordingsFolder } from '../test/recordings.ts';
import { type Bench, type BenchContext, type Result, resultOf } from './bench.ts';

const folder = dirname(fileURLToPath(import.meta.url));
const log = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** What whoever started it can put right: told without a stack. */
class UsageError extends Error {}

function benchNames(): string[] {
  return readdirSync(folder)
    .filter((file) => /^[a-z][a-z0-9-]*\.ts$/.test(file) && file !== 'run.ts' && file !== 'bench.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

async function load(name: string): Promise<Bench> {
  const names = benchNames();
  if (!names.includes(name)) {
    const near = nearestWord(name, names);
    const guess = near === undefined ? '' : ` Did you mean ${near}?`;
    throw new UsageError(`There is no bench “${name}”.${guess} There are: ${names.join(', ')}.`);
  }
  const module = (await import(`./${name}.ts`)) as { default?: Bench };
  if (typeof module.default?.run !== 'function') throw new Error(`bench/${name}.ts has no default export with run()`);
  return module.default;
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+changes'}`;
  } catch {
    return 'unknown';
  }
}

function machine() {
  const processors = cpus();
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch} ${release()}`,
    cores: processors.length,
    cpu: processors[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

function contextFor(args: readonly string[], folders: string[]): BenchContext {
  return {
    args,
    log,
    result: resultOf,
    recordings() {
      if (!hasRecordings)
        throw new UsageError(`no recordings at ${recordingsFolder}; name a folder: TIDEMARK_RECORDINGS=…`);
      return recordingsFolder;
    },
    scratch() {
      const made = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
      folders.push(made);
      return made;
    },
    async sample(count, measure) {
      await measure();
      const samples: number[] = [];
      for (let at = 0; at < count; at++) {
        globalThis.gc?.();
        samples.push(await measure());
      }
      return samples;
    },
  };
}

const figure = (value: number | null): string => {
  if (value === null) return '';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(4)));
};

function table(results: readonly Result[]): string {
  const lines = [
    ['name', 'value', 'unit', 'against', 'ratio', 'goal', ''],
    ...results.map(({ name, value, unit, against, ratio, goal, met }) => [
      name,
      figure(value),
      unit,
      figure(against),
      figure(ratio),
      goal ?? '',
      met === null ? '' : met ? 'met' : 'NOT MET',
    ]),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          /^[\d,.-]+$/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function list(asJson: boolean): Promise<void> {
  const benches: { bench: string; question: string; data: string | null }[] = [];
  for (const name of benchNames()) {
    const { question, data } = await load(name);
    benches.push({ bench: name, question, data: data ?? null });
  }
  if (asJson) console.log(JSON.stringify({ benches, commit: commit(), machine: machine() }));
  else {
    console.log('npm run bench -- NAME [--json]\n');
    for (const { bench, question } of benches) console.log(`  ${bench.padEnd(10)} ${question}`);
  }
}

async function runOne(name: string, asJson: boolean, args: readonly string[]): Promise<void> {
  const bench = await load(name);
  const folders: string[] = [];
  log(`${bench.name}: ${bench.question}`);
  try {
    const results = await bench.run(contextFor(args, folders));
    if (results.length === 0) throw new Error(`${bench.name} measured nothing`);
    if (asJson) {
      console.log(
        JSON.stringify({ bench: bench.name, commit: commit(), machine: machine(), data: bench.data ?? null, results }),
      );
    } else console.log(table(results));
  } finally {
    for (const made of folders) if (existsSync(made)) rmSync(made, { recursive: true, force: true });
  }
}

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} Usage: npm run bench -- NAME [--json]`);
  }
}

try {
  const { values, positionals } = readArguments();
  const [name, ...rest] = positionals;
  if (name === undefined) await list(values.json);
  else await runOne(name, values.json, rest);
} catch (error) {
  const isPlain = error instanceof UsageError || !(error instanceof Error);
  log(isPlain ? String(error instanceof Error ? error.message : error) : (error.stack ?? error.message));
  process.exitCode = 2;
}
// A bench may leave sockets or child handles behind; the figures are out.
setTimeout(() => process.exit(), 500).unref();
