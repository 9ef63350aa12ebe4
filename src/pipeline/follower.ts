import { TidemarkError } from '../domain/error.ts';
import type { JournalBlock, JournalPosition, JournalReader } from '../ports/journal.ts';
import type { Derivation } from './derivation.ts';

const blockBytes = 1024 * 1024;
const waitMs = 200;
const syncWaitMs = 5;
const settleWaits = 400;

export interface FollowerHooks {
  /** After each block, before the next; `block` counts them. */
  afterBlock(block: number): Promise<void>;
  /** Everything up to this block survives a power cut. */
  synced(block: number): void;
  /**
   * Lets everything else in the process have its turn, after each block: while a long journal is caught up with, nothing of
   * it has to be waited for, and neither requests nor the commit in the background would get on.
   */
  giveWay(): Promise<void>;
}

/** A block that was processed, while nothing says that it survives a power cut. */
interface Unsynced {
  readonly block: number;
  readonly reader: JournalReader;
  readonly to: JournalPosition;
}

/** A block read and not processed yet. */
interface Head {
  readonly reader: JournalReader;
  readonly block: JournalBlock;
}

/**
 * Reads every journal and feeds the derivation, from the positions of the last commit on; of the blocks at hand the oldest
 * first. The result does not depend on that order, but what waits for another journal (answers for frames, frames for a
 * snapshot) then never waits for more than about a block.
 */
export class Follower {
  readonly #readers: JournalReader[];
  readonly #derivation: Derivation;
  readonly #positions = new Map<string, JournalPosition>();
  readonly #heads = new Map<JournalReader, Head>();
  /** Where the last damage was, until a later segment said what is in force. */
  readonly #damagedSegments = new Map<JournalReader, number>();
  readonly #syncedEnds = new Map<string, JournalPosition>();
  /** In the order in which they were processed. */
  readonly #unsynced: Unsynced[] = [];
  readonly #untilSynced: { block: number; resolve(isSynced: boolean): void }[] = [];
  #blocks = 0;
  #stopped = false;
  #wake: (() => void) | undefined;
  /** Bytes known to be written and not processed, by writer. */
  readonly behindBytes = new Map<string, number>();

  constructor(readers: readonly JournalReader[], derivation: Derivation, positions: readonly JournalPosition[]) {
    this.#readers = [...readers];
    this.#derivation = derivation;
    for (const position of positions) this.#positions.set(position.writer, position);
  }

