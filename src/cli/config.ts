import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { parsePostgresUrl } from '../catalog/postgres-address.ts';
import { TidemarkError } from '../domain/error.ts';
import { parseInstrumentId, streamKinds } from '../domain/instrument.ts';
import { intervals } from '../domain/interval.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import { dataKinds } from '../domain/state.ts';

const hostList = z.array(z.url({ protocol: /^(wss?|https?)$/ })).min(1);
const marketHosts = z.strictObject({ spot: hostList.optional(), usdm: hostList.optional() });

/** Every setting, with its default. `docs/configuration.md` is this table in words. */
export const configSchema = z.strictObject({
  dataDir: z.string().min(1).default('data'),
  dataKind: z.enum(dataKinds).default('live'),
  instruments: z
    .array(z.string())
    .min(1)
    .max(1000)
    .default(['binance:spot:BTCUSDT', 'binance:spot:ETHUSDT', 'binance:spot:SOLUSDT']),
  streams: z.array(z.enum(streamKinds)).min(1).default(['trade', 'depth', 'book-ticker', 'ticker', 'kline']),
  klineIntervals: z.array(z.enum(intervals)).default(['1m']),
  server: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8787),
      /** Needed to listen on an address that is not loopback: there is no login yet. */
      allowRemote: z.boolean().default(false),
      /** Further names under which the server is reached, as behind a proxy. */
      allowedHosts: z.array(z.string()).default([]),
    })
    .prefault({}),
  journal: z
    .strictObject({
      syncIntervalMs: z.int().min(1).max(1000).default(10),
      segmentMaxBytes: z
        .int()
        .min(65_536)
        .default(256 * 1024 * 1024),
      /** Older closed segments go once they are committed and, where that is set, shipped; without it all stay. */
      keepDays: z.number().positive().max(36_500).optional(),
    })
    .prefault({}),
  lake: z
    .strictObject({
      commitSeconds: z.number().min(1).max(60).default(20),
      maxPendingRows: z.int().min(1000).default(500_000),
      maintenanceSeconds: z.number().min(1).max(3600).default(30),
      /** Metadata for other engines, after each commit. */
      iceberg: z.boolean().default(true),
      /** A file that was replaced stays at least so long for those who still read it. */
      graceSeconds: z.int().min(0).max(604_800).default(900),
      /** Where its files are: in the data folder, or in a bucket with copies of some in the data folder. */
      store: z.enum(['folder', 's3']).default('folder'),
      s3: z
        .strictObject({
          bucket: z
            .string()
            .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'it must be the name of a bucket')
            .optional(),
          /** Everything lies below it. */
          prefix: z
            .string()
            .regex(
              /^([A-Za-z0-9_=.-]+(\/[A-Za-z0-9_=.-]+)*)?$/,
              'it must be letters, digits and _ = . - in parts joined by /',
            )
            .max(200)
            .default(''),
          /** Of a server that is not AWS. Credentials come from where AWS's own tools read them. */
          endpoint: z.url({ protocol: /^https?$/ }).optional(),
          region: z.string().min(1).optional(),
          pathStyle: z.boolean().optional(),
          retrySeconds: z.number().min(1).max(3600).default(120),
        })
        .prefault({}),
      /** Of the copies of a bucket's files. */
      cacheMaxBytes: z
        .int()
        .min(64 * 1024 * 1024)
        .default(20 * 1024 ** 3),
    })
    .prefault({}),
  /** SQLite in the data folder, or a PostgreSQL server that several machines reach. */
  catalog: z
    .strictObject({
      kind: z.enum(['sqlite', 'postgres']).default('sqlite'),
      /** Without a password, which comes from the places that PostgreSQL's own tools read. */
      url: z.string().optional(),
      schema: z
        .string()
        .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'it must be a plain name in lower case')
        .default('tidemark'),
      /** How long an outage of the server is waited out. */
      retrySeconds: z.number().min(1).max(3600).default(120),
    })
    .prefault({}),
  /** The journals' copy elsewhere, from which a machine that lost its disk comes back. */
  shipping: z
    .strictObject({
      /** Default: where `store` is set. */
      enabled: z.boolean().optional(),
      /** A folder on another disk. */
      store: z.string().min(1).optional(),
      maxDelaySeconds: z.number().min(0.1).max(3600).default(5),
      maxObjectBytes: z
        .int()
        .min(65_536)
        .max(256 * 1024 * 1024)
        .default(8 * 1024 * 1024),
    })
    .prefault({}),
  jobs: z
    .strictObject({
      /** Runs that may be under way at once; what keeps the lake in order runs beside them. */
      slots: z.int().min(1).max(64).default(4),
      /** `external`: an orchestrator asks for runs, and only what keeps the lake in order runs by its own schedule. */
      scheduler: z.enum(['own', 'external']).default('own'),
      /** Instead of a job's own schedule, by name. */
      schedules: z.record(z.string(), z.string()).default({}),
      keepDays: z.int().min(1).default(90),
      keepRuns: z.int().min(100).default(20_000),
      /** Tables whose rows of each settled day become files. */
      export: z
        .strictObject({
          tables: z.array(z.string().regex(/^[a-z][a-z0-9_]*$/)).default([]),
          format: z.enum(['parquet', 'csv']).default('parquet'),
          /** Default: exports in the data folder. */
          folder: z.string().min(1).optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  /** Where the venue is reached; the default is the venue itself. */
  venue: z
    .strictObject({
      streams: marketHosts.optional(),
      rest: marketHosts.optional(),
      certificateAuthority: z.string().optional(),
      /** Host names that stand for another address, TLS name checks unchanged: a relay, a harbour behind the real names. */
      resolve: z
        .record(z.string(), z.string().regex(/^[^:]+:\d{1,5}$/, 'it must be an address and a port'))
        .default({}),
    })
    .prefault({}),
  models: z
    .strictObject({
      /** SQL models; the default are those that come with the program. */
      folder: z.string().min(1).optional(),
      memoryMb: z.int().min(128).default(2048),
    })
    .prefault({}),
  reports: z
    .strictObject({
      /** Of the reports made by themselves: market, or instruments. Default: both, of instruments where they are at most 20. */
      subjects: z.array(z.string().min(1)).max(1000).optional(),
      /** The browser that prints; default: one that is found. */
      browser: z.string().min(1).optional(),
      printSeconds: z.number().min(1).max(600).default(60),
      /** Reports that were made longer ago go; without it all stay. */
      keepDays: z.int().min(1).max(36_500).optional(),
    })
    .prefault({}),
  /** Reports by e-mail; off without a host. The password comes from TIDEMARK_MAIL_PASSWORD or a file. */
  mail: z
    .strictObject({
      host: z.string().min(1).optional(),
      port: z.int().min(1).max(65_535).default(587),
      from: z.string().min(3).optional(),
      to: z.array(z.string().min(3)).max(100).default([]),
      /** TLS from the first byte, as on port 465; otherwise the connection is raised to TLS. */
      secure: z.boolean().default(false),
      /** Without TLS. */
      plain: z.boolean().default(false),
      user: z.string().min(1).optional(),
      passwordFile: z.string().min(1).optional(),
      certificateAuthority: z.string().min(1).optional(),
      /** Which of the reports made by themselves are sent. */
      subjects: z.array(z.string().min(1)).max(1000).default(['market']),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
});

export type Config = z.infer<typeof configSchema>;

/** Settings and where each came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** Dotted key → `default`, `file` or the environment variable's name. */
  readonly origin: Readonly<Record<string, string>>;
  readonly file: string | undefined;
}

/** Secrets are no settings: nothing prints them. */
const secretVariables = new Set(['TIDEMARK_MAIL_PASSWORD']);

/** Read by tests only; everything else that begins with TIDEMARK_ must be a setting. */
const testVariables = new Set(['TIDEMARK_RECORDINGS', 'TIDEMARK_SCREENSHOTS', 'TIDEMARK_CHILD', 'TIDEMARK_CONFIG']);

/**
 * Defaults, then the YAML file, then `TIDEMARK_*` variables (`TIDEMARK_SERVER_PORT=9000`; lists are comma-separated). An
 * unknown key is refused with the nearest known one.
 */
export function loadConfig(options: {
  file?: string | undefined;
  env: Record<string, string | undefined>;
  cwd: string;
}): LoadedConfig {
  const named = options.file ?? options.env['TIDEMARK_CONFIG'];
  const file = path.resolve(options.cwd, named ?? 'tidemark.yaml');
  const origin: Record<string, string> = {};
  let settings: Record<string, unknown> = {};
  const hasFile = existsSync(file);
  if (named !== undefined && !hasFile) throw refused(`file ${file}`, 'it does not exist', 'check the path');
  if (hasFile) {
    settings = readYaml(file);
    for (const key of leafKeys(settings)) origin[key] = 'file';
  }
  const defaults = leafKeys(configSchema.parse({}) as Record<string, unknown>);
  const known = [...new Set([...defaults, ...optionalKeys])];
  const byVariable = new Map(
    known.map((key) => [
      `TIDEMARK_${key
        .replace(/([A-Z])/g, '_$1')
        .replaceAll('.', '_')
        .toUpperCase()}`,
      key,
    ]),
  );
  for (const [variable, text] of Object.entries(options.env)) {
    if (
      !variable.startsWith('TIDEMARK_') ||
      testVariables.has(variable) ||
      secretVariables.has(variable) ||
      text === undefined
    )
      continue;
    const key = byVariable.get(variable);
    if (key === undefined) throw unknownKey(`environment variable ${variable}`, variable, [...byVariable.keys()]);
    setKey(settings, key, text);
    origin[key] = variable;
  }
  const parsed = configSchema.safeParse(settings);
  if (!parsed.success) throw explain(parsed.error.issues[0]!, settings, { file, origin, known });
  for (const id of parsed.data.instruments) checkInstrument(id, whereFrom('instruments', { file, origin }));
  for (const key of ['reports.subjects', 'mail.subjects'] as const) {
    const { subjects = [] } = parsed.data[key === 'mail.subjects' ? 'mail' : 'reports'];
    for (const id of subjects) if (id !== 'market') checkInstrument(id, whereFrom(key, { file, origin }), key);
  }
  checkCatalog(parsed.data.catalog, `setting catalog.url in ${whereFrom('catalog.url', { file, origin })}`);
  checkLakeStore(parsed.data.lake, (key) => `setting ${key} in ${whereFrom(key, { file, origin })}`);
  for (const key of known) origin[key] ??= 'default';
  return { config: parsed.data, origin, file: hasFile ? file : undefined };
}

/** `binance:spot:btcusdt` would be recorded as a symbol that the venue does not have. */
function checkInstrument(id: string, where: string, key = 'instruments'): void {
  let why: string | undefined;
  try {
    const { symbol } = parseInstrumentId(id);
    if (symbol !== symbol.toUpperCase()) why = 'symbols are upper case';
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    why = error.why;
  }
  if (why === undefined) return;
  throw refused(`setting ${key} in ${where}`, `${JSON.stringify(id)}: ${why}`, 'write it like binance:spot:BTCUSDT');
}

function checkCatalog({ kind, url }: Config['catalog'], what: string): void {
  if (url === undefined) return;
  parsePostgresUrl(url, what);
  if (kind !== 'postgres') throw refused(what, 'the catalog is in SQLite', 'set catalog.kind to postgres as well');
}

function checkLakeStore({ store, s3 }: Config['lake'], whatOf: (key: string) => string): void {
  if (store === 's3' && s3.bucket === undefined) {
    throw refused(whatOf('lake.store'), 'no bucket is named', 'set lake.s3.bucket as well');
  }
  if (store === 'folder' && s3.bucket !== undefined) {
    throw refused(whatOf('lake.s3.bucket'), 'the lake is in a folder', 'set lake.store to s3 as well');
  }
  if (s3.endpoint === undefined) return;
  const { username, password } = new URL(s3.endpoint);
  if (username !== '' || password !== '') {
    const now = 'put credentials where the tools of AWS read them: the environment or ~/.aws/credentials';
    throw refused(whatOf('lake.s3.endpoint'), 'it holds credentials', now);
  }
}

/** May hold a secret that does not belong there: no message repeats their values. */
const unrepeatedKeys: readonly string[] = ['catalog.url', 'lake.s3.endpoint'];

const optionalKeys = [
  'journal.keepDays',
  'models.folder',
  'reports.subjects',
  'reports.browser',
  'reports.keepDays',
  'mail.host',
  'mail.from',
  'mail.user',
  'mail.passwordFile',
  'mail.certificateAuthority',
  'lake.s3.bucket',
  'lake.s3.endpoint',
  'lake.s3.region',
  'lake.s3.pathStyle',
  'shipping.enabled',
  'shipping.store',
  'catalog.url',
  'venue.streams.spot',
  'venue.streams.usdm',
  'venue.rest.spot',
  'venue.rest.usdm',
  'venue.certificateAuthority',
  'venue.resolve',
  'jobs.export.folder',
];

/** Maps whose keys are the user's. */
const openKeys: readonly string[] = ['venue.resolve', 'jobs.schedules'];

function readYaml(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw refused(`file ${file}`, firstLine(error), 'name a settings file');
  }
  let value: unknown;
  try {
    value = parseYaml(text, { uniqueKeys: true });
  } catch (error) {
    throw refused(`file ${file}`, firstLine(error), 'mend the YAML');
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw refused(`file ${file}`, 'it is not a map of settings', 'see docs/configuration.md');
  return value as Record<string, unknown>;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/:$/, '');
}

function leafKeys(settings: Record<string, unknown>, prefix = ''): string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    value !== null && typeof value === 'object' && !Array.isArray(value) && !openKeys.includes(`${prefix}${name}`)
      ? leafKeys(value as Record<string, unknown>, `${prefix}${name}.`)
      : [`${prefix}${name}`],
  );
}

