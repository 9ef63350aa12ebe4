import { TidemarkError } from '../domain/error.ts';
import type { JournalBlock, JournalPosition, JournalReader, RecordView, SegmentHead } from '../ports/journal.ts';
import type { World } from '../ports/world.ts';
import { blockHeadBytes, readBlockHead, readU64, recordHeadBytes } from './format.ts';
import type { JournalHost, JournalNews, Listener } from './host.ts';
import { nodeJournalHost } from './node-host.ts';
import { openSegmentBytes } from './open-segment.ts';
import type { SegmentBytes } from './segment-bytes.ts';
import { listSegments, segmentPath } from './segment-name.ts';
import { readSegmentHead, SegmentWalk, type WalkedBlock } from './segment-walk.ts';

export interface JournalReaderOptions {
  readonly folder: string;
  /** Name of the journal's writer; without it the heads are asked, then the folder's name. */
  readonly writer?: string;
  readonly host?: Pick<JournalHost, 'listen'>;
}

const pollMs = 200;

interface OpenSegment {
  readonly segment: number;
  readonly bytes: SegmentBytes;
  readonly head: SegmentHead;
  readonly firstOffset: number;
}

/** Works on a folder that has no journal yet, too: then there is nothing to read yet. */
export async function openJournalReader(world: World, options: JournalReaderOptions): Promise<JournalReader> {
  world.files.makeFolder(options.folder);
  return new SegmentJournalReader(world, options);
}

class SegmentJournalReader implements JournalReader {
  readonly writer: string;
  private readonly world: World;
  private readonly folder: string;
  private readonly listener: Listener;
  private current: OpenSegment | undefined;
  private news: JournalNews | undefined;
  private isNewsFresh = false;
  private wake: (() => void) | undefined;
  /** Without a writer's word: how far this reader itself saw the journal durable. */
  private readonly ownSynced = new Map<number, number>();
  private tail: JournalPosition | undefined;

  constructor(world: World, options: JournalReaderOptions) {
    this.world = world;
    this.folder = options.folder;
    this.writer = options.writer ?? this.askWriter() ?? options.folder.split('/').at(-1) ?? options.folder;
    this.listener = (options.host ?? nodeJournalHost).listen(options.folder, (news) => {
      this.news = news;
      this.isNewsFresh = true;
      this.wake?.();
    });
  }

  async start(): Promise<JournalPosition> {
    const first = listSegments(this.world.files, this.folder)[0];
    if (first === undefined) return { writer: this.writer, segment: 1, offset: 0, sequence: 0 };
    const { head, firstOffset } = this.segmentAt(first)!;
    return { writer: this.writer, segment: first, offset: firstOffset, sequence: head.firstSequence };
  }

  async syncedEnd(): Promise<JournalPosition> {
    const { news } = this;
    if (this.listener.isConnected && news !== undefined) {
      return { writer: this.writer, segment: news.segment, offset: news.syncedOffset, sequence: news.syncedSequence };
    }
    const last = listSegments(this.world.files, this.folder).at(-1);
    if (last === undefined) return this.start();
    const opened = this.segmentAt(last);
    if (opened === undefined) return this.start();
    let at: JournalPosition =
      this.tail?.segment === last
        ? this.tail
        : { writer: this.writer, segment: last, offset: opened.firstOffset, sequence: opened.head.firstSequence };
    const walk = new SegmentWalk(opened.bytes, last);
    for (let block = walk.blockAt(at.offset); block !== undefined; block = walk.blockAt(at.offset)) {
      at = { ...at, offset: block.end, sequence: block.head.firstSequence + block.head.recordCount };
    }
    this.tail = at;
    if (at.offset > (this.ownSynced.get(last) ?? 0)) {
      await opened.bytes.sync();
      this.ownSynced.set(last, at.offset);
    }
    return at;
  }

  async read(from: JournalPosition, maxBytes: number): Promise<JournalBlock | undefined> {
    this.isNewsFresh = false;
    for (let at = from; ; ) {
      // Asked first: once a later segment can be seen, this one is whole and synced.
      const later = this.laterSegment(at.segment);
      const opened = this.segmentAt(at.segment);
      if (opened === undefined) {
        if (later === undefined) return undefined;
        const restored = this.afterRestore(at, later);
        if (restored === undefined) throw this.damaged(at, 'the segment is missing');
        at = restored;
        continue;
      }
      if (at.offset === 0) at = { ...at, offset: opened.firstOffset };
      const block = await this.blocksFrom(opened, at, maxBytes, later !== undefined);
      if (block !== undefined) return block;
      const size = opened.bytes.size();
      if (later === undefined) {
        if (size > at.offset) this.refuseDamage(opened, at);
        else if (size < at.offset) throw this.damaged(at, 'the segment is shorter than this position');
        return undefined;
      }
      const restored = this.afterRestore(at, later);
      if (restored !== undefined) {
        at = restored;
        continue;
      }
      if (size !== at.offset) throw this.damaged(at, 'no whole block stands here, and later segments exist');
      if (later !== at.segment + 1) throw this.damaged({ ...at, segment: at.segment + 1 }, 'the segment is missing');
      const next = this.segmentAt(later)!;
      if (next.head.firstSequence !== at.sequence) {
        throw this.damaged(at, `the next segment begins with record ${next.head.firstSequence}, not ${at.sequence}`);
      }
      at = { ...at, segment: later, offset: next.firstOffset };
    }
  }

