// A process for the models of some partitions: reads a request a line, answers step by step, and ends with its standard input.
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { TidemarkError } from '../domain/error.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import { sqlName, sqlText } from '../domain/table-sql.ts';
import type { FailedTest, ModelPartition, ModelStep, ModelTest, StepOutcome } from '../ports/model-runner.ts';
import { cellText } from './cell-text.ts';
import {
  dayOf,
  freshOf,
  inputRows,
  inputsOf,
  isInAny,
  partitionPaths,
  readFiles,
  testSchema,
} from './model-relations.ts';
import type { ModelReply, ModelRequest } from './model-request.ts';
import { guardModel } from './statement-guard.ts';

const shownRows = 5;
const partitionColumns = { market: 'VARCHAR', date: 'DATE', symbol: 'VARCHAR' } as const;

const lines = createInterface({ input: process.stdin });
let turn: Promise<void> = Promise.resolve();
lines.on('line', (line) => {
  const request = JSON.parse(line) as ModelRequest;
  turn = turn.then(() => answer(request));
});
// The engine is gone or has given up: so do we.
lines.on('close', () => process.exit(0));

function say(reply: ModelReply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

async function answer(request: ModelRequest): Promise<void> {
  try {
    const { instance, connection } = await openLocked(request);
    try {
      await runSteps(connection, request);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
    say({ done: true });
  } catch (error) {
    say({ failure: { why: withoutPaths(reasonOf(error), request.partition) } });
  }
}

/** Nothing but the partition's files can be opened, then nothing can be changed any more. */
async function openLocked(request: ModelRequest): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    threads: String(request.threads),
    memory_limit: `${request.memoryMb}MiB`,
    temp_directory: request.spillFolder,
    enable_external_file_cache: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
  await connection.run(`SET allowed_paths = [${partitionPaths(request.partition).map(sqlText).join(', ')}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
  for (const schema of ['fresh', 'days', testSchema]) await connection.run(`CREATE SCHEMA ${schema}`);
  return { instance, connection };
}

async function runSteps(connection: DuckDBConnection, { partition }: ModelRequest): Promise<void> {
  const bad = new Set<string>();
  const known = new Set<string>();
  for (const step of partition.steps) {
    const startedAt = performance.now();
    let outcome: Partial<StepOutcome> & { state: StepOutcome['state'] };
    const blocker = step.work === 'load' ? undefined : step.refs.find((ref) => bad.has(ref));
    if (blocker !== undefined) {
      const error = { code: 'model-blocked', why: `${blocker}, which it refers to, is not published` };
      outcome = { state: 'blocked', error };
    } else {
      try {
        outcome = await runStep(connection, partition, step, known);
      } catch (error) {
        outcome = { state: 'failed', error: explained(error, partition) };
      }
    }
    if (outcome.state === 'failed' || outcome.state === 'blocked') bad.add(step.model);
    if (step.work === 'load' || !bad.has(step.model)) known.add(step.model);
    say({
      outcome: {
        model: step.model,
        rows: 0,
        bytes: 0,
        minTimeUs: 0,
        maxTimeUs: 0,
        changed: [],
        failedTests: [],
        error: undefined,
        columns: [],
        ...outcome,
        elapsedMs: Math.round(performance.now() - startedAt),
      },
    });
  }
}

type Outcome = Partial<StepOutcome> & { state: StepOutcome['state'] };

async function runStep(
  connection: DuckDBConnection,
  partition: ModelPartition,
  step: ModelStep,
  known: ReadonlySet<string>,
): Promise<Outcome> {
  const { model } = step;
  if (step.work === 'load') {
    await connection.run(`CREATE VIEW ${dayOf(model)} AS SELECT * FROM ${readFiles([step.existing!])}`);
    const failedTests = await runTests(connection, partition, step, known);
    return { state: isFailed(failedTests) ? 'failed' : 'loaded', failedTests };
  }
  await connection.run(`CREATE SCHEMA ${inputsOf(model)}`);
  for (const input of step.inputs) {
    await connection.run(`CREATE VIEW ${inputsOf(model)}.${sqlName(input.name)} AS ${inputRows(input, known)}`);
  }
  const sql = await guardModel(
    connection,
    step.sql,
    inputsOf(model),
    step.inputs.map((input) => input.name),
  );
  const rows = `(\n${sql}\n) AS rows_of_model`;
  const isOfPartition = `market = ${sqlText(partition.market)} AND date = ${sqlText(partition.date)}::DATE`;
  const isDue = isInAny(step.cuts, step.timeColumn);
  const wanted = step.work === 'empty' ? 'false' : `${isOfPartition} AND (${isDue})`;
  const made = step.work === 'empty' ? dayOf(model) : freshOf(model);
  try {
    await connection.run(`CREATE TABLE ${made} AS SELECT * FROM ${rows} WHERE ${wanted}`);
  } catch (error) {
    // A column that is not there is better said than DuckDB says it.
    await refuseColumns(connection, step, await describe(connection, `SELECT * FROM ${rows}`));
    throw error;
  }
  const columns = await describe(connection, `SELECT * FROM ${made}`);
  await refuseColumns(connection, step, columns);
  if (step.work === 'empty') {
    await runTests(connection, partition, step, known);
    return { state: 'same', columns };
  }
  const list = columns.map(({ name }) => sqlName(name)).join(', ');
  const existing = step.existing === undefined ? undefined : readFiles([step.existing]);
  const isAll = existing === undefined;
  // Without published rows what was computed is the day.
  await connection.run(
    isAll
      ? `CREATE VIEW ${dayOf(model)} AS SELECT * FROM ${freshOf(model)}`
      : `CREATE TABLE ${dayOf(model)} AS SELECT ${list} FROM ${freshOf(model)}
         UNION ALL SELECT ${list} FROM ${existing} WHERE NOT (${isDue})`,
  );
  const failedTests = await runTests(connection, partition, step, known);
  if (isFailed(failedTests)) return { state: 'failed', failedTests, columns };
  const time = step.timeColumn === undefined ? `epoch_us(date::TIMESTAMP)` : `epoch_us(${sqlName(step.timeColumn)})`;
  const changed = await changedRows(connection, step, list, time, isDue, existing);
  const [[count, minTimeUs, maxTimeUs]] = (await rowsOf(
    connection,
    `SELECT count(*)::DOUBLE, coalesce(min(${time}), 0)::DOUBLE, coalesce(max(${time}), 0)::DOUBLE FROM ${dayOf(model)}`,
  )) as [[number, number, number]];
  const found = { rows: count, minTimeUs, maxTimeUs, changed, failedTests, columns };
  if (changed.length === 0) return { state: 'same', ...found };
  if (count === 0) return { state: 'written', ...found };
  // Over what a run that died left there; a file beside it, to be renamed, may not be opened.
  const order = step.key.length === 0 ? 'ALL' : `symbol, ${step.key.map(sqlName).join(', ')}`;
  await connection.run(
    `COPY (SELECT ${list} FROM ${dayOf(model)} ORDER BY ${order}) TO ${sqlText(step.outPath)}
     (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 3, USE_TMP_FILE false)`,
  );
  return { state: 'written', bytes: statSync(step.outPath).size, ...found };
}

/** Times at which the computed rows are not the published ones, by symbol. */
async function changedRows(
  connection: DuckDBConnection,
  step: ModelStep,
  list: string,
  time: string,
  isDue: string,
  existing: string | undefined,
): Promise<StepOutcome['changed']> {
  const fresh = `SELECT ${list} FROM ${freshOf(step.model)}`;
  const published = `SELECT ${list} FROM ${existing} WHERE ${isDue}`;
  const differing =
    existing === undefined ? fresh : `(${fresh} EXCEPT ALL ${published}) UNION ALL (${published} EXCEPT ALL ${fresh})`;
  const rows = await rowsOf(
    connection,
    `SELECT symbol, min(${time})::DOUBLE, max(${time})::DOUBLE FROM (${differing}) GROUP BY symbol ORDER BY symbol`,
  );
  return (rows as [string, number, number][]).map(([symbol, minTimeUs, maxTimeUs]) => ({
    symbol,
    minTimeUs,
    maxTimeUs,
  }));
}

interface NamedType {
  readonly name: string;
  readonly sqlType: string;
}

async function describe(connection: DuckDBConnection, sql: string): Promise<NamedType[]> {
  const statement = await connection.prepare(sql);
  try {
    return Array.from({ length: statement.columnCount }, (_, at) => ({
      name: statement.columnName(at),
      sqlType: String(statement.columnType(at)),
    }));
  } finally {
    statement.destroySync();
  }
}

function refused(code: string, why: string, now: string): TidemarkError {
  return new TidemarkError(code, { doing: 'compute', why, now });
}

/** Columns that a model has to have, that its description promises, and that it had when it was last published. */
async function refuseColumns(connection: DuckDBConnection, step: ModelStep, columns: readonly NamedType[]) {
  const types = new Map(columns.map(({ name, sqlType }) => [name, sqlType]));
  if (types.size < columns.length)
    throw refused('model-columns', 'two of its columns have one name', 'name them apart');
  for (const [name, wanted] of Object.entries(partitionColumns)) {
    const type = types.get(name);
    if (type === wanted) continue;
    const why = type === undefined ? `it has no column ${name}` : `its column ${name} is ${type}`;
    throw refused('model-columns', why, 'every model has market VARCHAR, date DATE and symbol VARCHAR');
  }
  for (const name of [...step.key, ...(step.timeColumn === undefined ? [] : [step.timeColumn])]) {
    if (!types.has(name)) throw noColumn(`key or time_column of its config names ${name}`, name, types);
  }
  const timeType = step.timeColumn === undefined ? undefined : types.get(step.timeColumn);
  if (timeType !== undefined && timeType !== 'TIMESTAMP WITH TIME ZONE') {
    throw refused('model-columns', `its time_column is ${timeType}`, 'make it a TIMESTAMPTZ');
  }
  const promised = Object.entries(step.columnTypes);
  for (const [name, type] of promised) {
    if (!types.has(name)) throw noColumn(`its description names ${name}`, name, types);
    if (!/^[a-z][a-z0-9_ (),]*$/i.test(type)) throw refused('model-columns', `${type} is no type`, 'mend it');
  }
  const wanted = promised.map(([name, type]) => `NULL::${type} AS ${sqlName(name)}`).join(', ');
  for (const { name, sqlType } of wanted === '' ? [] : await describe(connection, `SELECT ${wanted}`)) {
    if (types.get(name) === sqlType) continue;
    throw refused(
      'model-columns',
      `its column ${name} is ${types.get(name)}, described as ${sqlType}`,
      'mend one of them',
    );
  }
  if (step.sample === undefined) return;
  const published = new Map(
    (await describe(connection, `SELECT * FROM ${readFiles([step.sample])}`)).map(({ name, sqlType }) => [
      name,
      sqlType,
    ]),
  );
  const differences = [
    ...[...published].filter(([name]) => !types.has(name)).map(([name]) => `${name} is gone`),
    ...[...types].filter(([name]) => !published.has(name)).map(([name]) => `${name} is new`),
    ...[...types]
      .filter(([name, type]) => published.has(name) && published.get(name) !== type)
      .map(([name, type]) => `${name} was ${published.get(name)} and is ${type}`),
  ];
  if (differences.length > 0) {
    throw refused(
      'model-schema-changed',
      `its columns are not the published ones: ${differences.join(', ')}`,
      'compute all of it anew with --full-refresh',
    );
  }
}

function noColumn(why: string, name: string, types: ReadonlyMap<string, string>): TidemarkError {
  const near = nearestWord(name, types.keys());
  return refused(
    'model-columns',
    `${why} and there is no such column`,
    near ? `did you mean ${near}?` : 'mend the name',
  );
}

const isFailed = (tests: readonly FailedTest[]): boolean => tests.some((test) => test.severity === 'error');

async function runTests(
  connection: DuckDBConnection,
  partition: ModelPartition,
  step: ModelStep,
  known: ReadonlySet<string>,
): Promise<FailedTest[]> {
  const failed: FailedTest[] = [];
  const names = [...known, step.model];
  await connection.run(`CREATE VIEW ${testSchema}.${sqlName(step.model)} AS SELECT * FROM ${dayOf(step.model)}`);
  const named = new Set<string>(names);
  for (const input of step.tests.flatMap((test) => test.inputs)) {
    if (named.has(input.name)) continue;
    named.add(input.name);
    const view = `${testSchema}.${sqlName(input.name)}`;
    await connection.run(`CREATE VIEW IF NOT EXISTS ${view} AS ${inputRows(input, new Set())}`);
  }
  if (step.tests.length === 0 || (await isAllRight(connection, step.tests, [...named]))) return [];
  for (const test of step.tests) {
    const wrong = await wrongRows(connection, test, [...named], partition);
    if (wrong === undefined) continue;
    const { market, date } = partition;
    failed.push({ model: step.model, test: test.name, severity: test.severity, market, date, ...wrong });
  }
  return failed;
}

/** All tests in one statement, as nearly always none finds anything. */
async function isAllRight(
  connection: DuckDBConnection,
  tests: readonly ModelTest[],
  names: readonly string[],
): Promise<boolean> {
  try {
    const parts = tests.map((test) => `EXISTS (SELECT 1 FROM (\n${test.sql.replace(/;\s*$/, '')}\n) AS rows_of_test)`);
    // Judged as a whole, so whatever a test's text does to the others it reads nothing else.
    const sql = await guardModel(connection, `SELECT ${parts.join(' OR ')}`, testSchema, names);
    const [[isWrong]] = (await rowsOf(connection, sql)) as [[boolean]];
    return !isWrong;
  } catch {
    // One after the other it is seen which.
    return false;
  }
}

async function wrongRows(
  connection: DuckDBConnection,
  test: ModelTest,
  names: readonly string[],
  partition: ModelPartition,
): Promise<{ count: number; rows: string[] } | undefined> {
  try {
    const sql = await guardModel(connection, test.sql, testSchema, names);
    await connection.run(`CREATE OR REPLACE TEMP TABLE wrong AS SELECT * FROM (\n${sql}\n) AS rows_of_test`);
    const [[count]] = (await rowsOf(connection, 'SELECT count(*)::DOUBLE FROM wrong')) as [[number]];
    if (count === 0) return undefined;
    const reader = await connection.runAndReadAll(`SELECT * FROM wrong LIMIT ${shownRows}`);
    const columns = reader.columnNames();
    const rows = reader
      .getRows()
      .map((row) => row.map((cell, at) => `${columns[at]}=${cellText(cell) ?? 'NULL'}`).join(', '));
    return { count, rows };
  } catch (error) {
    const { code, why } = explained(error, partition);
    return { count: 0, rows: [`the test itself failed (${code}): ${why}`] };
  }
}

async function rowsOf(connection: DuckDBConnection, sql: string) {
  return (await connection.runAndReadAll(sql)).getRows();
}

function explained(error: unknown, partition: ModelPartition): { code: string; why: string; now?: string } {
  if (error instanceof TidemarkError) {
    const why = withoutPaths(error.why ?? error.message, partition);
    return { code: error.code, why, ...(error.hint === undefined ? {} : { now: error.hint }) };
  }
  const message = withoutPaths(reasonOf(error), partition);
  if (/No space left on device|Disk quota exceeded/i.test(message)) {
    return { code: 'disk-full', why: 'the disk is full', now: 'free space on it; nothing was made visible' };
  }
  if (message.startsWith('Out of Memory'))
    return { code: 'model-failed', why: 'it needs more memory than it may have' };
  return { code: 'model-failed', why: message.replaceAll(/\s+/g, ' ') };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Messages of DuckDB name files; where they lie is nobody's business. */
function withoutPaths(text: string, partition: ModelPartition): string {
  let clean = text.split('\n\nLINE ')[0]!;
  for (const path of partitionPaths(partition)) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    if (folder.length > 1) clean = clean.replaceAll(folder, '');
  }
  return clean.trim();
}
