import { TidemarkError } from '../domain/error.ts';
import { instrumentId, parseInstrumentId } from '../domain/instrument.ts';
import { dateOf, dayUs, hourUs, minuteUs, openTimeUs } from '../domain/interval.ts';
import type { ReportKind } from '../protocol/reports.ts';

/** What a report is about: a subject (`market` or an instrument) and a range, [fromUs, toUs). */
export interface ReportWish {
  readonly kind: ReportKind;
  readonly subject: string;
  readonly fromUs: number;
  readonly toUs: number;
}

export const marketSubject = 'market';
const longestUs = 400 * dayUs;
/** Longer ranges are read by the hour. */
export const longestByMinuteUs = 14 * dayUs;

/** The report of a UTC day, `YYYY-MM-DD`. */
export function dailyWish(subject: string, date: string): ReportWish {
  const fromUs = dayStartUs(date);
  return checkedWish({ kind: 'daily', subject, fromUs, toUs: fromUs + dayUs });
}

/** The report of the week, Monday to Sunday, that holds a UTC day. */
export function weeklyWish(subject: string, date: string): ReportWish {
  const fromUs = openTimeUs('1w', dayStartUs(date));
  return checkedWish({ kind: 'weekly', subject, fromUs, toUs: fromUs + 7 * dayUs });
}

/** The report of any range: that of a day or a week where it is one. */
export function askedWish(subject: string, fromUs: number, toUs: number): ReportWish {
  const isDay = fromUs % dayUs === 0 && toUs - fromUs === dayUs;
  const isWeek = toUs - fromUs === 7 * dayUs && Number.isSafeInteger(fromUs) && openTimeUs('1w', fromUs) === fromUs;
  return checkedWish({ kind: isDay ? 'daily' : isWeek ? 'weekly' : 'range', subject, fromUs, toUs });
}

/** Refuses with `bad-report` what no report can be made of. */
export function checkedWish(wish: ReportWish): ReportWish {
  const { kind, subject, fromUs, toUs } = wish;
  if (subject !== marketSubject && instrumentId(parseInstrumentId(subject)).length > 64) {
    throw refused(subject.slice(0, 70), 'the name is too long', 'write it like binance:spot:BTCUSDT');
  }
  if (!Number.isSafeInteger(fromUs) || !Number.isSafeInteger(toUs) || fromUs < 0) {
    throw refused(`${fromUs} to ${toUs}`, 'these are no instants', 'give both as times in UTC');
  }
  if (toUs <= fromUs) throw refused(rangeText(fromUs, toUs), 'the range is empty', 'give a from before to');
  if (toUs - fromUs > longestUs) {
    throw refused(rangeText(fromUs, toUs), 'it is longer than 400 days', 'ask for several shorter ranges');
  }
  const gridUs = toUs - fromUs > longestByMinuteUs ? hourUs : minuteUs;
  if (fromUs % gridUs !== 0 || toUs % gridUs !== 0) {
    const grid = gridUs === hourUs ? 'hours, because it is longer than 14 days' : 'minutes';
    throw refused(rangeText(fromUs, toUs), 'it cuts candles in two', `let it begin and end on whole ${grid}`);
  }
  const isDay = fromUs % dayUs === 0 && toUs - fromUs === dayUs;
  const isWeek = openTimeUs('1w', fromUs) === fromUs && toUs - fromUs === 7 * dayUs;
  if ((kind === 'daily' && !isDay) || (kind === 'weekly' && !isWeek)) {
    throw refused(
      rangeText(fromUs, toUs),
      `it is no ${kind === 'daily' ? 'UTC day' : 'week from Monday'}`,
      'ask for a range',
    );
  }
  return wish;
}

/** Name of a report and of its folder: letters, digits and `- =` only, whatever the symbol is. */
export function reportId({ kind, subject, fromUs, toUs }: ReportWish, catalogVersion: number): string {
  const when = kind === 'range' ? `${compact(fromUs)}-${compact(toUs)}` : dateOf(fromUs);
  return `${kind}-${when}-${plainName(subject)}-r${catalogVersion}`;
}

/** Other characters than letters and digits as `=` and the hex of their bytes, the colons of an instrument as `-`. */
function plainName(subject: string): string {
  const name = subject.replaceAll(':', '-');
  return [...Buffer.from(name, 'utf8')]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[A-Za-z0-9-]/.test(letter) ? letter : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** `20260318T0930Z` */
function compact(atUs: number): string {
  return `${isoText(atUs).slice(0, 16).replace(/[-:]/g, '')}Z`;
}

function dayStartUs(date: string): number {
  const atMs = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(atMs) || dateOf(atMs * 1000) !== date) {
    throw refused(JSON.stringify(date.slice(0, 40)), 'it is no day', 'write it like 2026-03-18');
  }
  return atMs * 1000;
}

function rangeText(fromUs: number, toUs: number): string {
  return `${isoText(fromUs)} to ${isoText(toUs)}`;
}

function isoText(atUs: number): string {
  return Math.abs(atUs) > 8.64e18 ? String(atUs) : new Date(Math.floor(atUs / 1000)).toISOString();
}

function refused(what: string, why: string, now: string): TidemarkError {
  return new TidemarkError('bad-report', { doing: 'make a report of', what, why, now });
}
