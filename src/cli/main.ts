import { Command, CommanderError } from 'commander';
import { registerConfig } from './commands/config.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerGaps } from './commands/gaps.ts';
import { registerHarbour } from './commands/harbour.ts';
import { registerRecord } from './commands/record.ts';
import { registerReplay } from './commands/replay.ts';
import { registerServe } from './commands/serve.ts';
import { registerSql } from './commands/sql.ts';
import { registerUp } from './commands/up.ts';
import { exitCodes } from './exit-codes.ts';
import { printUsageError, reportError } from './output.ts';
import type { GlobalOptions } from './program.ts';
import { version } from './version.ts';

const program = new Command('tidemark')
  .description('Records crypto market data, proves that nothing is missing, and serves it.')
  .version(version)
  .option('--config <file>', 'settings file (default: tidemark.yaml, if there is one)')
  .option('--data-dir <folder>', 'data folder, instead of the setting dataDir')
  .option('--json', 'stdout is one JSON envelope and nothing else')
  .option('-v, --verbose', 'stack traces with errors')
  .showSuggestionAfterError(true)
  .addHelpText(
    'after',
    '\nExamples:\n  tidemark demo\n  tidemark up\n  tidemark sql "SELECT symbol, count(*) FROM trades GROUP BY 1"\n  tidemark help replay',
  )
  .showHelpAfterError('(run with --help for usage)')
  .exitOverride();

registerUp(program);
registerRecord(program);
registerServe(program);
registerDemo(program);
registerSql(program);
registerHarbour(program);
registerGaps(program);
registerReplay(program);
registerDoctor(program);
registerConfig(program);

for (const command of program.commands) command.exitOverride();

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
    if (error.exitCode !== 0 && process.argv.includes('--json'))
      printUsageError(program.args[0] ?? '', program.args.length === 0 ? 'no command was given' : error.message);
  } else {
    const command = program.args[0] ?? '';
    process.exitCode = reportError(command, program.opts<GlobalOptions>(), error);
  }
}
// Commands that run for ever return their exit code; whatever handle a library left open must not hold the process.
if (process.exitCode !== undefined) process.exit(process.exitCode);
