import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TidemarkError } from '../domain/error.ts';
import type { ReportParts } from '../jobs/work/reports.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Lake } from '../ports/lake.ts';
import type { Logger } from '../ports/log.ts';
import type { Mail } from '../ports/mail.ts';
import type { World } from '../ports/world.ts';
import type { MadeReport, MakeOptions, ReportWish } from '../reports/index.ts';
import type { Config } from './config.ts';
import { isLocked, lockJournal } from './journal-locks.ts';
import type { Layout } from './layout.ts';
import { version } from './version.ts';

export interface OpenedWorkshop {
  /** One at a time on a data folder: two that write the same report would spoil each other's. */
  make(wish: ReportWish, options?: MakeOptions): Promise<MadeReport>;
  readonly shelf: import('../reports/index.ts').ReportShelf;
  readonly mail: Mail | undefined;
}

/** What reports are made, stored and sent with. */
export async function openReportWorkshop(
  config: Config,
  cwd: string,
  layout: Layout,
  stores: { readonly lake: Lake; readonly blobs: BlobStore },
  world: World,
  log: Logger,
): Promise<OpenedWorkshop> {
  const { makeReport, ReportShelf } = await import('../reports/index.ts');
  const { openChromiumPrinter } = await import('../printer/chromium.ts');
  const { findBrowser } = await import('../printer/find-browser.ts');
  const { openDuckdbWarehouse } = await import('../warehouse/duckdb.ts');
  const { openTableFiles } = await import('../warehouse/parquet-file.ts');
  const scratch = path.join(layout.scratch, 'reports');
  const shelf = new ReportShelf(stores.blobs);
  const { browser, printSeconds } = config.reports;
  const font = readFont();
  const workshop = {
    lake: stores.lake,
    blobs: stores.blobs,
    // One processor of its own, so that a report makes nobody else wait for answers.
    warehouse: openDuckdbWarehouse({ concurrency: 1, threads: 1, waiting: 64 }),
    tableFiles: openTableFiles(scratch),
    printer: openChromiumPrinter({
      executable: browser === undefined ? findBrowser(process.env['PATH'] ?? '') : path.resolve(cwd, browser),
      scratchFolder: scratch,
      timeLimitMs: printSeconds * 1000,
    }),
    shelf,
    clock: world.clock,
    log,
    dataKind: config.dataKind,
    version,
    ...(font === undefined ? {} : { font }),
  };
  let turn: Promise<unknown> = Promise.resolve();
  const make = (wish: ReportWish, options?: MakeOptions): Promise<MadeReport> => {
    const made = turn.then(async () => {
      mkdirSync(scratch, { recursive: true });
      const lock = lockScratch(scratch);
      try {
        return await makeReport(workshop, wish, options);
      } finally {
        lock?.release();
      }
    });
    turn = made.catch(() => undefined);
    return made;
  };
  return { make, shelf, mail: await openConfiguredMail(config, cwd) };
}

function lockScratch(folder: string) {
  try {
    return lockJournal(folder, 'report');
  } catch (error) {
    if (!isLocked(error)) throw error;
    throw new TidemarkError('report-busy', {
      doing: 'make the report',
      why: 'another process makes one on this data folder',
      now: 'ask again when it has ended',
      retry: 'later',
      afterMs: 10_000,
    });
  }
}

/** What jobs need of it. */
export async function reportParts(
  { make, shelf, mail }: OpenedWorkshop,
  config: Config,
  stores: { readonly lake: Lake; readonly catalog: Pick<Catalog, 'rowsChangedAfter'> },
  world: World,
): Promise<ReportParts> {
  const { reportsToRenew, sendReport } = await import('../reports/index.ts');
  return {
    make,
    subjects: reportSubjects(config),
    mailed: config.mail.subjects,
    send: mail === undefined ? undefined : (id, signal) => sendReport({ shelf, mail }, id, signal),
    toRenew: (sinceUs, lookedAt) => reportsToRenew({ shelf, catalog: stores.catalog }, sinceUs, lookedAt),
    version: async () => (await stores.lake.state()).version,
    nowUs: () => world.clock.wallUs(),
    keepDays: config.reports.keepDays,
    list: () => shelf.list(),
    remove: (id) => shelf.remove(id),
  };
}

const mostByThemselves = 20;

/** As set, else the market and, where they are few, each instrument. */
export function reportSubjects({ reports, instruments }: Pick<Config, 'reports' | 'instruments'>): readonly string[] {
  return reports.subjects ?? ['market', ...(instruments.length <= mostByThemselves ? instruments : [])];
}

const passwordVariable = 'TIDEMARK_MAIL_PASSWORD';

async function openConfiguredMail({ mail }: Config, cwd: string): Promise<Mail | undefined> {
  const { host, from, to, user, passwordFile, certificateAuthority } = mail;
  if (host === undefined) return undefined;
  if (from === undefined || to.length === 0) {
    throw new TidemarkError('config-invalid', {
      doing: 'use',
      what: 'setting mail',
      why: 'mail.host is set',
      now: 'set mail.from and mail.to as well',
    });
  }
  const { openMail } = await import('../sinks/mail.ts');
  return openMail({
    host,
    port: mail.port,
    from,
    to,
    secure: mail.secure,
    isPlain: mail.plain,
    ...(user === undefined ? {} : { user }),
    password: async () => {
      if (passwordFile === undefined) return process.env[passwordVariable];
      return (await readSecret(path.resolve(cwd, passwordFile))).replace(/\r?\n$/, '');
    },
    ...(certificateAuthority === undefined
      ? {}
      : { certificateAuthority: await readSecret(path.resolve(cwd, certificateAuthority)) }),
  });
}

async function readSecret(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TidemarkError('config-invalid', {
      doing: 'read',
      what: file,
      cause,
      now: 'check mail.passwordFile and mail.certificateAuthority',
    });
  }
}

/** The dashboard's font, from its package or from the built dashboard. */
function readFont(): string | undefined {
  const files: string[] = [];
  try {
    files.push(
      fileURLToPath(
        import.meta.resolve('@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2'),
      ),
    );
  } catch {
    // Not installed where only what runs is.
  }
  const assets = path.resolve(import.meta.dirname, '../../dist/web/assets');
  if (existsSync(assets)) {
    files.push(
      ...readdirSync(assets)
        .filter((name) => /^ibm-plex-sans-latin-wght-normal.*\.woff2$/.test(name))
        .map((name) => path.join(assets, name)),
    );
  }
  const file = files.find((candidate) => existsSync(candidate));
  return file === undefined ? undefined : readFileSync(file).toString('base64');
}
