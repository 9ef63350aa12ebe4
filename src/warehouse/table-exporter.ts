import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TidemarkError } from '../domain/error.ts';
import type { ExportedRows, TableExport, TableExporter } from '../ports/table-exporter.ts';
import type { ExportProcessReply, ExportProcessRequest } from './export-process.ts';

const entry = fileURLToPath(new URL('./export-process.ts', import.meta.url));

/** Files of rows, each written in a process of its own: see `export-process.ts`. */
export function openDuckdbExporter(options: {
  readonly scratchFolder: string;
  readonly memoryMb?: number;
}): TableExporter {
  return {
    write: async (request, signal) => {
      mkdirSync(options.scratchFolder, { recursive: true });
      const spillFolder = mkdtempSync(join(options.scratchFolder, 'export-'));
      try {
        return await ask({ request, spillFolder, memoryMb: options.memoryMb ?? 1024 }, signal);
      } catch (error) {
        rmSync(request.localPath, { force: true });
        throw error;
      } finally {
        rmSync(spillFolder, { recursive: true, force: true });
      }
    },
  };
}

function ask(asked: ExportProcessRequest, signal: AbortSignal | undefined): Promise<ExportedRows> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    // An empty environment: it has no use for anybody's secrets.
    const child = spawn(process.execPath, ['--max-old-space-size=256', entry], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {},
      cwd: '/',
    });
    const abort = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', abort, { once: true });
    let answer = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < 2000) complaint += chunk.toString();
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (cause) => reject(failure(asked.request, cause.message)));
    child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', abort);
      if (signal?.aborted === true) return reject(signal.reason as Error);
      if (answer === '') return reject(failure(asked.request, `its process ended (${killedBy ?? code}): ${complaint}`));
      const reply = JSON.parse(answer) as ExportProcessReply;
      if ('why' in reply) reject(failure(asked.request, reply.why));
      else resolve(reply);
    });
    child.stdin.write(`${JSON.stringify(asked)}\n`);
  });
}

function failure({ table }: TableExport, message: string): TidemarkError {
  const isFull = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT|max_temp_directory_size/i.test(message);
  return new TidemarkError(isFull ? 'disk-full' : 'export-failed', {
    doing: 'export',
    what: table,
    why: isFull ? 'the disk is full' : message.split('\n')[0]!.trim(),
    ...(isFull ? { now: 'free space on it and ask again; nothing was published', retry: 'later' as const } : {}),
  });
}
