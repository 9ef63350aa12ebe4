import { createHash } from 'node:crypto';
import { TidemarkError } from '../../domain/error.ts';
import { dayUs } from '../../domain/interval.ts';
import type { JobDefinition } from '../definition.ts';
import { usualDefaults } from './defaults.ts';
import { type ExportFormat, type ExportParts, exportTable } from './export-table.ts';

export interface DailyExport {
  readonly tables: readonly string[];
  readonly format: ExportFormat;
  /** Absolute; each day gets a folder in it. */
  readonly folder: string;
}

/** The day's rows of the named tables as files, for those who collect files. */
export function exportJob(parts: ExportParts, daily: DailyExport): JobDefinition {
  const { tables, format, folder } = daily;
  return {
    ...usualDefaults,
    name: 'export',
    description: `the day's rows of ${tables.length === 0 ? 'chosen tables' : tables.join(', ')} as ${format} files with manifests`,
    schedule: { kind: 'settled' },
    partitioning: 'day',
    ...(tables.length === 0 ? { notAvailable: 'no tables are named in the setting jobs.export.tables' } : {}),
    ifItDies: 'files with a manifest are whole; the next attempt writes the others',
    inputs: async ({ partition }) => {
      const { files } = await parts.lake.state();
      const hash = createHash('sha256').update(JSON.stringify(daily));
      for (const { table, date, sha256 } of files) {
        if (tables.includes(table) && date === partition) hash.update(sha256);
      }
      return hash.digest('hex');
    },
    work: async ({ partition, log, progress, signal }) => {
      const fromUs = Date.parse(`${partition}T00:00:00Z`) * 1000;
      let rows = 0;
      let bytes = 0;
      let gaps = 0;
      for (const [at, table] of tables.entries()) {
        progress(at / tables.length);
        try {
          const range = { fromUs, toUs: fromUs + dayUs };
          const request = { table, ...range, format, folder: `${folder}/${partition}` };
          const { file, isWhole, gaps: missing } = await exportTable(parts, request, signal);
          rows += file.rows;
          bytes += file.bytes;
          gaps += isWhole ? 0 : missing.length;
          log('info', `${file.name}: ${file.rows} rows, ${file.bytes} bytes${isWhole ? '' : ', not whole'}`);
        } catch (error) {
          if (!(error instanceof TidemarkError) || error.code !== 'not-found') throw error;
          log('info', `${table}: no rows on this day`);
        }
      }
      return { rows, bytes, effect: gaps === 0 ? 'every stream is whole' : `${gaps} gaps named in the manifests` };
    },
  };
}
