import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Logger } from '../ports/log.ts';
import { exitCodes, isFatal } from './exit-codes.ts';

const restartDelayMsMin = 200;
const restartDelayMsMax = 10_000;
/** A child that lived so long starts with a short delay again. */
const healthyMs = 30_000;
const stopGraceMs = 20_000;

export interface ChildSpec {
  readonly name: string;
  /** Arguments of `tidemark`. */
  readonly args: readonly string[];
  /** Not started again when it ends: everything ends with it. */
  readonly isOneShot?: boolean;
  /** Called with each line the child prints. */
  readonly onLine?: (line: string) => void;
}

/** Marks a child of a supervisor: its stdin is a pipe that ends with the supervisor, however that ends. */
export const childVariable = 'TIDEMARK_CHILD';

/** Keeps child processes running: each is restarted when it dies, except after errors that would only repeat. */
export class Supervisor {
  readonly #log: Logger;
  readonly #children = new Map<string, ChildProcess>();
  #isStopping = false;
  #ended: (exitCode: number) => void = () => {};
  /** Resolves with the exit code for the whole program once it must end. */
  readonly ended = new Promise<number>((resolve) => {
    this.#ended = resolve;
  });

  constructor(log: Logger) {
    this.#log = log;
  }

  start(spec: ChildSpec, delayMs = restartDelayMsMin): void {
    const startedAtMs = Date.now();
    const child = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url)), ...spec.args], {
      stdio: ['pipe', spec.onLine === undefined ? 'inherit' : 'pipe', 'inherit'],
      env: { ...process.env, [childVariable]: '1' },
    });
    this.#children.set(spec.name, child);
    if (spec.onLine !== undefined && child.stdout !== null) forEachLine(child.stdout, spec.onLine);
    child.on('exit', (code, signal) => {
      this.#children.delete(spec.name);
      if (this.#isStopping) return;
      if (code !== null && isFatal(code)) return this.#ended(code);
      if (spec.isOneShot) {
        this.#log.error({ process: spec.name, code, signal }, 'a process ended, and everything with it');
        this.#ended(code ?? exitCodes.unexpected);
        return;
      }
      const nextDelayMs =
        Date.now() - startedAtMs > healthyMs ? restartDelayMsMin : Math.min(restartDelayMsMax, delayMs * 2);
      this.#log.warn(
        { process: spec.name, code, signal, restartInMs: delayMs },
        'a process ended; it is started again',
      );
      setTimeout(() => {
        if (!this.#isStopping) this.start(spec, nextDelayMs);
      }, delayMs);
    });
  }

  pidOf(name: string): number | undefined {
    return this.#children.get(name)?.pid;
  }

  /** Asks every child to end cleanly, and ends those that do not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const exits = [...this.#children.values()].map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) return resolve();
          child.once('exit', () => resolve());
          child.kill('SIGTERM');
        }),
    );
    const timer = setTimeout(() => {
      for (const child of this.#children.values()) child.kill('SIGKILL');
    }, stopGraceMs);
    await Promise.all(exits);
    clearTimeout(timer);
  }
}

/** Ends this process when the supervisor that started it is gone. */
export function endWithSupervisor(end: () => void): void {
  if (process.env[childVariable] !== '1') return;
  process.stdin.on('end', end);
  process.stdin.on('error', end);
  process.stdin.resume();
  process.stdin.unref?.();
}

function forEachLine(stream: NodeJS.ReadableStream, visit: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop()!;
    for (const line of lines) visit(line);
  });
}
