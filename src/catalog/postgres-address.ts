import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { TidemarkError } from '../domain/error.ts';

/** Where a PostgreSQL server is. What is not said comes from `PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, as with psql. */
export interface PostgresAddress {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** Undefined: plain, unless `PGSSLMODE` says otherwise. */
  readonly tls: false | ConnectionOptions | undefined;
}

const options = ['sslmode', 'sslrootcert', 'host'];
const plainModes = ['disable'];
const checkedModes = ['require', 'verify-ca', 'verify-full'];
const uncheckedModes = ['no-verify'];

/**
 * `postgres://user@host:5432/database?sslmode=verify-full`. A password in it is refused, and no message repeats the text:
 * settings files are shown, copied and committed.
 */
export function parsePostgresUrl(text: string, what = 'setting catalog.url'): PostgresAddress {
  const refused = (why: string, now: string) => new TidemarkError('config-invalid', { doing: 'use', what, why, now });
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refused('it is no URL', 'write it like postgres://user@host:5432/database');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw refused('it does not begin with postgres://', 'write it like postgres://user@host:5432/database');
  }
  const names = [...url.searchParams.keys()];
  if (url.password !== '' || names.some((name) => /pass|secret|key/i.test(name))) {
    throw refused('it holds a password', 'take it out of the URL and give it in PGPASSWORD or in ~/.pgpass');
  }
  const unknown = names.find((name) => !options.includes(name));
  if (unknown !== undefined) throw refused(`it has the option ${unknown}`, `the options are ${options.join(', ')}`);
  const part = (text: string): string | undefined => {
    if (text === '') return undefined;
    try {
      return decodeURIComponent(text);
    } catch {
      throw refused('it has a % that stands for no character', 'write %25 for the sign itself');
    }
  };
  return {
    host: url.searchParams.get('host') ?? part(url.hostname)?.replace(/^\[(.+)\]$/, '$1'),
    port: url.port === '' ? undefined : Number(url.port),
    user: part(url.username),
    database: part(url.pathname.slice(1)),
    tls: tlsOf(
      url.searchParams.get('sslmode') ?? process.env['PGSSLMODE'],
      url.searchParams.get('sslrootcert') ?? process.env['PGSSLROOTCERT'],
      refused,
    ),
  };
}

/** The host to which everything would go unencrypted over a network; undefined where it does not. */
export function plainRemoteHost(url: string | undefined): string | undefined {
  const { host = process.env['PGHOST'] ?? 'localhost', tls } = parsePostgresUrl(url ?? 'postgres://');
  const isLocal = host.startsWith('/') || /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host);
  return isLocal || (tls !== undefined && tls !== false) ? undefined : host;
}

/** `require` checks the certificate as well: a connection that is encrypted to anybody is worth little. */
function tlsOf(
  mode: string | undefined,
  rootFile: string | undefined,
  refused: (why: string, now: string) => TidemarkError,
): PostgresAddress['tls'] {
  if (mode === undefined || mode === '' || mode === 'allow' || mode === 'prefer') return undefined;
  if (plainModes.includes(mode)) return false;
  if (uncheckedModes.includes(mode)) return { rejectUnauthorized: false };
  if (!checkedModes.includes(mode)) {
    const known = [...plainModes, ...checkedModes, ...uncheckedModes].join(', ');
    throw refused(`sslmode ${mode} is not known`, `it is one of ${known}`);
  }
  if (rootFile === undefined || rootFile === '') return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(rootFile, 'utf8') };
  } catch (cause) {
    throw new TidemarkError('config-invalid', {
      doing: 'read the root certificate of the catalog',
      what: rootFile,
      cause,
      now: 'check sslrootcert in catalog.url, or PGSSLROOTCERT',
    });
  }
}
