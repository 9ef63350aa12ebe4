/**
 * Diff depth events in columns: event columns, and the levels of all events one after the other. Levels of event `i` are
 * `levelStart[i] … levelStart[i + 1] − 1` (`levelStart[length]` is the end), bids first.
 */
export class DepthBatch {
  slot = new Uint32Array(256);
  firstUpdateId = new Float64Array(256);
  finalUpdateId = new Float64Array(256);
  /** Futures `pu`; NaN on spot. */
  previousUpdateId = new Float64Array(256);
  eventAtUs = new Float64Array(256);
  receivedAtUs = new Float64Array(256);
  levelStart = new Uint32Array(257);
  length = 0;

  isBid = new Uint8Array(4096);
  price = new Float64Array(4096);
  quantity = new Float64Array(4096);
  levelCount = 0;

  /** A new event without levels; the caller fills its columns, then calls `addLevel`. */
  addEvent(slot: number): number {
    if (this.length === this.slot.length) this.#growEvents();
    const event = this.length++;
    this.slot[event] = slot;
    this.levelStart[event] = this.levelCount;
    this.levelStart[event + 1] = this.levelCount;
    return event;
  }

  /** A level of the newest event. */
  addLevel(isBid: number, price: number, quantity: number): void {
    if (this.levelCount === this.price.length) this.#growLevels();
    const level = this.levelCount++;
    this.isBid[level] = isBid;
    this.price[level] = price;
    this.quantity[level] = quantity;
    this.levelStart[this.length] = this.levelCount;
  }

  /** Takes the newest event back, as a decoder does when its frame turns out to be bad. */
  dropEvent(): void {
    this.length--;
    this.levelCount = this.levelStart[this.length]!;
  }

  clear(): void {
    this.length = 0;
    this.levelCount = 0;
    this.levelStart[0] = 0;
  }

  #growEvents(): void {
    const capacity = this.slot.length * 2;
    const u32 = (from: Uint32Array, length: number) => {
      const to = new Uint32Array(length);
      to.set(from);
      return to;
    };
    const f64 = (from: Float64Array) => {
      const to = new Float64Array(capacity);
      to.set(from);
      return to;
    };
    this.slot = u32(this.slot, capacity);
    this.levelStart = u32(this.levelStart, capacity + 1);
    this.firstUpdateId = f64(this.firstUpdateId);
    this.finalUpdateId = f64(this.finalUpdateId);
    this.previousUpdateId = f64(this.previousUpdateId);
    this.eventAtUs = f64(this.eventAtUs);
    this.receivedAtUs = f64(this.receivedAtUs);
  }

  #growLevels(): void {
    const capacity = this.price.length * 2;
    const price = new Float64Array(capacity);
    price.set(this.price);
    this.price = price;
    const quantity = new Float64Array(capacity);
    quantity.set(this.quantity);
    this.quantity = quantity;
    const isBid = new Uint8Array(capacity);
    isBid.set(this.isBid);
    this.isBid = isBid;
  }
}