function setKey(settings: Record<string, unknown>, key: string, text: string): void {
  const parts = key.split('.');
  let at = settings;
  for (const part of parts.slice(0, -1)) {
    if (typeof at[part] !== 'object' || at[part] === null) at[part] = {};
    at = at[part] as Record<string, unknown>;
  }
  const schema = shapeAt(parts);
  const name = parts[parts.length - 1]!;
  if (schema instanceof z.ZodArray) at[name] = text.split(',').map((item) => item.trim());
  else if (schema instanceof z.ZodBoolean) at[name] = text === 'true' ? true : text === 'false' ? false : text;
  else if (schema instanceof z.ZodNumber) at[name] = /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
  else if (schema instanceof z.ZodRecord) at[name] = Object.fromEntries(text.split(',').map(namedItem));
  else at[name] = text;
}

/** `host=address:port` */
function namedItem(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

function shapeAt(parts: readonly string[]): unknown {
  let schema: unknown = configSchema;
  for (const part of parts) schema = unwrapped((unwrapped(schema) as z.ZodObject).shape[part]);
  return unwrapped(schema);
}

function unwrapped(schema: unknown): unknown {
  let at = schema;
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault || at instanceof z.ZodOptional) at = at.unwrap();
  return at;
}

interface Sources {
  readonly file: string;
  readonly origin: Readonly<Record<string, string>>;
}

