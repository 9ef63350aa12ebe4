import { TidemarkError } from '../domain/error.ts';
import type { Logger } from '../ports/log.ts';
import type { JournalBytes, SegmentPiece, ShippedEnd, ShippedJournal } from '../ports/shipping.ts';
import type { World } from '../ports/world.ts';
import type { ShippedJournalStatus } from '../protocol/api.ts';

export interface ShipmentOptions {
  readonly world: Pick<World, 'clock' | 'timers' | 'random'>;
  /** What is synced is shipped after so long at most, as long as the store takes it. */
  readonly maxDelayMs: number;
  /** Plain bytes an object has, unless one block is longer. */
  readonly maxObjectBytes: number;
  /** How often closed segments are packed; each once it is compressed here, which waits for its rows to be committed. */
  readonly packPeriodMs: number;
  /** For the copy of a segment that is being packed. */
  readonly scratchFolder: string;
  readonly log: Logger;
}

/** In the journal: what is shipped next begins here. */
interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly sequence: number;
}

const lookMs = 200;
const retryDelayMsMin = 500;
const retryDelayMsMax = 60_000;

/** Ships one journal, from where its copy ends on. */
export class ShipmentOfJournal {
  readonly #bytes: JournalBytes;
  readonly #shipped: ShippedJournal;
  readonly #options: ShipmentOptions;
  #at: Place | undefined;
  /** False until the store has said where the copy ends, and again after each failure. */
  #isSure = false;
  #retryAtUs = 0;
  #unshippedSinceUs: number | undefined;
  #state: ShippedJournalStatus['state'] = 'starting';
  #error: string | null = null;
  #behindBytes = 0;
  #behindRecords = 0;
  /** Segment that is written to. */
  #newest = 0;
  #shippedAtUs: number | null = null;
  #retryDelayMs = retryDelayMsMin;
  #isFinishing = false;
  #isAbandoned = false;
  /** Closed segments that the store has in many objects. */
  #inPieces = new Set<number>();
  #packing: Promise<void> | undefined;
  #packAtUs = 0;
  #wake: (() => void) | undefined;
  #giveUp: () => void = () => {};
  readonly #abandoned = new Promise<void>((resolve) => {
    this.#giveUp = resolve;
  });

  constructor(bytes: JournalBytes, shipped: ShippedJournal, options: ShipmentOptions) {
    this.#bytes = bytes;
    this.#shipped = shipped;
    this.#options = options;
  }

  get status(): ShippedJournalStatus {
    return {
      writer: this.#bytes.writer,
      state: this.#state,
      shippedTo: this.#at ?? null,
      behindBytes: this.#behindBytes,
      behindRecords: this.#behindRecords,
      shippedAtUs: this.#shippedAtUs,
      error: this.#error,
    };
  }

  /** What is synced by now is still shipped, then `run` ends. */
  finish(): void {
    this.#isFinishing = true;
    this.#wake?.();
  }

  /** `run` ends now; what is under way is shipped or not. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#wake?.();
    this.#giveUp();
  }

  async run(): Promise<void> {
    await this.#shipUntilEnd();
    await Promise.race([this.#packing, this.#abandoned]);
  }

  async #shipUntilEnd(): Promise<void> {
    while (!this.#isAbandoned) {
      const step = this.#step();
      step.catch(() => {});
      const isMore = await Promise.race([step, this.#abandoned]).catch((error) => this.#failed(error));
      if (isMore === true || this.#isAbandoned) continue;
      if (this.#isFinishing && (this.#behindBytes === 0 || this.#state === 'conflict')) return;
      await this.#pause(lookMs);
    }
  }

  /** Ships one object; whether there may be more to ship at once. */
  async #step(): Promise<boolean> {
    await this.#measure();
    const { clock } = this.#options.world;
    if (clock.monotonicUs() < this.#retryAtUs) return false;
    if (!this.#isSure) {
      const at = await this.#begin();
      if (at === undefined) return false;
      this.#inPieces = new Set(await this.#shipped.inPieces());
      this.#at = at;
      this.#isSure = true;
      await this.#measure();
      if (this.#behindBytes === 0) this.#succeeded();
    }
    const at = this.#at!;
    const isClosed = this.#newest > at.segment;
    if (this.#behindBytes === 0 && !isClosed) {
      this.#unshippedSinceUs = undefined;
      if (clock.monotonicUs() >= this.#packAtUs && !this.#isFinishing) this.#pack();
      return false;
    }
    if (!this.#isFinishing && !isClosed && this.#waitMs() > 0) return false;
    const piece = await this.#bytes.piece(at.segment, at.offset, this.#options.maxObjectBytes);
    if (piece === undefined) return false;
    await this.#append(piece);
    await this.#measure();
    return true;
  }

  /** Small objects wait for more bytes, but not for long. */
  #waitMs(): number {
    const { world, maxDelayMs, maxObjectBytes } = this.#options;
    if (this.#behindBytes >= maxObjectBytes) return 0;
    const nowUs = world.clock.monotonicUs();
    this.#unshippedSinceUs ??= nowUs;
    return maxDelayMs - (nowUs - this.#unshippedSinceUs) / 1000;
  }

  async #append(piece: SegmentPiece): Promise<void> {
    try {
      await this.#shipped.append(piece);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'blob-conflict') throw error;
      // Cut at another place by a process before this one, whose last write was under way when it died?
      const end = await this.#begin();
      if (end === undefined || !isAfter(end, piece)) {
        throw this.#conflict(piece.segment, piece.offset, 'other bytes are there', error);
      }
      this.#at = end;
      return;
    }
    const end = piece.offset + piece.bytes.length;
    if (piece.isLast) this.#inPieces.add(piece.segment);
    const later = piece.isLast ? this.#bytes.segments().find((other) => other > piece.segment) : undefined;
    this.#at = {
      segment: later ?? piece.segment,
      offset: later === undefined ? end : 0,
      sequence: piece.nextSequence,
    };
    this.#unshippedSinceUs = undefined;
    this.#shippedAtUs = this.#options.world.clock.wallUs();
    this.#succeeded();
  }

  /** Beside what is shipped, which must not wait for it. */
  #pack(): void {
    const { world, packPeriodMs } = this.#options;
    this.#packing ??= this.#packAll()
      .catch((error) => {
        const fields = { writer: this.#bytes.writer, error: String(error) };
        this.#options.log.warn(fields, 'a shipped segment cannot be packed; it is tried again');
      })
      .finally(() => {
        this.#packing = undefined;
        this.#packAtUs = world.clock.monotonicUs() + packPeriodMs * 1000;
      });
  }

  async #packAll(): Promise<void> {
    const copy = `${this.#options.scratchFolder}/${this.#bytes.writer}.zst`;
    const kept = new Set(this.#inPieces.size === 0 ? [] : this.#bytes.segments());
    for (const segment of this.#inPieces) {
      if (kept.has(segment)) {
        if (this.#isFinishing || !(await this.#bytes.copyCompressed(segment, copy))) return;
        await this.#shipped.pack(segment, copy);
      }
      // One that is gone here stays in pieces there.
      this.#inPieces.delete(segment);
    }
  }

  /** Where the copy ends, if it is a copy of this journal; undefined while this journal is empty. */
  async #begin(): Promise<Place | undefined> {
    const segments = this.#bytes.segments();
    const newest = segments.at(-1);
    if (newest === undefined) return undefined;
    const end = await this.#shipped.end();
    if (end === undefined) return { segment: segments[0]!, offset: 0, sequence: 0 };
    const { segment, offset, sequence, isClosed, seal } = end;
    const laterOnes = segments.filter((other) => other > segment);
    const later = laterOnes[0];
    if (seal !== undefined) {
      const restored = laterOnes.find((other) => this.#bytes.sealOf(other) === seal);
      if (restored === undefined)
        throw this.#conflict(segment, offset, 'it was brought back elsewhere and goes on there');
      return { segment: restored, offset: 0, sequence };
    }
    if (isClosed && later !== undefined) return { segment: later, offset: 0, sequence };
    if (isClosed)
      throw this.#conflict(segment, offset, 'the store says that later segments exist, this folder has none');
    if (newest < segment) throw this.#conflict(segment, offset, 'the store holds later segments than this folder');
    if (!segments.includes(segment)) return this.#passOver(end, later!);
    await this.#compare(end);
    return { segment, offset, sequence };
  }

  /** Bytes that are gone here before they were shipped: the copy goes on with what there is. */
  async #passOver(end: ShippedEnd, later: number): Promise<Place> {
    const { segment, offset, sequence } = end;
    this.#options.log.error(
      { writer: this.#bytes.writer, segment, offset, nextSegment: later },
      'segments are gone that were not shipped; shipping goes on after them',
    );
    await this.#shipped.append({ segment, offset, bytes: new Uint8Array(), nextSequence: sequence, isLast: true });
    return { segment: later, offset: 0, sequence };
  }

  /** The last object tells whether the copy is one of this journal. */
  async #compare({ segment, offset, lastOffset }: ShippedEnd): Promise<void> {
    const theirs = await this.#shipped.shippedAt(segment, lastOffset);
    const ours = this.#bytes.slice(segment, lastOffset, offset - lastOffset);
    if (theirs !== undefined && Buffer.compare(ours, theirs) === 0) return;
    throw this.#conflict(segment, lastOffset, 'the store holds other bytes than this folder');
  }

  #conflict(segment: number, offset: number, why: string, cause?: unknown): TidemarkError {
    return new TidemarkError('shipping-conflict', {
      doing: `ship the journal of the ${this.#bytes.writer}`,
      what: `segment ${segment} at offset ${offset}`,
      why,
      now: 'one of the two journals goes on elsewhere: stop the one that is not wanted, or set another shipping.store',
      cause,
    });
  }

  async #measure(): Promise<void> {
    const { bytes, records, newest } = await unshipped(this.#bytes, this.#at);
    this.#behindBytes = bytes;
    this.#behindRecords = records;
    this.#newest = newest;
  }

  #succeeded(): void {
    if (this.#error !== null) {
      this.#options.log.info({ writer: this.#bytes.writer }, 'the journal is shipped again');
    }
    this.#state = 'shipping';
    this.#error = null;
    this.#retryDelayMs = retryDelayMsMin;
  }

  /** The next try is later, and later still when that fails too. */
  #failed(error: unknown): void {
    const { log, world } = this.#options;
    const isConflict = error instanceof TidemarkError && error.code === 'shipping-conflict';
    const message = error instanceof Error ? error.message : String(error);
    if (this.#error === null || (isConflict && this.#state !== 'conflict')) {
      log.error({ writer: this.#bytes.writer, error: message }, 'the journal cannot be shipped; it is tried again');
    }
    this.#state = isConflict ? 'conflict' : 'retrying';
    this.#error = message;
    // Asked anew, for an answer that was lost may have been a yes.
    this.#isSure = false;
    const delayMs = isConflict ? retryDelayMsMax : this.#retryDelayMs * (0.5 + world.random.fraction() / 2);
    this.#retryDelayMs = Math.min(retryDelayMsMax, this.#retryDelayMs * 2);
    this.#retryAtUs = world.clock.monotonicUs() + delayMs * 1000;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#wake = undefined;
        resolve();
      };
      const cancel = this.#options.world.timers.after(delayMs, done);
      this.#wake = done;
    });
  }
}

function isAfter(at: Place, piece: SegmentPiece): boolean {
  return at.segment > piece.segment || (at.segment === piece.segment && at.offset > piece.offset);
}

/** What a journal has synced from this place on; all of it where nothing is known to be shipped. */
export async function unshipped(
  journal: JournalBytes,
  shippedTo: Place | undefined,
): Promise<{ bytes: number; records: number; newest: number }> {
  const synced = await journal.syncedEnd();
  const newest = synced.segment;
  const at = shippedTo ?? { segment: journal.segments()[0] ?? newest, offset: 0, sequence: 0 };
  let bytes = newest < at.segment ? 0 : synced.offset - at.offset;
  // Asked for only where there are some: a folder may hold many.
  const between = at.segment < newest ? journal.segments() : [];
  for (const segment of between) {
    if (segment >= at.segment && segment < newest) bytes += journal.segmentBytes(segment);
  }
  return { bytes: Math.max(0, bytes), records: Math.max(0, synced.sequence - at.sequence), newest };
}
