import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type {
  Garbage,
  LakeInfo,
  LakeTableInfo,
  LakeUpkeep,
  LakeVerification,
  VerifyOptions,
} from '../ports/lake-upkeep.ts';
import { defaultRules, type GarbageRules, oldestKeptVersion, planGarbage } from './garbage.ts';
import { addressesOf } from './iceberg/names.ts';
import { difference, loadPublished, newestNumbers, publishedVersion } from './iceberg/published-table.ts';
import { verifyLake } from './verification.ts';

export interface UpkeepOptions {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  readonly rules?: Partial<GarbageRules>;
  readonly hasIceberg: boolean;
  /** Names in the store that are others' to judge. */
  readonly otherPrefixes?: readonly string[];
}

export function openLakeUpkeep(options: UpkeepOptions): LakeUpkeep {
  return new Upkeep(options);
}

class Upkeep implements LakeUpkeep {
  readonly #catalog: Catalog;
  readonly #blobs: BlobStore;
  readonly #rules: GarbageRules;
  readonly #options: UpkeepOptions;

  constructor(options: UpkeepOptions) {
    this.#catalog = options.catalog;
    this.#blobs = options.blobs;
    this.#rules = { ...defaultRules, ...options.rules };
    this.#options = options;
  }

  async info(): Promise<LakeInfo> {
    const { version, committedAtUs, files } = await this.#catalog.state();
    const newest = await newestNumbers(this.#blobs);
    const tables: LakeTableInfo[] = [];
    for (const [table, ofTable] of Map.groupBy(files, (file) => file.table)) {
      const n = newest.get(table) ?? 0;
      const published = await loadPublished(this.#blobs, table, n, addressesOf(this.#blobs), () => {});
      const { added, removed } = difference(published, ofTable, version);
      const dates = ofTable.map((file) => file.date).sort();
      tables.push({
        table,
        files: ofTable.length,
        rows: ofTable.reduce((sum, file) => sum + file.rows, 0),
        bytes: ofTable.reduce((sum, file) => sum + file.bytes, 0),
        firstDate: dates[0]!,
        lastDate: dates.at(-1)!,
        icebergVersion: publishedVersion(published) || null,
        isIcebergCurrent: n > 0 && added.length + removed.length === 0,
      });
    }
    const oldestVersion = await oldestKeptVersion(this.#catalog, this.#rules, Date.now() * 1000);
    return { version, committedAtUs, oldestVersion, tables };
  }

  verify(options: VerifyOptions = {}): Promise<LakeVerification> {
    const { hasIceberg, otherPrefixes = [] } = this.#options;
    const { catalog, blobs, rules } = { catalog: this.#catalog, blobs: this.#blobs, rules: this.#rules };
    return verifyLake({ catalog, blobs, rules, hasIceberg, otherPrefixes }, options);
  }

  async garbage(): Promise<readonly Garbage[]> {
    const nowUs = Date.now() * 1000;
    const plan = await planGarbage(this.#catalog, this.#blobs, this.#rules, nowUs, { looksEverywhere: true });
    return plan.garbage;
  }
}
