import type { JournalBlock, JournalPosition, JournalReader, SegmentHead } from '../ports/journal.ts';
import type { World } from '../ports/world.ts';
import type { JournalHost, JournalNews } from './host.ts';
import { openJournalReader } from './reader.ts';
import type { ShippedBlobs } from './shipped-object.ts';
import { listShippedSegments, SegmentMirror, type ShippedSegment } from './shipped-segments.ts';

export interface ShippedReaderOptions {
  readonly blobs: ShippedBlobs;
  readonly writer: string;
  /** For the segments that are being read, plain: two at a time. Emptied at the end. */
  readonly scratchFolder: string;
  /** The store is asked for more at most so often. */
  readonly lookMs?: number;
}

const usualLookMs = 1000;

/** Reads a journal from where it was shipped to, live or after its machine is gone. What is shipped counts as synced. */
export async function openShippedReader(world: World, options: ShippedReaderOptions): Promise<JournalReader> {
  world.files.makeFolder(options.scratchFolder);
  for (const left of world.files.list(options.scratchFolder)) world.files.remove(`${options.scratchFolder}/${left}`);
  return new ShippedReader(world, options);
}

/**
 * Segments are brought into a scratch folder as they are reached and read there by the reader of segment files, so that
 * blocks, damage and the way around it are one code.
 */
class ShippedReader implements JournalReader {
  readonly writer: string;
  private readonly world: World;
  private readonly options: ShippedReaderOptions;
  private inner: JournalReader | undefined;
  private tell: (news: JournalNews) => void = () => {};
  private newest: JournalNews | undefined;
  /** Looked at once more since the store was listed. */
  private readonly completed = new Set<number>();
  private shipped: readonly ShippedSegment[] = [];
  private lookedAtUs = Number.NEGATIVE_INFINITY;
  private readonly mirrors = new Map<number, SegmentMirror>();
  private last: Promise<unknown> = Promise.resolve();
  /** What is shipped is all there is: the place of the writer's word is taken by the store's. */
  private readonly host: Pick<JournalHost, 'listen'> = {
    listen: (_folder, heard) => {
      this.tell = heard;
      if (this.newest !== undefined) heard(this.newest);
      return { isConnected: true, close() {} };
    },
  };

  constructor(world: World, options: ShippedReaderOptions) {
    this.writer = options.writer;
    this.world = world;
    this.options = options;
  }

  start(): Promise<JournalPosition> {
    return this.inTurn(async () => {
      await this.look();
      const oldest = await this.firstFrom(0);
      await this.keep(oldest === undefined ? [] : [oldest]);
      return (await this.reader()).start();
    });
  }

  syncedEnd(): Promise<JournalPosition> {
    return this.inTurn(async () => {
      await this.look();
      const newest = this.shipped.at(-1);
      if (newest === undefined) return { writer: this.writer, segment: 1, offset: 0, sequence: 0 };
      const { segment, bytes: offset, nextSequence: sequence } = await this.mirror(newest);
      return { writer: this.writer, segment, offset, sequence };
    });
  }

  read(from: JournalPosition, maxBytes: number): Promise<JournalBlock | undefined> {
    return this.inTurn(async () => {
      const block = await this.readShipped(from, maxBytes);
      if (block !== undefined || !(await this.look())) return block;
      return this.readShipped(from, maxBytes);
    });
  }

  head(segment: number): Promise<SegmentHead | undefined> {
    return this.inTurn(async () => {
      await this.look();
      const shipped = this.shipped.find((one) => one.segment === segment);
      if (shipped !== undefined) await this.mirror(shipped);
      return (await this.reader()).head(segment);
    });
  }

  afterDamage(from: JournalPosition): Promise<{ position: JournalPosition; lostRecords: number } | undefined> {
    return this.inTurn(async () => {
      await this.look();
      for (let next: number | undefined = from.segment; ; next = await this.firstFrom(next + 1)) {
        if (next === undefined) return undefined;
        await this.keep([from.segment, next]);
        const found = await (await this.reader()).afterDamage(from);
        if (found !== undefined) return found;
      }
    });
  }

  wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.timers.after(Math.min(timeoutMs, this.options.lookMs ?? usualLookMs), resolve);
    });
  }

  async close(): Promise<void> {
    await this.last;
    await this.inner?.close();
    this.world.files.remove(this.options.scratchFolder);
  }

  /** One at a time: whoever asks may want other segments brought here than who asked before. */
  private inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const asked = this.last.then(ask);
    this.last = asked.catch(() => {});
    return asked;
  }

  private async readShipped(from: JournalPosition, maxBytes: number): Promise<JournalBlock | undefined> {
    const next = await this.firstFrom(from.segment + 1);
    await this.keep(next === undefined ? [from.segment] : [from.segment, next]);
    if (next !== undefined) await this.complete(from.segment);
    return (await this.reader()).read(from, maxBytes);
  }

  /** The first segment from this number on that has bytes; one that was only sealed has none. */
  private async firstFrom(segment: number): Promise<number | undefined> {
    for (const shipped of this.shipped) {
      if (shipped.segment >= segment && (await this.mirror(shipped)).bytes > 0) return shipped.segment;
    }
    return undefined;
  }

  /**
   * A list is not made in one instant: it can have a later segment, and of this one not yet what was shipped before that.
   * What closes a segment is shipped before the next one begins, so without it the segment is looked at once more.
   */
  private async complete(segment: number): Promise<void> {
    if (this.mirrors.get(segment)?.isClosed !== false || this.completed.has(segment)) return;
    const [now] = await listShippedSegments(this.options.blobs, this.writer, segment);
    this.completed.add(segment);
    if (now === undefined) return;
    this.shipped = this.shipped.map((shipped) => (shipped.segment === segment ? now : shipped));
    await this.mirror(now);
  }

  /** Asks the store what it holds, if that was not asked just now; whether it was asked. */
  private async look(): Promise<boolean> {
    const nowUs = this.world.clock.monotonicUs();
    if (nowUs - this.lookedAtUs < (this.options.lookMs ?? usualLookMs) * 1000) return false;
    this.shipped = await listShippedSegments(this.options.blobs, this.writer);
    this.lookedAtUs = nowUs;
    this.completed.clear();
    const newest = this.shipped.at(-1);
    // Those before it are whole, whether it is here already or not.
    if (newest !== undefined && newest.segment !== this.newest?.segment) this.say(newest.segment, 0, 0);
    return true;
  }

  /** Has these segments here as far as they are shipped, and no others. */
  private async keep(segments: readonly number[]): Promise<void> {
    for (const shipped of this.shipped) if (segments.includes(shipped.segment)) await this.mirror(shipped);
    for (const [segment, mirror] of this.mirrors) {
      if (segments.includes(segment)) continue;
      mirror.remove();
      this.mirrors.delete(segment);
    }
  }

  private async mirror(shipped: ShippedSegment): Promise<SegmentMirror> {
    const { blobs, scratchFolder } = this.options;
    const known = this.mirrors.get(shipped.segment);
    const mirror = known ?? new SegmentMirror(blobs, this.world.files, shipped, scratchFolder);
    this.mirrors.set(shipped.segment, mirror);
    if (!(await mirror.take(shipped))) {
      // It has the file open that was begun anew.
      await this.inner?.close();
      this.inner = undefined;
    }
    if (shipped === this.shipped.at(-1)) this.say(mirror.segment, mirror.bytes, mirror.nextSequence);
    return mirror;
  }

  /** How far the store is, as a writer would say it. */
  private say(segment: number, offset: number, sequence: number): void {
    this.newest = {
      segment,
      writtenOffset: offset,
      writtenSequence: sequence,
      syncedOffset: offset,
      syncedSequence: sequence,
    };
    this.tell(this.newest);
  }

  private async reader(): Promise<JournalReader> {
    this.inner ??= await openJournalReader(this.world, {
      folder: this.options.scratchFolder,
      writer: this.writer,
      host: this.host,
    });
    return this.inner;
  }
}
