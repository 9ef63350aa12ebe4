import { existsSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { TidemarkError } from '../domain/error.ts';
import type { AttemptRow, CatchUpRow, CatchUpState, LogLevel, RunLogLine, RunState } from '../domain/job.ts';
import { runStates } from '../domain/job.ts';
import type {
  AttemptSpan,
  JobChange,
  JobMemory,
  JobStore,
  JobTurn,
  RunFilter,
  StoredCatchUp,
  StoredRun,
} from '../ports/job-store.ts';
import {
  type AttemptColumns,
  type CatchUpColumns,
  errorOf,
  jobConflict,
  type RunColumns,
  storedCatchUp,
  storedRun,
  type TurnRow,
} from './job-rows.ts';
import { inTransaction, openSqliteFile } from './sqlite-file.ts';

const content = { code: 'jobs', name: 'the record of jobs' };
const formatVersion = 1;

const schema = `
CREATE TABLE turn (
  one INTEGER PRIMARY KEY CHECK (one = 1), fence INTEGER NOT NULL, last_run INTEGER NOT NULL, last_catch_up INTEGER NOT NULL
) STRICT;
INSERT INTO turn VALUES (1, 0, 0, 0);
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, job TEXT NOT NULL, partition TEXT, state TEXT NOT NULL, cause TEXT NOT NULL,
  priority INTEGER NOT NULL, attempts INTEGER NOT NULL, max_attempts INTEGER NOT NULL, queued_at_us INTEGER NOT NULL,
  started_at_us INTEGER, ended_at_us INTEGER, next_attempt_at_us INTEGER, heartbeat_at_us INTEGER, progress REAL,
  row_count INTEGER, bytes INTEGER, effect TEXT, error_code TEXT, error_message TEXT, catch_up INTEGER,
  arguments TEXT NOT NULL, waits TEXT NOT NULL, lost INTEGER NOT NULL, inputs TEXT
) STRICT;
CREATE INDEX runs_of_partition ON runs (job, partition, id);
CREATE INDEX runs_of_job ON runs (job, id);
CREATE INDEX active_runs ON runs (id) WHERE ended_at_us IS NULL;
CREATE INDEX ended_runs ON runs (ended_at_us, state) WHERE ended_at_us IS NOT NULL;
CREATE INDEX runs_by_state ON runs (state);
CREATE INDEX runs_of_catch_up ON runs (catch_up) WHERE catch_up IS NOT NULL;
CREATE TABLE attempts (
  run INTEGER NOT NULL, attempt INTEGER NOT NULL, started_at_us INTEGER NOT NULL, ended_at_us INTEGER,
  outcome TEXT NOT NULL, error_code TEXT, error_message TEXT, PRIMARY KEY (run, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_start ON attempts (started_at_us);
CREATE TABLE log_lines (
  run INTEGER NOT NULL, sequence INTEGER NOT NULL, at_us INTEGER NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE jobs (name TEXT PRIMARY KEY, is_paused INTEGER NOT NULL, cursor_us INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE catch_ups (
  id INTEGER PRIMARY KEY, job TEXT NOT NULL, jobs TEXT NOT NULL, from_date TEXT NOT NULL, to_date TEXT NOT NULL,
  at_once INTEGER NOT NULL, day_order TEXT NOT NULL, state TEXT NOT NULL, asked_at_us INTEGER NOT NULL
) STRICT;
`;

/** The newest run of each job, from job to job along the index: grouping would read all of it. */
const newestOfJobs = `
  WITH RECURSIVE names (job) AS (
    SELECT min(job) FROM runs
    UNION ALL SELECT (SELECT min(job) FROM runs WHERE job > names.job) FROM names WHERE names.job IS NOT NULL
  ) SELECT (SELECT max(id) FROM runs WHERE runs.job = names.job) FROM names WHERE names.job IS NOT NULL`;

const doing = 'use the record of jobs';

/**
 * The record of jobs in one SQLite file of its own: its many small writes never make a lake commit wait. They survive the
 * death of the process; a power cut may take the last moments, and then work is done again, which changes nothing.
 */
export async function openSqliteJobs(file: string, options: { isReadOnly?: boolean } = {}): Promise<JobStore> {
  // Whoever only reads makes no file where nothing was recorded.
  const path = options.isReadOnly === true && !existsSync(file) ? ':memory:' : file;
  const database = openSqliteFile({
    ...content,
    path,
    pragmas: 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
    formatVersion,
    upgrade: (opened) => opened.exec(schema),
  });
  return new SqliteJobs(database);
}

class SqliteJobs implements JobStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #isClosed = false;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async takeTurn(): Promise<JobTurn> {
    return inTransaction(this.#database, content, () => {
      this.#do('UPDATE turn SET fence = fence + 1');
      const row = this.#one('SELECT * FROM turn') as unknown as TurnRow;
      return { fence: row.fence, lastRun: row.last_run, lastCatchUp: row.last_catch_up };
    });
  }

  async change(fence: number, changes: readonly JobChange[]): Promise<void> {
    inTransaction(this.#database, content, () => {
      this.#checkTurn(fence);
      let lastRun = 0;
      let lastCatchUp = 0;
      for (const change of changes) {
        this.#apply(change);
        if (change.kind === 'run') lastRun = Math.max(lastRun, change.run.id);
        if (change.kind === 'catch-up') lastCatchUp = Math.max(lastCatchUp, change.catchUp.id);
      }
      if (lastRun + lastCatchUp > 0) {
        this.#do(
          'UPDATE turn SET last_run = max(last_run, ?1), last_catch_up = max(last_catch_up, ?2) WHERE last_run < ?1 OR last_catch_up < ?2',
          lastRun,
          lastCatchUp,
        );
      }
    });
  }

  #apply(change: JobChange): void {
    switch (change.kind) {
      case 'run': {
        const { run } = change;
        this.#do(
          'INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          run.id, run.job, run.partition, run.state, run.cause, run.priority, run.attempts, run.maxAttempts, run.queuedAtUs,
          run.startedAtUs, run.endedAtUs, run.nextAttemptAtUs, run.heartbeatAtUs, run.progress, run.rows, run.bytes,
          run.effect, run.error?.code ?? null, run.error?.message ?? null, run.catchUp, JSON.stringify(run.arguments),
          run.waits.join(' '), run.lost, run.inputs,
        ); // biome-ignore format: in the order of the columns
        break;
      }
      case 'attempt-begun': {
        const { run, attempt, atUs } = change;
        const added = this.#do(
          `INSERT INTO attempts VALUES (?, ?, ?, NULL, 'running', NULL, NULL) ON CONFLICT DO NOTHING`,
          run,
          attempt,
          atUs,
        );
        if (added !== 1) throw jobConflict(`attempt ${attempt} of run ${run}`, 'it began before');
        break;
      }
      case 'attempt-ended': {
        const { run, attempt, atUs, outcome, error } = change;
        const ended = this.#do(
          `UPDATE attempts SET ended_at_us = ?, outcome = ?, error_code = ?, error_message = ?
           WHERE run = ? AND attempt = ? AND outcome = 'running'`,
          atUs, outcome, error?.code ?? null, error?.message ?? null, run, attempt,
        ); // biome-ignore format: in the order of the columns
        if (ended !== 1) throw jobConflict(`attempt ${attempt} of run ${run}`, 'it is not under way');
        break;
      }
      case 'log':
        for (const { sequence, atUs, level, text } of change.lines) {
          this.#do('INSERT OR REPLACE INTO log_lines VALUES (?, ?, ?, ?, ?)', change.run, sequence, atUs, level, text);
        }
        break;
      case 'job': {
        const { name, isPaused, cursorUs } = change.job;
        this.#do('INSERT OR REPLACE INTO jobs VALUES (?, ?, ?)', name, isPaused ? 1 : 0, cursorUs);
        break;
      }
      case 'catch-up': {
        const { id, job, jobs, fromDate, toDate, atOnce, order, state, askedAtUs } = change.catchUp;
        this.#do(
          'INSERT OR REPLACE INTO catch_ups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
          id, job, JSON.stringify(jobs), fromDate, toDate, atOnce, order, state, askedAtUs,
        ); // biome-ignore format: in the order of the columns
        break;
      }
      case 'forget-run':
        this.#forget(change.run);
        break;
    }
  }

  #forget(run: number): void {
    this.#do('DELETE FROM runs WHERE id = ?', run);
    this.#do('DELETE FROM attempts WHERE run = ?', run);
    this.#do('DELETE FROM log_lines WHERE run = ?', run);
  }

  async run(id: number): Promise<StoredRun | undefined> {
    const row = this.#one('SELECT * FROM runs WHERE id = ?', id) as RunColumns | undefined;
    return row === undefined ? undefined : storedRun(row);
  }

  async runs(filter: RunFilter): Promise<readonly StoredRun[]> {
    const { job, partition, states, cause, catchUp, before, limit } = filter;
    const where: string[] = [];
    const values: SQLInputValue[] = [];
    const only = (condition: string, ...bound: SQLInputValue[]) => {
      where.push(condition);
      values.push(...bound);
    };
    if (job !== undefined) only('job = ?', job);
    if (partition !== undefined) only('partition IS ?', partition);
    if (states !== undefined) only(`state IN (${states.map(() => '?').join(', ')})`, ...states);
    if (cause !== undefined) only('instr(cause, ?) > 0', cause);
    if (catchUp !== undefined) only('catch_up = ?', catchUp);
    if (before !== undefined) only('id < ?', before);
    const condition = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
    return this.#runs(`SELECT * FROM runs ${condition} ORDER BY id DESC LIMIT ?`, ...values, limit);
  }

  async activeRuns(): Promise<readonly StoredRun[]> {
    return this.#runs('SELECT * FROM runs WHERE ended_at_us IS NULL ORDER BY id');
  }

  async latestRuns(): Promise<readonly StoredRun[]> {
    return this.#runs(`SELECT * FROM runs WHERE id IN (${newestOfJobs})`);
  }

  async attempts(run: number): Promise<readonly AttemptRow[]> {
    const rows = this.#all('SELECT * FROM attempts WHERE run = ? ORDER BY attempt', run) as unknown as AttemptColumns[];
    return rows.map((row) => ({
      attempt: row.attempt,
      startedAtUs: row.started_at_us,
      endedAtUs: row.ended_at_us,
      outcome: row.outcome,
      error: errorOf(row),
    }));
  }

  async spans(fromUs: number, toUs: number, limit: number): Promise<readonly AttemptSpan[]> {
    const rows = this.#all(
      `SELECT runs.job, runs.queued_at_us, this.*, before.ended_at_us AS previous_ended_at_us FROM attempts AS this
       JOIN runs ON runs.id = this.run
       LEFT JOIN attempts AS before ON before.run = this.run AND before.attempt = this.attempt - 1
       WHERE this.started_at_us < ?2 AND (this.ended_at_us IS NULL OR this.ended_at_us > ?1)
       ORDER BY this.started_at_us DESC, this.run DESC, this.attempt DESC LIMIT ?3`,
      fromUs,
      toUs,
      limit,
    ) as unknown as (AttemptColumns & { job: string; queued_at_us: number; previous_ended_at_us: number | null })[];
    return rows.reverse().map((row) => ({
      job: row.job,
      run: row.run,
      attempt: row.attempt,
      queuedAtUs: row.queued_at_us,
      previousEndedAtUs: row.previous_ended_at_us,
      startedAtUs: row.started_at_us,
      endedAtUs: row.ended_at_us,
      outcome: row.outcome,
    }));
  }

  async log(
    run: number,
    { after, limit, levels }: { after: number; limit: number; levels?: readonly LogLevel[] },
  ): Promise<readonly RunLogLine[]> {
    const only = levels === undefined ? '' : `AND level IN (${levels.map(() => '?').join(', ')})`;
    const rows = this.#all(
      `SELECT * FROM log_lines WHERE run = ? AND sequence > ? ${only} ORDER BY sequence LIMIT ?`,
      run,
      after,
      ...(levels ?? []),
      limit,
    ) as unknown as { sequence: number; at_us: number; level: LogLevel; text: string }[];
    return rows.map((row) => ({ sequence: row.sequence, atUs: row.at_us, level: row.level, text: row.text }));
  }

  async counts(): Promise<{ byState: Record<RunState, number>; kept: number }> {
    const rows = this.#all('SELECT state, count(*) AS runs FROM runs GROUP BY state') as unknown as {
      state: RunState;
      runs: number;
    }[];
    const byState = Object.fromEntries(runStates.map((state) => [state, 0])) as Record<RunState, number>;
    for (const { state, runs } of rows) byState[state] = runs;
    return { byState, kept: rows.reduce((sum, { runs }) => sum + runs, 0) };
  }

  async endedSince(state: RunState, sinceUs: number): Promise<number> {
    const sql = 'SELECT count(*) AS runs FROM runs WHERE ended_at_us >= ? AND state = ?';
    return (this.#one(sql, sinceUs, state) as { runs: number }).runs;
  }

  async jobs(): Promise<readonly JobMemory[]> {
    const rows = this.#all('SELECT * FROM jobs ORDER BY name') as unknown as {
      name: string;
      is_paused: number;
      cursor_us: number | null;
    }[];
    return rows.map((row) => ({ name: row.name, isPaused: row.is_paused === 1, cursorUs: row.cursor_us }));
  }

  async catchUps(filter: { states?: readonly CatchUpState[]; limit: number }): Promise<readonly StoredCatchUp[]> {
    const { states, limit } = filter;
    const where = states === undefined ? '' : `WHERE state IN (${states.map(() => '?').join(', ')})`;
    const sql = `SELECT * FROM catch_ups ${where} ORDER BY id DESC LIMIT ?`;
    return (this.#all(sql, ...(states ?? []), limit) as unknown as CatchUpColumns[]).map(storedCatchUp);
  }

  async catchUp(id: number): Promise<StoredCatchUp | undefined> {
    const row = this.#one('SELECT * FROM catch_ups WHERE id = ?', id) as CatchUpColumns | undefined;
    return row === undefined ? undefined : storedCatchUp(row);
  }

  async catchUpDays(id: number): Promise<CatchUpRow['days']> {
    const rows = this.#all(
      `SELECT job, partition, state, id FROM runs WHERE id IN (
         SELECT max(id) FROM runs WHERE catch_up = ? GROUP BY job, partition) ORDER BY job, partition`,
      id,
    ) as unknown as { job: string; partition: string; state: RunState; id: number }[];
    return rows.map((row) => ({ job: row.job, date: row.partition, state: row.state, run: row.id }));
  }

  async forget(
    fence: number,
    { endedBeforeUs, keep, limit }: { endedBeforeUs: number; keep: number; limit: number },
  ): Promise<number> {
    return inTransaction(this.#database, content, () => {
      this.#checkTurn(fence);
      const rows = this.#all(
        `SELECT id FROM runs WHERE ended_at_us IS NOT NULL
         AND (ended_at_us < ?1 OR id <= coalesce((SELECT id FROM runs ORDER BY id DESC LIMIT 1 OFFSET ?2), 0))
         AND id NOT IN (${newestOfJobs}) ORDER BY id LIMIT ?3`,
        endedBeforeUs,
        keep,
        limit,
      ) as unknown as { id: number }[];
      for (const { id } of rows) this.#forget(id);
      return rows.length;
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#statements.clear();
    this.#database.close();
  }

  #checkTurn(fence: number): void {
    const { fence: current } = this.#one('SELECT fence FROM turn') as { fence: number };
    if (current === fence) return;
    throw new TidemarkError('fence-lost', {
      doing,
      why: `another scheduler took over (fence ${current}, ours ${fence})`,
      now: 'stop this one; the other goes on where it left off',
    });
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #do(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  #one(sql: string, ...values: SQLInputValue[]): unknown {
    return this.#prepared(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): unknown[] {
    return this.#prepared(sql).all(...values);
  }

  #runs(sql: string, ...values: SQLInputValue[]): StoredRun[] {
    return (this.#all(sql, ...values) as RunColumns[]).map(storedRun);
  }
}
