import type { Command } from 'commander';
import type { LoadedConfig } from './config.ts';
import { loadConfig } from './config.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Options of the command and of the program as one. */
export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

/** Settings as the flags of this call change them. */
export function configOf(command: Command): LoadedConfig {
  const options = globalOptions(command);
  const loaded = loadConfig({ file: options.config, env: process.env, cwd: process.cwd() });
  if (options.dataDir === undefined) return loaded;
  return {
    ...loaded,
    config: { ...loaded.config, dataDir: options.dataDir },
    origin: { ...loaded.origin, dataDir: '--data-dir' },
  };
}

/** Arguments that make a child process see the same settings. */
export function childArguments(command: Command): string[] {
  const options = globalOptions(command);
  return [
    ...(options.config === undefined ? [] : ['--config', options.config]),
    ...(options.dataDir === undefined ? [] : ['--data-dir', options.dataDir]),
  ];
}