  async head(segment: number): Promise<SegmentHead | undefined> {
    return this.segmentAt(segment)?.head;
  }

  async afterDamage(from: JournalPosition): Promise<{ position: JournalPosition; lostRecords: number } | undefined> {
    const opened = this.readableSegment(from.segment);
    let found: JournalPosition | undefined;
    if (opened !== undefined) {
      const walk = new SegmentWalk(opened.bytes, from.segment);
      const start = Math.max(from.offset, opened.firstOffset);
      const block = walk.blockAt(start) ?? walk.nextBlock(start + 1);
      if (block !== undefined) {
        found = { ...from, offset: block.offset, sequence: block.head.firstSequence };
      }
    }
    for (let segment = from.segment; found === undefined; ) {
      const later = this.laterSegment(segment);
      if (later === undefined) return undefined;
      const next = this.readableSegment(later);
      if (next !== undefined) {
        found = { ...from, segment: later, offset: next.firstOffset, sequence: next.head.firstSequence };
      }
      segment = later;
    }
    return { position: found, lostRecords: Math.max(0, found.sequence - from.sequence) };
  }

  wait(timeoutMs: number): Promise<void> {
    if (this.isNewsFresh) {
      // Given once: a caller that waits for syncs alone never reads, and must not spin on the same news.
      this.isNewsFresh = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const delayMs = this.listener.isConnected ? timeoutMs : Math.min(timeoutMs, pollMs);
      const done = (): void => {
        cancel();
        this.wake = undefined;
        resolve();
      };
      const cancel = this.world.timers.after(delayMs, done);
      this.wake = done;
    });
  }

  async close(): Promise<void> {
    this.listener.close();
    this.wake?.();
    this.current?.bytes.close();
    this.current = undefined;
  }

  private askWriter(): string | undefined {
    const last = listSegments(this.world.files, this.folder).at(-1);
    return last === undefined ? undefined : this.segmentAt(last)?.head.writer;
  }

  private laterSegment(segment: number): number | undefined {
    const next = segment + 1;
    if (this.news !== undefined && this.news.segment === segment && this.listener.isConnected) return undefined;
    return listSegments(this.world.files, this.folder).find((other) => other >= next);
  }

  /**
   * Where a journal that was brought back goes on for whoever had read more than was brought back. Known to nobody else
   * where that was: the later segment begins with just the record that comes next.
   */
  private afterRestore(at: JournalPosition, later: number): JournalPosition | undefined {
    const next = this.readableSegment(later);
    const shippedTo = next?.head.restored?.shippedTo;
    if (next === undefined || shippedTo === undefined || next.head.firstSequence !== at.sequence) return undefined;
    const isBeyond =
      at.segment > shippedTo.segment || (at.segment === shippedTo.segment && at.offset >= shippedTo.offset);
    return isBeyond ? { ...at, segment: later, offset: next.firstOffset } : undefined;
  }

  private segmentAt(segment: number): OpenSegment | undefined {
    if (this.current?.segment === segment) return this.current;
    const bytes = openSegmentBytes(this.world.files, this.folder, segment);
    if (bytes === undefined) return undefined;
    let opened: OpenSegment;
    try {
      opened = { segment, bytes, ...readSegmentHead(bytes, segmentPath(this.folder, segment)) };
    } catch (cause) {
      bytes.close();
      throw cause;
    }
    this.current?.bytes.close();
    this.current = opened;
    return opened;
  }

  /** The same for someone who looks past damage: a segment whose head is damaged counts as none. */
  private readableSegment(segment: number): OpenSegment | undefined {
    try {
      return this.segmentAt(segment);
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'journal-damaged') return undefined;
      throw error;
    }
  }

  /** Whole blocks from `at` on: the synced ones, or, when there is none, those not yet synced. */
  private async blocksFrom(
    opened: OpenSegment,
    at: JournalPosition,
    maxBytes: number,
    isClosed: boolean,
  ): Promise<JournalBlock | undefined> {
    const bytes = readPiece(opened.bytes, at.offset, maxBytes);
    const walk = new SegmentWalk(frozen(at.offset + bytes.length), opened.segment, bytes, at.offset);
    const blocks: WalkedBlock[] = [];
    let offset = at.offset;
    for (let block = walk.blockAt(offset); block !== undefined; block = walk.blockAt(offset)) {
      blocks.push(block);
      offset = block.end;
    }
    const first = blocks[0];
    const last = blocks.at(-1);
    if (first === undefined || last === undefined) return undefined;
    if (at.sequence < first.head.firstSequence || at.sequence > first.head.firstSequence + first.head.recordCount) {
      throw this.damaged(at, `the block here begins with record ${first.head.firstSequence}, not ${at.sequence}`);
    }
    const syncedOffset = isClosed ? Number.POSITIVE_INFINITY : await this.knownSynced(opened, last);
    const synced = blocks.filter((block) => block.end <= syncedOffset);
    const isSynced = synced.length > 0;
    const given = isSynced ? synced : blocks;
    const end = given.at(-1)!;
    const to = { ...at, offset: end.end, sequence: end.head.firstSequence + end.head.recordCount };
    return new ReadBlock(bytes, at.offset, given, at, to, isSynced);
  }

  private async knownSynced(opened: OpenSegment, last: WalkedBlock): Promise<number> {
    const { segment } = opened;
    let known = Math.max(last.head.syncedOffset, this.ownSynced.get(segment) ?? 0);
    if (last.head.recordCount === 0) known = Math.max(known, last.end);
    if (this.news?.segment === segment) known = Math.max(known, this.news.syncedOffset);
    if (known >= last.end || this.listener.isConnected) return known;
    // Nobody says what is durable; so make it so. A reader may sync what another process wrote.
    await opened.bytes.sync();
    this.ownSynced.set(segment, last.end);
    return last.end;
  }

  /**
   * In the newest segment an unfinished block is normal; one that should be whole by now is damage. The writer goes on
   * meanwhile: only a look at the place after the evidence proves anything.
   */
  private refuseDamage(opened: OpenSegment, at: JournalPosition): void {
    const why = this.evidenceOfDamage(opened, at);
    if (why === undefined || new SegmentWalk(opened.bytes, at.segment).blockAt(at.offset) !== undefined) return;
    throw this.damaged(at, why);
  }

  private evidenceOfDamage(opened: OpenSegment, at: JournalPosition): string | undefined {
    const { news } = this;
    if (news?.segment === at.segment && at.offset < news.writtenOffset) {
      return 'no whole block stands here, though it was written';
    }
    for (let walk = new SegmentWalk(opened.bytes, at.segment), offset = at.offset + 1; ; ) {
      const block = walk.nextBlock(offset);
      if (block === undefined) return undefined;
      if (block.head.syncedOffset > at.offset) return 'no whole block stands here, though it was synced';
      offset = block.end;
    }
  }

  private damaged(at: JournalPosition, why: string): TidemarkError {
    return new TidemarkError('journal-damaged', {
      doing: 'read the journal',
      what: `${segmentPath(this.folder, at.segment)} at offset ${at.offset}`,
      why,
      now: 'the records there are lost to this journal; what follows can be read on from afterDamage',
    });
  }
}

