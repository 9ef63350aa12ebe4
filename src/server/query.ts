import { TidemarkError } from '../domain/error.ts';
import { type Instrument, parseInstrumentId } from '../domain/instrument.ts';
import { dayUs, hourUs, minuteUs, secondUs } from '../domain/interval.ts';
import { nearestWord } from '../domain/nearest-word.ts';
import type { AsOf } from '../ports/lake.ts';

export function badQuery(what: string, why: string, now: string): TidemarkError {
  return new TidemarkError('bad-query', { doing: 'read', what, why, now });
}

const timeForms = 'write µs or ms since 1970, ISO 8601 like 2026-11-21T12:00:00Z, now, or now-6h';
const unitUs: Record<string, number> = { s: secondUs, m: minuteUs, h: hourUs, d: dayUs, w: 7 * dayUs };
const isoShape = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** Reads an instant. ISO text without a zone is UTC. */
export function parseTime(name: string, text: string, nowUs: () => number): number {
  const atUs = readNumber(text) ?? readRelative(text, nowUs) ?? readIso(text);
  if (atUs === undefined) throw badQuery(`${name}=${show(text)}`, 'it is no instant', timeForms);
  if (atUs < 0 || !Number.isSafeInteger(atUs)) {
    throw badQuery(`${name}=${show(text)}`, 'it lies outside 1970 to 2255', timeForms);
  }
  return atUs;
}

/** A catalog version, or the one of an instant: no instant is as small a number as a version. */
export function parseAsOf(name: string, text: string, nowUs: () => number): AsOf {
  if (/^\d{1,11}$/.test(text)) return { version: Number(text) };
  return { atUs: parseTime(name, text, nowUs) };
}

function readNumber(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  // 1e15 µs and 1e12 ms are both in September 2001, so one number means one instant from then on.
  if (value === 0 || value >= 1e15) return value;
  return value >= 1e12 ? value * 1000 : undefined;
}

function readRelative(text: string, nowUs: () => number): number | undefined {
  const match = /^now(?:([+-])(\d{1,6})([smhdw]))?$/.exec(text);
  if (match === null) return undefined;
  if (match[1] === undefined) return nowUs();
  const offsetUs = Number(match[2]) * unitUs[match[3]!]!;
  return Math.max(0, match[1] === '-' ? nowUs() - offsetUs : nowUs() + offsetUs);
}

function readIso(text: string): number | undefined {
  const match = isoShape.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number, number, number, number, number, number,
  ]; // biome-ignore format: six of the same
  const atMs = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(atMs);
  // Date.UTC carries over (31 February, 25:00); an instant that does not read back as written is a mistake.
  if (back.getUTCDate() !== day || back.getUTCMonth() !== month - 1 || back.getUTCHours() !== hour) return undefined;
  if (minute > 59 || second > 59) return undefined;
  const microseconds = Number((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
  const zone = match[8]?.toUpperCase() ?? 'Z';
  if (zone === 'Z') return atMs * 1000 + microseconds;
  const zoneHours = Number(zone.slice(1, 3));
  const zoneMinutes = Number(zone.slice(-2));
  if (zoneHours > 14 || zoneMinutes > 59) return undefined;
  const offsetUs = (zoneHours * 60 + zoneMinutes) * minuteUs;
  return atMs * 1000 + microseconds - (zone.startsWith('-') ? -offsetUs : offsetUs);
}

/** Reads a count from 1; a larger one than `most` becomes `most` and says so in `notices`. */
export function parseLimit(
  name: string,
  text: string | undefined,
  usual: number,
  most: number,
  notices: string[],
): number {
  if (text === undefined) return Math.min(usual, most);
  if (!/^\d{1,15}$/.test(text) || Number(text) < 1) {
    throw badQuery(`${name}=${show(text)}`, 'it is no count', `give a whole number from 1 to ${most}`);
  }
  const value = Number(text);
  if (value <= most) return value;
  notices.push(`${name} ${value} lowered to ${most}`);
  return most;
}

export function parseId(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badQuery(`${name}=${show(text)}`, 'it is no id', 'give a whole number');
}

export function parseWord<T extends string>(name: string, text: string, words: readonly T[]): T {
  if ((words as readonly string[]).includes(text)) return text as T;
  const near = nearestWord(text, words);
  throw badQuery(
    `${name}=${show(text)}`,
    'there is no such value',
    `${near === undefined ? '' : `did you mean ${near}? `}use one of ${words.join(' ')}`,
  );
}

/** An instrument that is recorded here. */
export function parseInstrument(text: string, known: () => readonly { readonly instrument: string }[]): Instrument {
  if (text.length > 64) throw badQuery('instrument', 'it is too long', 'write it like binance:spot:BTCUSDT');
  const instrument = parseInstrumentId(text);
  const names = known().map((row) => row.instrument);
  if (names.includes(text)) return instrument;
  const near = nearestWord(text, names);
  throw new TidemarkError('unknown-instrument', {
    doing: 'find the instrument',
    what: show(text),
    why: 'it is not recorded here',
    now: near === undefined ? 'GET /api/v1/instruments lists what is' : `did you mean ${near}?`,
  });
}

export interface QueryIssue {
  /** The key it is about, where one is. */
  readonly key: string;
  readonly why: string;
  readonly unknownKey: string | undefined;
}

/** What is wrong with a query or body, in words. */
export function explainIssue(issue: QueryIssue, known: readonly string[], place: string): TidemarkError {
  if (issue.unknownKey !== undefined) {
    const near = nearestWord(issue.unknownKey, known);
    const options = known.length === 0 ? 'leave it out' : `use ${known.join(', ')}`;
    return badQuery(
      `${place} key ${show(issue.unknownKey)}`,
      'there is no such key',
      near === undefined ? options : `did you mean ${near}?`,
    );
  }
  const what = issue.key === '' ? `the ${place}` : `${place} key ${issue.key}`;
  return badQuery(what, issue.why, 'see /api/v1/openapi.json');
}

function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
