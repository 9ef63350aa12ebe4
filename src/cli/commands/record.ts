import type { Command } from 'commander';
import { openLog } from '../log.ts';
import { print } from '../output.ts';
import { runUntilStopped } from '../process.ts';
import { configOf, globalOptions } from '../program.ts';
import { runRecorder } from '../wire.ts';

export function registerRecord(program: Command): void {
  program
    .command('record')
    .description(
      'receive from the venue into the journal; needs nothing else, and follows the plan that the engine writes',
    )
    .addHelpText('after', '\nExamples:\n  tidemark record\n  tidemark --data-dir /srv/tidemark record')
    .action(async (_options: object, command: Command) => {
      const { config } = configOf(command);
      const log = openLog(config.log.level, 'recorder');
      const recorder = await runRecorder(config, process.cwd(), log);
      print('record', globalOptions(command), { dataDir: config.dataDir }, () => '');
      log.info({ dataDir: config.dataDir }, 'recorder runs');
      process.exitCode = await runUntilStopped(recorder);
    });
}
