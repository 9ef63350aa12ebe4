import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { pythonEnvironment } from './downloads.ts';
import type { Engine, RunningEngine } from './suite.ts';

/** Airflow with a home of its own; no scheduler runs, `dags test` does a run by itself. */
export interface Airflow extends RunningEngine {
  readonly dagFolder: string;
  /** Standard output and error as one; fails with them when it ends with an error. */
  run(...args: readonly string[]): Promise<string>;
}

const pins = ['apache-airflow==3.3.2'];

export const airflow: Engine<Airflow> = {
  name: 'Airflow',
  start: async () => {
    const folder = await cached('airflow', pins, (place) => pythonEnvironment(place, pins));
    const home = mkdtempSync(join(tmpdir(), 'tidemark-airflow-'));
    const dagFolder = join(home, 'dags');
    mkdirSync(dagFolder);
    const python = join(folder, 'env', 'bin', 'python');
    const env = {
      ...process.env,
      AIRFLOW_HOME: home,
      AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
      AIRFLOW__CORE__DAGS_FOLDER: dagFolder,
      AIRFLOW__CORE__UNIT_TEST_MODE: 'False',
      AIRFLOW__USAGE_DATA_COLLECTION__ENABLED: 'False',
      PYTHONDONTWRITEBYTECODE: '1',
      PATH: `${join(folder, 'env', 'bin')}:${process.env['PATH']}`,
    };
    const run = (...args: readonly string[]) =>
      new Promise<string>((resolve, reject) => {
        execFile(
          python,
          ['-m', 'airflow', ...args],
          { cwd: home, env, maxBuffer: 1 << 26 },
          (error, stdout, stderr) => {
            if (error === null) resolve(stdout + stderr);
            else reject(new Error(`airflow ${args.join(' ')} failed\n${stdout.slice(-8000)}\n${stderr.slice(-4000)}`));
          },
        );
      });
    try {
      await run('db', 'migrate');
    } catch (error) {
      rmSync(home, { recursive: true, force: true });
      throw error;
    }
    return { dagFolder, run, stop: async () => rmSync(home, { recursive: true, force: true }) };
  },
};
