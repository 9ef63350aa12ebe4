import type { Instrument, Market } from '../../domain/instrument.ts';
import { markets } from '../../domain/instrument.ts';
import type { Slot, Slots } from '../../domain/slots.ts';

/** An instrument as frames name it: its bytes, and the slot that its next values are written at. */
export interface SymbolEntry {
  readonly instrument: Instrument;
  /** ASCII bytes of the symbol; empty when it is not ASCII, so that the scanner never matches it. */
  readonly bytes: Uint8Array;
  /** Undefined before the first value. Never older than `slots.current` by what this source decoded. */
  slot: Slot | undefined;
  /** Next entry with the same hash. */
  next: SymbolEntry | undefined;
}

const hashBuckets = 4096;
/** More instruments than this would be nonsense from the wire, not listings. */
const maxSymbols = 50_000;

/** No spaces, control characters, quotes or colons, as the symbol becomes part of names, nor what stands for bytes that are no text. */
const symbolShape = /^[^\s:"\\\p{Cc}\p{Cs}\uFFFD]{1,40}$/u;

/** Symbols of one market, found by text or by the bytes of a frame without making a string. */
export class SymbolTable {
  readonly #market: Market;
  readonly #slots: Slots;
  readonly #bySymbol = new Map<string, SymbolEntry>();
  /** What the scanner found last: frames of one symbol often follow each other. */
  last: SymbolEntry | undefined;
  readonly #byHash: (SymbolEntry | undefined)[] = new Array(hashBuckets).fill(undefined);

  constructor(market: Market, slots: Slots) {
    this.#market = market;
    this.#slots = slots;
  }

  /** The entry of a symbol, made when it is new; undefined when the text cannot be a symbol. */
  entry(symbol: unknown): SymbolEntry | undefined {
    if (typeof symbol !== 'string') return undefined;
    const known = this.#bySymbol.get(symbol);
    if (known !== undefined) return known;
    if (!symbolShape.test(symbol) || this.#bySymbol.size >= maxSymbols) return undefined;
    const instrument: Instrument = { venue: 'binance', market: this.#market, symbol };
    const bytes = new TextEncoder().encode(symbol);
    const isAscii = bytes.length === symbol.length;
    const entry: SymbolEntry = {
      instrument,
      bytes: isAscii ? bytes : new Uint8Array(0),
      slot: this.#slots.current(instrument),
      next: undefined,
    };
    this.#bySymbol.set(symbol, entry);
    if (isAscii) {
      let hash = 0;
      for (const byte of bytes) hash = symbolHash(hash, byte);
      const bucket = hash & (hashBuckets - 1);
      entry.next = this.#byHash[bucket];
      this.#byHash[bucket] = entry;
    }
    return entry;
  }

  /** The known entry whose symbol is `bytes[start … end − 1]`, undefined for a new one. */
  find(bytes: Uint8Array, start: number, end: number): SymbolEntry | undefined {
    let hash = 0;
    for (let i = start; i < end; i++) hash = symbolHash(hash, bytes[i]!);
    let entry = this.#byHash[hash & (hashBuckets - 1)];
    while (entry !== undefined && !equals(entry.bytes, bytes, start, end)) entry = entry.next;
    return entry;
  }

  /** The slot of an entry, widened to at least these scales. */
  widen(entry: SymbolEntry, priceScale: number, quantityScale: number): Slot {
    const slot = this.#slots.atLeast(entry.instrument, priceScale, quantityScale);
    entry.slot = slot;
    return slot;
  }
}

function symbolHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

function equals(symbol: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (symbol.length !== end - start || symbol.length === 0) return false;
  for (let i = 0; i < symbol.length; i++) if (symbol[i] !== bytes[start + i]) return false;
  return true;
}

export type SymbolTables = Readonly<Record<Market, SymbolTable>>;

const tablesOf = new WeakMap<Slots, SymbolTables>();

/** The symbol tables that belong to these slots; they live as long as the slots. */
export function symbolTables(slots: Slots): SymbolTables {
  let tables = tablesOf.get(slots);
  if (tables === undefined) {
    tables = Object.fromEntries(markets.map((market) => [market, new SymbolTable(market, slots)])) as SymbolTables &
      object;
    tablesOf.set(slots, tables);
  }
  return tables;
}
