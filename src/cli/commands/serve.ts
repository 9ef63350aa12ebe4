import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { openLog } from '../log.ts';
import { print } from '../output.ts';
import { runUntilStopped } from '../process.ts';
import { configOf, globalOptions } from '../program.ts';
import { runEngine } from '../wire.ts';

export function integerArgument(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}

export function portArgument(text: string): number {
  const port = integerArgument(text);
  if (port > 65_535) throw new InvalidArgumentError('a port is at most 65535.');
  return port;
}

export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('the engine: journals into candles, books and the lake; HTTP and WebSocket API; dashboard')
    .option('--port <number>', 'instead of the setting server.port', portArgument)
    .option('--seed <number>', 'seed of the simulated market that is recorded, shown on screen', integerArgument)
    .addOption(
      new Option('--venue-time <mode>', 'where venue time is had from: the wall clock, or the frames of a replay')
        .choices(['wall', 'frames'])
        .default('wall'),
    )
    .addHelpText('after', '\nExamples:\n  tidemark serve\n  tidemark serve --port 9000')
    .action(async (options: { port?: number; seed?: number; venueTime: 'wall' | 'frames' }, command: Command) => {
      const { config } = configOf(command);
      const log = openLog(config.log.level, 'engine');
      const server = { ...config.server, ...(options.port === undefined ? {} : { port: options.port }) };
      const running = await runEngine({ ...config, server }, process.cwd(), log, {
        seed: options.seed ?? null,
        venueTimeMode: options.venueTime,
      });
      const { url } = running.server;
      print('serve', globalOptions(command), { url, dataKind: config.dataKind }, () => url);
      process.exitCode = await runUntilStopped(running);
    });
}
