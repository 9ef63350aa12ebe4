import { Cron } from 'croner';
import { TidemarkError } from '../domain/error.ts';
import { dateOf, dayUs } from '../domain/interval.ts';
import type { JobSchedule } from '../domain/job.ts';

export interface CronSchedule {
  readonly kind: 'cron';
  readonly expression: string;
  readonly zone: string;
}

export type Schedule =
  | CronSchedule
  | { readonly kind: 'interval'; readonly everyMs: number }
  /** Once a UTC day is settled. */
  | { readonly kind: 'settled' }
  /** When the jobs before it are done. */
  | { readonly kind: 'after' }
  /** Only when asked for. */
  | { readonly kind: 'asked' };

const unitMs: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const longestEveryMs = 31 * 86_400_000;
/** A leap day may be eight years away: 1896 to 1904, 2096 to 2104. */
const farUs = 9 * 366 * dayUs;

const forms =
  'write a cron expression of five fields, with a zone if it is not UTC (30 2 * * * Europe/Berlin), or every 20 s, when a day is settled, after the jobs before it, when asked';

/** Reads a schedule as people write it. Fails with `bad-schedule`, also for a cron expression that never comes. */
export function parseSchedule(text: string): Schedule {
  const words = text.trim().replace(/\s+/g, ' ');
  if (words === 'when a day is settled') return { kind: 'settled' };
  if (words === 'after the jobs before it') return { kind: 'after' };
  if (words === 'when asked') return { kind: 'asked' };
  const every = /^every (\d{1,7}) ?(s|min|h|d)$/.exec(words);
  if (every !== null) return interval(text, Number(every[1]) * unitMs[every[2]!]!);
  const parts = words.split(' ');
  if (parts.length !== 5 && parts.length !== 6) throw badSchedule(text, 'it is no schedule', forms);
  return cron(parts.slice(0, 5).join(' '), parts[5] ?? 'UTC');
}

function interval(text: string, everyMs: number): Schedule {
  if (everyMs < 1000 || everyMs > longestEveryMs) {
    throw badSchedule(text, 'the interval is shorter than a second or longer than 31 days', 'choose one between');
  }
  return { kind: 'interval', everyMs };
}

/** A cron schedule that is known to come at some time. */
export function cron(expression: string, zone = 'UTC'): CronSchedule {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    throw badSchedule(
      `${expression} ${zone}`,
      `${JSON.stringify(zone)} is no time zone`,
      'name an IANA zone like UTC or Europe/Berlin',
    );
  }
  const schedule: CronSchedule = { kind: 'cron', expression, zone };
  // Any two instants a leap cycle apart would do; these are as good as others and need no clock.
  const nextUs = nextCronUs(schedule, 1_700_000_000_000_000);
  if (nextUs === null || nextUs > 1_700_000_000_000_000 + farUs) {
    throw badSchedule(expression, 'no date fits it, so it would never run', 'mend its day and month');
  }
  return schedule;
}

const known = new Map<string, Cron>();

function cronOf(expression: string, zone: string): Cron {
  const key = `${expression} ${zone}`;
  let found = known.get(key);
  if (found === undefined) {
    try {
      // It is asked for instants only: without a function it starts no timer.
      found = new Cron(expression, { timezone: zone, mode: '5-part' });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message.replace(/^CronPattern: /, '') : String(cause);
      throw badSchedule(expression, reason, forms);
    }
    known.set(key, found);
  }
  return found;
}

/**
 * The first instant after `afterUs`. In the night that skips an hour, a time inside it comes at its end; in the night that
 * has an hour twice, a time of day comes once, an expression with a wild hour in both.
 */
export function nextCronUs(schedule: CronSchedule, afterUs: number): number | null {
  const next = cronOf(schedule.expression, schedule.zone).nextRun(new Date(Math.floor(afterUs / 1000)));
  return next === null ? null : next.getTime() * 1000;
}

/**
 * The UTC days that had ended when its instants in (afterUs, untilUs] came, each once, oldest first: the partitions that a
 * daily job owes.
 */
export function daysOwed(schedule: CronSchedule, afterUs: number, untilUs: number): readonly string[] {
  const days: string[] = [];
  const firstUs = startOfDayUs(afterUs);
  // The day that `afterUs` lies in is no longer owed when an instant of it has come already.
  const isFirstDone = (nextCronUs(schedule, firstUs - 1000) ?? afterUs + 1) <= afterUs;
  let atUs = nextCronUs(schedule, isFirstDone ? firstUs + dayUs - 1000 : afterUs);
  while (atUs !== null && atUs <= untilUs) {
    days.push(dateOf(atUs - dayUs));
    atUs = nextCronUs(schedule, startOfDayUs(atUs) + dayUs - 1000);
  }
  return days;
}

function startOfDayUs(atUs: number): number {
  return Math.floor(atUs / dayUs) * dayUs;
}

/** As people read it. */
export function describeSchedule(schedule: Schedule, after: readonly string[]): JobSchedule {
  switch (schedule.kind) {
    case 'cron':
      return { kind: 'cron', text: schedule.expression, zone: schedule.zone };
    case 'interval':
      return { kind: 'interval', text: `every ${spanText(schedule.everyMs)}`, zone: null };
    case 'settled':
      return { kind: 'settled', text: 'when a day is settled', zone: null };
    case 'after':
      return { kind: 'after', text: `after ${after.join(', ')}`, zone: null };
    case 'asked':
      return { kind: 'asked', text: 'when asked', zone: null };
  }
}

export function spanText(ms: number): string {
  const unit = (['d', 'h', 'min'] as const).find((name) => ms % unitMs[name]! === 0 && ms > 0);
  return unit === undefined ? `${ms / 1000} s` : `${ms / unitMs[unit]!} ${unit}`;
}

function badSchedule(what: string, why: string, now: string): TidemarkError {
  return new TidemarkError('bad-schedule', { doing: 'use the schedule', what: JSON.stringify(what), why, now });
}
