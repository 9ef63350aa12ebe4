import { createHash } from 'node:crypto';
import pg from 'pg';
import { TidemarkError } from '../domain/error.ts';
import { type PostgresOptions, PostgresSession } from './postgres-session.ts';

/** Steps from an empty schema to the newest format; a step is never changed once it was released. */
type Steps = readonly ((schema: string) => string)[];

const day = `table_name text COLLATE "C" NOT NULL, market text COLLATE "C" NOT NULL, symbol text COLLATE "C" NOT NULL,
  date text COLLATE "C" NOT NULL`;

const steps: Steps = [
  (schema) => `
CREATE TABLE ${schema}.turn (one smallint PRIMARY KEY CHECK (one = 1), fence bigint NOT NULL);
INSERT INTO ${schema}.turn VALUES (1, 0);
CREATE TABLE ${schema}.writers (
  fence bigint PRIMARY KEY, holder text NOT NULL, since_us bigint NOT NULL, token text, version bigint
);
CREATE TABLE ${schema}.versions (
  version bigint PRIMARY KEY, fence bigint NOT NULL, positions text NOT NULL, checkpoint text,
  committed_at_us bigint NOT NULL
);
INSERT INTO ${schema}.versions VALUES (0, 0, '[]', NULL, 0);
CREATE TABLE ${schema}.files (
  name text COLLATE "C" NOT NULL, table_name text COLLATE "C" NOT NULL, market text COLLATE "C" NOT NULL,
  date text COLLATE "C" NOT NULL, level text NOT NULL, row_count bigint NOT NULL, bytes bigint NOT NULL,
  min_time_us bigint NOT NULL, max_time_us bigint NOT NULL, sha256 text NOT NULL,
  added_version bigint NOT NULL, removed_version bigint,
  PRIMARY KEY (name, added_version)
);
CREATE UNIQUE INDEX live_files ON ${schema}.files (name) WHERE removed_version IS NULL;
CREATE INDEX added_files ON ${schema}.files (added_version);
CREATE INDEX removed_files ON ${schema}.files (removed_version) WHERE removed_version IS NOT NULL;
CREATE TABLE ${schema}.rows_changed (
  version bigint NOT NULL, ${day}, min_time_us bigint NOT NULL, max_time_us bigint NOT NULL,
  PRIMARY KEY (version, table_name, market, symbol, date)
);
CREATE TABLE ${schema}.computed_days (
  ${day}, input_version bigint NOT NULL, code_hash text NOT NULL,
  PRIMARY KEY (table_name, market, symbol, date)
);`,
  // Format 2: the record of jobs.
  (schema) => `
CREATE TABLE ${schema}.job_turn (
  one smallint PRIMARY KEY CHECK (one = 1), fence bigint NOT NULL, last_run bigint NOT NULL, last_catch_up bigint NOT NULL
);
INSERT INTO ${schema}.job_turn VALUES (1, 0, 0, 0);
CREATE TABLE ${schema}.job_writers (fence bigint PRIMARY KEY, token text NOT NULL);
CREATE TABLE ${schema}.job_runs (
  id bigint PRIMARY KEY, job text COLLATE "C" NOT NULL, partition text COLLATE "C", state text NOT NULL, cause text NOT NULL,
  priority bigint NOT NULL, attempts bigint NOT NULL, max_attempts bigint NOT NULL, queued_at_us bigint NOT NULL,
  started_at_us bigint, ended_at_us bigint, next_attempt_at_us bigint, heartbeat_at_us bigint, progress double precision,
  row_count bigint, bytes bigint, effect text, error_code text, error_message text, catch_up bigint,
  arguments text NOT NULL, waits text NOT NULL, lost bigint NOT NULL, inputs text
);
CREATE INDEX job_runs_of_job ON ${schema}.job_runs (job, partition, id);
CREATE INDEX job_runs_active ON ${schema}.job_runs (id) WHERE ended_at_us IS NULL;
CREATE INDEX job_runs_ended ON ${schema}.job_runs (ended_at_us, state) WHERE ended_at_us IS NOT NULL;
CREATE INDEX job_runs_of_catch_up ON ${schema}.job_runs (catch_up) WHERE catch_up IS NOT NULL;
CREATE TABLE ${schema}.job_attempts (
  run bigint NOT NULL, attempt bigint NOT NULL, started_at_us bigint NOT NULL, ended_at_us bigint, outcome text NOT NULL,
  error_code text, error_message text, PRIMARY KEY (run, attempt)
);
CREATE INDEX job_attempts_by_start ON ${schema}.job_attempts (started_at_us);
CREATE TABLE ${schema}.job_log_lines (
  run bigint NOT NULL, sequence bigint NOT NULL, at_us bigint NOT NULL, level text NOT NULL, text text NOT NULL,
  PRIMARY KEY (run, sequence)
);
CREATE TABLE ${schema}.jobs (name text COLLATE "C" PRIMARY KEY, is_paused boolean NOT NULL, cursor_us bigint);
CREATE TABLE ${schema}.job_catch_ups (
  id bigint PRIMARY KEY, job text NOT NULL, jobs text NOT NULL, from_date text NOT NULL, to_date text NOT NULL,
  at_once bigint NOT NULL, day_order text NOT NULL, state text NOT NULL, asked_at_us bigint NOT NULL
);`,
];

