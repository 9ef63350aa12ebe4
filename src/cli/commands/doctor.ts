import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Command } from 'commander';
import { plainRemoteHost } from '../../catalog/postgres-address.ts';
import { TidemarkError } from '../../domain/error.ts';
import type { Config } from '../config.ts';
import { exitCodes } from '../exit-codes.ts';
import { tryBucket } from '../lake-blobs.ts';
import { openJobStore } from '../lake-catalog.ts';
import { layoutOf } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { checkShipping } from '../shipping-check.ts';
import { hostsOf, openSource, openStores, openWorld, runningEngineUrl } from '../wire.ts';

interface Check {
  readonly name: string;
  readonly result: 'pass' | 'warn' | 'fail';
  readonly detail: string;
}

const lowDiskBytes = 2 * 1024 ** 3;
const clockToleranceMs = 1000;

/** Nothing is repaired or started. It asks for the venue's time, and puts an object in the lake's bucket that it removes again. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('checks what Tidemark needs, and says what to do about each failure')
    .option('--offline', 'leave out the check that asks the venue')
    .option('--strict', 'warnings fail as well')
    .addHelpText('after', '\nExamples:\n  tidemark doctor\n  tidemark doctor --offline --json')
    .action(async (options: { offline?: boolean; strict?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const checks = [
        checkRuntime(),
        ...checkDisk(config),
        ...(await checkBucket(config)),
        await checkLake(config),
        ...checkCatalog(config),
        ...(await checkShipped(config)),
        await checkJobs(config),
        await checkPort(config),
        checkDashboard(),
        ...(options.offline ? [] : await checkVenue(config)),
      ];
      print('doctor', globalOptions(command), { checks }, () =>
        textTable(
          ['check', 'result', 'detail'],
          checks.map((check) => [check.name, check.result, check.detail]),
        ),
      );
      const isBad = checks.some((check) => check.result === 'fail' || (options.strict && check.result === 'warn'));
      process.exitCode = isBad ? exitCodes.checkFailed : exitCodes.success;
    });
}

function checkRuntime(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  return { name: 'runtime', result: major >= 24 ? 'pass' : 'fail', detail: `Node ${process.versions.node}` };
}

function checkDisk(config: Config): Check[] {
  const { dataDir } = layoutOf(config.dataDir, process.cwd());
  // Before the first start the nearest folder above it must be writable.
  let existing = dataDir;
  while (!existsSync(existing)) existing = path.dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    return [
      { name: 'data folder', result: 'fail', detail: `${dataDir} can not be written to: change its owner or dataDir` },
    ];
  }
  const disk = statfsSync(existing);
  const freeBytes = disk.bavail * disk.bsize;
  return [
    { name: 'data folder', result: 'pass', detail: dataDir },
    {
      name: 'free disk',
      result: freeBytes < lowDiskBytes ? 'warn' : 'pass',
      detail: `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`,
    },
  ];
}

async function checkBucket(config: Config): Promise<Check[]> {
  if (config.lake.store !== 's3') return [];
  const layout = layoutOf(config.dataDir, process.cwd());
  // Whoever asks wants to know now, not when an outage is over.
  const s3 = { ...config.lake.s3, retrySeconds: 2 };
  try {
    const { location, isForeign, keepsOldVersions } = await tryBucket(layout, { ...config.lake, s3 });
    const checks: Check[] = [
      { name: 'bucket', result: 'pass', detail: `${location} takes, returns and removes; of two writers one is first` },
    ];
    if (isForeign) {
      const detail = `the lake of another data folder lies in ${location}: set lake.s3.prefix to another place`;
      // A catalog that knows files may be a shared one, or that of a lake that moved.
      const knowsFiles = ((await committedState(config).catch(() => undefined))?.files ?? 0) > 0;
      checks.push({ name: 'bucket owner', result: knowsFiles ? 'warn' : 'fail', detail });
    }
    if (keepsOldVersions === true) {
      const detail = 'keeps what was removed as old versions: a rule of the bucket should let them expire';
      checks.push({ name: 'bucket versions', result: 'warn', detail });
    }
    return checks;
  } catch (error) {
    return [{ name: 'bucket', result: 'fail', detail: error instanceof Error ? error.message : String(error) }];
  }
}

async function checkLake(config: Config): Promise<Check> {
  try {
    const state = await committedState(config);
    if (state === undefined) return { name: 'lake', result: 'pass', detail: 'nothing recorded yet' };
    return { name: 'lake', result: 'pass', detail: `catalog version ${state.version}, ${state.files} files` };
  } catch (error) {
    return { name: 'lake', result: 'fail', detail: error instanceof Error ? error.message : String(error) };
  }
}

function checkCatalog({ catalog }: Config): Check[] {
  const host = catalog.kind === 'postgres' ? plainRemoteHost(catalog.url) : undefined;
  if (host === undefined) return [];
  const detail = `what goes to ${host} is not encrypted: add ?sslmode=verify-full to catalog.url`;
  return [{ name: 'catalog', result: 'warn', detail }];
}

async function committedState(config: Config): Promise<{ version: number; files: number } | undefined> {
  const layout = layoutOf(config.dataDir, process.cwd());
  const isShared = config.catalog.kind === 'postgres';
  if (!isShared && !existsSync(layout.catalog)) return undefined;
  // Whoever asks wants to know now, not when an outage is over.
  const settings = {
    ...config,
    catalog: { ...config.catalog, retrySeconds: 2 },
    lake: { ...config.lake, s3: { ...config.lake.s3, retrySeconds: 2 } },
  };
  try {
    const stores = await openStores(layout, { isReadOnly: true, settings });
    const state = await stores.lake.open();
    await stores.close();
    return { version: state.version, files: state.files.length };
  } catch (error) {
    if (isShared && error instanceof TidemarkError && error.code === 'not-found') return undefined;
    throw error;
  }
}

async function checkShipped(config: Config): Promise<Check[]> {
  const checked = await checkShipping(config, layoutOf(config.dataDir, process.cwd()), openWorld(config));
  return checked === undefined ? [] : [{ name: 'shipping', ...checked }];
}

/** What a person would have to look at: a job whose newest run failed, or one that died and has nobody to try it again. */
async function checkJobs(config: Config): Promise<Check> {
  const layout = layoutOf(config.dataDir, process.cwd());
  const isRecorded = config.catalog.kind === 'postgres' ? existsSync(layout.engineFile) : existsSync(layout.jobs);
  if (!isRecorded) return { name: 'jobs', result: 'pass', detail: 'none has run yet' };
  try {
    const store = await openJobStore(layout, { settings: config, isReadOnly: true });
    try {
      const latest = await store.latestRuns();
      const isEngineUp = (await runningEngineUrl(layout, openWorld(config))) !== undefined;
      const needLook = latest.flatMap(({ job, id, state, error }) => {
        if (state === 'failed') return [`${job} failed (${error?.message ?? 'unknown'}): tidemark jobs logs ${id}`];
        return state === 'running' && !isEngineUp
          ? [`${job} died in run ${id}: the engine tries it again when it runs`]
          : [];
      });
      if (needLook.length > 0) return { name: 'jobs', result: 'warn', detail: needLook.join('; ') };
      return { name: 'jobs', result: 'pass', detail: `${latest.length} jobs have run, none needs a look` };
    } finally {
      await store.close();
    }
  } catch (error) {
    return { name: 'jobs', result: 'fail', detail: error instanceof Error ? error.message : String(error) };
  }
}

