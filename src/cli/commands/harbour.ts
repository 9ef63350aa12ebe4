import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { demoSymbols, startHarbour } from '../../harbour/index.ts';
import { createNodeWorld } from '../../world/node/index.ts';
import { runUntilStopped } from '../process.ts';
import { globalOptions } from '../program.ts';
import { integerArgument, portArgument } from './serve.ts';

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
      if (globalOptions(command).json) {
        process.stdout.write(`${JSON.stringify({ hosts: harbour.hosts, symbols, seed: options.seed })}\n`);
      } else {
        const base = `127.0.0.1:${harbour.port}`;
        process.stdout.write(`SIMULATED exchange, seed ${options.seed}: ws://${base} and http://${base}\n`);
        process.stdout.write(`symbols: ${symbols.join(' ')}\n`);
      }
      process.exitCode = await runUntilStopped({ done: new Promise(() => {}), stop: () => harbour.stop() });
    });
}
