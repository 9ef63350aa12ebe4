import { maxScale } from '../../domain/decimal.ts';
import type { Decoded } from '../../domain/decoded.ts';
import type { Slot } from '../../domain/slots.ts';
import { digitsNeeded, scaledFrom, signedDigitsNeeded, signedScaledFrom } from './decimal-text.ts';
import type { SymbolEntry, SymbolTable } from './symbols.ts';

/** Why a message gives no rows; becomes a finding. */
export interface Refusal {
  readonly code: 'bad-frame' | 'value-refused' | 'unknown-event';
  readonly detail: string;
}

export function refuse(code: Refusal['code'], detail: string): Refusal {
  return { code, detail };
}

/** Prices and quantities as safe integers at the scales of `slot`, in the order asked for. */
export interface Values {
  readonly slot: Slot;
  readonly prices: readonly number[];
  readonly quantities: readonly number[];
}

/**
 * Reads decimal texts at the instrument's slot, after widening it to what they need. Nothing is widened when one of them
 * is no decimal or needs more digits than are kept.
 */
export function readValues(
  table: SymbolTable,
  entry: SymbolEntry,
  prices: readonly unknown[],
  quantities: readonly unknown[],
  isSigned = false,
): Values | Refusal {
  const priceDigits = mostDigits(prices, isSigned);
  if (typeof priceDigits !== 'number') return priceDigits;
  const quantityDigits = mostDigits(quantities, isSigned);
  if (typeof quantityDigits !== 'number') return quantityDigits;
  let slot = entry.slot;
  if (slot === undefined || slot.priceScale < priceDigits || slot.quantityScale < quantityDigits) {
    slot = table.widen(entry, priceDigits, quantityDigits);
  }
  const priceValues = scaled(prices as readonly string[], slot.priceScale, isSigned);
  if ('code' in priceValues) return priceValues;
  const quantityValues = scaled(quantities as readonly string[], slot.quantityScale, isSigned);
  if ('code' in quantityValues) return quantityValues;
  return { slot, prices: priceValues, quantities: quantityValues };
}

function mostDigits(texts: readonly unknown[], isSigned: boolean): number | Refusal {
  let most = 0;
  for (const text of texts) {
    if (typeof text !== 'string') return refuse('bad-frame', `${shown(text)} stands where decimal text belongs`);
    const digits = isSigned ? signedDigitsNeeded(text) : digitsNeeded(text);
    if (digits < 0) return refuse('value-refused', `${shown(text)} is no ${isSigned ? '' : 'unsigned '}decimal`);
    if (digits > maxScale) return refuse('value-refused', `${shown(text)} needs more than ${maxScale} digits`);
    if (digits > most) most = digits;
  }
  return most;
}

function scaled(texts: readonly string[], scale: number, isSigned: boolean): number[] | Refusal {
  const values = new Array<number>(texts.length);
  for (let i = 0; i < texts.length; i++) {
    const value = isSigned ? signedScaledFrom(texts[i]!, scale) : scaledFrom(texts[i]!, scale);
    if (Number.isNaN(value)) return refuse('value-refused', `${shown(texts[i])} exceeds 2^53 at ${scale} digits`);
    values[i] = value;
  }
  return values;
}

/** A value from the wire as it may stand in a finding. */
export function shown(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? 'nothing';
  } catch {
    // Nested so deeply that it can be read but not written.
    text = Array.isArray(value) ? 'a list' : 'an object';
  }
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** An id or count: a safe integer from 0 (or from `least`). */
export function isId(value: unknown, least = 0): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

/** From 10^15 on a time is in µs, below in ms; the two ranges never meet (binance.md, 10.4). */
export const microsecondsFrom = 1e15;

/** A venue time in µs; NaN when it is none. */
export function timeUs(value: unknown): number {
  if (!isId(value)) return Number.NaN;
  if (value >= microsecondsFrom) return value;
  const us = value * 1000;
  return Number.isSafeInteger(us) ? us : Number.NaN;
}

/** Moves the newest event time on. */
export function sawEventAt(out: Decoded, atUs: number): void {
  if (atUs > out.newestEventAtUs) out.newestEventAtUs = atUs;
}
