import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TidemarkError } from '../domain/error.ts';
import type { ModelPartition, ModelRunner, ModelSession, StepOutcome } from '../ports/model-runner.ts';
import { childEnvironment } from './child-environment.ts';
import type { ModelReply, ModelRequest } from './model-request.ts';

export interface DuckdbModelRunnerOptions {
  readonly threads?: number;
  readonly memoryMb?: number;
  /** Where what does not fit in memory goes. */
  readonly scratchFolder?: string;
  /** A partition that takes longer is ended. */
  readonly timeoutMs?: number;
}

const entry = fileURLToPath(new URL('./model-process.ts', import.meta.url));

/** Models in a process of their own: see `model-process.ts` for what their SQL may do. */
export function openDuckdbModelRunner(options: DuckdbModelRunnerOptions = {}): ModelRunner {
  return { open: (signal) => new DuckdbModelSession(options, signal) };
}

interface Waiting {
  readonly outcomes: StepOutcome[];
  readonly onStep: ((outcome: StepOutcome) => void) | undefined;
  readonly resolve: (outcomes: readonly StepOutcome[]) => void;
  readonly reject: (error: Error) => void;
}

class DuckdbModelSession implements ModelSession {
  readonly #child: ChildProcess;
  readonly #options: DuckdbModelRunnerOptions;
  readonly #spill: string;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.close();
  #waiting: Waiting | undefined;
  #end: string | undefined;

  constructor(options: DuckdbModelRunnerOptions, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#signal = signal;
    this.#spill = spillFolder(options.scratchFolder ?? tmpdir());
    this.#child = spawn(process.execPath, ['--max-old-space-size=512', entry], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: childEnvironment,
      cwd: '/',
    });
    let complaint = '';
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      if (complaint.length < 2000) complaint += chunk.toString();
    });
    this.#child.stdin!.on('error', () => undefined);
    createInterface({ input: this.#child.stdout! }).on('line', (line) =>
      this.#answered(JSON.parse(line) as ModelReply),
    );
    this.#child.on('error', (cause) => this.#ended(cause.message));
    this.#child.on('close', (code, killedBy) => {
      const isMemory = /out of memory|heap/i.test(complaint) || killedBy === 'SIGKILL';
      this.#ended(isMemory ? 'it needed too much memory' : `its process ended with ${killedBy ?? code}`);
    });
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted) this.close();
  }

  run(partition: ModelPartition, onStep?: (outcome: StepOutcome) => void): Promise<readonly StepOutcome[]> {
    if (this.#end !== undefined) return Promise.reject(endedError(partition, this.#end));
    const request: ModelRequest = {
      partition,
      threads: this.#options.threads ?? 2,
      memoryMb: this.#options.memoryMb ?? 2048,
      spillFolder: this.#spill,
    };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#ended(`${partition.market} ${partition.date} took too long`);
      }, this.#options.timeoutMs ?? 3_600_000);
      const settle = () => {
        clearTimeout(timer);
        this.#waiting = undefined;
      };
      this.#waiting = {
        outcomes: [],
        onStep,
        resolve: (outcomes) => {
          settle();
          resolve(outcomes);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    });
  }

  close(): void {
    this.#ended(this.#signal?.aborted ? 'it was cancelled' : 'it was closed');
  }

  #answered(reply: ModelReply): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if ('outcome' in reply) {
      waiting.outcomes.push(reply.outcome);
      waiting.onStep?.(reply.outcome);
    } else if ('done' in reply) waiting.resolve(waiting.outcomes);
    else waiting.reject(new TidemarkError('models-failed', { doing: 'run the models', why: reply.failure.why }));
  }

  #ended(why: string): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#child.kill('SIGKILL');
    this.#waiting?.reject(endedError(undefined, why));
    rmSync(this.#spill, { recursive: true, force: true });
  }
}

/** A folder of this process; those of processes that were killed go. */
function spillFolder(scratch: string): string {
  mkdirSync(scratch, { recursive: true });
  for (const name of readdirSync(scratch)) {
    const pid = Number(/^models-spill-(\d+)-/.exec(name)?.[1] ?? process.pid);
    if (pid !== process.pid && !isAlive(pid)) rmSync(join(scratch, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(scratch, `models-spill-${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function endedError(partition: ModelPartition | undefined, why: string): TidemarkError {
  return new TidemarkError('models-ended', {
    doing: 'run the models',
    ...(partition === undefined ? {} : { what: `${partition.market} ${partition.date}` }),
    why,
    now: 'nothing of this was published; run it again',
    retry: 'later',
  });
}
