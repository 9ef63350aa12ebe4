import { randomUUID } from 'node:crypto';
import pg from 'pg';
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
import { openSchema, type PostgresSchemaOptions } from './postgres-format.ts';
import { integer, type PostgresSession, type Rows, type Run } from './postgres-session.ts';

/** The record of jobs beside the catalog: a machine that takes over knows what ran, and what it has to do again. */
export async function openPostgresJobs(options: PostgresSchemaOptions = {}): Promise<JobStore> {
  const { session, schema } = await openSchema(options);
  return new PostgresJobs(session, schema);
}

/** Changes of one kind that follow each other are one statement. */
type Group = {
  [Kind in JobChange['kind']]: { kind: Kind; changes: Extract<JobChange, { kind: Kind }>[] };
}[JobChange['kind']];

class PostgresJobs implements JobStore {
  readonly #session: PostgresSession;
  readonly #schema: string;
  /** One change at a time: a writer keeps the token of its last one only. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(session: PostgresSession, schema: string) {
    this.#session = session;
    this.#schema = schema;
  }

  takeTurn(): Promise<JobTurn> {
    return this.#session.change('take the turn of the scheduler', [this.#lockTurn], async (run) => {
      const [row] = (await run(
        `UPDATE ${this.#schema}.job_turn SET fence = fence + 1 RETURNING fence, last_run, last_catch_up`,
      )) as unknown as [TurnRow];
      return { fence: row.fence, lastRun: row.last_run, lastCatchUp: row.last_catch_up };
    });
  }

  change(fence: number, changes: readonly JobChange[]): Promise<void> {
    return this.#inTurn(fence, async (run) => {
      for (const group of groupsOf(changes)) await this.#apply(run, group);
      const idsOf = (kind: 'run' | 'catch-up') =>
        changes.flatMap((change) =>
          change.kind !== kind ? [] : [(change.kind === 'run' ? change.run : change.catchUp).id],
        );
      const [lastRun, lastCatchUp] = [Math.max(0, ...idsOf('run')), Math.max(0, ...idsOf('catch-up'))];
      if (lastRun + lastCatchUp === 0) return;
      await run(
        `UPDATE ${this.#schema}.job_turn SET last_run = greatest(last_run, $1), last_catch_up = greatest(last_catch_up, $2)`,
        [lastRun, lastCatchUp],
      );
    });
  }

  /** As a commit of the catalog: whoever holds the lock knows whether an earlier try, whose connection broke, was made. */
  #inTurn<T>(fence: number, work: (run: Run) => Promise<T>): Promise<T | undefined> {
    const token = randomUUID();
    const opening = [
      this.#lockTurn,
      `SELECT 1 FROM ${this.#schema}.job_writers WHERE token = ${pg.escapeLiteral(token)}`,
    ];
    const made = this.#lastChange.then(() =>
      this.#session.change(doing, opening, async (run, [turn, known]) => {
        if (known!.length > 0) return undefined;
        const current = turn![0]!['fence'] as number;
        if (current !== fence) {
          throw new TidemarkError('fence-lost', {
            doing,
            why: `another scheduler took over (fence ${current}, ours ${fence})`,
            now: 'stop this one; the other goes on where it left off',
          });
        }
        const result = await work(run);
        await run(
          `INSERT INTO ${this.#schema}.job_writers VALUES ($1, $2) ON CONFLICT (fence) DO UPDATE SET token = excluded.token`,
          [fence, token],
        );
        return result;
      }),
    );
    this.#lastChange = made.catch(() => {});
    return made;
  }

  async #apply(run: Run, group: Group): Promise<void> {
    switch (group.kind) {
      case 'run':
        return this.#put(
          run,
          'job_runs',
          ['id'],
          group.changes.map((change) => runColumns(change.run)),
        );
      case 'attempt-begun': {
        const rows = group.changes.map(({ run: id, attempt, atUs }) => ({
          run: id,
          attempt,
          started_at_us: atUs,
          outcome: 'running',
        }));
        const added = await run(
          `INSERT INTO ${this.#schema}.job_attempts SELECT * FROM ${this.#populated('job_attempts')}
           ON CONFLICT DO NOTHING RETURNING run, attempt`,
          [jsonOf(rows)],
        );
        return requireAll(group.changes, added, 'it began before');
      }
      case 'attempt-ended': {
        const rows = group.changes.map(({ run: id, attempt, atUs, outcome, error }) => ({
          run: id,
          attempt,
          ended_at_us: atUs,
          outcome,
          error_code: error?.code ?? null,
          error_message: error?.message ?? null,
        }));
        const ended = await run(
          `UPDATE ${this.#schema}.job_attempts AS known SET ended_at_us = given.ended_at_us, outcome = given.outcome,
             error_code = given.error_code, error_message = given.error_message
           FROM ${this.#populated('job_attempts')} AS given
           WHERE known.run = given.run AND known.attempt = given.attempt AND known.outcome = 'running'
           RETURNING known.run, known.attempt`,
          [jsonOf(rows)],
        );
        return requireAll(group.changes, ended, 'it is not under way');
      }
      case 'log': {
        const rows = group.changes.flatMap(({ run: id, lines }) =>
          lines.map(({ sequence, atUs, level, text }) => ({ run: id, sequence, at_us: atUs, level, text })),
        );
        return this.#put(run, 'job_log_lines', ['run', 'sequence'], rows);
      }
      case 'job': {
        const rows = group.changes.map(({ job }) => ({
          name: job.name,
          is_paused: job.isPaused,
          cursor_us: job.cursorUs,
        }));
        return this.#put(run, 'jobs', ['name'], rows);
      }
      case 'catch-up':
        return this.#put(
          run,
          'job_catch_ups',
          ['id'],
          group.changes.map((change) => catchUpColumns(change.catchUp)),
        );
      case 'forget-run':
        return this.#forget(
          run,
          group.changes.map((change) => change.run),
        );
    }
  }

  /** New rows, or known ones as they are now; of several with one key the last holds. */
  async #put(run: Run, table: string, keys: readonly string[], rows: readonly object[]): Promise<void> {
    const newest = new Map(
      rows.map((row) => [keys.map((key) => (row as Record<string, unknown>)[key]).join('/'), row]),
    );
    const [first] = rows;
    if (first === undefined) return;
    const columns = Object.keys(first).filter((name) => !keys.includes(name));
    await run(
      `INSERT INTO ${this.#schema}.${table} SELECT * FROM ${this.#populated(table)} ON CONFLICT (${keys.join(', ')})
       DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`,
      [jsonOf([...newest.values()])],
    );
  }

  /** The rows that the first parameter holds as JSON, with the columns of the table. */
  #populated(table: string): string {
    return `json_populate_recordset(NULL::${this.#schema}.${table}, $1::json)`;
  }

  async #forget(run: Run, runs: readonly number[]): Promise<void> {
    await run(`DELETE FROM ${this.#schema}.job_runs WHERE id = ANY($1::bigint[])`, [runs]);
    await run(`DELETE FROM ${this.#schema}.job_attempts WHERE run = ANY($1::bigint[])`, [runs]);
    await run(`DELETE FROM ${this.#schema}.job_log_lines WHERE run = ANY($1::bigint[])`, [runs]);
  }

  async run(id: number): Promise<StoredRun | undefined> {
    return (await this.#runs(`WHERE id = ${integer(id)}`))[0];
  }

  async runs(filter: RunFilter): Promise<readonly StoredRun[]> {
    const { job, partition, states, cause, catchUp, before, limit } = filter;
    const where = ['true'];
    if (job !== undefined) where.push(`job = ${literal(job)}`);
    if (partition !== undefined) {
      where.push(partition === null ? 'partition IS NULL' : `partition = ${literal(partition)}`);
    }
    if (states !== undefined) where.push(isIn('state', states));
    if (cause !== undefined) where.push(`strpos(cause, ${literal(cause)}) > 0`);
    if (catchUp !== undefined) where.push(`catch_up = ${integer(catchUp)}`);
    if (before !== undefined) where.push(`id < ${integer(before)}`);
    return this.#runs(`WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ${integer(limit)}`);
  }

  async activeRuns(): Promise<readonly StoredRun[]> {
    return this.#runs('WHERE ended_at_us IS NULL ORDER BY id');
  }

  async latestRuns(): Promise<readonly StoredRun[]> {
    return this.#runs(`WHERE id IN (SELECT max(id) FROM ${this.#schema}.job_runs GROUP BY job)`);
  }

  async attempts(run: number): Promise<readonly AttemptRow[]> {
    const rows = await this.#rows(
      `SELECT * FROM ${this.#schema}.job_attempts WHERE run = ${integer(run)} ORDER BY attempt`,
    );
    return (rows as unknown as AttemptColumns[]).map((row) => ({
      attempt: row.attempt,
      startedAtUs: row.started_at_us,
      endedAtUs: row.ended_at_us,
      outcome: row.outcome,
      error: errorOf(row),
    }));
  }

  async spans(fromUs: number, toUs: number, limit: number): Promise<readonly AttemptSpan[]> {
    const rows = (await this.#rows(
      `SELECT runs.job, runs.queued_at_us, this.*, before.ended_at_us AS previous_ended_at_us
       FROM ${this.#schema}.job_attempts AS this
       JOIN ${this.#schema}.job_runs AS runs ON runs.id = this.run
       LEFT JOIN ${this.#schema}.job_attempts AS before ON before.run = this.run AND before.attempt = this.attempt - 1
       WHERE this.started_at_us < ${integer(toUs)} AND (this.ended_at_us IS NULL OR this.ended_at_us > ${integer(fromUs)})
       ORDER BY this.started_at_us DESC, this.run DESC, this.attempt DESC LIMIT ${integer(limit)}`,
    )) as unknown as (AttemptColumns & { job: string; queued_at_us: number; previous_ended_at_us: number | null })[];
    return rows.toReversed().map((row) => ({
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
    const only = levels === undefined ? '' : `AND ${isIn('level', levels)}`;
    const rows = (await this.#rows(
      `SELECT * FROM ${this.#schema}.job_log_lines WHERE run = ${integer(run)} AND sequence > ${integer(after)} ${only}
       ORDER BY sequence LIMIT ${integer(limit)}`,
    )) as unknown as { sequence: number; at_us: number; level: LogLevel; text: string }[];
    return rows.map((row) => ({ sequence: row.sequence, atUs: row.at_us, level: row.level, text: row.text }));
  }

  async counts(): Promise<{ byState: Record<RunState, number>; kept: number }> {
    const rows = (await this.#rows(
      `SELECT state, count(*) AS runs FROM ${this.#schema}.job_runs GROUP BY state`,
    )) as unknown as { state: RunState; runs: number }[];
    const byState = Object.fromEntries(runStates.map((state) => [state, 0])) as Record<RunState, number>;
    for (const { state, runs } of rows) byState[state] = runs;
    return { byState, kept: rows.reduce((sum, { runs }) => sum + runs, 0) };
  }

  async endedSince(state: RunState, sinceUs: number): Promise<number> {
    const [row] = await this.#rows(
      `SELECT count(*) AS runs FROM ${this.#schema}.job_runs
       WHERE ended_at_us >= ${integer(sinceUs)} AND state = ${literal(state)}`,
    );
    return row!['runs'] as number;
  }

  async jobs(): Promise<readonly JobMemory[]> {
    const rows = (await this.#rows(`SELECT * FROM ${this.#schema}.jobs ORDER BY name`)) as unknown as {
      name: string;
      is_paused: boolean;
      cursor_us: number | null;
    }[];
    return rows.map((row) => ({ name: row.name, isPaused: row.is_paused, cursorUs: row.cursor_us }));
  }

  async catchUps(filter: { states?: readonly CatchUpState[]; limit: number }): Promise<readonly StoredCatchUp[]> {
    const only = filter.states === undefined ? '' : `WHERE ${isIn('state', filter.states)}`;
    return this.#catchUps(`${only} ORDER BY id DESC LIMIT ${integer(filter.limit)}`);
  }

  async catchUp(id: number): Promise<StoredCatchUp | undefined> {
    return (await this.#catchUps(`WHERE id = ${integer(id)}`))[0];
  }

  async catchUpDays(id: number): Promise<CatchUpRow['days']> {
    const rows = (await this.#rows(
      `SELECT job, partition, state, id FROM ${this.#schema}.job_runs WHERE id IN (
         SELECT max(id) FROM ${this.#schema}.job_runs WHERE catch_up = ${integer(id)} GROUP BY job, partition)
       ORDER BY job, partition NULLS FIRST`,
    )) as unknown as { job: string; partition: string; state: RunState; id: number }[];
    return rows.map((row) => ({ job: row.job, date: row.partition, state: row.state, run: row.id }));
  }

  async forget(
    fence: number,
    { endedBeforeUs, keep, limit }: { endedBeforeUs: number; keep: number; limit: number },
  ): Promise<number> {
    let forgotten = 0;
    await this.#inTurn(fence, async (run) => {
      const rows = await run(
        `SELECT id FROM ${this.#schema}.job_runs WHERE ended_at_us IS NOT NULL
         AND (ended_at_us < $1 OR id <= coalesce((SELECT id FROM ${this.#schema}.job_runs ORDER BY id DESC LIMIT 1 OFFSET $2), 0))
         AND id NOT IN (SELECT max(id) FROM ${this.#schema}.job_runs GROUP BY job) ORDER BY id LIMIT $3`,
        [endedBeforeUs, keep, limit],
      );
      const runs = rows.map((row) => row['id'] as number);
      await this.#forget(run, runs);
      forgotten = runs.length;
    });
    return forgotten;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  get #lockTurn(): string {
    return `SELECT fence FROM ${this.#schema}.job_turn FOR UPDATE`;
  }

  async #rows(statement: string): Promise<Rows> {
    return (await this.#session.read('read the record of jobs', [statement]))[0]!;
  }

  async #runs(condition: string): Promise<StoredRun[]> {
    const rows = await this.#rows(`SELECT * FROM ${this.#schema}.job_runs ${condition}`);
    return (rows as unknown as RunColumns[]).map(storedRun);
  }

  async #catchUps(condition: string): Promise<StoredCatchUp[]> {
    const rows = await this.#rows(`SELECT * FROM ${this.#schema}.job_catch_ups ${condition}`);
    return (rows as unknown as CatchUpColumns[]).map(storedCatchUp);
  }
}

