import type { Files } from '../ports/world.ts';

export interface Tail {
  path(table: string, part: number): string;
  release(): void;
}

/** Names for the files that hold uncommitted rows while a query reads them; gone when the query is over. */
export class TailFiles {
  readonly #files: Files;
  readonly #folder: string;
  #count = 0;

  constructor(files: Files, folder: string) {
    this.#files = files;
    this.#folder = folder;
    files.makeFolder(folder);
    // Left by a process that died in a query.
    for (const name of files.list(folder)) files.remove(`${folder}/${name}`);
  }

  begin(): Tail {
    const number = ++this.#count;
    const paths: string[] = [];
    return {
      path: (table, part) => {
        const path = `${this.#folder}/${number}-${table}-${part}.parquet`;
        paths.push(path);
        return path;
      },
      release: () => {
        for (const path of paths) if (this.#files.exists(path)) this.#files.remove(path);
      },
    };
  }
}
