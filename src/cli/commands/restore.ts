import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { layoutOf } from '../layout.ts';
import { print } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import type { RestoredJournalReport, RestoredReport } from '../restored-folder.ts';
import { openWorld } from '../wire.ts';

export function registerRestore(program: Command): void {
  program
    .command('restore')
    .description('bring the journals of a lost data folder back from where they were shipped, and say what was not')
    .option('--dry-run', 'only say what is there and what is lost; nothing is written here or there')
    .addHelpText(
      'after',
      '\nThe machine that is gone can not ship any more afterwards.\n\nExamples:\n  tidemark restore --dry-run\n  tidemark --data-dir /srv/tidemark restore && tidemark --data-dir /srv/tidemark up',
    )
    .action(async (options: { dryRun?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const { restoreFolder } = await import('../restored-folder.ts');
      const layout = layoutOf(config.dataDir, process.cwd());
      const report = await restoreFolder(config, layout, openWorld(config), { isDryRun: options.dryRun === true });
      print('restore', globalOptions(command), report, () => textOf(report));
      const isDamaged = report.journals.some(({ damage, missing }) => damage.length + missing.length > 0);
      process.exitCode = isDamaged ? exitCodes.partly : exitCodes.success;
    });
}

function textOf(report: RestoredReport): string {
  const { catalog, journals, isDryRun, store } = report;
  const newestUs = Math.max(
    catalog?.recordedAtUs ?? 0,
    ...journals.map(({ lastReceivedAtUs }) => lastReceivedAtUs ?? 0),
  );
  return [
    `${isDryRun ? 'can come back' : 'came back'} from ${store ?? 'nowhere: the settings name no store'}`,
    ...journals.flatMap((journal) => linesOf(journal, isDryRun)),
    catalog === null
      ? 'the lake: its catalog is gone too, so every table is derived anew from these journals'
      : `the lake: catalog version ${catalog.version}, derived up to what was received at ${instant(catalog.recordedAtUs)}`,
    ...(newestUs === 0
      ? []
      : [
          `whatever was received after ${instant(newestUs)} is gone; it shows as gaps, and what the venue still serves over REST is fetched`,
        ]),
    ...(isDryRun ? [] : ['go on with tidemark up']),
  ].join('\n');
}

function linesOf(journal: RestoredJournalReport, isDryRun: boolean): string[] {
  const { writer, segments, bytes, shippedTo, derivedTo, lost, toDerive, damage, missing, lastReceivedAtUs, next } =
    journal;
  const received = lastReceivedAtUs === null ? '' : `, received until ${instant(lastReceivedAtUs)}`;
  const lines = [
    shippedTo === null
      ? `${writer}: nothing was shipped`
      : `${writer}: ${segments} segments, ${bytes} bytes${isDryRun ? ' (not checked yet)' : ', every block checked'}; shipped up to segment ${shippedTo.segment} offset ${shippedTo.offset}, record ${shippedTo.sequence}${received}`,
  ];
  if (lost !== null) {
    lines.push(
      `  the lake knows of ${lost.records} records more (${lost.fromSequence} to ${lost.toSequence}): their raw bytes are gone, their rows are in the lake`,
    );
  }
  if (toDerive > 0 && derivedTo !== null) {
    lines.push(`  the lake does not have the rows of the last ${toDerive} records yet; the engine derives them`);
  }
  for (const one of damage) {
    lines.push(
      `  DAMAGED: segment ${one.segment} at offset ${one.offset}, ${one.bytes} bytes without a valid checksum`,
    );
  }
  for (const { beforeSegment, fromSequence, records } of missing) {
    lines.push(`  MISSING: ${records} records from ${fromSequence} on, before segment ${beforeSegment}`);
  }
  if (next !== null) lines.push(`  goes on with segment ${next.segment}, record ${next.sequence}`);
  return lines;
}

function instant(us: number): string {
  return new Date(us / 1000).toISOString();
}
