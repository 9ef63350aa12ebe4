import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify as toYaml } from 'yaml';
import { childVariable } from '../../src/cli/supervisor.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends with this process, however that ends. On unless the ending itself is what is tested. */
  readonly isChild?: boolean;
  /** Run by a shell with these limits set first: `ulimit -f 64`. */
  readonly limits?: string;
}

/** `tidemark …` as a process of its own. */
export class TidemarkProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  hasEnded = false;

  constructor(args: readonly string[], options: SpawnOptions = {}) {
    const { isChild = true, limits } = options;
    const env: Record<string, string | undefined> = { ...process.env, ...options.env };
    // The test runner's own marks must not reach a program under test.
    for (const name of Object.keys(env)) if (name.startsWith('NODE_TEST')) delete env[name];
    if (isChild) env[childVariable] = '1';
    const command = [process.execPath, main, ...args];
    const [file, ...rest] =
      limits === undefined ? command : ['/bin/sh', '-c', `${limits}; exec "$@"`, 'sh', ...command];
    this.child = spawn(file!, rest, { stdio: ['pipe', 'pipe', 'pipe'], env, cwd: options.cwd });
    this.child.stdin!.on('error', () => {});
    this.child.stdout!.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr!.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        this.hasEnded = true;
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The first line that the process prints on stdout; fails when it ends before. */
  async firstLine(deadlineMs = 30_000): Promise<string> {
    await until(() => this.stdout.includes('\n') || this.hasEnded, 'a line on stdout', deadlineMs);
    if (!this.stdout.includes('\n')) throw new Error(`the process ended without a word: ${this.stderr}`);
    return this.stdout.slice(0, this.stdout.indexOf('\n'));
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    if (!this.hasEnded) this.child.kill(signal);
    return this.ended;
  }
}

export async function runTidemark(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  const running = new TidemarkProcess(args, options);
  running.child.stdin!.end();
  return running.ended;
}

/** Asks again and again; fails, naming what it waited for, when the deadline passes. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 30_000,
  everyMs = 50,
): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    await sleep(everyMs);
  }
}

/** A data folder of its own with a settings file beside it. */
export class TemporaryFolder {
  readonly path: string;
  readonly dataDir: string;

  constructor(name: string) {
    this.path = mkdtempSync(path.join(tmpdir(), `tidemark-${name}-`));
    this.dataDir = path.join(this.path, 'data');
  }

  settings(settings: Readonly<Record<string, unknown>>, name = 'tidemark.yaml'): string {
    const file = path.join(this.path, name);
    writeFileSync(file, toYaml({ dataDir: this.dataDir, ...settings }));
    return file;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
