/** Exact figures and interval arithmetic for clients: what is needed to show API values without a float. */
export { bigPowerOfTen, formatScaled, neededScale, parseDecimal, parseWide } from '../domain/decimal.ts';
export { dateOf, isInterval, nextOpenTimeUs, nominalLengthUs, openTimeUs } from '../domain/interval.ts';
