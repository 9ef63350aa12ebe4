import type { Command } from 'commander';
import { layoutOf } from '../layout.ts';
import { openLog } from '../log.ts';
import { refuseLostJournals } from '../lost-journals.ts';
import { print } from '../output.ts';
import { untilSignalled } from '../process.ts';
import { childArguments, configOf, globalOptions } from '../program.ts';
import { Supervisor } from '../supervisor.ts';
import { openWorld } from '../wire.ts';

export function registerUp(program: Command): void {
  program
    .command('up')
    .description('record and serve together, each started again if it dies; prints the URL of the dashboard')
    .addHelpText('after', '\nExamples:\n  tidemark up\n  TIDEMARK_SERVER_PORT=9000 tidemark up')
    .action(async (_options: object, command: Command) => {
      const { config } = configOf(command);
      const log = openLog(config.log.level, 'up');
      // Asked before either begins: a recorder would begin a journal while the engine still finds that out.
      await refuseLostJournals(config, layoutOf(config.dataDir, process.cwd()), openWorld(config), log);
      const supervisor = new Supervisor(log);
      let announcedUrl: string | undefined;
      supervisor.start({
        name: 'engine',
        args: [...childArguments(command), 'serve'],
        onLine: (url) => {
          // An engine that was started again is mostly where it was.
          if (url === announcedUrl) return;
          announcedUrl = url;
          const { dataKind } = config;
          print('up', globalOptions(command), { url, dataKind }, () => `Tidemark (${dataKind}) is at ${url}`);
        },
      });
      supervisor.start({ name: 'recorder', args: [...childArguments(command), 'record'] });
      process.exitCode = await untilEnded(supervisor);
    });
}

/** Until a signal, or a child that must not be started again; ends all children. */
export async function untilEnded(supervisor: Supervisor): Promise<number> {
  const code = await Promise.race([untilSignalled(), supervisor.ended]);
  await supervisor.stop();
  return code;
}