const doing = 'use the record of jobs';

function groupsOf(changes: readonly JobChange[]): Group[] {
  const groups: Group[] = [];
  for (const change of changes) {
    const last = groups.at(-1);
    if (last?.kind === change.kind) (last.changes as JobChange[]).push(change);
    else groups.push({ kind: change.kind, changes: [change] } as Group);
  }
  return groups;
}

/** Each change must have found its row; one that is given twice finds it once. */
function requireAll(
  changes: readonly { readonly run: number; readonly attempt: number }[],
  found: Rows,
  why: string,
): void {
  const known = new Set(found.map((row) => `${row['run']}/${row['attempt']}`));
  for (const { run, attempt } of changes) {
    if (!known.delete(`${run}/${attempt}`)) throw jobConflict(`attempt ${attempt} of run ${run}`, why);
  }
}

/** Logs may hold any text; what PostgreSQL has no character for is shown as one that stands for it. */
function jsonOf(rows: readonly object[]): string {
  return JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value,
  );
}

function literal(text: string): string {
  return pg.escapeLiteral(text.toWellFormed().replaceAll('\0', '\uFFFD'));
}

function isIn(column: string, values: readonly string[]): string {
  return `${column} = ANY(ARRAY[${values.map(literal).join(', ')}]::text[])`;
}

