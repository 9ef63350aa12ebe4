import { tableNamed } from '../domain/tables/index.ts';
import type { FileSpan, LakeFile, QueryTables } from '../ports/warehouse.ts';
import type { QueryPaths } from './query-request.ts';

/** By table, places in the list of its files of the lake. */
export type Needs = Readonly<Record<string, readonly number[]>>;

/** The files that one statement is given, out of all that there are. */
export class WantedFiles {
  /** Tables that are known by their files alone. */
  readonly computed: readonly string[];
  /** Of what `paths` gave. */
  lakeFiles = 0;
  lakeBytes = 0;
  readonly #tables: QueryTables;
  /** By the text, which holds the name of each table that it asks about, and maybe more. */
  readonly #named: readonly string[];

  constructor(sql: string, tables: QueryTables) {
    this.#tables = tables;
    const lowered = sql.toLowerCase();
    const names = Object.keys(tables.files);
    this.#named = names.filter((name) => lowered.includes(name.toLowerCase()));
    this.computed = names.filter((name) => tableNamed(name) === undefined && tables.files[name]!.length > 0);
  }

  spans(): Record<string, FileSpan[]> {
    const entries = this.#named.map((table) => [
      table,
      this.#ofLake(table).map(({ market, date, minTimeUs, maxTimeUs }) => ({ market, date, minTimeUs, maxTimeUs })),
    ]);
    return Object.fromEntries(entries);
  }

  /** Fetches what is needed. A computed table has its columns from its files: of each there is one at least. */
  async paths(needs: Needs): Promise<QueryPaths> {
    const files: Record<string, readonly string[]> = {};
    for (const table of new Set([...this.#named, ...this.computed])) {
      const ofLake = this.#ofLake(table);
      const needed = (needs[table] ?? []).map((at) => ofLake[at]!);
      const others = this.#tables.files[table]!.filter((file) => typeof file === 'string');
      const isColumnsOnly = this.computed.includes(table) && needed.length + others.length === 0;
      const fetched = isColumnsOnly ? ofLake.slice(-1) : needed;
      files[table] = [...(await Promise.all(fetched.map((file) => file.localPath()))), ...others];
      this.lakeFiles += needed.length;
      for (const { bytes } of needed) this.lakeBytes += bytes;
    }
    return { files, replacing: this.#tables.replacing };
  }

  #ofLake(table: string): readonly LakeFile[] {
    return this.#tables.files[table]!.filter((file) => typeof file !== 'string');
  }
}
