export interface BlobEntry {
  readonly name: string;
  readonly bytes: number;
  /** When it was stored, by the store's own clock, µs. */
  readonly storedAtUs: number;
}

/** Immutable named byte strings, and a few pointers among them. Names are relative, `/`-separated. */
export interface BlobStore {
  /** Durable when it resolves. Writing the same name with the same bytes again changes nothing; with other bytes is an error. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Takes a finished local file in (moved or copied), durable when it resolves. */
  putFile(name: string, localPath: string): Promise<void>;
  /** A pointer: the only kind of name whose bytes may change. Readers see the old bytes or the new ones; the last writer wins. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** Fails with `blob-missing` when there is none. */
  get(name: string): Promise<Uint8Array>;
  /** The bytes as the store itself holds them now, never a copy kept beside it. Fails with `blob-missing`. */
  stream(name: string): AsyncIterable<Uint8Array>;
  /** A local path that holds the blob's bytes for reading, for as long as a query may take at least. */
  localPath(name: string): Promise<string>;
  list(prefix: string): AsyncIterable<BlobEntry>;
  remove(name: string): Promise<void>;
  /** Absolute address under which other engines find the blob: `file:///…` or `s3://bucket/…`. */
  location(name: string): string;
  close(): Promise<void>;
}
