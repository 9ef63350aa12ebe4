/** The newest published metadata of one table. */
export interface IcebergTable {
  readonly name: string;
  /** Absolute address of the metadata file. */
  readonly metadataLocation: string;
  /** Its contents, JSON. */
  readonly metadata: object;
}

export interface IcebergStatus {
  /** Every table is published as it was at this catalog version, or later. */
  readonly publishedVersion: number;
  readonly newestVersion: number;
  /** Why the last attempt failed, by table; empty while all is well. It is tried again. */
  readonly failures: Readonly<Record<string, string>>;
}

/** Tables of the lake as Apache Iceberg's readers find them. A table is there once it has had a row. */
export interface IcebergTables {
  /** Both fail with `not-ready` while it is not known what was published before. */
  names(): Promise<readonly string[]>;
  newest(table: string): Promise<IcebergTable | undefined>;
  status(): IcebergStatus;
}
