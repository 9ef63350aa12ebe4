import { TidemarkError } from '../domain/error.ts';
import type { JournalBlock, JournalPosition, JournalReader } from '../ports/journal.ts';
import type { Derivation } from './derivation.ts';

const blockBytes = 1024 * 1024;
const waitMs = 200;
const syncWaitMs = 5;
const settleWaits = 400;

export interface FollowerHooks {
  /** After each block, before the next: commits may wait here for the disk. */
  afterBlock(): Promise<void>;
  /** Everything processed so far survives a power cut. */
  synced(): void;
}

/** A block read and not processed yet. */
interface Head {
  readonly reader: JournalReader;
  readonly block: JournalBlock;
  readonly receivedAtUs: number;
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
  readonly #syncedEnds = new Map<string, JournalPosition>();
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
      if (!this.#positions.has(reader.writer)) this.#positions.set(reader.writer, await reader.start());
    }
    let isSynced = true;
    while (!this.#stopped) {
      const head = await this.#oldest(once);
      if (head !== undefined) {
        const { reader, block } = head;
        this.#heads.delete(reader);
        this.#derivation.process(block);
        this.#positions.set(reader.writer, block.to);
        if (!block.isSynced) isSynced = false;
        else if (isSynced) hooks.synced();
        await hooks.afterBlock();
      }
      if (!isSynced && (await this.isSynced())) {
        isSynced = true;
        hooks.synced();
      }
      if (head !== undefined) continue;
      if (once) return;
      await this.#waitForMore(isSynced);
    }
  }

  /** Whether all that was processed survives a power cut. */
  async isSynced(): Promise<boolean> {
    for (const reader of this.#readers) {
      const at = this.#positions.get(reader.writer);
      if (at !== undefined && !(await this.#reaches(reader, at))) return false;
    }
    return true;
  }

  /** Waits until all that was processed is synced; false when it was stopped meanwhile and that may not be so. */
  async untilSynced(): Promise<boolean> {
    while (!(await this.isSynced())) {
      if (this.#stopped) return false;
      await this.#waitForMore(false);
    }
    return true;
  }

  /** The same after `stop`, for as long as a living writer can need; false when the disk did not follow. */
  async settle(): Promise<boolean> {
    for (let wait = 0; wait < settleWaits; wait++) {
      if (await this.isSynced()) return true;
      await this.#waitForMore(false);
    }
    return false;
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
      this.#heads.set(reader, { reader, block, receivedAtUs: firstReceivedAtUs(block) });
    }
    let oldest: Head | undefined;
    for (const head of this.#heads.values()) {
      if (oldest === undefined || head.receivedAtUs < oldest.receivedAtUs) oldest = head;
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
      return reader.read(after.position, blockBytes);
    }
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

  async #waitForMore(isSynced: boolean): Promise<void> {
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
