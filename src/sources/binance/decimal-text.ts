import { maxScale, parseDecimal, parseScaled, powerOfTen } from '../../domain/decimal.ts';

const zero = 48;
const point = 46;

/** Digits after the point without trailing zeros; −1 when the text is not a plain decimal without sign. */
export function digitsNeeded(text: string): number {
  const length = text.length;
  let i = 0;
  while (i < length && isDigit(text.charCodeAt(i))) i++;
  if (i === 0 || i > 30) return -1;
  if (i === length) return 0;
  const start = i + 1;
  if (text.charCodeAt(i) !== point || start === length || length - start > 30) return -1;
  let needed = 0;
  for (i = start; i < length; i++) {
    const code = text.charCodeAt(i);
    if (!isDigit(code)) return -1;
    if (code !== zero) needed = i - start + 1;
  }
  return needed;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= 57;
}

/** The decimal as a safe integer at `scale`, NaN when it needs more digits or exceeds 2^53 there. */
export function scaledFrom(text: string, scale: number): number {
  const length = text.length;
  let value = 0;
  let i = 0;
  let code = text.charCodeAt(0);
  while (i < length && isDigit(code)) {
    value = value * 10 + (code - zero);
    code = text.charCodeAt(++i);
  }
  // 15 digits are exact in a double whatever they are; more go the slow, exact way.
  if (i + scale > 15) return exactScaledFrom(text, scale);
  const start = i + 1;
  let digits = 0;
  for (i = start; i < length; i++) {
    code = text.charCodeAt(i) - zero;
    if (digits < scale) {
      value = value * 10 + code;
      digits++;
    } else if (code !== 0) return Number.NaN;
  }
  return value * powerOfTen(scale - digits);
}

function exactScaledFrom(text: string, scale: number): number {
  return parseScaled(text, scale) ?? Number.NaN;
}

/** A signed decimal's needed digits; −1 when it is no plain decimal. */
export function signedDigitsNeeded(text: string): number {
  return text.startsWith('-') ? digitsNeeded(text.slice(1)) : digitsNeeded(text);
}

export function signedScaledFrom(text: string, scale: number): number {
  return text.startsWith('-') ? 0 - scaledFrom(text.slice(1), scale) : scaledFrom(text, scale);
}

/** A decimal at scale 8 for wide columns; undefined when it is none or needs more digits. */
export function wideFrom(text: string): bigint | undefined {
  const decimal = parseDecimal(text);
  if (decimal === undefined || decimal.scale > maxScale) return undefined;
  return decimal.unscaled * 10n ** BigInt(maxScale - decimal.scale);
}
