import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Batch } from '../domain/batch.ts';
import { TidemarkError } from '../domain/error.ts';
import { Slots } from '../domain/slots.ts';
import { tables } from '../domain/tables/index.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Lake } from '../ports/lake.ts';

export interface DbtSources {
  readonly folder: string;
  readonly catalogVersion: number;
  readonly files: number;
  /** First day that changed since the folder was written before; undefined the first time, or when nothing did. */
  readonly since: string | undefined;
  readonly command: string;
}

const markFile = 'sources.json';

/**
 * Puts the files of one catalog version under one name a table, so that a plain path reads them and no sweep takes them;
 * with a profile and the variables that dbt needs. What dbt made there before stays.
 */
export async function writeDbtSources(
  stores: { lake: Lake; catalog: Catalog; blobs: BlobStore },
  folder: string,
  projectFolder: string,
): Promise<DbtSources> {
  const mark = path.join(folder, markFile);
  if (existsSync(folder) && !existsSync(mark) && readdirSync(folder).length > 0) {
    throw new TidemarkError('data-folder-used', {
      doing: 'write the sources to',
      what: folder,
      why: 'something else is in it',
      now: 'name an empty or new folder',
    });
  }
  const before = existsSync(mark) ? (JSON.parse(readFileSync(mark, 'utf8')) as { catalogVersion: number }) : undefined;
  const { version, files } = await stores.lake.state();
  const made = path.join(folder, 'tables.new');
  rmSync(made, { recursive: true, force: true });
  let count = 0;
  for (const spec of tables) {
    const place = path.join(made, spec.name);
    mkdirSync(place, { recursive: true });
    const ofTable = files.filter((file) => file.table === spec.name);
    for (const file of ofTable) {
      put(
        await stores.blobs.localPath(file.name),
        path.join(place, `${file.market}-${file.date}-${file.sha256.slice(0, 40)}.parquet`),
      );
    }
    count += ofTable.length;
    // A pattern that matches no file is an error there.
    if (ofTable.length === 0) {
      await stores.lake.writeTail(new Batch(spec), new Slots(), path.join(place, 'empty.parquet'));
    }
  }
  const changes = before === undefined ? [] : await stores.catalog.rowsChangedAfter(before.catalogVersion);
  const names = new Set(tables.map((table) => table.name));
  const since = changes
    .filter((change) => names.has(change.table))
    .map((change) => change.date)
    .sort()[0];
  const sources = path.join(folder, 'tables');
  rmSync(sources, { recursive: true, force: true });
  renameSync(made, sources);
  writeFileSync(path.join(folder, 'profiles.yml'), profile(path.join(folder, 'gold.duckdb')));
  writeFileSync(
    path.join(folder, 'vars.yml'),
    `${JSON.stringify({ sources, ...(since === undefined ? {} : { since }) })}\n`,
  );
  writeFileSync(mark, `${JSON.stringify({ catalogVersion: version, since: since ?? null })}\n`);
  const command = `dbt build --project-dir ${projectFolder} --profiles-dir ${folder} --vars "$(cat ${path.join(folder, 'vars.yml')})"`;
  return { folder, catalogVersion: version, files: count, since, command };
}

/** The same bytes under another name; a copy where the file system differs. */
function put(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function profile(database: string): string {
  return `tidemark:
  target: gold
  outputs:
    gold:
      type: duckdb
      path: ${JSON.stringify(database)}
      threads: 2
      settings:
        TimeZone: UTC
`;
}
