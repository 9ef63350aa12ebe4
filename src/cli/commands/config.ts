import type { Command } from 'commander';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { hostsOf, openSource, subscriptionsOf } from '../wire.ts';

export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .description('the settings in force and where each comes from')
    .addHelpText('after', '\nExamples:\n  tidemark config show\n  tidemark --config prod.yaml config validate');
  config
    .command('show', { isDefault: true })
    .description('every setting with its origin: default, file, or the variable that set it')
    .action((_options: object, command: Command) => {
      const { config: settings, origin, file } = configOf(command);
      print('config show', globalOptions(command), { file: file ?? null, settings, origin }, () => {
        const rows = Object.keys(origin).map((key) => [key, shown(settings, key), origin[key]!]);
        return textTable(['setting', 'value', 'from'], rows);
      });
    });
  config
    .command('validate')
    .description('refuses what is wrong and says what was meant')
    .action((_options: object, command: Command) => {
      const { config, file } = configOf(command);
      // What the venue does not have is refused here too, not first when it is to be recorded.
      const streams = subscriptionsOf(config);
      openSource().plan({ streams, hosts: hostsOf(config), dataKind: config.dataKind, venueTime: { mode: 'frames' } });
      print(
        'config validate',
        globalOptions(command),
        { file: file ?? null },
        () => `valid: ${file ?? 'defaults and environment'}`,
      );
    });
}

function shown(settings: unknown, key: string): string {
  const value = key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], settings);
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.join(' ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, item]) => `${name}=${item}`)
    .join(' ');
}
