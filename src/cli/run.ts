import { CommanderError } from 'commander';
import { createProgram } from './commands/index.ts';
import { exitCodes } from './exit-codes.ts';
import { printUsageError, reportError } from './output.ts';
import type { GlobalOptions } from './program.ts';

const program = createProgram();

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
