import { mkdirSync } from 'node:fs';
import path from 'node:path';

/** Where things are in a data folder; `docs/data-folder.md` says the same in words. */
export interface Layout {
  readonly dataDir: string;
  readonly recorderJournal: string;
  readonly engineJournal: string;
  readonly lake: string;
  readonly catalog: string;
  readonly planFile: string;
  readonly scratch: string;
  /** Written by a running engine: its address. */
  readonly engineFile: string;
}

export function layoutOf(dataDir: string, cwd: string): Layout {
  const root = path.resolve(cwd, dataDir);
  mkdirSync(root, { recursive: true });
  return {
    dataDir: root,
    recorderJournal: path.join(root, 'journal', 'recorder'),
    engineJournal: path.join(root, 'journal', 'engine'),
    lake: path.join(root, 'lake'),
    catalog: path.join(root, 'catalog.sqlite'),
    planFile: path.join(root, 'plan.json'),
    scratch: path.join(root, 'scratch'),
    engineFile: path.join(root, 'engine.json'),
  };
}
