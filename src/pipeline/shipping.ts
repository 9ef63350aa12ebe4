import type { JournalBytes, ShippedJournal } from '../ports/shipping.ts';
import type { ShippingStatus } from '../protocol/api.ts';
import { ShipmentOfJournal, type ShipmentOptions } from './shipment.ts';

export interface ShippingOptions extends ShipmentOptions {
  /** Its address, for whoever looks. */
  readonly store: string;
  closeStore(): Promise<void>;
  readonly journals: readonly { readonly bytes: JournalBytes; readonly shipped: ShippedJournal }[];
}

/**
 * Copies what the journals have synced to a store, each journal at its own pace. It only reads: a store that is slow or
 * gone delays nothing but the copy, and holds one object's bytes a journal in memory.
 */
export class Shipping {
  readonly #journals: readonly ShipmentOfJournal[];
  readonly #options: ShippingOptions;
  #running: Promise<unknown> | undefined;

  constructor(options: ShippingOptions) {
    this.#options = options;
    this.#journals = options.journals.map(({ bytes, shipped }) => new ShipmentOfJournal(bytes, shipped, options));
  }

  start(): void {
    this.#running ??= Promise.all(this.#journals.map((journal) => journal.run()));
  }

  /** How far each journal is shipped, and what is in the way. */
  get status(): ShippingStatus {
    return { store: this.#options.store, journals: this.#journals.map((journal) => journal.status) };
  }

  /** Ships what is synced now, for `graceMs` at most, and ends. */
  async stop(graceMs: number): Promise<void> {
    const cancel = this.#options.world.timers.after(graceMs, () => this.#abandon());
    for (const journal of this.#journals) journal.finish();
    await this.#running;
    cancel();
    for (const { bytes } of this.#options.journals) await bytes.close();
    await this.#options.closeStore();
  }

  #abandon(): void {
    for (const journal of this.#journals) journal.abandon();
  }
}
