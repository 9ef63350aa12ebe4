import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { layoutOf } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import type { Rebuilt } from '../rebuilt-lake.ts';
import { openWorld } from '../wire.ts';

const notCompared = 'not compared: the recorder goes on, so the journal does not stand still, or there was no lake';

export function registerRebuild(program: Command): void {
  program
    .command('rebuild')
    .description(
      'derive every table once more from the journals and compare it with what is committed; no engine may run',
    )
    .option('--replace', 'the rebuilt lake takes the place of the committed one')
    .option('--shipped', 'from where the journals were shipped to, whether they are here or not')
    .addHelpText(
      'after',
      '\nExamples:\n  tidemark rebuild\n  tidemark --data-dir /srv/tidemark rebuild --replace\n  tidemark rebuild --shipped',
    )
    .action(async (options: { replace?: boolean; shipped?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const { rebuildLake } = await import('../rebuilt-lake.ts');
      const layout = layoutOf(config.dataDir, process.cwd());
      const rebuilt = await rebuildLake(config, layout, openWorld(config), {
        replaces: options.replace === true,
        isFromShipped: options.shipped === true,
      });
      const warnings = rebuilt.days === undefined ? [notCompared] : [];
      print('rebuild', globalOptions(command), rebuilt, () => textOf(rebuilt), warnings);
      const differs = rebuilt.days?.some(({ isEqual }) => !isEqual) ?? false;
      process.exitCode = differs ? exitCodes.checkFailed : exitCodes.success;
    });
}

function textOf({ days, frames, isReplaced }: Rebuilt): string {
  const differing = days?.filter(({ isEqual }) => !isEqual) ?? [];
  const lines = [`${frames} frames derived once more`];
  if (days !== undefined && differing.length === 0) {
    const rows = days.reduce((sum, day) => sum + day.rows, 0);
    lines.push(`${rows} rows of ${days.length} tables, instruments and days: all equal`);
  }
  if (differing.length > 0) {
    const header = ['table', 'symbol', 'day', 'rows before', 'rows now'];
    lines.push(
      'these differ:',
      textTable(
        header,
        differing.map((day) => [day.table, day.symbol, day.date, String(day.rowsBefore), String(day.rows)]),
      ),
    );
  }
  if (isReplaced) lines.push('the rebuilt lake is in place');
  return lines.join('\n');
}