async function checkPort(config: Config): Promise<Check> {
  const { host, port } = config.server;
  const url = await runningEngineUrl(layoutOf(config.dataDir, process.cwd()), openWorld(config));
  if (url !== undefined) return { name: 'port', result: 'pass', detail: `our engine answers at ${url}` };
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
  return isFree
    ? { name: 'port', result: 'pass', detail: `${host}:${port} is free` }
    : { name: 'port', result: 'fail', detail: `${host}:${port} is in use: stop the other program or set server.port` };
}

function checkDashboard(): Check {
  const index = path.resolve(import.meta.dirname, '../../../dist/web/index.html');
  return existsSync(index)
    ? { name: 'dashboard', result: 'pass', detail: 'built' }
    : { name: 'dashboard', result: 'warn', detail: 'not built: start through npm, which builds it' };
}

async function checkVenue(config: Config): Promise<Check[]> {
  const world = openWorld(config);
  const request = openSource().requests.time('spot');
  const base = hostsOf(config).rest.spot?.[0];
  if (base === undefined) return [{ name: 'venue', result: 'fail', detail: 'no REST host for spot' }];
  try {
    const beforeMs = Date.now();
    const answer = await world.network.httpGet(`${base}${request.path}`, { timeoutMs: 5000, maxBodyBytes: 10_000 });
    const nowMs = (beforeMs + Date.now()) / 2;
    if (answer.status === 451) {
      return [
        {
          name: 'venue',
          result: 'warn',
          detail: 'the venue refuses this location (HTTP 451): its public-data hosts are used',
        },
      ];
    }
    if (answer.status !== 200) return [{ name: 'venue', result: 'fail', detail: `HTTP ${answer.status} from ${base}` }];
    const { serverTime } = JSON.parse(new TextDecoder().decode(answer.body)) as { serverTime: number };
    const offsetMs = Math.round(serverTime - nowMs);
    const isNear = Math.abs(offsetMs) < clockToleranceMs;
    return [
      { name: 'venue', result: 'pass', detail: `${base} answers` },
      { name: 'clock', result: isNear ? 'pass' : 'warn', detail: `the venue's clock is ${offsetMs} ms ahead of ours` },
    ];
  } catch (error) {
    return [{ name: 'venue', result: 'fail', detail: error instanceof Error ? error.message : String(error) }];
  }
}
