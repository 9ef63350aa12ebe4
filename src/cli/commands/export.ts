import path from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { parseInstrumentId } from '../../domain/instrument.ts';
import { type ExportManifest, exportFormats } from '../../jobs/work/export-table.ts';
import { parseTime } from '../../server/query.ts';
import { exportParts } from '../job-parts.ts';
import { layoutOf, refuseUnrecorded } from '../layout.ts';
import { print, textTable } from '../output.ts';
import { configOf, globalOptions } from '../program.ts';
import { openStores, openWorld } from '../wire.ts';

interface ExportOptions {
  readonly from?: string;
  readonly to?: string;
  readonly format: (typeof exportFormats)[number];
  readonly out: string;
}

export function registerExport(program: Command): void {
  program
    .command('export')
    .description('committed rows of a table as one Parquet or CSV file, with a manifest of what it holds and lacks')
    .argument('<table>', 'a table or a model, like trades or candles')
    .argument('[instrument]', 'only of this one, like binance:spot:BTCUSDT')
    .option('--from <time>', 'start, inclusive: ISO 8601, µs or ms since 1970, or now-6h')
    .option('--to <time>', 'end, exclusive')
    .addOption(new Option('--format <format>').choices([...exportFormats]).default('parquet'))
    .requiredOption('--out <folder>', 'where the file and its manifest go')
    .addHelpText(
      'after',
      '\nExamples:\n  tidemark export trades binance:spot:BTCUSDT --from 2026-03-09 --to 2026-03-10 --out exports\n  tidemark export gaps --format csv --out exports',
    )
    .action(async (table: string, instrument: string | undefined, options: ExportOptions, command: Command) => {
      const { config } = configOf(command);
      const layout = layoutOf(config.dataDir, process.cwd());
      if (config.catalog.kind === 'sqlite') refuseUnrecorded(layout);
      const { exportTable } = await import('../../jobs/work/export-table.ts');
      const world = openWorld(config);
      const nowUs = () => world.clock.wallUs();
      const stores = await openStores(layout, { isReadOnly: true, settings: config });
      const stopped = new AbortController();
      const stop = () => stopped.abort(new Error('interrupted'));
      process.once('SIGINT', stop);
      try {
        const manifest = await exportTable(
          await exportParts(config, layout, stores, world),
          {
            table,
            format: options.format,
            folder: path.resolve(options.out),
            ...(instrument === undefined ? {} : { instrument: parseInstrumentId(instrument) }),
            ...(options.from === undefined ? {} : { fromUs: parseTime('from', options.from, nowUs) }),
            ...(options.to === undefined ? {} : { toUs: parseTime('to', options.to, nowUs) }),
          },
          stopped.signal,
        );
        const warnings = manifest.isWhole ? [] : ['gaps lie in the range: the manifest names them'];
        print('export', globalOptions(command), manifest, () => textOf(manifest, options.out), warnings);
      } finally {
        process.off('SIGINT', stop);
        await stores.close();
      }
    });
}

function textOf({ file, catalogVersion, gaps }: ExportManifest, folder: string): string {
  return textTable(
    ['file', 'rows', 'bytes', 'gaps', 'catalog version'],
    [
      [
        path.join(folder, file.name),
        String(file.rows),
        String(file.bytes),
        String(gaps.length),
        String(catalogVersion),
      ],
    ],
  );
}
