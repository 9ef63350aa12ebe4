import { maxScale, rescale } from './decimal.ts';
import type { Instrument } from './instrument.ts';
import { instrumentId } from './instrument.ts';

/**
 * An instrument at one pair of scales, as the rows of batches name it. A value that needs more digits opens a new slot of
 * the same instrument; slots are never changed or removed, so old rows keep their meaning.
 */
export interface Slot {
  readonly index: number;
  /** Position of the instrument among all instruments seen; equal for all slots of one instrument. */
  readonly instrumentIndex: number;
  readonly instrument: Instrument;
  readonly id: string;
  readonly priceScale: number;
  readonly quantityScale: number;
}

/** All slots of a process, append-only. Rows hold `slot.index` as a small integer. */
export class Slots {
  readonly all: Slot[] = [];
  readonly #current = new Map<string, Slot>();
  #instrumentCount = 0;

  /** The newest slot of an instrument, or undefined before its first value. */
  current(instrument: Instrument): Slot | undefined {
    return this.#current.get(instrumentId(instrument));
  }

  /** The instrument's newest slot, widened to at least these scales where needed; scales never shrink. */
  atLeast(instrument: Instrument, priceScale: number, quantityScale: number): Slot {
    const id = instrumentId(instrument);
    const known = this.#current.get(id);
    if (known !== undefined && known.priceScale >= priceScale && known.quantityScale >= quantityScale) return known;
    const slot: Slot = {
      index: this.all.length,
      instrumentIndex: known?.instrumentIndex ?? this.#instrumentCount++,
      instrument: known?.instrument ?? instrument,
      id,
      priceScale: Math.min(maxScale, Math.max(priceScale, known?.priceScale ?? 0)),
      quantityScale: Math.min(maxScale, Math.max(quantityScale, known?.quantityScale ?? 0)),
    };
    this.all.push(slot);
    this.#current.set(id, slot);
    return slot;
  }

  /** A slot of exactly these scales, for rows read back; it does not become the instrument's newest unless it is the first. */
  exactly(instrument: Instrument, priceScale: number, quantityScale: number): Slot {
    const id = instrumentId(instrument);
    const known = this.#current.get(id);
    const slot: Slot = {
      index: this.all.length,
      instrumentIndex: known?.instrumentIndex ?? this.#instrumentCount++,
      instrument: known?.instrument ?? instrument,
      id,
      priceScale,
      quantityScale,
    };
    this.all.push(slot);
    if (known === undefined) this.#current.set(id, slot);
    return slot;
  }

  get(index: number): Slot {
    return this.all[index]!;
  }

  get instrumentCount(): number {
    return this.#instrumentCount;
  }
}

/** A price of one slot read at the scale of a newer slot of the same instrument. */
export function priceAt(value: number, from: Slot, to: Slot): number {
  return from.priceScale === to.priceScale ? value : rescale(value, from.priceScale, to.priceScale);
}

export function quantityAt(value: number, from: Slot, to: Slot): number {
  return from.quantityScale === to.quantityScale ? value : rescale(value, from.quantityScale, to.quantityScale);
}
