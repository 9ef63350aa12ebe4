import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { stringify as toYaml } from 'yaml';
import { startFolderAnew } from '../demo-folder.ts';
import { layoutOf } from '../layout.ts';
import { openLog } from '../log.ts';
import { print } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { Supervisor } from '../supervisor.ts';
import type { HarbourReady } from './harbour.ts';
import { integerArgument, portArgument } from './serve.ts';
import { untilEnded } from './up.ts';

/** A demo that was stopped a moment ago may need so long to commit what it holds. */
const endingDemoMs = 10_000;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('the whole system against a simulated exchange: no network, no account; all it shows is SIMULATED')
    .option('--seed <number>', 'seed of the simulated market', integerArgument, 7)
    .option('--port <number>', 'port of the dashboard', portArgument)
    .addHelpText('after', '\nExamples:\n  tidemark demo\n  tidemark demo --seed 42 --port 9000')
    .action(async (options: { seed: number; port?: number }, command: Command) => {
      const { config } = configOf(command);
      const log = openLog(process.env['TIDEMARK_LOG_LEVEL'] ?? 'warn', 'demo');
      // A market starts anew with each demo, with ids that clash with an older one's: its folder starts anew too.
      const dataDir = path.join(config.dataDir, 'demo');
      const layout = layoutOf(dataDir, process.cwd());
      await startFolderAnew(layout, endingDemoMs);
      // Variables that say where real data go must not reach the processes of a demo: a file has all they need.
      for (const name of Object.keys(process.env)) {
        if (name.startsWith('TIDEMARK_') && name !== 'TIDEMARK_LOG_LEVEL') delete process.env[name];
      }
      const supervisor = new Supervisor(log);
      const ready = new Promise<HarbourReady>((resolve) => {
        supervisor.start({
          name: 'harbour',
          args: ['harbour', '--seed', String(options.seed), '--json'],
          isOneShot: true,
          onLine: (line) => resolve((JSON.parse(line) as { data: HarbourReady }).data),
        });
      });
      const failed = supervisor.ended.then((code) => code);
      const harbour = await Promise.race([ready, failed]);
      if (typeof harbour === 'number') {
        process.exitCode = harbour;
        return;
      }
      const file = path.join(layout.dataDir, 'tidemark.yaml');
      const port = options.port ?? config.server.port;
      const settings = {
        dataDir: layout.dataDir,
        dataKind: 'simulated',
        instruments: harbour.symbols,
        venue: harbour.hosts,
        server: { port },
        lake: { commitSeconds: 10 },
        log: { level: 'warn' },
      };
      writeFileSync(file, toYaml(settings));
      supervisor.start({
        name: 'engine',
        args: ['--config', file, 'serve', '--seed', String(options.seed)],
        onLine: (url) => {
          const ready = { url, seed: options.seed };
          const text = `\n  Tidemark demo, SIMULATED market (seed ${options.seed}): ${url}\n`;
          print('demo', globalOptions(command), ready, () => text);
        },
      });
      supervisor.start({ name: 'recorder', args: ['--config', file, 'record'] });
      process.exitCode = await untilEnded(supervisor);
    });
}
