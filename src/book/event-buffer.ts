import { powerOfTen } from '../domain/decimal.ts';

export interface EventBufferJson {
  readonly final: number[];
  readonly before: number[];
  readonly atUs: number[];
  readonly levelStart: number[];
  /** 1 a bid, 0 an ask. */
  readonly isBid: number[];
  readonly price: number[];
  readonly quantity: number[];
}

/** Depth events kept in order until a snapshot comes, all at the book's scale. `before` is the id that must precede an event. */
export class EventBuffer {
  final: number[] = [];
  before: number[] = [];
  atUs: number[] = [];
  levelStart: number[] = [0];
  isBid: number[] = [];
  price: number[] = [];
  quantity: number[] = [];

  get length(): number {
    return this.final.length;
  }

  get levels(): number {
    return this.price.length;
  }

  add(final: number, before: number, atUs: number): void {
    this.final.push(final);
    this.before.push(before);
    this.atUs.push(atUs);
    this.levelStart.push(this.price.length);
  }

  /** A level of the newest event. */
  addLevel(isBid: number, price: number, quantity: number): void {
    this.isBid.push(isBid);
    this.price.push(price);
    this.quantity.push(quantity);
    this.levelStart[this.levelStart.length - 1] = this.price.length;
  }

  clear(): void {
    this.final = [];
    this.before = [];
    this.atUs = [];
    this.levelStart = [0];
    this.isBid = [];
    this.price = [];
    this.quantity = [];
  }

  /** Forgets the first `events`. */
  drop(events: number): void {
    if (events === 0) return;
    const levels = this.levelStart[events]!;
    this.final.splice(0, events);
    this.before.splice(0, events);
    this.atUs.splice(0, events);
    this.levelStart = this.levelStart.slice(events).map((start) => start - levels);
    this.isBid.splice(0, levels);
    this.price.splice(0, levels);
    this.quantity.splice(0, levels);
  }

  rescale(priceDigits: number, quantityDigits: number): void {
    for (let i = 0; i < this.price.length; i++) {
      this.price[i] = this.price[i]! * powerOfTen(priceDigits);
      this.quantity[i] = this.quantity[i]! * powerOfTen(quantityDigits);
    }
  }

  toJSON(): EventBufferJson {
    return {
      final: [...this.final],
      before: [...this.before],
      atUs: [...this.atUs],
      levelStart: [...this.levelStart],
      isBid: [...this.isBid],
      price: [...this.price],
      quantity: [...this.quantity],
    };
  }

  static fromJSON(json: EventBufferJson): EventBuffer {
    const buffer = new EventBuffer();
    buffer.final = [...json.final];
    buffer.before = [...json.before];
    buffer.atUs = [...json.atUs];
    buffer.levelStart = [...json.levelStart];
    buffer.isBid = [...json.isBid];
    buffer.price = [...json.price];
    buffer.quantity = [...json.quantity];
    return buffer;
  }
}
