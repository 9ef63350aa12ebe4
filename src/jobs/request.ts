import { TidemarkError } from '../domain/error.ts';
import { dateOf, dayUs } from '../domain/interval.ts';
import type { JobDefinition } from './definition.ts';

export function badRun(job: string, why: string, now: string): TidemarkError {
  return new TidemarkError('bad-run', { doing: 'run the job', what: job, why, now });
}

/** A day that exists, written `YYYY-MM-DD`. */
export function checkDay(job: string, day: string | undefined): asserts day is string {
  if (day === undefined)
    throw badRun(job, 'it has one run a day, and no day is named', 'name a UTC day like 2026-03-09');
  const atMs = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(atMs) || dateOf(atMs * 1000) !== day) {
    throw badRun(job, `${JSON.stringify(day.slice(0, 40))} is no day`, 'write a UTC day like 2026-03-09');
  }
}

/** Both inclusive, oldest first; none when `from` lies after `to`. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  const lastUs = Date.parse(`${to}T00:00:00Z`) * 1000;
  for (let atUs = Date.parse(`${from}T00:00:00Z`) * 1000; atUs <= lastUs; atUs += dayUs) days.push(dateOf(atUs));
  return days;
}

export function checkArguments(job: JobDefinition, given: Readonly<Record<string, string>>): void {
  const known = job.arguments ?? {};
  for (const [name, value] of Object.entries(given)) {
    const shape = known[name];
    if (shape === undefined) {
      const names = Object.keys(known);
      const now = names.length === 0 ? 'leave it out' : `it takes ${names.join(', ')}`;
      throw badRun(job.name, `it takes no argument ${JSON.stringify(name.slice(0, 40))}`, now);
    }
    if (!shape.test(value)) {
      throw badRun(job.name, `${JSON.stringify(value.slice(0, 80))} is no ${name}`, `it must match ${shape.source}`);
    }
  }
}

export function unknownCatchUp(id: number): TidemarkError {
  return new TidemarkError('unknown-catch-up', { doing: 'find the catch-up', what: String(id), why: 'there is none' });
}

export function unknownRun(id: number): TidemarkError {
  return new TidemarkError('unknown-run', {
    doing: 'find the run',
    what: String(id),
    why: 'there is none, or it is no longer kept',
  });
}
