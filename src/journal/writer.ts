import { assert, TidemarkError } from '../domain/error.ts';
import {
  type JournalWriter,
  type RecordKind,
  type RestoredJournal,
  recordKinds,
  type WriterRecord,
} from '../ports/journal.ts';
import type { OpenFile, World } from '../ports/world.ts';
import { readFence, takeFence } from './fence.ts';
import { blockHeadBytes, encodeHead, longestBlockBytes, recordHeadBytes, sealBlock } from './format.ts';
import type { Announcer, JournalHost, JournalLock } from './host.ts';
import { nodeJournalHost } from './node-host.ts';
import { type Recovered, recoverJournal } from './recover.ts';
import { segmentPath } from './segment-name.ts';
import { SessionsInForce } from './sessions-in-force.ts';

export interface JournalWriterOptions {
  readonly folder: string;
  readonly writer: string;
  /** Of the program, for the record. */
  readonly version: string;
  readonly segmentMaxBytes?: number;
  readonly segmentMaxAgeMs?: number;
  readonly syncIntervalMs?: number;
  /** The journal was brought back from where it was shipped; it goes on in this segment, with this record at least. */
  readonly restored?: { readonly journal: RestoredJournal; readonly segment: number; readonly sequence: number };
  /** Called once. Nothing is acknowledged after it; the process should end and let a restart verify. */
  onFailure(error: TidemarkError): void;
  readonly host?: JournalHost;
}

const blockBytes = 256 * 1024;
/** Kept for the next blocks; more are dropped. */
const spareBlocks = 8;
const lockCheckMs = 1000;
const high = 2 ** 32;

/** Takes the folder's lock and the next fence, cuts a torn tail, and begins a new segment. */
export async function openJournalWriter(world: World, options: JournalWriterOptions): Promise<JournalWriter> {
  const { files } = world;
  const host = options.host ?? nodeJournalHost;
  files.makeFolder(options.folder);
  const lock = host.lock(options.folder, { writer: options.writer, version: options.version });
  let writer: SegmentJournalWriter | undefined;
  try {
    const fence = takeFence(files, options.folder);
    const found = await recoverJournal(files, options.folder);
    const recovered = {
      ...found,
      nextSegment: Math.max(found.nextSegment, options.restored?.segment ?? 0),
      nextSequence: Math.max(found.nextSequence, options.restored?.sequence ?? 0),
    };
    writer = new SegmentJournalWriter(world, options, fence, recovered, lock, host.announce(options.folder));
    writer.begin(recovered);
    await writer.sync();
    return writer;
  } catch (cause) {
    if (writer === undefined) lock.release();
    else await writer.close().catch(() => {});
    throw failureOf('open', options.folder, cause);
  }
}

interface Block {
  bytes: Buffer;
  used: number;
  recordCount: number;
  firstSequence: number;
  /** Records that change what later heads say; applied when the block's segment is known. */
  inForce: { kind: number; payload: Uint8Array }[];
}

class SegmentJournalWriter implements JournalWriter {
  readonly writer: string;
  readonly fence: number;
  syncedSequence: number;

  private readonly world: World;
  private readonly options: JournalWriterOptions;
  private readonly lock: JournalLock;
  private readonly announcer: Announcer;
  private readonly sessions = new SessionsInForce();

  private file: OpenFile | undefined;
  private segment: number;
  private segmentCreatedUs = 0;

  private open: Block;
  private readonly sealed: Block[] = [];
  private readonly spares: Buffer[] = [];
  private nextSequence: number;
  private isFlushScheduled = false;
  private writing: Promise<void> | undefined;

  private appendedBytes = 0;
  private syncedBytes = 0;
  private writtenBytes = 0;
  private writtenOffset = 0;
  private writtenSequence: number;
  private syncedOffset = 0;

  private syncing: Promise<void> | undefined;
  private cancelSyncTimer: (() => void) | undefined;
  private lastSyncUs = Number.NEGATIVE_INFINITY;
  private lastLockCheckUs = 0;
  private waiting: { sequence: number; resolve(): void; reject(error: unknown): void }[] = [];
  private failure: TidemarkError | undefined;
  private isClosed = false;

