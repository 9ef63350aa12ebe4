import { Command } from 'commander';
import { version } from '../version.ts';
import { registerConfig } from './config.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { registerExport } from './export.ts';
import { registerGaps } from './gaps.ts';
import { registerHarbour } from './harbour.ts';
import { registerJobs } from './jobs.ts';
import { registerLake } from './lake.ts';
import { registerModels } from './models.ts';
import { registerRebuild } from './rebuild.ts';
import { registerRecord } from './record.ts';
import { registerReplay } from './replay.ts';
import { registerReport } from './report.ts';
import { registerRestore } from './restore.ts';
import { registerServe } from './serve.ts';
import { registerSql } from './sql.ts';
import { registerUp } from './up.ts';

/** `tidemark` with all its commands; nothing has run yet. */
export function createProgram(): Command {
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
  for (const register of [
    registerUp,
    registerRecord,
    registerServe,
    registerDemo,
    registerSql,
    registerHarbour,
    registerGaps,
    registerLake,
    registerJobs,
    registerExport,
    registerReplay,
    registerModels,
    registerReport,
    registerRebuild,
    registerRestore,
    registerDoctor,
    registerConfig,
  ]) {
    register(program);
  }
  for (const command of program.commands) command.exitOverride();
  return program;
}
