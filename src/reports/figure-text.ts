import { bigPowerOfTen, formatScaled } from '../domain/decimal.ts';
import { productScale, valueScale } from './figures.ts';

/** Numbers and instants as people read them: thin spaces between thousands, a true minus, UTC. */

const thinSpace = '\u2009';
const minus = '\u2212';

/** Decimal text with its whole part in groups of three; every digit stays. */
export function grouped(text: string): string {
  const [, sign = '', whole = '', rest = ''] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  if (whole === '') return text;
  return `${sign === '' ? '' : minus}${whole.replace(/\B(?=(\d{3})+$)/g, thinSpace)}${rest}`;
}

/** An exact price, quantity or sum; `digits` decimals, or all that it has when more. */
export function valueText(value: bigint, digits: number): string {
  return grouped(formatScaled(value, valueScale, digits));
}

export function productText(value: bigint): string {
  return grouped(formatScaled(value, productScale, 2));
}

export function countText(count: number | bigint): string {
  return grouped(String(count));
}

const sizes = [
  { exponent: 9, letter: 'B' },
  { exponent: 6, letter: 'M' },
  { exponent: 3, letter: 'k' },
];

/** At most four digits of a decimal, cut and not rounded up: `20.50 B`. For headlines; the exact value stands elsewhere. */
export function shortText(value: bigint, scale: number): string {
  const unit = bigPowerOfTen(scale);
  const size = sizes.find(({ exponent }) => value >= unit * bigPowerOfTen(exponent));
  const divisor = unit * (size === undefined ? 1n : bigPowerOfTen(size.exponent));
  const hundredths = (value * 100n) / divisor;
  const text = formatScaled(hundredths, 2, 2);
  const shown = hundredths >= 100_000n ? text.slice(0, -3) : hundredths >= 10_000n ? text.slice(0, -1) : text;
  return `${grouped(shown)}${size === undefined ? '' : ` ${size.letter}`}`;
}

/** A statistic, with its sign where wished. */
export function doubleText(value: number, digits: number, isSigned = false): string {
  const text = Math.abs(value).toFixed(digits);
  const isZero = Number(text) === 0;
  return `${isZero ? '' : value < 0 ? minus : isSigned ? '+' : ''}${grouped(text)}`;
}

/** Change in per cent between two exact values; undefined without a start. */
export function changeText(from: bigint, to: bigint): string | undefined {
  if (from <= 0n) return undefined;
  const hundredths = ((to - from) * 1_000_000n) / from;
  return `${doubleText(Number(hundredths) / 10_000, 2, true)} %`;
}

export function percentText(share: number, digits = 2): string {
  // What is not all never reads as all.
  const text = (share * 100).toFixed(digits);
  const cut = share < 1 && Number(text) >= 100 ? (100 - 10 ** -digits).toFixed(digits) : text;
  return share === 1 ? '100 %' : `${cut} %`;
}

export function dayText(atUs: number): string {
  const at = new Date(atUs / 1000);
  const weekday = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'][at.getUTCDay()]!;
  return `${weekday} ${at.getUTCDate()} ${months[at.getUTCMonth()]!} ${at.getUTCFullYear()}`;
}

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']; // biome-ignore format: one row

export function shortDayText(atUs: number): string {
  const at = new Date(atUs / 1000);
  return `${at.getUTCDate()} ${months[at.getUTCMonth()]!.slice(0, 3)}`;
}

/** `2026-03-18 14:55:02 UTC` */
export function instantText(atUs: number): string {
  return `${new Date(Math.floor(atUs / 1000)).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Time of the day; with the date where a range has more than one. */
export function clockText(
  atUs: number,
  isWithin: { readonly fromUs: number; readonly toUs: number },
  digits: 5 | 8 = 8,
): string {
  const iso = new Date(Math.floor(atUs / 1000)).toISOString();
  const isOneDay =
    isWithin.toUs - isWithin.fromUs <= 86_400_000_000 &&
    Math.floor(isWithin.fromUs / 86_400_000_000) === Math.floor(atUs / 86_400_000_000);
  return isOneDay ? iso.slice(11, 11 + digits) : `${iso.slice(5, 10)} ${iso.slice(11, 11 + digits)}`;
}

/** `36 min 08 s`, `1.2 s`, `3 h 05 min`. */
export function durationText(lengthUs: number): string {
  const seconds = lengthUs / 1e6;
  if (seconds < 60) return `${doubleText(seconds, seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}
