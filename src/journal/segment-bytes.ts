/** The uncompressed bytes of a segment, however they are kept. */
export interface SegmentBytes {
  /** Grows while a writer is at it. */
  size(): number;
  /** Fills `into` as far as there are bytes; how many. */
  readAt(into: Buffer, offset: number): number;
  /** Makes what was written so far durable, whoever wrote it. */
  sync(): Promise<void>;
  close(): void;
}
