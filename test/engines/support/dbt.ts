import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { pythonEnvironment } from './downloads.ts';
import type { Engine, RunningEngine } from './suite.ts';

/** The program dbt with its adapter for DuckDB. */
export interface Dbt extends RunningEngine {
  /** What it printed; fails with that when it ends with an error. */
  run(args: readonly string[], cwd: string): Promise<string>;
}

const pins = ['dbt-core==1.11.16', 'dbt-duckdb==1.11.1', 'duckdb==1.5.5'];

export const dbt: Engine<Dbt> = {
  name: 'dbt',
  start: async () => {
    const folder = await cached('dbt', pins, (place) => pythonEnvironment(place, pins));
    // The scripts of an environment name the place where it was made; the interpreter does not.
    const python = join(folder, 'env', 'bin', 'python');
    const env = {
      ...process.env,
      DO_NOT_TRACK: '1',
      DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
      PYTHONDONTWRITEBYTECODE: '1',
    };
    return {
      run: (args, cwd) =>
        new Promise((resolve, reject) => {
          const command = ['-c', 'from dbt.cli.main import cli; cli()', ...args];
          execFile(python, command, { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
            if (error === null) resolve(stdout);
            else reject(new Error(`dbt ${args.join(' ')} failed\n${stdout.slice(-8000)}\n${stderr.slice(-2000)}`));
          });
        }),
      stop: async () => {},
    };
  },
};
