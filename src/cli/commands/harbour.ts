import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { demoSymbols, startHarbour } from '../../harbour/index.ts';
import type { VenueHosts } from '../../ports/source.ts';
import { createNodeWorld } from '../../world/node/index.ts';
import { print } from '../output.ts';
import { runUntilStopped } from '../process.ts';
import { globalOptions } from '../program.ts';
import { integerArgument, portArgument } from './serve.ts';

/** What `tidemark harbour --json` says when it is ready. */
export interface HarbourReady {
  readonly hosts: VenueHosts;
  readonly symbols: readonly string[];
  readonly seed: number;
}

function speedArgument(text: string): number {
  const speed = Number(text);
  if (!(speed > 0) || speed > 1000) throw new InvalidArgumentError('it must be a number from above 0 to 1000.');
  return speed;
}

export function registerHarbour(program: Command): void {
  program
    .command('harbour')
    .description('a simulated exchange on this machine: seeded matching engines behind the venue’s own protocol')
    .option('--seed <number>', 'the same seed makes the same market', integerArgument, 7)
    .option('--port <number>', 'port to listen on; 0 for any free one', portArgument, 0)
    .option('--speed <factor>', 'market seconds per second', speedArgument, 1)
    .addHelpText('after', '\nExamples:\n  tidemark harbour\n  tidemark harbour --seed 42 --port 9443 --json')
    .action(async (options: { seed: number; port: number; speed: number }, command: Command) => {
      const harbour = await startHarbour(createNodeWorld(), {
        port: options.port,
        mode: { kind: 'matching', seed: options.seed, symbols: demoSymbols, speed: options.speed },
      });
      const symbols = demoSymbols.map(({ market, symbol }) => `binance:${market}:${symbol}`);
      const ready: HarbourReady = { hosts: harbour.hosts, symbols, seed: options.seed };
      print('harbour', globalOptions(command), ready, () => {
        const base = `127.0.0.1:${harbour.port}`;
        return `SIMULATED exchange, seed ${options.seed}: ws://${base} and http://${base}\nsymbols: ${symbols.join(' ')}`;
      });
      process.exitCode = await runUntilStopped({ done: new Promise(() => {}), stop: () => harbour.stop() });
    });
}