  /** Next record to process, by journal. */
  get positions(): JournalPosition[] {
    return [...this.#positions.values()];
  }

  /** Runs until `stop`, or until every journal is read to its synced end when `once`. */
  async run(hooks: FollowerHooks, once = false): Promise<void> {
    for (const reader of this.#readers) {
      if (this.#positions.has(reader.writer)) continue;
      const start = await this.#startOf(reader);
      this.#positions.set(reader.writer, start);
      // The oldest segment kept need not be the first one.
      const head = await reader.head(start.segment);
      if (head !== undefined) this.#derivation.inForce(head);
    }
    try {
      while (!this.#stopped) {
        const head = await this.#oldest(once);
        if (head !== undefined) {
          const { reader, block } = head;
          this.#heads.delete(reader);
          await this.#takeInForce(reader, block);
          this.#derivation.process(block);
          this.#positions.set(reader.writer, block.to);
          this.#unsynced.push({ block: ++this.#blocks, reader, to: block.to });
          await hooks.afterBlock(this.#blocks);
          await hooks.giveWay();
        }
        const synced = await this.#takeSynced();
        if (synced !== undefined) hooks.synced(synced);
        if (head !== undefined) continue;
        if (once) return;
        await this.#waitForMore();
      }
    } catch (error) {
      this.#giveUpOnSyncs();
      throw error;
    }
  }

  /** Resolves when all that was processed before the call survives a power cut; false when it will not be known. */
  untilSynced(): Promise<boolean> {
    if (this.#unsynced.length === 0) return Promise.resolve(true);
    return new Promise((resolve) => this.#untilSynced.push({ block: this.#blocks, resolve }));
  }

  /** After `stop`: waits as long as a living writer can need; false when the disk did not follow. */
  async settle(): Promise<boolean> {
    for (let wait = 0; wait < settleWaits; wait++) {
      await this.#takeSynced();
      if (this.#unsynced.length === 0) return true;
      await this.#waitForMore();
    }
    this.#giveUpOnSyncs();
    return false;
  }

  /** The newest block up to which all is synced, if more is than before. */
  async #takeSynced(): Promise<number | undefined> {
    let synced: number | undefined;
    for (let next = this.#unsynced[0]; next !== undefined; next = this.#unsynced[0]) {
      if (!(await this.#reaches(next.reader, next.to))) break;
      synced = next.block;
      this.#unsynced.shift();
    }
    if (synced === undefined) return undefined;
    while (this.#untilSynced.length > 0 && this.#untilSynced[0]!.block <= synced) {
      this.#untilSynced.shift()!.resolve(true);
    }
    return synced;
  }

  #giveUpOnSyncs(): void {
    for (const { resolve } of this.#untilSynced.splice(0)) resolve(false);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** The oldest of the next blocks of all journals; undefined when none has one. */
  async #oldest(once: boolean): Promise<Head | undefined> {
    for (const reader of this.#readers) {
      if (this.#heads.has(reader)) continue;
      const block = await this.#read(reader);
      if (block === undefined) continue;
      if (once && !block.isSynced && !(await this.#reaches(reader, block.to))) continue;
      this.#heads.set(reader, { reader, block });
    }
    let oldest: Head | undefined;
    let oldestUs = Number.POSITIVE_INFINITY;
    for (const head of this.#heads.values()) {
      // Most often there is only one, and nothing to compare.
      const receivedAtUs = this.#heads.size === 1 ? 0 : firstReceivedAtUs(head.block);
      if (oldest !== undefined && receivedAtUs >= oldestUs) continue;
      oldest = head;
      oldestUs = receivedAtUs;
    }
    return oldest;
  }

  /** The next block. Damage is passed over and recorded: the ledgers then see what ids it took. */
  async #read(reader: JournalReader): Promise<JournalBlock | undefined> {
    const from = this.#positions.get(reader.writer)!;
    try {
      return await reader.read(from, blockBytes);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'journal-damaged') throw error;
      const after = await reader.afterDamage(from);
      if (after === undefined) throw error;
      this.#derivation.journalDamaged(reader.writer, from.sequence, after.lostRecords, error.message);
      this.#positions.set(reader.writer, after.position);
      this.#damagedSegments.set(reader, from.segment);
      return reader.read(after.position, blockBytes);
    }
  }

  /** The oldest place that can be read. */
  async #startOf(reader: JournalReader): Promise<JournalPosition> {
    try {
      return await reader.start();
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'journal-damaged') throw error;
      const after = await reader.afterDamage({ writer: reader.writer, segment: 0, offset: 0, sequence: 0 });
      if (after === undefined) throw error;
      this.#derivation.journalDamaged(reader.writer, 0, after.lostRecords, error.message);
      return after.position;
    }
  }

  /** Sessions may have begun and ended in what was passed over; the next segment says which live. */
  async #takeInForce(reader: JournalReader, { from }: JournalBlock): Promise<void> {
    const damaged = this.#damagedSegments.get(reader);
    if (damaged === undefined || from.segment <= damaged) return;
    this.#damagedSegments.delete(reader);
    const head = await reader.head(from.segment);
    if (head !== undefined) this.#derivation.inForce(head);
  }

  async #reaches(reader: JournalReader, position: JournalPosition): Promise<boolean> {
    let end = this.#syncedEnds.get(reader.writer);
    if (end === undefined || !isAtOrAfter(end, position)) {
      end = await reader.syncedEnd();
      this.#syncedEnds.set(reader.writer, end);
    }
    return isAtOrAfter(end, position);
  }

  /** One waiter a reader stays registered across calls, so that waiting for the first leaves none behind. */
  readonly #waits = new Map<JournalReader, Promise<void>>();

  async #waitForMore(): Promise<void> {
    const isSynced = this.#unsynced.length === 0;
    const waits = this.#readers.map((reader) => {
      let wait = this.#waits.get(reader);
      if (wait === undefined) {
        wait = reader.wait(isSynced ? waitMs : syncWaitMs).finally(() => this.#waits.delete(reader));
        this.#waits.set(reader, wait);
      }
      return wait;
    });
    await Promise.race([
      ...waits,
      new Promise<void>((resolve) => {
        this.#wake = resolve;
      }),
    ]);
  }
}

function isAtOrAfter(a: JournalPosition, b: JournalPosition): boolean {
  return a.segment > b.segment || (a.segment === b.segment && a.offset >= b.offset);
}

function firstReceivedAtUs(block: JournalBlock): number {
  let first = Number.POSITIVE_INFINITY;
  block.forEach((record) => {
    if (first === Number.POSITIVE_INFINITY) first = record.receivedAtUs;
  });
  return first;
}
