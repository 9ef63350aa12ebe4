import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventMark, type FileEvent } from './events.ts';

export interface FileOptions {
  readonly file: string;
  readonly root: string;
  /** A test that takes longer fails; a file that says nothing for longer is killed. */
  readonly testTimeoutMs: number;
  readonly namePattern?: string;
  readonly signal: AbortSignal;
}

export interface Failed {
  readonly name: string;
  readonly line: number;
  readonly why: string;
}

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: readonly Failed[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** What the file printed itself, its last 64 KiB. */
  readonly output: string;
  readonly elapsedMs: number;
}

const keptOutput = 65_536;
const exitGraceMs = 5_000;

/** Set for test files. A run inside one stays in its process group, so that whoever kills the group kills all of it. */
const groupVariable = 'TEST_FILE_GROUP';
const ownsGroup = process.env[groupVariable] === undefined;

/** Takes a stream of text apart into events and everything else. */
export function eventSplitter(onEvent: (event: FileEvent) => void, onOutput: (text: string) => void) {
  let rest = '';
  return (chunk: string): void => {
    rest += chunk;
    for (;;) {
      const at = rest.indexOf(eventMark);
      if (at < 0) {
        onOutput(rest);
        rest = '';
        return;
      }
      if (at > 0) onOutput(rest.slice(0, at));
      const end = rest.indexOf('\n', at);
      if (end < 0) {
        rest = rest.slice(at);
        return;
      }
      onEvent(JSON.parse(rest.slice(at + eventMark.length, end)) as FileEvent);
      rest = rest.slice(end + 1);
    }
  };
}

/**
 * Runs one test file in a process group of its own and always comes back: a leaked handle, an endless loop, a child that
 * outlives its parent or a file that ends in the middle each become a failure with a name.
 */
export function runFile(options: FileOptions): Promise<FileResult> {
  const { file, root, testTimeoutMs, namePattern, signal } = options;
  const startedAtMs = performance.now();
  const child = spawn(
    process.execPath,
    [
      '--test-force-exit',
      `--test-timeout=${testTimeoutMs}`,
      `--test-reporter=${join(root, 'test', 'events.ts')}`,
      ...(namePattern === undefined ? [] : [`--test-name-pattern=${namePattern}`]),
      join(root, file),
    ],
    {
      cwd: root,
      detached: ownsGroup,
      env: { ...process.env, [groupVariable]: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );

  let passed = 0;
  let ended = false;
  let silent = false;
  let output = '';
  const failed: Failed[] = [];
  const skipped: { name: string; reason: string }[] = [];
  const running = new Set<string>();

  const killGroup = (): void => {
    try {
      if (child.pid !== undefined) process.kill(ownsGroup ? -child.pid : child.pid, 'SIGKILL');
    } catch {
      // Nothing of the group is left.
    }
  };
  const watchdog = setTimeout(() => {
    silent = true;
    killGroup();
  }, testTimeoutMs + exitGraceMs);

  const onEvent = (event: FileEvent): void => {
    watchdog.refresh();
    if (event.type === 'ended') ended = true;
    else if (event.type === 'began') running.add(event.name);
    else {
      running.delete(event.name);
      if (event.type === 'failed') failed.push(event);
      else if (event.skipped === undefined) passed++;
      else skipped.push({ name: event.name, reason: event.skipped });
    }
  };
  const onOutput = (text: string): void => {
    output = (output + text).slice(-keptOutput);
  };
  child.stdout.setEncoding('utf8').on('data', eventSplitter(onEvent, onOutput));
  child.stderr.setEncoding('utf8').on('data', onOutput);
  signal.addEventListener('abort', killGroup);

  return new Promise((resolve) => {
    const settle = (code: number | null, killedBy: string | null): void => {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', killGroup);
      killGroup();
      const counted = passed + failed.length + skipped.length;
      const why = oddEnd({ code, killedBy, ended, silent, running, testTimeoutMs, counted, failures: failed.length });
      // Filtered by name, a file may have nothing to run.
      if (why !== undefined && !(counted === 0 && code === 0 && namePattern !== undefined)) {
        failed.push({ name: file, line: 0, why });
      }
      resolve({ file, passed, failed, skipped, output, elapsedMs: performance.now() - startedAtMs });
    };
    child.on('error', (error) => {
      output += error.message;
      settle(1, null);
    });
    child.on('exit', (code, killedBy) => {
      // Its pipes may be held open by a child it left behind; what it wrote itself arrives at once.
      const late = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 500);
      child.on('close', () => {
        clearTimeout(late);
        settle(code, killedBy);
      });
      killGroup();
    });
  });
}

interface End {
  readonly code: number | null;
  readonly killedBy: string | null;
  readonly ended: boolean;
  readonly silent: boolean;
  readonly running: ReadonlySet<string>;
  readonly testTimeoutMs: number;
  readonly counted: number;
  readonly failures: number;
}

function oddEnd(end: End): string | undefined {
  const during = end.running.size === 0 ? '' : ` during: ${[...end.running].join(', ')}`;
  if (end.silent) return `said nothing for ${end.testTimeoutMs / 1000} s and was killed${during}`;
  if (end.killedBy !== null) return `was killed by ${end.killedBy}${during}`;
  if (end.code === 0 && end.counted === 0 && end.running.size === 0) return 'holds no test, or ended before its first';
  if (!end.ended) return `ended before its tests did, with code ${end.code}${during}`;
  if (end.code !== 0 && end.failures === 0) return `ended with code ${end.code} though every test passed`;
  return undefined;
}
