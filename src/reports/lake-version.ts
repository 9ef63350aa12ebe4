import { TidemarkError } from '../domain/error.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { CatalogState, DataFile } from '../ports/catalog.ts';
import type { Lake } from '../ports/lake.ts';
import type { QueryLimits, Warehouse } from '../ports/warehouse.ts';

/** What rows a question looks at: files that cannot hold any are not opened. */
export interface Needed {
  readonly table: string;
  /** `spot` …; all markets without it. */
  readonly market?: string;
  readonly fromUs: number;
  readonly toUs: number;
}

export type Row = readonly (string | null)[];

const limits: QueryLimits = { maxRows: 1_000_000, timeoutMs: 600_000, memoryMb: 2048 };

/** The committed lake as it was at one catalog version, whatever is committed meanwhile. */
export class LakeVersion {
  readonly #state: CatalogState;
  readonly #blobs: BlobStore;
  readonly #warehouse: Warehouse;
  readonly #signal: AbortSignal | undefined;

  private constructor(state: CatalogState, blobs: BlobStore, warehouse: Warehouse, signal: AbortSignal | undefined) {
    this.#state = state;
    this.#blobs = blobs;
    this.#warehouse = warehouse;
    this.#signal = signal;
  }

  static async newest(
    lake: Pick<Lake, 'state'>,
    blobs: BlobStore,
    warehouse: Warehouse,
    signal?: AbortSignal,
  ): Promise<LakeVersion> {
    return new LakeVersion(await lake.state(), blobs, warehouse, signal);
  }

  get version(): number {
    return this.#state.version;
  }

  /** Whether any file could answer; without one, a question need not be asked. */
  has(needed: Needed): boolean {
    return this.#state.files.some((file) => holds(file, needed));
  }

  async query(sql: string, needs: readonly Needed[]): Promise<readonly Row[]> {
    this.#signal?.throwIfAborted();
    const files: Record<string, string[]> = {};
    for (const needed of needs) {
      const paths: string[] = [];
      for (const file of this.#state.files) {
        if (holds(file, needed)) paths.push(await this.#blobs.localPath(file.name));
      }
      files[needed.table] = paths;
    }
    const tables = { catalogVersion: this.#state.version, files, replacing: {} };
    const { rows, truncated } = await this.#warehouse.query(sql, tables, limits);
    this.#signal?.throwIfAborted();
    if (truncated) {
      throw new TidemarkError('report-too-large', {
        doing: 'read for the report',
        why: `one question has more than ${limits.maxRows} rows`,
        now: 'ask for a shorter range',
      });
    }
    return rows;
  }
}

function holds(file: DataFile, { table, market, fromUs, toUs }: Needed): boolean {
  return (
    file.table === table &&
    (market === undefined || file.market === market) &&
    file.maxTimeUs >= fromUs &&
    file.minTimeUs < toUs
  );
}
