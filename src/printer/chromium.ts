import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { TidemarkError } from '../domain/error.ts';
import type { Printer } from '../ports/printer.ts';

export interface ChromiumOptions {
  /** The browser; undefined where none was found. */
  readonly executable: string | undefined;
  /** For the browser's profile and the page while it prints. */
  readonly scratchFolder: string;
  readonly timeLimitMs?: number;
}

const usualTimeLimitMs = 60_000;

/** Nothing but this page, no network, no first run, no traces; `host-resolver-rules` makes every name unknown. */
const flags = [
  '--headless',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-extensions',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-sync',
  '--disable-domain-reliability',
  '--no-first-run',
  '--no-default-browser-check',
  '--metrics-recording-only',
  '--mute-audio',
  '--hide-scrollbars',
  '--password-store=basic',
  '--use-mock-keychain',
  '--host-resolver-rules=MAP * ~NOTFOUND',
  '--proxy-server=http://127.0.0.1:9',
  '--no-pdf-header-footer',
  '--virtual-time-budget=2000',
];

/** Prints with an installed browser: a process of its own for each page, ended with all that it started. */
export function openChromiumPrinter(options: ChromiumOptions): Printer {
  const { executable } = options;
  const absence =
    executable === undefined
      ? 'no Chromium, Chrome or Edge was found on this machine; install one or name it with the setting reports.browser'
      : existsSync(executable)
        ? undefined
        : `the browser that the setting reports.browser names is not there: ${path.basename(executable)}`;
  return {
    absence,
    async print(html, signal) {
      if (executable === undefined || absence !== undefined) throw failed(absence ?? 'there is no browser');
      signal?.throwIfAborted();
      await mkdir(options.scratchFolder, { recursive: true });
      const folder = await mkdtemp(path.join(options.scratchFolder, 'print-'));
      try {
        const page = path.join(folder, 'report.html');
        const pdf = path.join(folder, 'report.pdf');
        await writeFile(page, html);
        await run(
          executable,
          folder,
          [`--print-to-pdf=${pdf}`, pathToFileURL(page).href],
          options.timeLimitMs ?? usualTimeLimitMs,
          signal,
        );
        const bytes = await readFile(pdf).catch((cause: unknown) => {
          throw failed('the browser ended without having written a file', cause);
        });
        if (bytes.subarray(0, 5).toString('latin1') !== '%PDF-') throw failed('what the browser wrote is no PDF');
        return bytes;
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
      }
    },
  };
}

function run(
  executable: string,
  folder: string,
  last: readonly string[],
  timeLimitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  // Root has no sandbox of Chromium's to be in; the page is ours, has no script and reaches no network.
  const isRoot = process.getuid?.() === 0;
  return new Promise((resolve, reject) => {
    const child = spawn(
      executable,
      [...flags, ...(isRoot ? ['--no-sandbox'] : []), `--user-data-dir=${path.join(folder, 'profile')}`, ...last],
      {
        // Nobody's secrets are a browser's business.
        env: { PATH: process.env['PATH'] ?? '', HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8' },
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: process.platform !== 'win32',
      },
    );
    let complaint = '';
    let outcome: (() => void) | undefined;
    /** The browser's own children are of its group, and end with it. */
    const end = () => {
      try {
        if (child.pid !== undefined && process.platform !== 'win32') process.kill(-child.pid, 'SIGKILL');
        else child.kill('SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const abort = () => {
      outcome ??= () => reject(signal?.reason instanceof Error ? signal.reason : failed('it was stopped'));
      end();
    };
    const limit = setTimeout(() => {
      outcome ??= () => reject(failed(`the browser needed more than ${timeLimitMs} ms`));
      end();
    }, timeLimitMs);
    signal?.addEventListener('abort', abort, { once: true });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < 4000) complaint += chunk.toString('utf8');
    });
    child.on('error', (cause) => {
      outcome ??= () => reject(failed(`the browser did not start: ${cause.message}`, cause));
      settle();
    });
    let isSettled = false;
    const settle = () => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(limit);
      signal?.removeEventListener('abort', abort);
      end();
      outcome?.();
    };
    // `exit`, not `close`: a child that outlives the browser may hold its pipe open.
    child.on('exit', (code, by) => {
      outcome ??=
        code === 0
          ? resolve
          : () => reject(failed(`the browser ended with ${by ?? `code ${code}`}: ${lastWords(complaint, folder)}`));
      settle();
    });
  });
}

function lastWords(complaint: string, folder: string): string {
  const lines = complaint
    .replaceAll(folder, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? 'it said nothing').slice(0, 300);
}

function failed(why: string, cause?: unknown): TidemarkError {
  return new TidemarkError('print-failed', {
    doing: 'print the report',
    why,
    retry: 'later',
    ...(cause === undefined ? {} : { cause }),
  });
}