export const formatVersion = steps.length;

export interface PostgresSchemaOptions extends PostgresOptions {
  /** Readers make nothing. */
  readonly isReadOnly?: boolean;
}

/** A session on a schema of the newest format, and the schema's name as SQL has it. */
export async function openSchema(
  options: PostgresSchemaOptions,
): Promise<{ readonly session: PostgresSession; readonly schema: string }> {
  const name = options.schema ?? 'tidemark';
  const session = new PostgresSession(options);
  try {
    await (options.isReadOnly ? requireSchema(session, name) : prepareSchema(session, name));
  } catch (error) {
    await session.close();
    throw error;
  }
  return { session, schema: pg.escapeIdentifier(name) };
}

/** Makes the schema, or brings it to the newest format; programs that start at once do it one after the other. */
async function prepareSchema(session: PostgresSession, name: string): Promise<void> {
  if ((await knownFormat(session, name)) === formatVersion) return;
  const schema = pg.escapeIdentifier(name);
  const key = createHash('sha256').update(`tidemark catalog ${name}`).digest().readBigInt64BE();
  await session.change('prepare the catalog', [`SELECT pg_advisory_xact_lock(${key})`], async (run) => {
    const [found] = await run('SELECT to_regnamespace($1) IS NOT NULL AS there', [schema]);
    // Asked for only where it is needed: who may use a schema may not be allowed to make one.
    if (!found!['there']) await run(`CREATE SCHEMA ${schema}`);
    await run(
      `CREATE TABLE IF NOT EXISTS ${schema}.format (one smallint PRIMARY KEY CHECK (one = 1), version int NOT NULL)`,
    );
    const [row] = await run(`SELECT version FROM ${schema}.format`);
    const version = row === undefined ? 0 : (row['version'] as number);
    refuseNewer(version, name);
    for (const step of steps.slice(version)) await run(step(schema));
    await run(
      `INSERT INTO ${schema}.format VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET version = excluded.version`,
      [formatVersion],
    );
  });
}

async function requireSchema(session: PostgresSession, name: string): Promise<void> {
  const version = await knownFormat(session, name);
  if (version === formatVersion) return;
  if (version === undefined) {
    throw new TidemarkError('not-found', {
      doing: 'read from the catalog',
      what: `schema ${name}`,
      why: 'nothing was recorded there',
      now: 'start the engine that writes it, or check catalog.url and catalog.schema',
    });
  }
  throw new TidemarkError('catalog-too-old', {
    doing: 'read from the catalog',
    what: `schema ${name}`,
    why: `its format is ${version}, this program reads ${formatVersion}`,
    now: 'start the engine that writes it with this version once',
  });
}

async function knownFormat(session: PostgresSession, name: string): Promise<number | undefined> {
  const schema = pg.escapeIdentifier(name);
  const [[there]] = (await session.read('open the catalog', [
    `SELECT to_regclass(${pg.escapeLiteral(`${schema}.format`)}) IS NOT NULL AS there`,
  ])) as [[{ there: boolean }]];
  if (!there.there) return undefined;
  const [[row]] = (await session.read('open the catalog', [`SELECT version FROM ${schema}.format`])) as [
    [{ version: number }?],
  ];
  if (row !== undefined) refuseNewer(row.version, name);
  return row?.version;
}

function refuseNewer(version: number, name: string): void {
  if (version <= formatVersion) return;
  throw new TidemarkError('catalog-too-new', {
    doing: 'open the catalog',
    what: `schema ${name}`,
    why: `its format is ${version}, this program knows ${formatVersion}`,
    now: 'use the program that wrote it, or a newer one',
  });
}
