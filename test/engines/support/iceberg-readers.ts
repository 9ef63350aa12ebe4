import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { cached } from './cache.ts';
import type { Sums } from './changing-lake.ts';
import { pythonEnvironment, wheel } from './downloads.ts';
import type { Engine, RunningEngine } from './suite.ts';

export interface Question {
  /** Address of a metadata file; else the table is asked for at `catalog`. */
  readonly metadata?: string;
  readonly catalog?: string;
  readonly table?: string;
  readonly summed: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Pyiceberg extends RunningEngine {
  /** Rows and sums of the newest snapshot, with the catalog version that it says it is of. */
  look(question: Question): Promise<Sums & { readonly version: number; readonly total_records: number }>;
}

const pyicebergPins = ['pyiceberg[pyarrow]==0.12.0'];

export const pyiceberg: Engine<Pyiceberg> = {
  name: 'pyiceberg',
  async start() {
    const installed = await cached('pyiceberg', pyicebergPins, (into) => pythonEnvironment(into, pyicebergPins));
    const script = fileURLToPath(new URL('./newest-snapshot.py', import.meta.url));
    const child = spawn(join(installed, 'env', 'bin', 'python'), ['-u', script], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TZ: 'UTC' },
    });
    const answers = answersOf(child);
    return {
      look: async (question) => {
        child.stdin!.write(`${JSON.stringify(question)}\n`);
        const answer = JSON.parse(await answers()) as { error?: string };
        if (answer.error !== undefined) throw new Error(answer.error);
        return answer as never;
      },
      stop: async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.stdin!.end();
        await ended;
      },
    };
  },
};

/** Lines of a child's answers, one a call; its last words when it ends instead. */
function answersOf(child: ChildProcess): () => Promise<string> {
  let complaint = '';
  let hasEnded = false;
  const waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  const end = () => new Error(`it ended: ${complaint}`);
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  child.stdin!.on('error', () => {});
  createInterface({ input: child.stdout! }).on('line', (line) => waiting.shift()!.resolve(line));
  child.on('close', () => {
    hasEnded = true;
    for (const one of waiting) one.reject(end());
  });
  return () =>
    new Promise((resolve, reject) => {
      if (hasEnded) reject(end());
      else waiting.push({ resolve, reject });
    });
}

export interface DuckdbIceberg extends RunningEngine {
  readonly connection: DuckDBConnection;
  /** `from` is what stands after FROM. */
  look(from: string, summed: readonly string[]): Promise<Sums>;
}

const extensions = ['avro', 'httpfs', 'iceberg'];
const duckdbVersion = '1.5.5';

/** DuckDB with the extensions of its version, which come as Python wheels. */
export const duckdbIceberg: Engine<DuckdbIceberg> = {
  name: 'duckdb iceberg',
  async start() {
    const pins = extensions.map((name) => `duckdb-extension-${name}==${duckdbVersion}`);
    const installed = await cached('duckdb-extensions', pins, async (into) => {
      for (const pin of pins) await wheel(into, pin);
    });
    const instance = await DuckDBInstance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      threads: '1',
    });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    for (const name of extensions) {
      const folder = join(installed, `duckdb_extension_${name}`, 'extensions');
      const [version] = readdirSync(folder);
      await connection.run(`LOAD '${join(folder, version!, `${name}.duckdb_extension`)}'`);
    }
    return {
      connection,
      look: async (from, summed) => {
        const sums = summed.map((name) => `, sum("${name}")::VARCHAR`).join('');
        const [row] = (await connection.runAndReadAll(`SELECT count(*)::INTEGER${sums} FROM ${from}`)).getRows();
        const [count, ...rest] = row as [number, ...(string | null)[]];
        return { count, sums: Object.fromEntries(summed.map((name, at) => [name, rest[at]!])) };
      },
      stop: async () => {
        connection.closeSync();
        instance.closeSync();
      },
    };
  },
};
