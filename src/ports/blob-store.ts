/** Immutable named byte strings. Names are relative, `/`-separated. */
export interface BlobStore {
  /** Durable when it resolves. Writing the same name with the same bytes again changes nothing; with other bytes is an error. */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Takes a finished local file in (moved or copied), durable when it resolves. */
  putFile(name: string, localPath: string): Promise<void>;
  get(name: string): Promise<Uint8Array>;
  /** A local path that holds the blob's bytes for reading. */
  localPath(name: string): Promise<string>;
  list(prefix: string): AsyncIterable<{ name: string; bytes: number }>;
  remove(name: string): Promise<void>;
}
