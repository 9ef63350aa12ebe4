import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { pythonEnvironment } from './downloads.ts';
import { freePorts, startServer } from './server.ts';
import type { Engine, RunningEngine } from './suite.ts';

/** A Prefect server and its Python. */
export interface Prefect extends RunningEngine {
  /** Runs a Python program that knows the server, and gives its standard output; fails with what it printed. */
  python(args: readonly string[], cwd: string): Promise<string>;
}

const pins = ['prefect==3.7.2', 'fastapi<0.125'];

export const prefect: Engine<Prefect> = {
  name: 'Prefect',
  start: async () => {
    const folder = await cached('prefect', pins, (place) => pythonEnvironment(place, pins));
    const home = mkdtempSync(join(tmpdir(), 'tidemark-prefect-'));
    const python = join(folder, 'env', 'bin', 'python');
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}/api`;
    const env = {
      PREFECT_HOME: home,
      PREFECT_API_URL: url,
      PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
      DO_NOT_TRACK: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const server = await startServer({
      name: 'Prefect',
      command: python,
      args: ['-m', 'prefect', 'server', 'start', '--host', '127.0.0.1', '--port', String(port), '--no-ui'],
      env,
      logFile: join(home, 'server.log'),
      deadlineMs: 120_000,
      isReady: async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) })).ok,
    });
    return {
      python: (args, cwd) =>
        new Promise((resolve, reject) => {
          const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
          execFile(python, args, options, (error, stdout, stderr) => {
            if (error === null) resolve(stdout);
            else reject(new Error(`python ${args.join(' ')} failed\n${stdout.slice(-4000)}\n${stderr.slice(-8000)}`));
          });
        }),
      stop: async () => {
        await server.stop();
        rmSync(home, { recursive: true, force: true });
      },
    };
  },
};
