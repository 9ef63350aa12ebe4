import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { TidemarkError } from '../../domain/error.ts';
import type { Garbage, LakeInfo, LakeVerification, VerifyProgress } from '../../ports/lake-upkeep.ts';
import type { Config } from '../config.ts';
import { exitCodes } from '../exit-codes.ts';
import { isLocked, lockJournal } from '../journal-locks.ts';
import { type Layout, layoutOf, refuseUnrecorded } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { openStores, type Stores } from '../wire.ts';

export function registerLake(program: Command): void {
  const lake = program
    .command('lake')
    .description('what the lake holds, whether it is whole, and what nobody needs any more')
    .addHelpText('after', '\nExamples:\n  tidemark lake info\n  tidemark lake verify\n  tidemark lake gc --dry-run');
  lake
    .command('info')
    .description('tables with their files, rows, bytes and Iceberg state')
    .addHelpText('after', '\nExamples:\n  tidemark lake info\n  tidemark lake info --json')
    .action(async (_: object, command: Command) => {
      const info = await reading(command, ({ upkeep }) => upkeep.info());
      print('lake info', globalOptions(command), info, () => infoText(info));
    });
  lake
    .command('verify')
    .description(`read everything back from the store and compare it with the catalog; exits with ${exitCodes.checkFailed} when something is wrong`)
    .addHelpText('after', '\nIt changes nothing and works beside a running engine.\n\nExamples:\n  tidemark lake verify\n  tidemark lake verify --json')
    .action(async (_: object, command: Command) => {
      const shown = new ProgressLine();
      const found = await reading(command, ({ upkeep }) => upkeep.verify({ onProgress: (at) => shown.show(at) })).finally(() => shown.end());
      print('lake verify', globalOptions(command), found, () => verificationText(found), found.notes);
      process.exitCode = found.problems.length > 0 ? exitCodes.checkFailed : exitCodes.success;
    });
  lake
    .command('gc')
    .description('remove what was replaced longer than the grace period ago, and what failed commits left; no engine may run')
    .option('--dry-run', 'only name it; works beside a running engine')
    .addHelpText('after', '\nA running engine does the same every lake.maintenanceSeconds.\n\nExamples:\n  tidemark lake gc --dry-run\n  tidemark lake gc')
    .action(async (options: { dryRun?: boolean }, command: Command) => {
      const isDryRun = options.dryRun === true;
      const garbage = await (isDryRun ? reading(command, ({ upkeep }) => upkeep.garbage()) : collect(command));
      const data = { isDryRun, blobs: garbage, bytes: bytesOf(garbage) };
      print('lake gc', globalOptions(command), data, () => garbageText(garbage, isDryRun));
    });
} // biome-ignore format: long texts

async function reading<T>(command: Command, work: (stores: Stores) => Promise<T>): Promise<T> {
  const { config } = configOf(command);
  return using(config, layoutOf(config.dataDir, process.cwd()), true, work);
}

async function using<T>(
  config: Config,
  layout: Layout,
  isReadOnly: boolean,
  work: (stores: Stores) => Promise<T>,
): Promise<T> {
  if (config.catalog.kind !== 'postgres') refuseUnrecorded(layout);
  const stores = await openStores(layout, { settings: config, isReadOnly });
  try {
    return await work(stores);
  } finally {
    await stores.close();
  }
}

/** As an engine would do it, in its place. */
async function collect(command: Command): Promise<readonly Garbage[]> {
  const { config } = configOf(command);
  const layout = layoutOf(config.dataDir, process.cwd());
  if (!existsSync(layout.engineJournal)) {
    throw new TidemarkError('not-found', {
      doing: 'collect garbage with',
      what: layout.dataDir,
      why: 'no engine ever ran on this data folder, and another one may be writing this lake now',
      now: 'run it where the engine runs; with --dry-run it works anywhere',
    });
  }
  let lock: { release(): void } | undefined;
  try {
    lock = lockJournal(layout.engineJournal, 'lake gc');
  } catch (error) {
    if (!isLocked(error)) throw error;
    throw new TidemarkError('lake-locked', {
      doing: 'collect garbage in',
      what: layout.dataDir,
      why: 'an engine runs on it',
      now: `nothing is to be done: it removes the same every ${config.lake.maintenanceSeconds} s`,
      cause: error,
    });
  }
  try {
    return await using(config, layout, false, async ({ lake, upkeep }) => {
      await lake.open();
      const garbage = await upkeep.garbage();
      await lake.sweep();
      return garbage;
    });
  } finally {
    lock?.release();
  }
}

function bytesOf(garbage: readonly Garbage[]): number {
  return garbage.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}

function garbageText(garbage: readonly Garbage[], isDryRun: boolean): string {
  if (garbage.length === 0) return 'nothing to remove';
  const rows = garbage.map(({ name, bytes, why }) => [name, String(bytes ?? 0), why]);
  const total = `${garbage.length} blobs, ${bytesOf(garbage)} bytes`;
  return `${textTable(['name', 'bytes', 'why'], rows)}\n${isDryRun ? `would remove ${total}` : `removed ${total}`}`;
}

function infoText({ version, committedAtUs, oldestVersion, tables }: LakeInfo): string {
  const at = committedAtUs === 0 ? '' : ` of ${new Date(committedAtUs / 1000).toISOString()}`;
  const head = `version ${version}${at}; versions from ${oldestVersion} on can be read`;
  if (tables.length === 0) return head;
  const header = ['table', 'files', 'rows', 'bytes', 'first day', 'last day', 'iceberg'];
  const rows = tables.map((one) => [
    one.table,
    String(one.files),
    String(one.rows),
    String(one.bytes),
    one.firstDate,
    one.lastDate,
    one.isIcebergCurrent ? 'current' : one.icebergVersion === null ? 'none' : `as of version ${one.icebergVersion}`,
  ]);
  return `${head}\n${textTable(header, rows)}`;
}

function verificationText({ version, files, bytes, checkpoints, icebergTables, problems }: LakeVerification): string {
  const read = `version ${version}: ${files} files (${bytes} bytes), ${checkpoints} checkpoints, Iceberg metadata of ${icebergTables} tables`;
  if (problems.length === 0) return `${read}: all as they should be`;
  const lines = problems.map(({ kind, name, detail }) => `${kind}: ${name}: ${detail}`);
  return `${lines.join('\n')}\n${read}: ${problems.length} problems`;
}

/** One line on a terminal, nowhere else. */
class ProgressLine {
  #shownAtMs = 0;

  show({ filesDone, files, bytesDone, bytes }: VerifyProgress): void {
    if (!process.stderr.isTTY || Date.now() - this.#shownAtMs < 200) return;
    this.#shownAtMs = Date.now();
    const percent = bytes === 0 ? 100 : Math.floor((100 * bytesDone) / bytes);
    process.stderr.write(`\r\x1b[K${percent} %  ${filesDone} of ${files} files`);
  }

  end(): void {
    if (this.#shownAtMs > 0) process.stderr.write('\r\x1b[K');
  }
}
