import { formatScaled, parseDecimal, parseWide } from '../../../src/protocol/figures.ts';

export const thinSpace = '\u2009';
export const minus = '\u2212';

/** Decimals that a tick or step asks for: `0.01000000` asks for 2. */
export function decimalsOf(step: string): number {
  return parseDecimal(step)?.scale ?? 0;
}

/** Whole part in groups of three, thin spaces between; the text is never read as a float. */
export function groupDigits(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, thinSpace);
  return (fraction === undefined ? grouped : `${grouped}.${fraction}`).replace('-', minus);
}

/** Decimal text with exactly `decimals` digits after the point, or all its own when it has more: nothing is cut off. */
export function withDecimals(text: string, decimals: number): string {
  const decimal = parseDecimal(text);
  return decimal === undefined ? text : formatScaled(decimal.unscaled, decimal.scale, decimals);
}

const subscripts = '₀₁₂₃₄₅₆₇₈₉';

/** `0.00000012` reads as `0.0₆12`: the little figure counts the zeros. */
export function foldZeros(text: string): string {
  const match = /^(-?)0\.(0{5,})(\d+)$/.exec(text);
  if (match === null) return text;
  const count = [...String(match[2]!.length)].map((digit) => subscripts[Number(digit)]).join('');
  return `${match[1]}0.0${count}${match[3]}`;
}

/** At most `decimals` digits after the point, the rest cut off: for sums whose last digits nobody reads. */
export function cutDecimals(text: string, decimals: number): string {
  const [whole = '', fraction = ''] = text.split('.');
  return decimals <= 0 || fraction === '' ? whole : `${whole}.${fraction.slice(0, decimals)}`;
}

/** A price or quantity as screens show it. */
export function figureText(text: string, decimals: number): string {
  return groupDigits(foldZeros(withDecimals(text, decimals)));
}

/** A number that was never exact (a coordinate, an axis mark) at a given number of decimals. */
export function coordinateText(value: number, decimals: number): string {
  return groupDigits(foldZeros(value.toFixed(Math.min(decimals, 20))));
}

export function signedText(value: number, decimals: number): string {
  const shown = groupDigits(Math.abs(value).toFixed(decimals));
  if (Number(value.toFixed(decimals)) === 0) return shown;
  return `${value < 0 ? minus : '+'}${shown}`;
}

const units = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** `470 123.4` as `470.1 k`: for headline volumes, where four digits are enough to compare. */
export function shortText(value: number): string {
  for (const [size, unit] of units) {
    if (Math.abs(value) >= size)
      return `${groupDigits((value / size).toFixed(value / size >= 100 ? 1 : 2))}${thinSpace}${unit}`;
  }
  return groupDigits(value >= 100 ? value.toFixed(1) : String(Number(value.toPrecision(4))));
}

/** Part of a whole in percent; never rounded up to 100 when something is missing, nor down to 0 when something is there. */
export function shareText(part: number, whole: number): string {
  if (whole <= 0) return '–';
  const percent = (part / whole) * 100;
  if (part >= whole) return '100 %';
  if (part > 0 && percent < 0.01) return '< 0.01 %';
  return `${Math.min(percent, 99.99).toFixed(2)} %`;
}

/** Exact sum of decimal texts. */
export function sumText(texts: readonly string[]): string {
  const scale = texts.reduce((most, text) => Math.max(most, parseDecimal(text)?.scale ?? 0), 0);
  let sum = 0n;
  for (const text of texts) sum += parseWide(text, scale) ?? 0n;
  return formatScaled(sum, scale, 0);
}

/** Exact `a − b`. */
export function differenceText(a: string, b: string): string {
  return sumText([a, b.startsWith('-') ? b.slice(1) : `-${b}`]);
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  for (const [size, unit] of [
    [2 ** 40, 'TiB'],
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}
