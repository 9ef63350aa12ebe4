/** Kinds of journal records. Numbers are on disk: never change or reuse one. */
export const recordKinds = { frame: 1, http: 2, session: 3, plan: 4, writer: 5, pulse: 6 } as const;
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds];

/**
 * A place between two records: `offset` counts the uncompressed bytes of the segment and names a block's start, `sequence`
 * the record in it; so `{ ...block.from, sequence }` is the place before any record of a block. Offset 0 is the first block.
 */
export interface JournalPosition {
  readonly writer: string;
  readonly segment: number;
  readonly offset: number;
  /** Sequence of the record that comes next. */
  readonly sequence: number;
}

export interface JournalWriter {
  readonly writer: string;
  /** This writer's turn: larger than that of every writer before it in this journal. */
  readonly fence: number;
  /**
   * Copies the bytes into the open block and returns the record's sequence. Synchronous, so that nothing can come between
   * receiving and appending. Throws once the journal has failed: nothing can be acknowledged any more.
   */
  append(record: {
    kind: RecordKind;
    session: number;
    receivedAtUs: number;
    monotonicUs: number;
    payload: Uint8Array;
  }): number;
  /** Sequence up to which (exclusive) everything survives a power cut. */
  readonly syncedSequence: number;
  /** Bytes handed over and not yet synced; the recorder stops reading from sockets above its limit. */
  readonly unsyncedBytes: number;
  /** Resolves when all records appended before the call are synced. */
  sync(): Promise<void>;
  /** Syncs, writes the clean end and gives the lock back. */
  close(): Promise<void>;
}

/** One record as a reader sees it. The object is reused: take what must outlive the callback. */
export interface RecordView {
  kind: RecordKind;
  session: number;
  sequence: number;
  receivedAtUs: number;
  monotonicUs: number;
  /** The payload is `bytes[start … end − 1]`. */
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** Whole records that follow each other in one segment. */
export interface JournalBlock {
  readonly from: JournalPosition;
  readonly to: JournalPosition;
  /** Every record of it is synced. */
  readonly isSynced: boolean;
  forEach(visit: (record: RecordView) => void): void;
}

/** What a segment says of itself, so that decoding can begin with it. */
export interface SegmentHead {
  readonly writer: string;
  readonly fence: number;
  readonly segment: number;
  readonly firstSequence: number;
  readonly createdAtUs: number;
  /** Records of the sessions alive at the segment's start, in their order; none of them is closed. */
  readonly sessions: readonly SessionRecord[];
  /** The plan in force, if one had been journalled. */
  readonly plan?: import('./source.ts').Plan;
  /** Only in the first segment after the journal was brought back from where it had been shipped. */
  readonly restored?: RestoredJournal;
}

/** What a journal says of its loss when it was brought back from where it had been shipped. */
export interface RestoredJournal {
  /** Known to the store, too, so that no other copy of this journal can go on there. */
  readonly seal: string;
  /** End of what had been shipped: what followed is gone. */
  readonly shippedTo: JournalPosition;
  /** End of what had been derived and committed of it, where that is known. */
  readonly derivedTo?: JournalPosition;
}

export interface JournalReader {
  readonly writer: string;
  /** The oldest position still kept. */
  start(): Promise<JournalPosition>;
  /** Position after the last synced record known now. */
  syncedEnd(): Promise<JournalPosition>;
  /** Records from `from` on, about `maxBytes` of them; undefined when there are none yet. Damage is a TidemarkError `journal-damaged`. */
  read(from: JournalPosition, maxBytes: number): Promise<JournalBlock | undefined>;
  /** Undefined while there is no such segment. */
  head(segment: number): Promise<SegmentHead | undefined>;
  /** After `journal-damaged`: the next place that can be read, and how many records lie between. Undefined when there is none. */
  afterDamage(from: JournalPosition): Promise<{ position: JournalPosition; lostRecords: number } | undefined>;
  /** Resolves when more may have been written or synced, or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

// Payloads of the record kinds that are not frames; JSON, UTF-8.

export type SessionRecord =
  | { event: 'dialled'; session: number; planSession: string; market: string; url: string }
  | { event: 'opened'; session: number }
  | { event: 'subscribed'; session: number; streams: string[]; requestId: number }
  | { event: 'acknowledged'; session: number; requestId: number; error?: string }
  | {
      event: 'closed';
      session: number;
      code: number;
      reason: string;
      side: 'us' | 'venue' | 'network';
      refusedStatus?: number;
    };

export interface WriterRecord {
  event: 'started' | 'stopped';
  writer: string;
  fence: number;
  version: string;
  /** What a restart cut from the torn tail of the segment before. */
  cut?: { segment: number; offset: number; bytes: number };
  restored?: RestoredJournal;
}

export interface PulseRecord {
  wallUs: number;
  monotonicUs: number;
  /** Venue time now, from the plan's offset or the newest frame; null before the first. */
  venueUs: number | null;
}

/** Head of an `http` record: u32 LE length of this JSON, the JSON, then the body as received. */
export interface HttpRecordHead {
  /** What `Source.requests` made; a plain object. */
  request: import('./source.ts').RestRequest;
  status: number;
  headers: Record<string, string>;
  requestedAtUs: number;
}
