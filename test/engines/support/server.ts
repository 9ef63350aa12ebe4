import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whoever it runs as instead of us. */
  readonly uid?: number;
  readonly gid?: number;
  /** What it prints goes here. */
  readonly logFile: string;
  /** Asked again and again until it resolves to true; a rejection counts as no. */
  isReady(): Promise<boolean>;
  readonly deadlineMs?: number;
}

/** A server process with everything it started. */
export interface RunningServer {
  /** Leader of the process group. */
  readonly pid: number;
  log(): string;
  /** Asks it to end, and ends it with all it started when it takes too long. */
  stop(): Promise<void>;
  /** As in a power cut: the whole group, at once. */
  kill(): Promise<void>;
}

/**
 * Runs the command in a process group of its own. When the pipe to whoever started it closes, be it by SIGKILL, the
 * command is asked to end, and ten seconds later the group is killed.
 */
const guard = `exec 3<&0
"$@" </dev/null 3<&- &
server=$!
trap '' TERM
{ cat <&3 >/dev/null; kill -TERM $server 2>/dev/null
  for tenth in $(seq 100); do kill -0 $server 2>/dev/null || break; sleep 0.1; done
  kill -KILL 0; } &
wait $server
exit $?`;

const logTail = 3000;

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { name, deadlineMs = 60_000 } = options;
  const output = openSync(options.logFile, 'a');
  const child = spawn('/bin/sh', ['-c', guard, 'sh', options.command, ...options.args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: ['pipe', output, output],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  closeSync(output);
  child.stdin!.on('error', () => {});
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => {
      hasEnded = true;
      resolve();
    });
    child.on('exit', () => {
      hasEnded = true;
      resolve();
    });
  });
  const log = () => readFileSync(options.logFile, 'utf8').slice(-logTail);
  const kill = async (): Promise<void> => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nothing of the group is left.
    }
    await ended;
  };
  const stop = async (): Promise<void> => {
    child.stdin!.end();
    await ended;
    await kill();
  };
  const endMs = Date.now() + deadlineMs;
  while (!(await options.isReady().catch(() => false))) {
    if (hasEnded || Date.now() > endMs) {
      await kill();
      const what = hasEnded ? 'ended before it was ready' : `was not ready within ${deadlineMs / 1000} s`;
      throw new Error(`${name} ${what}; the end of its log:\n${log()}`);
    }
    await sleep(50);
  }
  return { pid: child.pid!, log, stop, kill };
}

/** Ports of 127.0.0.1 that nobody listens on now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer().once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether anything at all answers over HTTP. */
export async function answersHttp(url: string): Promise<boolean> {
  await fetch(url, { signal: AbortSignal.timeout(2000) });
  return true;
}