  constructor(
    world: World,
    options: JournalWriterOptions,
    fence: number,
    recovered: Recovered,
    lock: JournalLock,
    announcer: Announcer,
  ) {
    this.world = world;
    this.options = options;
    this.writer = options.writer;
    this.fence = fence;
    this.lock = lock;
    this.announcer = announcer;
    this.segment = recovered.nextSegment;
    this.nextSequence = recovered.nextSequence;
    this.writtenSequence = recovered.nextSequence;
    this.syncedSequence = recovered.nextSequence;
    this.open = this.newBlock(blockBytes);
  }

  /** The first segment and its first record. */
  begin(recovered: Recovered): void {
    const restored = this.options.restored?.journal;
    this.createSegment(restored);
    const { cut } = recovered;
    this.appendWriterRecord({
      event: 'started',
      ...(cut === undefined ? {} : { cut }),
      ...(restored === undefined ? {} : { restored }),
    });
  }

  get unsyncedBytes(): number {
    return this.appendedBytes - this.syncedBytes;
  }

  append(record: {
    kind: RecordKind;
    session: number;
    receivedAtUs: number;
    monotonicUs: number;
    payload: Uint8Array;
  }): number {
    if (this.failure !== undefined) throw this.failure;
    assert(!this.isClosed, 'append after close');
    const { kind, session, receivedAtUs, monotonicUs, payload } = record;
    const length = payload.length;
    if (this.open.used + recordHeadBytes + length > this.open.bytes.length) this.makeRoom(recordHeadBytes + length);
    const block = this.open;
    const bytes = block.bytes;
    const at = block.used;
    putU32(bytes, length, at);
    bytes[at + 4] = kind;
    bytes[at + 5] = 0;
    const sessionHigh = (session / high) | 0;
    bytes[at + 6] = sessionHigh;
    bytes[at + 7] = sessionHigh >>> 8;
    putU32(bytes, session >>> 0, at + 8);
    putU32(bytes, receivedAtUs >>> 0, at + 12);
    putU32(bytes, (receivedAtUs / high) >>> 0, at + 16);
    putU32(bytes, monotonicUs >>> 0, at + 20);
    putU32(bytes, (monotonicUs / high) >>> 0, at + 24);
    bytes.set(payload, at + recordHeadBytes);
    block.used = at + recordHeadBytes + length;
    block.recordCount += 1;
    this.appendedBytes += recordHeadBytes + length;
    if (SessionsInForce.takes(kind)) block.inForce.push({ kind, payload: payload.slice() });
    if (!this.isFlushScheduled) this.scheduleFlush();
    const sequence = this.nextSequence;
    this.nextSequence = sequence + 1;
    return sequence;
  }

