import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import passwordFile from 'pgpass';
import { TidemarkError } from '../domain/error.ts';
import type { Logger } from '../ports/log.ts';
import { silentLog } from '../ports/log.ts';
import { parsePostgresUrl } from './postgres-address.ts';

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`; without it everything comes from `PGHOST` and the like. */
  readonly url?: string;
  readonly schema?: string;
  /** How long an outage is waited out before a call fails. */
  readonly retryForMs?: number;
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  /** After so long the server ends the transaction of a writer that was stopped in it, and others go on. */
  readonly idleTransactionTimeoutMs?: number;
  readonly log?: Logger;
}

export type Row = Record<string, unknown>;
export type Rows = readonly Row[];
/** One statement with parameters; its rows. */
export type Run = (text: string, values?: readonly unknown[]) => Promise<Rows>;

const clientsMax = 4;
const firstDelayMs = 50;
const lastDelayMs = 3000;

/** A statement that waits for a lock gives up by then and is tried again, so that a broken connection is noticed. */
const lockTimeoutMs = 5000;

/** Conditions of the server that pass by themselves: SQLSTATE classes and codes. */
const passing = /^(08|40|57P|53|25P0|25006|55P03|57014)/;
const refusals = /^(28|3D000|42501)/;
/** What TLS says when the server is not the one that it should be, or has none. */
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|does not support SSL/;

/** Failures of the way to the server. */
const networkCodes = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH',
  'ENETDOWN', 'ECONNABORTED', 'ENOENT',
]); // biome-ignore format: a list

const { builtins } = pg.types;

/** Integers come back as exact numbers, everything else as the driver has it. */
const types = {
  getTypeParser(id: number, format?: 'text' | 'binary') {
    if (id === builtins.INT8) return exactInteger;
    return pg.types.getTypeParser(id, format as 'text');
  },
};

type PasswordFor = { readonly host: string; readonly port: number; readonly user: string; readonly database: string };
const inPasswordFile = passwordFile as (asked: PasswordFor, answer: (password: string | undefined) => void) => void;

/** A wrong one is answered at once; with none the connection would stay half open until the server gives up. */
const unknownPassword = 'none is known';

/** `PGPASSWORD`, else the line of `~/.pgpass` that fits, as psql does it. Looked up for each connection, so that a new one counts. */
async function knownPassword(asked: PasswordFor): Promise<string> {
  const { PGPASSWORD } = process.env;
  if (PGPASSWORD !== undefined && PGPASSWORD !== '') return PGPASSWORD;
  return new Promise((resolve) => inPasswordFile(asked, (found) => resolve(found ?? unknownPassword)));
}

function exactInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new TidemarkError('catalog-unreadable', {
    doing: 'read from the catalog',
    what: text,
    why: 'it is larger than any number that Tidemark writes',
  });
}

/** A number as it goes into the text of a statement. */
export function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is no integer`);
  return String(value);
}

/**
 * A server over connections that break. Every piece of work is one transaction and is made again from its beginning, after
 * a pause with jitter, while what failed may pass: a lost connection, a restart, a time-out, a serialization failure.
 */
export class PostgresSession {
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  readonly #retryForMs: number;
  readonly #closing = new AbortController();
  readonly #settings: string;
  readonly #writing: string;
  readonly #where: string;
  #isDown = false;

