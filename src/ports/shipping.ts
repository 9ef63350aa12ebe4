import type { JournalPosition } from './journal.ts';

/** Bytes of one segment as they stand in it: its head, whole blocks, or damaged ones of a segment that is closed. */
export interface SegmentPiece {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Sequence of the record that comes after these bytes. */
  readonly nextSequence: number;
  /** The segment ends with these bytes, and nothing will be added to it. */
  readonly isLast: boolean;
}

/** A journal as its bytes, for whoever copies it elsewhere. */
export interface JournalBytes {
  readonly writer: string;
  /** Segments kept, rising. */
  segments(): readonly number[];
  /** Plain bytes of a segment kept. */
  segmentBytes(segment: number): number;
  /** The seal under which this segment goes on after the journal was brought back; undefined in all others. */
  sealOf(segment: number): string | undefined;
  /** Position after the last synced record known now. */
  syncedEnd(): Promise<JournalPosition>;
  /**
   * Synced bytes from `offset` on, about `maxBytes`, cut between blocks; undefined while there are none. Of a segment that is
   * open, only what its checksums vouch for: damage there is `journal-damaged`.
   */
  piece(segment: number, offset: number, maxBytes: number): Promise<SegmentPiece | undefined>;
  /** Copies the compressed form of a closed segment to a local path; false while there is none. */
  copyCompressed(segment: number, localPath: string): Promise<boolean>;
  /** Just these bytes; fewer at the end of the segment. */
  slice(segment: number, offset: number, length: number): Uint8Array;
  close(): Promise<void>;
}

/** A closed segment of a journal as it is kept. */
export interface KeptSegment {
  readonly segment: number;
  /** As it lies on the disk, compressed or not. */
  readonly bytes: number;
  /** When the next one was begun: everything in it was received before. */
  readonly closedAtUs: number;
}

/** The segments of a journal's folder, for whoever decides how long they stay. */
export interface JournalSegments {
  readonly writer: string;
  /** Closed ones, rising. */
  closed(): readonly KeptSegment[];
  /** Gone for good when it returns. */
  remove(segment: number): void;
}

/** Where the copy of a journal ends, and who may go on. */
export interface ShippedEnd extends JournalPosition {
  /** Nothing more can be added to this segment. */
  readonly isClosed: boolean;
  /** Set when the journal was brought back from here: only the journal that names the same seal goes on, in a later segment. */
  readonly seal?: string;
  /** Last bytes shipped of this segment begin here. */
  readonly lastOffset: number;
}

/**
 * The copy of one journal elsewhere: a chain of pieces in which each begins where the one before ends. Two that both
 * believe they write the journal cannot both lengthen it.
 */
export interface ShippedJournal {
  readonly writer: string;
  /** As the copy is now; undefined while nothing was shipped. */
  end(): Promise<ShippedEnd | undefined>;
  /** Durable when it resolves. The same again changes nothing; other bytes at this place are a `blob-conflict`. */
  append(piece: SegmentPiece): Promise<void>;
  /** Takes the place after the end, so that whoever still writes the journal elsewhere cannot ship more; the new end. */
  seal(seal: string): Promise<ShippedEnd>;
  /** Closed segments that are still in pieces. */
  inPieces(): Promise<readonly number[]>;
  /** One object with this file's bytes takes the place of all pieces of a closed segment but the one that closes it. */
  pack(segment: number, localPath: string): Promise<void>;
  /** What was shipped with this offset as its beginning, as plain bytes; undefined when nothing was, or the segment ends here. */
  shippedAt(segment: number, offset: number): Promise<Uint8Array | undefined>;
}