function runColumns(run: StoredRun): RunColumns {
  return {
    id: run.id,
    job: run.job,
    partition: run.partition,
    state: run.state,
    cause: run.cause,
    priority: run.priority,
    attempts: run.attempts,
    max_attempts: run.maxAttempts,
    queued_at_us: run.queuedAtUs,
    started_at_us: run.startedAtUs,
    ended_at_us: run.endedAtUs,
    next_attempt_at_us: run.nextAttemptAtUs,
    heartbeat_at_us: run.heartbeatAtUs,
    progress: run.progress,
    row_count: run.rows,
    bytes: run.bytes,
    effect: run.effect,
    error_code: run.error?.code ?? null,
    error_message: run.error?.message ?? null,
    catch_up: run.catchUp,
    arguments: JSON.stringify(run.arguments),
    waits: run.waits.join(' '),
    lost: run.lost,
    inputs: run.inputs,
  };
}

function catchUpColumns(catchUp: StoredCatchUp): CatchUpColumns {
  return {
    id: catchUp.id,
    job: catchUp.job,
    jobs: JSON.stringify(catchUp.jobs),
    from_date: catchUp.fromDate,
    to_date: catchUp.toDate,
    at_once: catchUp.atOnce,
    day_order: catchUp.order,
    state: catchUp.state,
    asked_at_us: catchUp.askedAtUs,
  };
}