  constructor(options: PostgresOptions) {
    const address = parsePostgresUrl(options.url ?? 'postgres://');
    const statementTimeoutMs = options.statementTimeoutMs ?? 20_000;
    this.#log = options.log ?? silentLog;
    this.#retryForMs = options.retryForMs ?? 120_000;
    this.#pool = new pg.Pool({
      ...(address.host === undefined ? {} : { host: address.host }),
      ...(address.port === undefined ? {} : { port: address.port }),
      ...(address.user === undefined ? {} : { user: address.user }),
      ...(address.database === undefined ? {} : { database: address.database }),
      ...(address.tls === undefined ? {} : { ssl: address.tls }),
      // The driver says for what it asks; its types do not know that.
      password: knownPassword as () => Promise<string>,
      application_name: 'tidemark',
      max: clientsMax,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
      keepAlive: true,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
      // Longer than the server's own limit: it is for servers that no longer answer at all.
      query_timeout: statementTimeoutMs * 1.25,
      types,
    });
    // An idle connection that breaks is replaced by the next one that is needed.
    this.#pool.on('error', () => {});
    const { host, port, database } = new pg.Client(this.#pool.options);
    this.#where = `${database} on ${host}:${port}`;
    this.#settings = `SET LOCAL statement_timeout = ${statementTimeoutMs}; SET LOCAL lock_timeout = ${lockTimeoutMs}`;
    // What is committed must survive a power cut, whatever the server's default.
    this.#writing = `SET LOCAL idle_in_transaction_session_timeout = ${options.idleTransactionTimeoutMs ?? 15_000};
      SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`;
  }

  /** Statements that only read, all of one snapshot, in one round trip: the rows of each. */
  read(doing: string, statements: readonly string[]): Promise<readonly Rows[]> {
    const text = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${this.#settings}; ${statements.join('; ')}; COMMIT`;
    return this.#untilItPasses(doing, false, async (client) => {
      const results = (await client.query(text)) as unknown as pg.QueryResult<Row>[];
      return results.slice(3, 3 + statements.length).map(({ rows }) => rows);
    });
  }

  /**
   * One transaction that begins with `opening`, statements without parameters, and does `work` with their rows. When the
   * connection breaks in COMMIT nobody knows whether it was made: `work` runs again and must find out by itself before it
   * changes anything. Fails with `catalog-outcome-unknown` when it did not get so far in time.
   */
  change<T>(
    doing: string,
    opening: readonly string[],
    work: (run: Run, opened: readonly Rows[]) => Promise<T>,
  ): Promise<T> {
    const text = `BEGIN; ${this.#settings}; ${this.#writing}; ${opening.join('; ')}`;
    let isUnknown = false;
    return this.#untilItPasses(
      doing,
      () => isUnknown,
      async (client) => {
        const results = (await client.query(text)) as unknown as pg.QueryResult<Row>[];
        const opened = results.slice(5).map(({ rows }) => rows);
        const run: Run = async (statement, values = []) => {
          // Whoever changes something knows by now that an earlier COMMIT was not made.
          isUnknown = false;
          return (await client.query<Row>(statement, [...values])).rows;
        };
        const result = await work(run, opened);
        isUnknown = true;
        const { command } = await client.query('COMMIT');
        isUnknown = false;
        if (command !== 'COMMIT') throw new Error(`the server answered COMMIT with ${command}`);
        return result;
      },
    );
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#pool.end();
  }

  async #untilItPasses<T>(
    doing: string,
    isUnknown: false | (() => boolean),
    work: (client: pg.PoolClient) => Promise<T>,
  ): Promise<T> {
    const endMs = performance.now() + this.#retryForMs;
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await this.#once(work);
        if (this.#isDown) this.#log.info({ catalog: this.#where }, 'the catalog answers again');
        this.#isDown = false;
        return result;
      } catch (cause) {
        // What the work itself refuses is an answer; it looked at the catalog before.
        if (cause instanceof TidemarkError) throw cause;
        const mayBeMade = isUnknown !== false && isUnknown();
        const delayMs = Math.random() * Math.min(lastDelayMs, firstDelayMs * 2 ** attempt);
        const isOver = this.#closing.signal.aborted || performance.now() + delayMs > endMs;
        if ((!mayBeMade && !isPassing(cause)) || isOver) throw this.#explained(doing, cause, mayBeMade);
        if (!this.#isDown && attempt > 0) {
          this.#log.warn({ catalog: this.#where, why: reasonOf(cause) }, 'the catalog does not answer; tried again');
          this.#isDown = true;
        }
        await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  async #once<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    // Without a listener the loss of a connection would end the process; the statement under way is rejected as well.
    const ignore = () => {};
    client.on('error', ignore);
    let failure: unknown;
    try {
      return await work(client);
    } catch (cause) {
      failure = cause;
      throw cause;
    } finally {
      client.off('error', ignore);
      if (failure === undefined) client.release();
      else {
        // Neither its transaction nor a statement that still runs is of use: the server drops both with the connection.
        client.on('error', ignore);
        (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        client.release(true);
      }
    }
  }

  #explained(doing: string, cause: unknown, mayBeMade: boolean): TidemarkError {
    const why = reasonOf(cause);
    if (mayBeMade) {
      return new TidemarkError('catalog-outcome-unknown', {
        doing: `find out whether it was possible to ${doing} in`,
        what: this.#where,
        why: `the connection broke in COMMIT, and since then: ${why}`,
        now: 'start again when the server answers: the newest version says what was committed',
        retry: 'later',
      });
    }
    const state = codeOf(cause);
    if (state.startsWith('53100')) {
      return new TidemarkError('disk-full', { doing, what: `in ${this.#where}`, why, retry: 'later' });
    }
    if (isPassing(cause)) {
      return new TidemarkError('catalog-unreachable', {
        doing,
        what: `in ${this.#where}`,
        why,
        now: 'check that the server runs and that catalog.url names it; nothing was changed',
        retry: 'later',
      });
    }
    let now: string | undefined;
    if (refusals.test(state)) now = 'check user, database and rights; the password comes from PGPASSWORD or ~/.pgpass';
    if (untrusted.test(`${state} ${why}`)) now = 'check the host name, sslmode and sslrootcert in catalog.url';
    return new TidemarkError(now === undefined ? 'catalog-failed' : 'catalog-refused', {
      doing,
      what: `in ${this.#where}`,
      why,
      ...(now === undefined ? {} : { now }),
    });
  }
}

function codeOf(cause: unknown): string {
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function isPassing(cause: unknown): boolean {
  const code = codeOf(cause);
  if (networkCodes.has(code)) return true;
  if (cause instanceof pg.DatabaseError) return passing.test(code);
  // The driver's own words for a connection that ended or never came.
  return cause instanceof Error && /terminat|timeout|Query read|not queryable|answered COMMIT/i.test(cause.message);
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Several addresses that all refuse come as an error without a message.
  return cause.message === '' ? codeOf(cause) : cause.message;
}
