import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TidemarkError } from '../domain/error.ts';
import type { QueryLimits, QueryResult, QueryTables, Warehouse } from '../ports/warehouse.ts';
import { childEnvironment } from './child-environment.ts';
import { cancellation, QueryPlaces } from './query-places.ts';
import type { QueryNeeds, QueryPaths, QueryReply, QueryRequest } from './query-request.ts';
import { type Needs, WantedFiles } from './wanted-files.ts';

export interface DuckdbWarehouseOptions {
  /** Queries at the same time; others wait their turn. */
  readonly concurrency?: number;
  /** Queries that may wait; one more is refused with `query-limit`. */
  readonly waiting?: number;
  readonly threads?: number;
  readonly maxResultBytes?: number;
}

/** What a process needs before its query, and what it gets to end by itself after the interrupt, ms. */
const startMs = 5_000;
const graceMs = 1_000;
/** Memory of Node and DuckDB's code themselves, beside what the query is allowed. */
const baseMemoryMb = 384;
const memoryCheckMs = 50;

const entry = fileURLToPath(new URL('./query-process.ts', import.meta.url));

/** Queries in disposable processes: see `query-process.ts` for what they may do, here for when they are ended. */
export function openDuckdbWarehouse(options: DuckdbWarehouseOptions = {}): Warehouse {
  return new DuckdbWarehouse(options);
}

class DuckdbWarehouse implements Warehouse {
  readonly #places: QueryPlaces;
  readonly #threads: number;
  readonly #maxResultBytes: number;

  constructor(options: DuckdbWarehouseOptions) {
    this.#places = new QueryPlaces(options.concurrency ?? 2, options.waiting ?? 16);
    this.#threads = options.threads ?? 2;
    this.#maxResultBytes = options.maxResultBytes ?? 64 * 1024 * 1024;
  }

  async query(sql: string, tables: QueryTables, limits: QueryLimits, cancelled?: AbortSignal): Promise<QueryResult> {
    const wanted = new WantedFiles(sql, tables);
    const request: QueryRequest = {
      sql,
      spans: wanted.spans(),
      computed: wanted.computed,
      limits,
      threads: this.#threads,
      maxResultBytes: this.#maxResultBytes,
    };
    await this.#places.take(cancelled);
    let hasPlace = true;
    let isOver = false;
    // Files may have to come from afar: others have the place meanwhile.
    const pathsOf = async (needs: Needs): Promise<QueryPaths> => {
      this.#places.release();
      hasPlace = false;
      const paths = await wanted.paths(needs);
      await this.#places.takeBack(cancelled);
      if (isOver) this.#places.release();
      else hasPlace = true;
      return paths;
    };
    try {
      if (cancelled?.aborted === true) throw cancellation();
      const reply = await ask(request, pathsOf, cancelled);
      if ('error' in reply) throw failed(reply.error.code, reply.error.why, reply.error.now);
      const { lakeFiles, lakeBytes } = wanted;
      return { ...reply, catalogVersion: tables.catalogVersion, lakeFiles, lakeBytes };
    } finally {
      isOver = true;
      if (hasPlace) this.#places.release();
    }
  }
}

function failed(code: string, why: string, now?: string): TidemarkError {
  return new TidemarkError(code, { doing: 'run the query', why, ...(now === undefined ? {} : { now }) });
}

function ask(
  request: QueryRequest,
  pathsOf: (needs: Needs) => Promise<QueryPaths>,
  cancelled: AbortSignal | undefined,
): Promise<QueryReply> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--max-old-space-size=512', entry], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: childEnvironment,
      cwd: '/',
    });
    let isSettled = false;
    const settle = (outcome: () => void) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(deadline);
      clearInterval(memoryCheck);
      cancelled?.removeEventListener('abort', cancel);
      child.kill('SIGKILL');
      outcome();
    };
    const { limits } = request;
    const cancel = () => settle(() => reject(cancellation()));
    cancelled?.addEventListener('abort', cancel, { once: true });
    const late = () =>
      settle(() => reject(failed('sql-timeout', `it took longer than ${limits.timeoutMs} ms and was ended`)));
    let deadline = setTimeout(late, startMs + limits.timeoutMs + graceMs);
    const memoryCheck = setInterval(() => {
      if (residentMb(child) > limits.memoryMb + baseMemoryMb) {
        settle(() => reject(failed('sql-failed', `it needs more than ${limits.memoryMb} MB of memory`)));
      }
    }, memoryCheckMs);
    const give = async (told: QueryNeeds): Promise<void> => {
      // To fetch files takes what it takes: it is no time of the query's.
      clearTimeout(deadline);
      if ('error' in told) return settle(() => resolve(told));
      const paths = await pathsOf(told.needs);
      if (isSettled) return;
      deadline = setTimeout(late, startMs + limits.timeoutMs + graceMs);
      child.stdin.write(`${JSON.stringify(paths)}\n`);
    };
    let isJudged = false;
    let hasBegun = false;
    let answer: Buffer[] = [];
    let answerBytes = 0;
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => {
      answer.push(chunk);
      answerBytes += chunk.byteLength;
      if (!isJudged && chunk.includes(0x0a)) {
        isJudged = true;
        const line = Buffer.concat(answer).toString();
        answer = [];
        answerBytes = 0;
        give(JSON.parse(line) as QueryNeeds).catch((error: unknown) => settle(() => reject(error)));
        return;
      }
      if (isJudged && !hasBegun) {
        // Its next word is that it begins: the start no longer counts.
        hasBegun = true;
        clearTimeout(deadline);
        deadline = setTimeout(late, limits.timeoutMs + graceMs);
      }
      if (answerBytes > 4 * request.maxResultBytes + 1024 * 1024) {
        settle(() => reject(failed('sql-failed', 'the result is too large')));
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < 2000) complaint += chunk.toString();
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (cause) => settle(() => reject(failed('sql-failed', `no query process: ${cause.message}`))));
    child.on('close', (code, signal) =>
      settle(() => {
        try {
          resolve(JSON.parse(Buffer.concat(answer).toString()) as QueryReply);
        } catch {
          const isMemory = /out of memory|heap/i.test(complaint);
          const why = isMemory ? 'it needs too much memory' : `its process ended (${signal ?? code}) without an answer`;
          reject(failed('sql-failed', why));
        }
      }),
    );
    child.stdin.write(`${JSON.stringify(request)}\n`);
  });
}

/** Resident memory of a process where the system tells (Linux), else 0. */
function residentMb(child: ChildProcess): number {
  try {
    const pages = readFileSync(`/proc/${child.pid}/statm`, 'latin1').split(' ')[1];
    return (Number(pages) * 4096) / (1024 * 1024);
  } catch {
    return 0;
  }
}
