import { createHash } from 'node:crypto';
import pg from 'pg';
import { TidemarkError } from '../domain/error.ts';
import type { PostgresSession } from './postgres-session.ts';

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
];

export const formatVersion = steps.length;

/** Makes the schema, or brings it to the newest format; programs that start at once do it one after the other. */
export async function prepareSchema(session: PostgresSession, name: string): Promise<void> {
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

/** For readers: they make nothing. */
export async function requireSchema(session: PostgresSession, name: string): Promise<void> {
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
