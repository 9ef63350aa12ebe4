/** Digits after the point that files and SQL keep of a price or quantity. */
export const maxScale = 8;
const powers = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent);
const bigPowers = Array.from({ length: 40 }, (_, exponent) => 10n ** BigInt(exponent));

export function powerOfTen(exponent: number): number {
  return powers[exponent]!;
}

export function bigPowerOfTen(exponent: number): bigint {
  return bigPowers[exponent]!;
}

/** A decimal as an integer of its own digits: `value = unscaled × 10^-scale`, no trailing zeros after the point. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

const decimalShape = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/;

/** Exact reading of decimal text; undefined when the text is not a plain decimal. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = decimalShape.exec(text);
  if (match === null) return undefined;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  const unscaled = BigInt(match[2]! + fraction);
  return { unscaled: match[1] === '-' ? -unscaled : unscaled, scale: fraction.length };
}

/** Digits that the text needs after the point: `0.01000000` needs 2. */
export function neededScale(text: string): number {
  return parseDecimal(text)?.scale ?? 0;
}

/**
 * Decimal text as a safe integer at `scale`; undefined when the text is no decimal, needs more digits than `scale`, or
 * exceeds 2^53 there: the caller opens another scale version or refuses the value with a finding.
 */
export function parseScaled(text: string, scale: number): number | undefined {
  const decimal = parseDecimal(text);
  if (decimal === undefined || decimal.scale > scale) return undefined;
  const value = Number(decimal.unscaled * bigPowerOfTen(scale - decimal.scale));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Decimal text as a bigint at `scale`, for wide columns; undefined when it is no decimal or needs more digits. */
export function parseWide(text: string, scale: number): bigint | undefined {
  const decimal = parseDecimal(text);
  if (decimal === undefined || decimal.scale > scale) return undefined;
  return decimal.unscaled * bigPowerOfTen(scale - decimal.scale);
}

/** Decimal text of an integer at `scale` with exactly `digits` decimals (default: `scale`), or all that are needed when more. */
export function formatScaled(value: number | bigint, scale: number, digits: number = scale): string {
  const big = BigInt(value);
  const negative = big < 0n;
  const text = (negative ? -big : big).toString().padStart(scale + 1, '0');
  const whole = scale === 0 ? text : text.slice(0, -scale);
  const fraction = scale === 0 ? '' : text.slice(-scale);
  const needed = fraction.replace(/0+$/, '').length;
  const shown = fraction.slice(0, Math.max(digits, needed)).padEnd(digits, '0');
  return `${negative ? '-' : ''}${whole}${shown === '' ? '' : `.${shown}`}`;
}

/** The same value at a larger scale; the caller has made sure that it stays below 2^53. */
export function rescale(value: number, fromScale: number, toScale: number): number {
  return value * powers[toScale - fromScale]!;
}

export function rescaleWide(value: bigint, fromScale: number, toScale: number): bigint {
  return toScale >= fromScale ? value * bigPowerOfTen(toScale - fromScale) : value / bigPowerOfTen(fromScale - toScale);
}