/** About `wanted` bytes, more when the first block needs it. */
function readPiece(segment: SegmentBytes, at: number, wanted: number): Buffer {
  const available = segment.size() - at;
  const load = (count: number): Buffer => {
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(available, count)));
    return bytes.subarray(0, segment.readAt(bytes, at));
  };
  const bytes = load(Math.max(wanted, blockHeadBytes));
  const head = readBlockHead(bytes, 0);
  const firstBytes = head === undefined ? 0 : blockHeadBytes + head.payloadBytes;
  return firstBytes > bytes.length && firstBytes <= available ? load(firstBytes) : bytes;
}

/** A segment of which no more is to be read. */
function frozen(size: number): SegmentBytes {
  return { size: () => size, readAt: () => 0, sync: async () => {}, close: () => {} };
}

class ReadBlock implements JournalBlock {
  readonly from: JournalPosition;
  readonly to: JournalPosition;
  readonly isSynced: boolean;
  private readonly bytes: Buffer;
  private readonly bytesAt: number;
  private readonly blocks: readonly WalkedBlock[];

  constructor(
    bytes: Buffer,
    bytesAt: number,
    blocks: readonly WalkedBlock[],
    from: JournalPosition,
    to: JournalPosition,
    isSynced: boolean,
  ) {
    this.bytes = bytes;
    this.bytesAt = bytesAt;
    this.blocks = blocks;
    this.from = from;
    this.to = to;
    this.isSynced = isSynced;
  }

  forEach(visit: (record: RecordView) => void): void {
    const { bytes } = this;
    const view: RecordView = {
      kind: 1,
      session: 0,
      sequence: 0,
      receivedAtUs: 0,
      monotonicUs: 0,
      bytes,
      start: 0,
      end: 0,
    };
    for (const block of this.blocks) {
      let at = block.offset - this.bytesAt + blockHeadBytes;
      let sequence = block.head.firstSequence;
      const end = block.end - this.bytesAt;
      while (at < end) {
        const start = at + recordHeadBytes;
        const recordEnd = start + bytes.readUInt32LE(at);
        if (sequence >= this.from.sequence) {
          view.kind = bytes[at + 4]! as RecordView['kind'];
          view.session = bytes.readUInt16LE(at + 6) * 2 ** 32 + bytes.readUInt32LE(at + 8);
          view.sequence = sequence;
          view.receivedAtUs = readU64(bytes, at + 12);
          view.monotonicUs = readU64(bytes, at + 20);
          view.start = start;
          view.end = recordEnd;
          visit(view);
        }
        at = recordEnd;
        sequence += 1;
      }
    }
  }
}
