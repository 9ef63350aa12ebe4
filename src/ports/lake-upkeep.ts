/** A blob that nobody needs any more. */
export interface Garbage {
  readonly name: string;
  /** Null where the store was not asked. */
  readonly bytes: number | null;
  /** Replaced by a newer one, or named by no version: what a failed commit left. */
  readonly why: 'superseded' | 'unnamed';
}

export interface LakeTableInfo {
  readonly table: string;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly firstDate: string;
  readonly lastDate: string;
  /** Catalog version that its newest Iceberg snapshot shows; null where there is none. */
  readonly icebergVersion: number | null;
  /** That snapshot has the table's files of now. */
  readonly isIcebergCurrent: boolean;
}

export interface LakeInfo {
  readonly version: number;
  /** µs; 0 for an empty lake. */
  readonly committedAtUs: number;
  /** Oldest version whose files are all there. */
  readonly oldestVersion: number;
  readonly tables: readonly LakeTableInfo[];
}

export const lakeProblemKinds = [
  'missing',
  'wrong-size',
  'damaged',
  'unreadable',
  'foreign',
  'checkpoint-missing',
  'checkpoint-damaged',
  'iceberg-damaged',
  'iceberg-differs',
] as const;
export type LakeProblemKind = (typeof lakeProblemKinds)[number];

export interface LakeProblem {
  readonly kind: LakeProblemKind;
  /** Name of the blob. */
  readonly name: string;
  readonly detail: string;
}

export interface LakeVerification {
  /** The newest version when it began. */
  readonly version: number;
  /** Read from the store itself, from the first byte to the last. */
  readonly files: number;
  readonly bytes: number;
  readonly checkpoints: number;
  readonly icebergTables: number;
  readonly problems: readonly LakeProblem[];
  /** Nothing wrong, but worth knowing. */
  readonly notes: readonly string[];
}

export interface VerifyProgress {
  readonly filesDone: number;
  readonly files: number;
  readonly bytesDone: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  onProgress?(progress: VerifyProgress): void;
  /** Ends it with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Looking after the lake without changing it; beside a running engine as well as alone. */
export interface LakeUpkeep {
  info(): Promise<LakeInfo>;
  /**
   * Reads every file, checkpoint and Iceberg metadata file back from the store and compares it with the catalog. What is
   * committed, replaced or swept meanwhile is no problem.
   */
  verify(options?: VerifyOptions): Promise<LakeVerification>;
  /** What a sweep would remove now. */
  garbage(): Promise<readonly Garbage[]>;
}
