import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { WebSocket } from 'ws';
import { channelKey, livePath, type ServerMessage } from '../../src/protocol/live.ts';

const root = join(import.meta.dirname, '../..');

export interface Started {
  readonly url: string;
  /** Ends it at once, as a crash would. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port. */
  readonly restart: () => Promise<void>;
}

/**
 * Below those that the system hands out by itself: a program that is started again needs its port once more, and until then
 * any connection of another test could have taken it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}

/** Waits for a condition; the message says what did not come. */
export async function until(what: string, patienceMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`did not come within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts a program that serves the dashboard on the port in its arguments, and waits until it answers. */
async function start(argumentsOf: (port: number) => string[], folder = root): Promise<Started> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  let said = '';
  let isKilled = false;
  const begin = async (): Promise<void> => {
    child = spawn(process.execPath, argumentsOf(port), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4_000);
      });
    const begun = child;
    begun.on('exit', (code, signal) => {
      if (!isKilled) process.stderr.write(`${argumentsOf(port).join(' ')} ended (${code ?? signal}): ${said}\n`);
    });
    isKilled = false;
    await until(`an answer of ${url}; it said: ${said}`, 60_000, async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said}`);
      try {
        return (await fetch(`${url}/api/v1/instruments`)).ok;
      } catch {
        return false;
      }
    });
  };
  await begin();
  return {
    url,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      isKilled = true;
      child.kill('SIGKILL');
      await gone;
    },
    restart: begin,
  };
}

/** The program under test: a made-up market behind the real server. */
export function startMarket(): Promise<Started> {
  return start((port) => [join(root, 'test/support/fake-engine.ts'), String(port)]);
}

export interface StartedDemo extends Started {
  /** Kills the recorder alone; the demo starts it again, and what was missed is a gap until it is repaired. */
  readonly killRecorder: () => void;
  /** Kills the engine alone; the demo starts it again. */
  readonly killEngine: () => void;
  /** Stops the engine in its tracks, so that what is on the screen stays there, and lets it go on. */
  readonly holdEngine: (held: boolean) => void;
  /**
   * Holds the engine in the instant in which it says that trades are missing: a gap is repaired within some hundred ms,
   * which is no time to look at it. Answers whether it came to that; the engine is held until it is told to go on.
   */
  readonly holdAtGap: (instrument: string, patienceMs: number) => Promise<boolean>;
  readonly clean: () => void;
}

/** The whole system against the simulated exchange, in a folder of its own. */
export async function startDemo(): Promise<StartedDemo> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'));
  const started = await start((port) => [join(root, 'src/cli/main.ts'), 'demo', '--port', String(port)], folder);
  const pidOf = (command: RegExp): number | undefined => {
    const lines = execFileSync('ps', ['-axo', 'pid=,command='], { encoding: 'utf8' }).split('\n');
    const line = lines.find((text) => text.includes(folder) && command.test(text.trim()));
    return line === undefined ? undefined : Number.parseInt(line.trim(), 10);
  };
  const enginePid = (): number | undefined => pidOf(/ serve( |$)/);
  const holdEngine = (held: boolean): void => {
    const pid = enginePid();
    if (pid !== undefined) process.kill(pid, held ? 'SIGSTOP' : 'SIGCONT');
  };
  return {
    ...started,
    killRecorder: () => {
      const pid = pidOf(/ record$/);
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    },
    killEngine: () => {
      const pid = enginePid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    },
    holdEngine,
    holdAtGap: (instrument, patienceMs) =>
      new Promise((resolve) => {
        const pid = enginePid();
        const socket = new WebSocket(`${started.url.replace('http', 'ws')}${livePath}`);
        const end = (isHeld: boolean): void => {
          clearTimeout(timer);
          socket.terminate();
          resolve(isHeld);
        };
        const timer = setTimeout(() => end(false), patienceMs);
        socket.on('error', () => end(false));
        socket.on('open', () =>
          socket.send(JSON.stringify({ op: 'subscribe', id: 1, channels: [channelKey({ kind: 'gaps', instrument })] })),
        );
        socket.on('message', (data) => {
          const message = JSON.parse(String(data)) as ServerMessage;
          if (pid === undefined || message.type !== 'data' || message.payload.kind !== 'gaps') return;
          if (!message.payload.gaps.some((gap) => gap.stream === 'trade' && gap.state === 'open')) return;
          process.kill(pid, 'SIGSTOP');
          end(true);
        });
      }),
    clean: () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
}

/** Chromium of the machine, where there is one. */
export function chromiumPath(): string | undefined {
  const named = process.env['TIDEMARK_CHROMIUM'];
  if (named !== undefined) return named;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const folder of [...folders, '/usr/bin'])
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      const path = join(folder, name);
      if (existsSync(path)) return path;
    }
  return undefined;
}

export const docsImages = join(root, 'docs/images');
export const builtDashboard = join(root, 'dist/web/index.html');
