import { existsSync } from 'node:fs';
import path from 'node:path';
import { TidemarkError } from '../domain/error.ts';

/** Where things are in a data folder; `docs/data-folder.md` says the same in words. */
export interface Layout {
  readonly dataDir: string;
  readonly recorderJournal: string;
  readonly engineJournal: string;
  readonly lake: string;
  /** Copies of files that lie in a bucket. */
  readonly cache: string;
  /** By which the bucket knows this data folder. */
  readonly storeFile: string;
  readonly catalog: string;
  /** The record of jobs and their runs. */
  readonly jobs: string;
  readonly planFile: string;
  readonly scratch: string;
  /** What the job export writes, where no other folder is set. */
  readonly exports: string;
  /** Written by a running engine: its address. */
  readonly engineFile: string;
}

export function layoutOf(dataDir: string, cwd: string): Layout {
  const root = path.resolve(cwd, dataDir);
  return {
    dataDir: root,
    recorderJournal: path.join(root, 'journal', 'recorder'),
    engineJournal: path.join(root, 'journal', 'engine'),
    lake: path.join(root, 'lake'),
    cache: path.join(root, 'cache'),
    storeFile: path.join(root, 'store.json'),
    catalog: path.join(root, 'catalog.sqlite'),
    jobs: path.join(root, 'jobs.sqlite'),
    planFile: path.join(root, 'plan.json'),
    scratch: path.join(root, 'scratch'),
    exports: path.join(root, 'exports'),
    engineFile: path.join(root, 'engine.json'),
  };
}

/** For commands that only read: they create nothing. */
export function refuseUnrecorded(layout: Layout): void {
  if (existsSync(layout.catalog)) return;
  throw new TidemarkError('not-found', {
    doing: 'read from',
    what: layout.dataDir,
    why: 'nothing was recorded there',
    now: 'run tidemark up first, or name the folder with --data-dir',
  });
}