  sync(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.syncedSequence >= this.nextSequence) return Promise.resolve();
    const done = new Promise<void>((resolve, reject) => {
      this.waiting.push({ sequence: this.nextSequence, resolve, reject });
    });
    this.flush();
    this.scheduleSync();
    return done;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    try {
      if (this.failure === undefined) {
        this.appendWriterRecord({ event: 'stopped' });
        this.isClosed = true;
        await this.sync();
        await this.writeEnd();
      }
    } finally {
      this.isClosed = true;
      this.cancelSyncTimer?.();
      this.announcer.close();
      await this.writing;
      await this.syncing;
      this.file?.close();
      this.file = undefined;
      this.lock.release();
    }
  }

  private appendWriterRecord(what: Pick<WriterRecord, 'event' | 'cut' | 'restored'>): void {
    const record: WriterRecord = { ...what, writer: this.writer, fence: this.fence, version: this.options.version };
    this.append({
      kind: recordKinds.writer,
      session: 0,
      receivedAtUs: this.world.clock.wallUs(),
      monotonicUs: this.world.clock.monotonicUs(),
      payload: Buffer.from(JSON.stringify(record)),
    });
  }

  // Blocks: filled by `append`, written when the turn of the event loop ends.

  private newBlock(atLeastBytes: number): Block {
    const bytes =
      atLeastBytes <= blockBytes
        ? (this.spares.pop() ?? Buffer.allocUnsafeSlow(blockBytes))
        : Buffer.allocUnsafeSlow(atLeastBytes);
    return { bytes, used: blockHeadBytes, recordCount: 0, firstSequence: this.nextSequence, inForce: [] };
  }

  private makeRoom(recordBytes: number): void {
    if (blockHeadBytes + recordBytes > longestBlockBytes) {
      throw new TidemarkError('record-too-long', { doing: 'journal a record', why: `it has ${recordBytes} bytes` });
    }
    if (this.open.recordCount > 0) this.sealed.push(this.open);
    this.open = this.newBlock(blockHeadBytes + recordBytes);
    this.flush();
  }

  private scheduleFlush(): void {
    this.isFlushScheduled = true;
    this.world.timers.after(0, () => {
      this.isFlushScheduled = false;
      this.flush();
    });
  }

  /** While a write is under way the open block goes on filling: fewer, longer writes under load. */
  private flush(): void {
    if (this.writing !== undefined || this.failure !== undefined) return;
    if (this.sealed.length === 0 && this.open.recordCount === 0) return;
    this.writing = this.writeAll().finally(() => {
      this.writing = undefined;
      // A block may have been sealed between the last look and now.
      this.flush();
    });
  }

  private async writeAll(): Promise<void> {
    try {
      for (;;) {
        if (this.open.recordCount > 0 && this.sealed.length === 0) {
          this.sealed.push(this.open);
          this.open = this.newBlock(blockBytes);
        }
        if (this.sealed.length === 0) break;
        await this.writeSealed();
        if (this.failure !== undefined) return;
        this.tell();
        this.scheduleSync();
      }
    } catch (cause) {
      this.fail('write', cause);
    }
  }

  private async writeSealed(): Promise<void> {
    if (this.isRollDue()) await this.roll();
    const blocks = this.sealed.splice(0);
    const parts: Uint8Array[] = [];
    let offset = this.writtenOffset;
    let records = 0;
    let recordBytes = 0;
    for (const block of blocks) {
      sealBlock(block.bytes, {
        payloadBytes: block.used - blockHeadBytes,
        recordCount: block.recordCount,
        segment: this.segment,
        fence: this.fence,
        firstSequence: block.firstSequence,
        syncedOffset: this.syncedOffset,
      });
      parts.push(block.bytes.subarray(0, block.used));
      offset += block.used;
      records += block.recordCount;
      recordBytes += block.used - blockHeadBytes;
    }
    await this.file!.appendLater(parts);
    this.writtenOffset = offset;
    this.writtenSequence += records;
    this.writtenBytes += recordBytes;
    for (const block of blocks) {
      for (const { kind, payload } of block.inForce) this.sessions.apply(kind, payload);
      if (block.bytes.length === blockBytes && this.spares.length < spareBlocks) this.spares.push(block.bytes);
    }
  }

  // Group commit: one sync in flight, begun at most every `syncIntervalMs`, at once when someone waits for it.

  private scheduleSync(): void {
    if (this.syncing !== undefined || this.failure !== undefined || this.writtenSequence === this.syncedSequence)
      return;
    const nowUs = this.world.clock.monotonicUs();
    const intervalUs = (this.options.syncIntervalMs ?? 10) * 1000;
    const dueMs = this.waiting.length > 0 ? 0 : (this.lastSyncUs + intervalUs - nowUs) / 1000;
    if (dueMs <= 0) {
      this.cancelSyncTimer?.();
      this.cancelSyncTimer = undefined;
      this.lastSyncUs = nowUs;
      void this.syncWritten();
    } else if (this.cancelSyncTimer === undefined) {
      this.cancelSyncTimer = this.world.timers.after(Math.ceil(dueMs), () => {
        this.cancelSyncTimer = undefined;
        this.scheduleSync();
      });
    }
  }

  /** Acknowledges what had been written before the sync began, never what came while it ran. */
  private syncWritten(): Promise<void> {
    const offset = this.writtenOffset;
    const sequence = this.writtenSequence;
    const bytes = this.writtenBytes;
    const syncing = (async () => {
      try {
        this.checkLock();
        await this.file!.sync();
      } catch (cause) {
        this.fail('sync', cause);
        return;
      } finally {
        this.syncing = undefined;
      }
      if (this.failure !== undefined) return;
      this.syncedOffset = offset;
      this.syncedSequence = sequence;
      this.syncedBytes = bytes;
      this.tell();
      const waiting = this.waiting;
      this.waiting = waiting.filter((waiter) => waiter.sequence > sequence);
      for (const waiter of waiting) if (waiter.sequence <= sequence) waiter.resolve();
      this.scheduleSync();
    })();
    if (this.failure === undefined) this.syncing = syncing;
    return syncing;
  }

  // Segments.

  private isRollDue(): boolean {
    if (this.writtenOffset >= (this.options.segmentMaxBytes ?? 256 * 1024 * 1024)) return true;
    const ageUs = this.world.clock.monotonicUs() - this.segmentCreatedUs;
    return ageUs >= (this.options.segmentMaxAgeMs ?? 3_600_000) * 1000;
  }

  /** The old segment is durable before the new one can be seen: only the newest may ever have a torn tail. */
  private async roll(): Promise<void> {
    while (this.syncing !== undefined) await this.syncing;
    if (this.failure !== undefined) throw this.failure;
    await this.syncWritten();
    if (this.failure !== undefined) throw this.failure;
    this.file!.close();
    this.segment += 1;
    this.createSegment();
  }

  private createSegment(restored?: RestoredJournal): void {
    const { clock, files } = this.world;
    const head = encodeHead({
      writer: this.writer,
      fence: this.fence,
      segment: this.segment,
      firstSequence: this.writtenSequence,
      createdAtUs: clock.wallUs(),
      sessions: this.sessions.records(),
      ...(this.sessions.plan === undefined ? {} : { plan: this.sessions.plan }),
      ...(restored === undefined ? {} : { restored }),
    });
    const path = segmentPath(this.options.folder, this.segment);
    files.writeAtomic(path, head);
    this.file = files.open(path, 'append');
    this.segmentCreatedUs = clock.monotonicUs();
    this.writtenOffset = head.length;
    this.syncedOffset = head.length;
  }

  /** An empty block: what stands before it is all there is, and synced. */
  private async writeEnd(): Promise<void> {
    const end = Buffer.alloc(blockHeadBytes);
    sealBlock(end, {
      payloadBytes: 0,
      recordCount: 0,
      segment: this.segment,
      fence: this.fence,
      firstSequence: this.writtenSequence,
      syncedOffset: this.syncedOffset,
    });
    await this.file!.appendLater([end]);
    await this.file!.sync();
    this.writtenOffset += end.length;
    this.syncedOffset = this.writtenOffset;
    this.tell();
  }

  private checkLock(): void {
    const nowUs = this.world.clock.monotonicUs();
    if (nowUs - this.lastLockCheckUs < lockCheckMs * 1000) return;
    this.lastLockCheckUs = nowUs;
    const { folder } = this.options;
    if (this.lock.isHeld() && readFence(this.world.files, folder) === this.fence) return;
    throw new TidemarkError('journal-lock-lost', {
      doing: 'write the journal',
      what: folder,
      why: 'its lock was deleted or replaced, or another writer took its turn',
      now: 'leave writer.lock and fence.json alone; start again',
    });
  }

  private tell(): void {
    this.announcer.announce({
      segment: this.segment,
      writtenOffset: this.writtenOffset,
      writtenSequence: this.writtenSequence,
      syncedOffset: this.syncedOffset,
      syncedSequence: this.syncedSequence,
    });
  }

  private fail(doing: 'write' | 'sync', cause: unknown): void {
    if (this.failure !== undefined) return;
    const error = failureOf(doing, this.options.folder, cause);
    this.failure = error;
    this.cancelSyncTimer?.();
    const waiting = this.waiting;
    this.waiting = [];
    for (const waiter of waiting) waiter.reject(error);
    this.options.onFailure(error);
  }
}

function failureOf(doing: 'open' | 'write' | 'sync', folder: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  if ((cause as { code?: string } | undefined)?.code === 'ENOSPC') {
    return new TidemarkError('disk-full', {
      doing: `${doing} the journal`,
      what: folder,
      why: 'no space is left on the disk',
      now: 'free some space and start again; what was acknowledged is safe',
      cause,
    });
  }
  return new TidemarkError('journal-failed', {
    doing: `${doing} the journal`,
    what: folder,
    now: 'check the disk and start again; what was acknowledged is safe',
    cause,
  });
}

function putU32(bytes: Buffer, value: number, at: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
