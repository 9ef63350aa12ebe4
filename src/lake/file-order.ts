import type { Batch } from '../domain/batch.ts';
import { dayUs } from '../domain/interval.ts';
import type { Slot, Slots } from '../domain/slots.ts';

/** Rows of a batch in the order of its files. */
export interface FileOrder {
  /** Row of the batch by place in the file; undefined where each stands in its place already. */
  readonly rows: Uint32Array | undefined;
  /** Slots in use by code, and the code of each row in the order of the file. */
  readonly slots: readonly Slot[];
  readonly codes: Uint32Array;
  readonly partitions: readonly { readonly market: string; readonly date: string }[];
}

/**
 * Puts the rows together by symbol. Events of one symbol nearly always come in their order; where they did, nothing has to be
 * sorted. Undefined where SQL has to.
 */
export function fileOrder(batch: Batch, slots: Slots): FileOrder | undefined {
  const { spec, length } = batch;
  const columns = batch.columns as Record<string, ArrayLike<number>>;
  const inUse = slotsInUse(batch, slots);
  const instruments = inUse.map((slot) => slot.instrumentIndex);
  const isScaled = spec.order.some((name) => ['price', 'quantity'].includes(spec.columns[name]!.type));
  if (isScaled && new Set(instruments).size < instruments.length) return undefined;
  const codeOf = new Uint32Array(slots.all.length);
  const groupOf = new Uint32Array(inUse.length);
  inUse.forEach((slot, code) => {
    codeOf[slot.index] = code;
    groupOf[code] = code > 0 && instruments[code] === instruments[code - 1] ? groupOf[code - 1]! : code;
  });
  const codes = new Uint32Array(length);
  for (let row = 0; row < length; row++) codes[row] = codeOf[batch.slot[row]!]!;
  const rows = inUse.length === 1 ? undefined : byGroup(codes, groupOf);
  const inOrder = rows === undefined ? codes : codes.map((_, at) => codes[rows[at]!]!);
  const keys = spec.order.map((name) => columns[name]!);
  for (let at = 1; at < length; at++) {
    if (groupOf[inOrder[at]!] !== groupOf[inOrder[at - 1]!]) continue;
    const before = rows === undefined ? at - 1 : rows[at - 1]!;
    const row = rows === undefined ? at : rows[at]!;
    for (const key of keys) {
      if (key[before]! < key[row]!) break;
      // Not a number is in no order at all.
      if (key[before] !== key[row]) return undefined;
    }
  }
  return { rows, slots: inUse, codes: inOrder, partitions: partitionsOf(batch, codes, inUse) };
}

/** By symbol as SQL compares texts, then by instrument; the slots of one instrument stand together. */
function slotsInUse(batch: Batch, slots: Slots): Slot[] {
  const isUsed = new Uint8Array(slots.all.length);
  for (let row = 0; row < batch.length; row++) isUsed[batch.slot[row]!] = 1;
  const encoder = new TextEncoder();
  return slots.all
    .filter((slot) => isUsed[slot.index] === 1)
    .map((slot) => ({ slot, symbol: encoder.encode(slot.instrument.symbol) }))
    .sort((a, b) => Buffer.compare(a.symbol, b.symbol) || a.slot.instrumentIndex - b.slot.instrumentIndex)
    .map(({ slot }) => slot);
}

/** Rows group by group, each group in the order of the batch. */
function byGroup(codes: Uint32Array, groupOf: Uint32Array): Uint32Array {
  const next = new Uint32Array(groupOf.length + 1);
  for (let row = 0; row < codes.length; row++) {
    const after = groupOf[codes[row]!]! + 1;
    next[after] = next[after]! + 1;
  }
  for (let group = 1; group < next.length; group++) next[group] = next[group]! + next[group - 1]!;
  const rows = new Uint32Array(codes.length);
  for (let row = 0; row < codes.length; row++) {
    const group = groupOf[codes[row]!]!;
    const place = next[group]!;
    next[group] = place + 1;
    rows[place] = row;
  }
  return rows;
}

function partitionsOf(batch: Batch, codes: Uint32Array, slots: readonly Slot[]): { market: string; date: string }[] {
  const times = (batch.columns as Record<string, ArrayLike<number>>)[batch.spec.timeColumn]!;
  const found = new Map<string, { market: string; date: string }>();
  let lastMarket = '';
  let lastDay = Number.NaN;
  for (let row = 0; row < batch.length; row++) {
    const { market } = slots[codes[row]!]!.instrument;
    const day = Math.floor(times[row]! / dayUs);
    if (day === lastDay && market === lastMarket) continue;
    lastMarket = market;
    lastDay = day;
    found.set(`${market} ${day}`, { market, date: new Date(day * (dayUs / 1000)).toISOString().slice(0, 10) });
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, partition]) => partition);
}