/** The variable that set the key, else the file. */
function whereFrom(key: string, { file, origin }: Sources): string {
  const open = openKeys.find((name) => key.startsWith(`${name}.`));
  const from = origin[open ?? key];
  return from === undefined || from === 'file' || from === 'default' ? file : `variable ${from}`;
}

function explain(
  issue: z.core.$ZodIssue,
  settings: unknown,
  { known, ...sources }: Sources & { readonly known: readonly string[] },
): TidemarkError {
  const path = issue.path.map(String);
  const key = path.filter((part) => !/^\d+$/.test(part)).join('.');
  if (issue.code === 'unrecognized_keys') {
    const unknown = [...path, issue.keys[0]].join('.');
    const sections = known.flatMap((name) => name.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.')));
    return unknownKey(`setting ${unknown} in ${sources.file}`, unknown, [...new Set(sections)]);
  }
  const what = `setting ${key || '(top)'} in ${whereFrom(key, sources)}`;
  const given = path.reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], settings);
  const now = 'see docs/configuration.md';
  if (issue.code === 'invalid_value') {
    const nearest = typeof given === 'string' ? nearestWord(given, issue.values.map(String)) : undefined;
    const why = `${JSON.stringify(given)} is none of ${issue.values.join(', ')}`;
    return refused(what, why, nearest === undefined ? now : `did you mean ${nearest}?`);
  }
  const message = issue.message.replace(/^Invalid input: /, '').replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  const isShown = given !== undefined && !unrepeatedKeys.includes(key);
  return refused(what, isShown ? `${JSON.stringify(given)}: ${message}` : message, now);
}

function unknownKey(what: string, key: string, known: readonly string[]): TidemarkError {
  const nearest = nearestWord(key, known);
  return refused(
    what,
    'there is no such setting',
    nearest === undefined ? 'see docs/configuration.md' : `did you mean ${nearest}?`,
  );
}

function refused(what: string, why: string, now: string): TidemarkError {
  return new TidemarkError('config-invalid', { doing: 'use', what, why, now });
}
